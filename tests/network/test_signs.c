/*
 * Dale's law: the signs of recurrent weights are those of the units that they come from, at first and after 10^5
 * updates by every optimiser with weight decay, and weights of connections that do not exist stay exactly 0; without
 * network.excitatory signs change.
 */
#include "laws.h"
#include "network/inspect.h"

enum { UNITS = 8, UPDATES = 100000 };

static const char *const optimisers[] = {"sgd", "momentum", "adam"};

/* excites: a 1 for each unit whose weights are to be at least 0, else a 0. */
static size_t wrong_signs(const hth_network *network, const char *excites) {
    const hth_layer *layer = &network->layers[0];
    size_t wrong = 0;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t k = 0; k < layer->n; k++) {
            const hth_real w = layer->W[row * layer->m + k];
            wrong += excites[k] == '1' ? w < 0 : w > 0;
        }
    return wrong;
}

/* Recurrent weights that are 0: of connections that do not exist, or of those that do. */
static size_t zeros(const hth_network *network, bool existing) {
    const hth_layer *layer = &network->layers[0];
    size_t count = 0;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t k = 0; k < layer->n; k++)
            if (hth_layer_connects(layer, row % layer->n, k) == existing)
                count += layer->W[row * layer->m + k] == 0;
    return count;
}

static void train(law_rig *rig, const char *learner, const char *optimiser, size_t updates) {
    const hth_setting items[] = {{"learner.name", learner, NULL},
                                 {"optimiser.name", optimiser, NULL},
                                 {"optimiser.lr", "0.01", NULL},
                                 {"optimiser.weight_decay", "0.001", NULL}};
    const hth_settings split[] = {{items, 1}, {items + 1, 3}};
    hth_error error;
    hth_tape *tape;
    hth_learner *by;
    hth_gradient *gradient;
    hth_optimiser *o;
    must(hth_tape_create(rig->network, 1, 1, rig->compute, NULL, &tape, &error), &error);
    must(hth_learner_create(&split[0], rig->network, 1, 1, 1, rig->compute, NULL, &by, &error),
         &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    must(hth_optimiser_create(&split[1], rig->network, rig->compute, NULL, &o, &error), &error);
    for (size_t i = 0; i < updates; i++) {
        const hth_chunk step = law_cut(rig, i % rig->what.steps, 1);
        must(hth_forward(tape, &step, &rig->report, &error), &error);
        must(hth_learn_and_step(by, tape, gradient, o, rig->network, 1, &error), &error);
    }
    hth_optimiser_destroy(o);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(by);
    hth_tape_destroy(tape);
}

static void rig_with(law_rig *rig, const char *more, char text[256]) {
    snprintf(text, 256,
             "network.units=8 cell.alpha=0.5 network.connections=random network.density=0.6 %s",
             more);
    const law_case what = {text, 3, 0, 2, 40, 1, false, false};
    law_setup(rig, &what);
    hth_network_keep_signs(rig->network); /* law_setup has moved the weights */
}

static void test_signs_at_first(void **state) {
    (void)state;
    static const struct {
        const char *settings;
        const char *excites;
    } nets[] = {{"0.8", "11111100"},
                {"0", "00000000"},
                {"1", "11111111"},
                {"0.5", "11110000"},
                {"0, 1, 1, 0, 0, 1, 0, 1", "01100101"},
                {"2 x 0, 6 x 1", "00111111"}};
    for (size_t i = 0; i < HTH_COUNT(nets); i++) {
        const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
        const hth_setting items[] = {{"network.units", "8", NULL},
                                     {"network.excitatory", nets[i].settings, NULL},
                                     {"cell.name", i % 2 ? "gru" : "lif", NULL}};
        const hth_settings settings = {items, 3};
        hth_network *network;
        hth_error error;
        must(hth_network_create(&settings, &shape, 1, NULL, &network, &error), &error);
        assert_int_equal(wrong_signs(network, nets[i].excites), 0);
        assert_int_equal(zeros(network, true), i % 2 ? network->layers[0].rows * 8 / 4 : 0);
        hth_network_destroy(network);
    }
}

static void test_signs_after_many_updates(void **state) {
    size_t pinned = 0;
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(optimisers); i++) {
        char text[256];
        law_rig rig, free_one;
        const char *excites = i == 0 ? "01100101" : "11111100";
        rig_with(&rig, i == 0 ? "network.excitatory=0,1,1,0,0,1,0,1" : "network.excitatory=0.8",
                 text);
        rig_with(&free_one, "network.excitatory=-1", text);
        const size_t missing = zeros(rig.network, false);
        hth_real *before = malloc(rig.count * sizeof *before);
        memcpy(before, rig.network->theta, rig.count * sizeof *before);
        assert_true(missing > 10);
        train(&rig, "rflo", optimisers[i], UPDATES);
        assert_int_equal(wrong_signs(rig.network, excites), 0);
        assert_int_equal(zeros(rig.network, false), missing);
        pinned += zeros(rig.network, true); /* weights that want the other sign */
        assert_true(zeros(rig.network, true) < UNITS * UNITS - missing);
        assert_true(memcmp(before, rig.network->theta, rig.count * sizeof *before) != 0);
        for (size_t k = 0; k < rig.count; k++) assert_true(isfinite(rig.network->theta[k]));
        memcpy(free_one.network->theta, before, rig.count * sizeof *before);
        train(&free_one, "rflo", optimisers[i], 1000);
        assert_true(wrong_signs(free_one.network, excites) > 0);
        free(before);
        law_teardown(&rig);
        law_teardown(&free_one);
    }
    assert_true(pinned > 0);
}

