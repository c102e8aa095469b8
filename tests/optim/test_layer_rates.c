/* optimiser.lr_layer: a factor for each layer. A frozen layer does not change in a single bit, whatever the method,
 * decay or keep; the control, the same without the setting, moves all of it. */
#include "keep.h"

#include "optim/descent.h"

#define STACK "network.units=4,3,5 network.initial=learned "

static bool is_of_layer(const hth_block *block, unsigned layer) {
    unsigned number;
    return sscanf(block->name, "layer%u.", &number) == 1 && number == layer;
}

/* Numbers of the layer's blocks that differ between two arrays over all parameters; b NULL: from 0. */
static size_t differing(const keeper *k, unsigned layer, const hth_real *a, const hth_real *b) {
    size_t blocks, count = 0;
    const hth_block *all = hth_network_blocks(k->rig.network, &blocks);
    for (size_t i = 0; i < blocks; i++)
        for (size_t j = 0; is_of_layer(&all[i], layer) && j < all[i].rows * all[i].columns; j++) {
            const hth_real *x = a + all[i].offset + j, zero = 0;
            count += memcmp(x, b ? b + all[i].offset + j : &zero, sizeof *x) != 0;
        }
    return count;
}

/* Two tasks; what moved of each of three layers, and how many moments of each are not 0. */
static void run(const char *settings, size_t moved[3], size_t moments[3]) {
    keeper k;
    hth_field fields[24];
    keeper_open(&k, settings);
    hth_network_keep_orthogonal(k.rig.network, NULL, k.rig.compute);
    hth_real *before = malloc(k.count * sizeof *before);
    memcpy(before, k.theta, k.count * sizeof *before);
    keeper_steps(&k, 0, 4);
    keeper_end(&k, 0);
    keeper_steps(&k, 4, 8);
    const size_t count = hth_optimiser_state(k.optimiser, fields, 24);
    for (unsigned l = 0; l < 3; l++) {
        moved[l] = differing(&k, l, k.theta, before);
        moments[l] = 0;
        for (size_t i = 0; i < count; i++)
            if (strncmp(fields[i].name, "optimiser.moment", 16) == 0)
                moments[l] += differing(&k, l, fields[i].data, NULL);
    }
    free(before);
    keeper_close(&k);
}

static void test_a_frozen_layer_stays(void **state) {
    (void)state;
    static const char *const how[] = {
        "optimiser.name=sgd optimiser.weight_decay=0.1",
        "optimiser.name=momentum optimiser.clip_element=0.1",
        "optimiser.name=adam optimiser.weight_decay=0.1",
        "optimiser.name=adam optimiser.clip_norm=0.1 cell.name=gru",
        "optimiser.name=sgd cell.name=modrelu cell.offset=0.1",
        "optimiser.name=adam network.orthogonal=true",
        "optimiser.name=sgd keep.name=anchor keep.strength=0.5",
        "optimiser.name=adam keep.name=ewc keep.strength=0.5 keep.step=proximal",
        "optimiser.name=adam keep.name=chain",
        "optimiser.name=sgd keep.name=metaplastic keep.mu=1",
        "optimiser.name=sgd keep.name=project",
    };
    for (size_t i = 0; i < HTH_COUNT(how); i++) {
        char settings[400];
        size_t moved[3], moments[3], all[3], others[3];
        snprintf(settings, sizeof settings, STACK "optimiser.lr=0.01 %s optimiser.lr_layer=0,1,0",
                 how[i]);
        run(settings, moved, moments);
        snprintf(settings, sizeof settings, STACK "optimiser.lr=0.01 %s", how[i]);
        run(settings, all, others);
        for (unsigned l = 0; l < 3; l++) {
            const bool frozen = l != 1;
            if (frozen && (moved[l] || moments[l]))
                fail_msg("%s: %zu numbers of layer %u moved, and %zu moments", how[i], moved[l], l,
                         moments[l]);
            if (!frozen) assert_true(moved[l] == all[l] && moments[l] == others[l]);
            assert_true(all[l] > 10);
        }
        assert_true(strstr(how[i], "=sgd") || others[0] > 10);
    }
}

