/*
 * What units learn of their own (cell.learn): what its parameters stand for, that they begin as the settings say and
 * stay where they must, and that what is no weight of theirs stays 0. Their gradients are among the laws of credit/.
 */
#include "laws.h"

#include "network/catalogues.h"
#include "network/inspect.h"
#include "network/tape.h"

enum { N = 6, STEPS = 40 };

/* Cells, with all that they can learn, and how many parameters that is. */
static const struct {
    const char *settings, *learn;
    size_t own;
} cells[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=6", "alpha", 1},
    {"cell.name=lif cell.v_th=0.6 init.w_in_scale=2 network.units=6", "tau_m,v_th", 2},
    {"cell.name=lif cell.v_th=0.6 cell.reset=zero cell.scale_input=true cell.tau_m=2 "
     "init.w_in_scale=3 network.units=6",
     "v_th, tau_m", 2},
    {"cell.name=alif cell.v_th=0.6 cell.beta=0.5 cell.tau_a=5 cell.refractory=0 init.w_in_scale=3 "
     "network.units=6",
     "tau_m,v_th,tau_a,beta", 4},
    {"cell.name=cubalif cell.v_th=0.6 cell.tau_syn=3 init.w_in_scale=2 network.units=6",
     "tau_m,v_th,tau_syn", 3},
};

/* The rig of a case, with cell.learn or without. The setting's value may have spaces, so it is given apart. */
static void set_up(law_rig *rig, const char *settings, const char *learn) {
    const law_case what = {settings, 3, 0, 2, STEPS, 2, false, false};
    hth_error error;
    const hth_shape shape = {.inputs = 3, .outputs = 2, .target = HTH_TARGET_VALUES};
    memset(rig, 0, sizeof *rig);
    rig->what = what;
    snprintf(rig->text, sizeof rig->text, "%s", settings);
    rig->settings = law_split(rig->text, rig->items);
    rig->items[rig->settings.count++] = (hth_setting){"cell.learn", learn, NULL};
    must(hth_compute_create(1, NULL, &rig->compute, &error), &error);
    must(hth_network_create(&rig->settings, &shape, 3, NULL, &rig->network, &error), &error);
    rig->count = hth_network_parameter_count(rig->network);
    law_data(rig);
}

static hth_real *outputs_of(law_rig *rig) {
    hth_tape *tape;
    hth_error error;
    hth_real *y = malloc(STEPS * 2 * 2 * sizeof *y);
    must(hth_tape_create(rig->network, STEPS, 2, rig->compute, NULL, &tape, &error), &error);
    rig->report = (hth_report){0};
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    must(hth_tape_read(tape, 0, STEPS, y, &error), &error);
    hth_tape_destroy(tape);
    return y;
}

static double largest_difference(const hth_real *a, const hth_real *b, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)(a[i] - b[i])));
    return largest;
}

/* Sets parameter k of every unit. */
static void set_own(law_rig *rig, size_t k, double to) {
    const hth_layer *layer = &rig->network->layers[0];
    hth_real *w = hth_network_parameters(rig->network) + layer->weight;
    for (size_t j = 0; j < layer->n; j++)
        w[(layer->driven + k * layer->n + j) * layer->m + layer->m - 1] = (hth_real)to;
}

/* At the start the network is the one that the settings describe: to rounding, since its decays are computed at each
 * step. */
static void test_it_begins_as_the_settings_say(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig plain, learned;
        set_up(&plain, cells[c].settings, "");
        set_up(&learned, cells[c].settings, cells[c].learn);
        assert_int_equal(plain.network->layers[0].driven, plain.network->layers[0].rows);
        assert_int_equal(learned.network->layers[0].driven + cells[c].own * N,
                         learned.network->layers[0].rows);
        hth_real *a = outputs_of(&plain), *b = outputs_of(&learned);
        law_assert_alive(&learned);
        assert_true(largest_difference(a, b, STEPS * 4) < tolerance(1e-12, 1e-4));
        /* Each of them acts. */
        for (size_t k = 0; k < cells[c].own; k++) {
            set_own(&learned, k, 0.7);
            hth_real *moved = outputs_of(&learned);
            if (!(largest_difference(a, moved, STEPS * 4) > 1e-3))
                fail_msg("%s: parameter %zu does nothing", cells[c].settings, k);
            set_own(&learned, k, 0);
            free(moved);
        }
        free(a);
        free(b);
        law_teardown(&plain);
        law_teardown(&learned);
    }
}

