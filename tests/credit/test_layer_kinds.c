/*
 * Layers of other kinds than units: one whose numbers see one another (its gradient = central differences, RTRL =
 * BPTT), and the rate cell with its errors taken back by hand, which must give what its table gives. Each with a way
 * back that leaves out a term, and must differ. Who follows derivatives forward is refused.
 */
#include "handles.h"

#include "network/tape.h"

/* ---- z_j = tanh(a_j - mean(a)), the mean over the layer ---- */

static void step_row(const hth_row *row) {
    double mean = 0;
    for (size_t j = 0; j < row->n; j++) mean += (double)row->drive[0][j] / (double)row->n;
    for (size_t j = 0; j < row->n; j++) {
        const double z = tanh((double)row->drive[0][j] - mean);
        row->z_out[j] = (hth_real)z;
        row->field[0][j] = (hth_real)(1 - z * z);
    }
}

static void step_centred(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                         size_t from, size_t to) {
    hth_row row = {0};
    for (size_t b = from; b < to; b++) {
        hth_layer_row(layer, on, t, batch, b, &row);
        step_row(&row);
    }
}

static void back_of(const hth_row *row, const hth_layer_errors *errors, bool through_mean) {
    double mean = 0;
    for (size_t j = 0; j < row->n; j++) {
        errors->delta[j] = errors->zeta[j] * row->field[0][j];
        mean += (double)errors->delta[j] / (double)row->n;
    }
    for (size_t j = 0; j < row->n; j++) errors->delta[j] -= through_mean ? (hth_real)mean : 0;
}

static void back_centred(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                         size_t item, const hth_layer_errors *errors) {
    hth_row row = {0};
    hth_layer_row(layer, on, t, batch, item, &row);
    back_of(&row, errors, true);
}

static void back_without_mean(const hth_layer *layer, const hth_tape_layer *on, size_t t,
                              size_t batch, size_t item, const hth_layer_errors *errors) {
    hth_row row = {0};
    hth_layer_row(layer, on, t, batch, item, &row);
    back_of(&row, errors, false);
}

#define CENTRED                                                                                    \
    .form = {.part = {.name = "centred"},                                                          \
             .drives = 1,                                                                          \
             .drive_names = {"a"},                                                                 \
             .fields = 1,                                                                          \
             .observable = HTH_Z_SEPARATE,                                                         \
             .reads = {{true, true, true}}},                                                       \
    .step = step_centred
static const hth_layer_kind centred = {CENTRED, .back = back_centred};
static const hth_layer_kind wrong = {CENTRED, .back = back_without_mean};

/* ---- The rate cell, its errors taken back by hand ---- */

static void back_of_rate(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                         size_t item, const hth_layer_errors *errors, bool remembers) {
    hth_row row = {0};
    hth_layer_row(layer, on, t, batch, item, &row);
    const hth_real *keep = row.constant[1]; /* 1 - alpha */
    for (size_t j = 0; j < row.n; j++) {
        const hth_real lambda = errors->zeta[j] + errors->sbar[0][j];
        errors->delta[j] = lambda * row.field[0][j];
        errors->sbar[0][j] = remembers ? lambda * keep[j] : 0;
    }
}

static void back_rate(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                      size_t item, const hth_layer_errors *errors) {
    back_of_rate(layer, on, t, batch, item, errors, true);
}

static void back_forgetful(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                           size_t item, const hth_layer_errors *errors) {
    back_of_rate(layer, on, t, batch, item, errors, false);
}

static void step_rate(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                      size_t from, size_t to) {
    hth_row row = {0};
    for (size_t b = from; b < to; b++) {
        hth_layer_row(layer, on, t, batch, b, &row);
        layer->cell->step(&row);
    }
}

static const hth_layer_kind rate = {.step = step_rate, .back = back_rate};
static const hth_layer_kind forgetful = {.step = step_rate, .back = back_forgetful};

/* ---- Laws ---- */

static void become_centred(law_rig *rig, size_t l, const hth_layer_kind *kind) {
    rig->network->layers[l].kind = kind;
    rig->network->layers[l].cell = &centred.form;
}

/* The layer that is centred, in networks of one drive a unit. */
static const struct {
    law_case what;
    size_t layer;
} cases[] = {
    {{"cell.name=rate network.units=6", 3, 0, 2, 9, 2, false, false}, 0},
    {{"cell.name=rate network.units=6,5 cell.alpha=0.5 readout.kappa=0.6", 3, 0, 2, 9, 2, false,
      true},
     0},
    {{"cell.name=rate network.units=4,6 cell.alpha=0.5", 3, 0, 2, 9, 3, true, false}, 1},
    {{"network.cells=lstm,rate,gru network.units=4,5,3 network.embedding=3", 0, 5, 3, 8, 2, true,
      false},
     1},
    {{"network.units=5,4 network.cells=rate,gru network.reads=input,input network.connections=none "
      "network.self_connections=false",
      3, 0, 2, 8, 2, false, false},
     0},
};

static void gradient_is_the_derivative(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c].what);
        become_centred(&rig, cases[c].layer, &centred);
        hth_real *numeric = malloc(rig.count * sizeof *numeric);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", rig.what.steps);
        law_differences(&rig, numeric);
        law_assert_equal(&rig, "bptt = differences", exact, numeric, 1e-8);
        become_centred(&rig, cases[c].layer, &wrong);
        hth_real *without = law_gradient(&rig, "learner.name=bptt", rig.what.steps);
        law_assert_differs(&rig, "without the mean", without, numeric, 1e-3);
        free(numeric);
        free(exact);
        free(without);
        law_teardown(&rig);
    }
}