/* With plain descent what a layer moves is its factor times what it moves without; "1" and "1, 1, 1" change no bit. */
static void test_a_factor_scales_the_step(void **state) {
    (void)state;
    static const char *const rates[] = {"optimiser.name=sgd",
                                        "optimiser.name=sgd optimiser.lr_layer=1,1,1",
                                        "optimiser.name=sgd optimiser.lr_layer=0.5,2,1"};
    static const double factors[] = {0.5, 2, 1};
    hth_real *step[3];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        char settings[300];
        keeper k;
        snprintf(settings, sizeof settings, STACK "optimiser.lr=0.01 %s", rates[i]);
        keeper_open(&k, settings);
        count = k.count;
        step[i] = malloc(count * sizeof *step[i]);
        for (size_t j = 0; j < count; j++) step[i][j] = -k.theta[j];
        keeper_step(&k, 0);
        for (size_t j = 0; j < count; j++) step[i][j] += k.theta[j];
        if (i == 2) {
            size_t blocks;
            const hth_block *all = hth_network_blocks(k.rig.network, &blocks);
            for (size_t b = 0; b < blocks; b++)
                for (size_t j = all[b].offset; j < all[b].offset + all[b].rows * all[b].columns;
                     j++) {
                    unsigned l;
                    const double factor = sscanf(all[b].name, "layer%u.", &l) == 1 ? factors[l] : 1;
                    assert_true(fabs((double)step[2][j] - factor * (double)step[0][j]) <
                                tolerance(1e-15, 1e-6));
                }
        }
        keeper_close(&k);
    }
    assert_memory_equal(step[0], step[1], count * sizeof *step[0]);
    for (size_t i = 0; i < 3; i++) free(step[i]);
}

/* What does not learn does not use up the norm that is left to what does. */
static void test_a_frozen_layer_is_not_clipped_for(void **state) {
    (void)state;
    keeper k;
    keeper_open(&k, STACK "optimiser.name=sgd optimiser.lr=1 optimiser.clip_norm=0.25 "
                          "optimiser.lr_layer=0,1,0");
    hth_real *before = malloc(k.count * sizeof *before);
    memcpy(before, k.theta, k.count * sizeof *before);
    keeper_step(&k, 0);
    double sum = 0;
    for (size_t i = 0; i < k.count; i++)
        sum += ((double)k.theta[i] - (double)before[i]) * ((double)k.theta[i] - (double)before[i]);
    assert_true(fabs(sqrt(sum) - 0.25) < tolerance(1e-12, 1e-5));
    free(before);
    keeper_close(&k);
}

static void test_as_many_as_layers(void **state) {
    (void)state;
    const law_case what = {STACK, 2, 0, 2, 1, 1, false, false};
    law_rig rig;
    law_setup(&rig, &what);
    static const char *const wrong[] = {"0,1", "0,1,1,1", "-1", "0,x,1"};
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) {
        const hth_setting item = {"optimiser.lr_layer", wrong[i], NULL};
        const hth_settings settings = {&item, 1};
        hth_optimiser *optimiser;
        hth_error error;
        assert_int_equal(
            hth_optimiser_create(&settings, rig.network, rig.compute, NULL, &optimiser, &error),
            HTH_INVALID);
        assert_non_null(strstr(error.message, "optimiser.lr_layer"));
        if (i < 2) assert_non_null(strstr(error.message, "a list of 3"));
    }
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frozen_layer_stays),
        cmocka_unit_test(test_a_factor_scales_the_step),
        cmocka_unit_test(test_a_frozen_layer_is_not_clipped_for),
        cmocka_unit_test(test_as_many_as_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