/* The setting of that name, times exp(a), gives the same outputs as the parameter a; and that is what it is said to
 * be. */
static void test_a_parameter_is_its_setting_times_exp(void **state) {
    (void)state;
    static const struct {
        const char *settings, *learn, *as;
        double a;
    } same[] = {
        {"cell.name=rate cell.alpha=0.5 network.units=6", "alpha", "cell.alpha=0.75",
         1.0986122886681098}, /* log 3 */
        {"cell.name=lif cell.v_th=0.6 init.w_in_scale=2 network.units=6", "tau_m", "cell.tau_m=5",
         -1.3862943611198906}, /* log 1/4 */
        {"cell.name=lif cell.v_th=0.6 cell.reset=zero init.w_in_scale=2 network.units=6", "v_th",
         "cell.v_th=1.2", 0.6931471805599453},
        {"cell.name=alif cell.v_th=0.6 cell.beta=0.2 cell.tau_a=20 init.w_in_scale=2 "
         "network.units=6",
         "tau_a", "cell.tau_a=5", -1.3862943611198906},
        {"cell.name=alif cell.v_th=0.6 cell.beta=0.2 cell.tau_a=20 init.w_in_scale=2 "
         "network.units=6",
         "beta", "cell.beta=0.4", 0.6931471805599453},
        {"cell.name=cubalif cell.v_th=0.6 cell.tau_syn=4 init.w_in_scale=2 network.units=6",
         "tau_syn", "cell.tau_syn=2", -0.6931471805599453},
    };
    for (size_t c = 0; c < HTH_COUNT(same); c++) {
        char text[256];
        hth_real values[N];
        law_rig set, learned;
        snprintf(text, sizeof text, "%s %s", same[c].settings, same[c].as);
        set_up(&set, text, "");
        set_up(&learned, same[c].settings, same[c].learn);
        hth_real *before = outputs_of(&learned);
        set_own(&learned, 0, same[c].a);
        hth_real *a = outputs_of(&set), *b = outputs_of(&learned);
        law_assert_alive(&learned);
        assert_true(largest_difference(a, b, STEPS * 4) < tolerance(1e-11, 2e-4));
        assert_true(largest_difference(a, before, STEPS * 4) > 1e-3);
        assert_int_equal(hth_layer_own_count(learned.network, 0), 1);
        assert_string_equal(hth_layer_own(learned.network, 0, 0, values), same[c].learn);
        const double wanted = strtod(strchr(same[c].as, '=') + 1, NULL);
        for (size_t j = 0; j < N; j++)
            assert_true(fabs((double)values[j] - wanted) < tolerance(1e-12, 1e-5) * wanted);
        free(before);
        free(a);
        free(b);
        law_teardown(&set);
        law_teardown(&learned);
    }
}

/* However far an optimiser goes: finite outputs and gradients, decays in 0..1, thresholds above 0. */
static void test_they_stay_in_range(void **state) {
    (void)state;
    static const double far[] = {-1e30, -200, -30, 30, 200, 1e30};
    for (size_t c = 0; c < HTH_COUNT(cells); c++)
        for (size_t i = 0; i < HTH_COUNT(far); i++) {
            law_rig rig;
            hth_real values[N];
            set_up(&rig, cells[c].settings, cells[c].learn);
            for (size_t k = 0; k < cells[c].own; k++) set_own(&rig, k, far[i]);
            hth_real *g = law_gradient(&rig, "learner.name=rtrl", 8);
            for (size_t k = 0; k < rig.count; k++) assert_true(isfinite((double)g[k]));
            for (size_t k = 0; k < cells[c].own; k++) {
                const char *name = hth_layer_own(rig.network, 0, k, values);
                for (size_t j = 0; j < N; j++)
                    assert_true(isfinite((double)values[j]) &&
                                (values[j] > 0 || strcmp(name, "alpha") == 0));
                for (size_t j = 0; strcmp(name, "alpha") == 0 && j < N; j++)
                    assert_true(values[j] >= 0 && values[j] <= 1);
            }
            free(g);
            law_teardown(&rig);
        }
}

/* Thousands of updates by a method that moves whatever it can, with decay and momentum: what does not exist stays 0,
 * and what is learned moves. */