static void rtrl_is_bptt(void **state) {
    (void)state;
    static const size_t K[] = {1, 4};
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c].what);
        become_centred(&rig, cases[c].layer, &centred);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", rig.what.steps);
        for (size_t k = 0; k < HTH_COUNT(K); k++) {
            hth_real *rtrl = law_gradient(&rig, "learner.name=rtrl", K[k]);
            law_assert_equal(&rig, "rtrl = bptt", rtrl, exact, tolerance(1e-10, 2e-3));
            free(rtrl);
        }
        free(exact);
        law_teardown(&rig);
    }
}

static void back_is_the_table(void **state) {
    (void)state;
    static const law_case what = {
        "cell.name=rate network.units=5,4 cell.alpha=0.4 network.initial=learned",
        3,
        0,
        2,
        9,
        2,
        false,
        true};
    static const char *const learners[] = {"learner.name=bptt", "learner.name=rtrl",
                                           "learner.recurrence=none", "learner.recurrence=diagonal",
                                           "learner.recurrence=random"};
    static const size_t K[] = {9, 2, 3, 3, 9};
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        law_rig rig;
        law_setup(&rig, &what);
        hth_real *table = law_gradient(&rig, learners[i], K[i]);
        for (size_t l = 0; l < 2; l++) rig.network->layers[l].kind = &rate;
        hth_real *back = law_gradient(&rig, learners[i], K[i]);
        law_assert_equal(&rig, learners[i], back, table, tolerance(1e-13, 1e-5));
        for (size_t l = 0; l < 2; l++) rig.network->layers[l].kind = &forgetful;
        hth_real *less = law_gradient(&rig, learners[i], K[i]);
        law_assert_differs(&rig, "without its state", less, table, 1e-3);
        free(table);
        free(back);
        free(less);
        law_teardown(&rig);
    }
}

static void the_others_are_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "learner.name=rflo",    "learner.name=uoro",          "learner.name=kf-rtrl",
        "learner.name=snap1",   "learner.name=eprop1",        "learner.name=kernl",
        "learner.name=eprop3",  "learner.recurrence=learned", "learner.name=dni",
        "learner.past=pattern", "learner.past=instantaneous",
    };
    law_rig rig;
    law_setup(&rig, &cases[0].what);
    become_centred(&rig, 0, &centred);
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        handles h;
        hth_error error = {0};
        assert_int_equal(handles_try(&rig, refused[i], 1, 1, &h, &error), HTH_INVALID);
        if (!strstr(error.message, "no table of derivatives"))
            fail_msg("%s: %s", refused[i], error.message);
    }
    law_teardown(&rig);
}

/* Tape and learner hold all that such a layer needs to go on in another process. */
static void cuts_change_nothing(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[1].what);
    become_centred(&rig, cases[1].layer, &centred);
    hth_real *whole = law_gradient(&rig, "learner.name=rtrl", rig.what.steps);
    handles first = handles_make(&rig, "learner.name=rtrl", 3);
    handles second = handles_make(&rig, "learner.name=rtrl", 3);
    handles_reset(&first);
    handles_advance(&rig, &first, 0, 3);
    handles_reset(&second);
    handles_copy_state(&first, &second);
    handles_advance(&rig, &second, 3, 3);
    handles_advance(&rig, &second, 6, 3);
    const hth_real *of_first = hth_gradient_values(first.gradient);
    const hth_real *of_second = hth_gradient_values(second.gradient);
    hth_real *sum = malloc(rig.count * sizeof *sum);
    for (size_t i = 0; i < rig.count; i++) sum[i] = of_first[i] + of_second[i];
    law_assert_equal(&rig, "interrupted", sum, whole, tolerance(1e-10, 2e-3));
    law_assert_differs(&rig, "its second part alone", of_second, whole, 1e-3);
    free(sum);
    handles_drop(&first);
    handles_drop(&second);
    free(whole);
    law_teardown(&rig);
}

/* ---- Settings ---- */

static void settings_name_kinds(void **state) {
    (void)state;
    static const law_case plain = {"cell.name=gru network.units=5,4", 3, 0, 2, 7, 2, false, false};
    law_case named = plain;
    named.settings = "cell.name=gru network.units=5,4 network.layers=units,units";
    law_rig a, b;
    law_setup(&a, &plain);
    law_setup(&b, &named);
    hth_real *of_a = law_gradient(&a, "learner.name=bptt", 7);
    hth_real *of_b = law_gradient(&b, "learner.name=bptt", 7);
    assert_memory_equal(of_a, of_b, a.count * sizeof *of_a);
    free(of_a);
    free(of_b);
    law_teardown(&a);
    law_teardown(&b);
    static const char *const refused[][2] = {
        {"network.units=5,4 network.layers=units", "is for 1 layer, but network.units names 2"},
        {"network.layers=unit", "did you mean 'units'"},
        {"layer.name=cells", "layer.name"},
        {"layer.epsilon=1", "layer.epsilon"},
    };
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        char text[128];
        hth_setting items[LAW_SETTINGS];
        hth_error error = {0};
        hth_network *network;
        const hth_shape shape = {.inputs = 2, .outputs = 2};
        snprintf(text, sizeof text, "%s", refused[i][0]);
        const hth_settings settings = law_split(text, items);
        assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error),
                         HTH_INVALID);
        if (!strstr(error.message, refused[i][1])) fail_msg("%s", error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_is_the_derivative), cmocka_unit_test(rtrl_is_bptt),
        cmocka_unit_test(back_is_the_table),          cmocka_unit_test(the_others_are_refused),
        cmocka_unit_test(cuts_change_nothing),        cmocka_unit_test(settings_name_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