/* Weights of an array's mask, and of delays, under every optimiser and weight decay. */
static void test_given_connections_after_many_updates(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(optimisers); i++) {
        static const double mask[] = {1, 0, 1, 1, 0, 1, 1, 0, 1}, input[] = {1, 0, 0, 1, 1, 1};
        static const double delay[] = {1, 2, 2, 2, 1, 1, 1, 2, 2};
        static const law_case what = {"network.units=3 cell.alpha=0.5 network.connections=given "
                                      "network.delay=1..2 network.excitatory=0.34",
                                      2,
                                      0,
                                      2,
                                      40,
                                      1,
                                      false,
                                      false};
        const hth_wires wires[] = {{HTH_WIRE_MASK, "mask", 3, 3, mask},
                                   {HTH_WIRE_INPUT_MASK, "input", 3, 2, input},
                                   {HTH_WIRE_DELAY, "delay", 3, 3, delay}};
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        for (size_t k = 0; k < HTH_COUNT(wires); k++)
            must(hth_layer_wire(rig.network, 0, &wires[k], &error), &error);
        hth_network_keep_signs(rig.network);
        train(&rig, "rflo", optimisers[i], UPDATES);
        const hth_layer *layer = &rig.network->layers[0];
        size_t there = 0, all = 0;
        for (size_t row = 0; row < 3; row++)
            for (size_t k = 0; k < 5; k++) {
                const hth_real w =
                    layer->W[row * layer->m + hth_layer_column(rig.network, 0, row, k)];
                const bool is = k < 3 ? mask[row * 3 + k] : input[row * 2 + k - 3];
                assert_true(is || w == 0);
                if (k < 3) assert_true(k < 1 ? w >= 0 : w <= 0);
                there += w != 0;
            }
        for (size_t row = 0; row < 3; row++)
            for (size_t k = 0; k + 1 < layer->m; k++) all += layer->W[row * layer->m + k] != 0;
        assert_int_equal(all, there); /* nothing stands where a connection has another delay */
        assert_true(there > 3);
        law_teardown(&rig);
    }
}

static void test_bad_fractions_are_refused(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"-0.5", "network.excitatory is -0.5"},
        {"1, 0, 0.5", "network.excitatory lists 0.5 for unit 2; in a list each unit has 1"},
        {"1, 0", "network.excitatory"},
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
        const hth_setting items[] = {{"network.excitatory", bad[i][0], NULL},
                                     {"network.units", "3", NULL}};
        const hth_settings settings = {items, 2};
        hth_network *network = NULL;
        hth_error error;
        assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error),
                         HTH_INVALID);
        if (!strstr(error.message, bad[i][1])) fail_msg("%s", error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_at_first),
        cmocka_unit_test(test_signs_after_many_updates),
        cmocka_unit_test(test_given_connections_after_many_updates),
        cmocka_unit_test(test_bad_fractions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