static void test_the_rest_of_their_rows_stays_0(void **state) {
    (void)state;
    static const char *const learners[] = {"tbptt", "rflo", "rtrl", "eprop1", "uoro"};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        char text[256];
        hth_setting items[LAW_SETTINGS];
        hth_error error;
        hth_tape *tape;
        hth_learner *learner;
        hth_gradient *gradient;
        hth_optimiser *optimiser;
        law_rig rig;
        set_up(&rig, cells[c].settings, cells[c].learn);
        const hth_layer *layer = &rig.network->layers[0];
        snprintf(text, sizeof text,
                 "learner.name=%s optimiser.name=adam optimiser.lr=0.01 optimiser.weight_decay=0.1",
                 learners[c]);
        const hth_settings settings = law_split(text, items);
        must(hth_learner_create(&settings, rig.network, 1, 2, 1, rig.compute, NULL, &learner,
                                &error),
             &error);
        must(hth_learner_tape(learner, rig.compute, NULL, &tape, &error), &error);
        must(hth_gradient_create(rig.network, NULL, &gradient, &error), &error);
        must(hth_optimiser_create(&settings, rig.network, rig.compute, NULL, &optimiser, &error),
             &error);
        for (size_t t = 0; t < 2000; t++) {
            const hth_chunk cut = law_cut(&rig, t % STEPS, 1);
            must(hth_forward(tape, &cut, &rig.report, &error), &error);
            must(hth_learn_and_step(learner, tape, gradient, optimiser, rig.network, 1, &error),
                 &error);
        }
        for (size_t row = layer->driven; row < layer->rows; row++) {
            const hth_real *w = rig.network->theta + layer->weight + row * layer->m;
            for (size_t k = 0; k + 1 < layer->m; k++) assert_true(w[k] == 0);
            assert_true(w[layer->m - 1] != 0);
        }
        hth_optimiser_destroy(optimiser);
        hth_gradient_destroy(gradient);
        hth_learner_destroy(learner);
        hth_tape_destroy(tape);
        law_teardown(&rig);
    }
}

/* A block of their own, with a rate of its own; and names a person can read. */
static void test_they_have_a_block_and_names(void **state) {
    (void)state;
    law_rig rig;
    size_t count;
    char name[64];
    set_up(&rig, cells[3].settings, cells[3].learn);
    const hth_layer *layer = &rig.network->layers[0];
    const hth_block *blocks = hth_network_blocks(rig.network, &count);
    assert_string_equal(blocks[0].name, "layer0.weight");
    assert_string_equal(blocks[1].name, "layer0.cell");
    assert_string_equal(blocks[1].group, "cell");
    assert_int_equal(blocks[0].rows, N);
    assert_int_equal(blocks[1].rows, 4 * N);
    hth_parameter_name(rig.network, blocks[1].offset + (N + 2) * layer->m + layer->m - 1, name,
                       sizeof name);
    assert_string_equal(name, "v_th of unit 2");
    hth_parameter_name(rig.network, 2 * layer->m + layer->m - 1, name, sizeof name);
    assert_string_equal(name, "unit 2, bias");
    law_teardown(&rig);
}

/* One update with optimiser.lr_cell = 0 moves the weights alone; with lr_recurrent = 0, the units' own alone. */
static void test_they_have_a_rate_of_their_own(void **state) {
    (void)state;
    static const char *const rates[] = {"optimiser.lr_cell=0", "optimiser.lr_recurrent=0"};
    for (size_t i = 0; i < 2; i++)
        for (size_t batch = 1; batch <= 2; batch++) { /* on the way, and after */
            char text[128];
            hth_setting items[LAW_SETTINGS];
            hth_error error;
            hth_tape *tape;
            hth_learner *learner;
            hth_gradient *gradient;
            hth_optimiser *optimiser;
            law_rig rig;
            set_up(&rig, cells[0].settings, cells[0].learn);
            rig.chunk.batch = batch;
            snprintf(text, sizeof text, "learner.name=rflo optimiser.name=sgd optimiser.lr=0.1 %s",
                     rates[i]);
            const hth_settings settings = law_split(text, items);
            must(hth_learner_create(&settings, rig.network, 1, batch, 1, rig.compute, NULL,
                                    &learner, &error),
                 &error);
            must(hth_learner_tape(learner, rig.compute, NULL, &tape, &error), &error);
            must(hth_gradient_create(rig.network, NULL, &gradient, &error), &error);
            must(
                hth_optimiser_create(&settings, rig.network, rig.compute, NULL, &optimiser, &error),
                &error);
            hth_real *before = malloc(rig.count * sizeof *before);
            memcpy(before, rig.network->theta, rig.count * sizeof *before);
            for (size_t t = 0; t < 3; t++) {
                hth_chunk cut = rig.chunk;
                cut.steps = 1;
                must(hth_forward(tape, &cut, &rig.report, &error), &error);
                must(hth_learn_and_step(learner, tape, gradient, optimiser, rig.network, 1, &error),
                     &error);
            }
            const hth_block *weight = &rig.network->blocks[0], *own = &rig.network->blocks[1];
            const hth_real *now = rig.network->theta;
            assert_true((law_difference(weight, now, before) > 1e-6) == (i == 0));
            assert_true((law_difference(own, now, before) > 1e-6) == (i == 1));
            free(before);
            hth_optimiser_destroy(optimiser);
            hth_gradient_destroy(gradient);
            hth_learner_destroy(learner);
            hth_tape_destroy(tape);
            rig.chunk.batch = 2;
            law_teardown(&rig);
        }
}

static void test_what_cannot_be_learned_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *settings, *learn, *expected;
    } bad[] = {
        {"cell.name=lif", "tau_a", "cell.learn names tau_a, which units of cell lif do not have"},
        {"cell.name=alif", "tau_m,tau_syn", "tau_syn, which units of cell alif do not have"},
        {"cell.name=cubalif", "beta", "a list of any of tau_m, v_th, tau_syn"},
        {"cell.name=lif", "tau", "cell.learn is 'tau', but must be a list of any of tau_m, v_th"},
        {"cell.name=lif", "tau_m v_th", "cell.learn is 'tau_m v_th'"},
        {"network.units=2,2 network.cells=alif,lif", "beta",
         "cell lif do not have; it must be a list of any of tau_m, v_th (layer 1, whose own "
         "settings are layer1.cell.<name>)"},
        {"cell.name=rate", "alpha", "cell.alpha is 1, but cell.learn names alpha"},
        {"cell.name=rate cell.alpha=0", "alpha", "cell.alpha is 0"},
        {"cell.name=rate cell.alpha=0.5", "tau_m", "cell.learn is 'tau_m'"},
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        char text[128];
        hth_setting items[LAW_SETTINGS];
        hth_error error;
        hth_network *network = NULL;
        const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
        snprintf(text, sizeof text, "%s", bad[i].settings);
        hth_settings settings = law_split(text, items);
        items[settings.count++] = (hth_setting){"cell.learn", bad[i].learn, NULL};
        assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error),
                         HTH_INVALID);
        assert_null(network);
        if (!strstr(error.message, bad[i].expected))
            fail_msg("'%s' lacks '%s'", error.message, bad[i].expected);
    }
}

/* Rules of traces that speak of a fixed unit. */
static void test_learners_that_cannot_say_so(void **state) {
    (void)state;
    static const char *const learners[] = {
        "learner.name=eprop1 learner.postsynaptic=one learner.trace=instantaneous",
        "learner.name=eprop1 learner.postsynaptic=clopath",
        "learner.name=eprop1 learner.scale_trace=leak",
    };
    for (size_t i = 0; i < HTH_COUNT(learners); i++)
        for (int learns = 0; learns < 2; learns++) {
            char text[160];
            hth_setting items[LAW_SETTINGS];
            hth_error error;
            hth_learner *learner = NULL;
            law_rig rig;
            set_up(&rig, cells[1].settings, learns ? "tau_m" : "");
            snprintf(text, sizeof text, "%s", learners[i]);
            const hth_settings settings = law_split(text, items);
            const hth_status status = hth_learner_create(&settings, rig.network, 1, 1, 1,
                                                         rig.compute, NULL, &learner, &error);
            assert_int_equal(status, learns ? HTH_INVALID : HTH_OK);
            if (learns && !strstr(error.message, "cell.learn")) fail_msg("%s", error.message);
            hth_learner_destroy(learner);
            law_teardown(&rig);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_begins_as_the_settings_say),
        cmocka_unit_test(test_a_parameter_is_its_setting_times_exp),
        cmocka_unit_test(test_they_stay_in_range),
        cmocka_unit_test(test_the_rest_of_their_rows_stays_0),
        cmocka_unit_test(test_they_have_a_block_and_names),
        cmocka_unit_test(test_they_have_a_rate_of_their_own),
        cmocka_unit_test(test_what_cannot_be_learned_is_refused),
        cmocka_unit_test(test_learners_that_cannot_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
