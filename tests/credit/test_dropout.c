/*
 * Dropout: with the units that are left out held fixed, backpropagation is the derivative, RTRL is backpropagation for
 * tapes of any length, traces too where units are alone, and KF-RTRL begins exact; each unit is left out as often as
 * network.dropout says, and what stays keeps the mean; a tape that scores leaves none out.
 */
#include "handles.h"

static const law_case cases[] = {
    {"network.units=5,4 network.cells=rate,lstm network.dropout=0.4 cell.alpha=0.5", 3, 0, 2, 9, 2,
     false, true},
    {"network.units=5 network.dropout=0.3 cell.alpha=0.4 readout.kappa=0.7 network.initial=learned",
     3, 0, 2, 9, 3, false, false},
    {"network.units=6,4 network.cells=alif,gru cell.spike=smooth cell.v_th=0.5 init.w_in_scale=2 "
     "network.dropout=0.5 readout.kappa=0.6",
     3, 0, 2, 10, 2, false, false},
    {"network.units=4,3,5 network.reads=input,input,below+input readout.reads=top+input "
     "network.dropout=0.3 cell.name=gru",
     3, 0, 2, 9, 2, false, true},
    {"network.units=5,4 network.embedding=3 network.dropout=0.4 cell.name=gru", 0, 5, 3, 9, 2, true,
     false},
};
static const law_case both_ways = {
    "network.units=4,4,3 network.reads=input,backward,below cell.name=gru network.dropout=0.4",
    2,
    0,
    3,
    8,
    3,
    true,
    true};

static void assert_derivative(const law_case *what, bool whole) {
    static const uint32_t lengths[] = {8, 3, 6};
    law_rig rig;
    law_setup(&rig, what);
    rig.chunk.ends = whole;
    rig.chunk.lengths = whole ? lengths : NULL;
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what->steps);
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    law_differences(&rig, numeric);
    law_assert_equal(&rig, "bptt = differences", exact, numeric,
                     strstr(what->settings, "smooth") ? 2e-5 : 1e-8);
    rig.network->seed++;
    hth_real *others = law_gradient(&rig, "learner.name=bptt", what->steps);
    law_assert_differs(&rig, "other units left out", others, numeric, 1e-2);
    free(others);
    free(numeric);
    free(exact);
    law_teardown(&rig);
}

static void test_derivative(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t c = 0; c < HTH_COUNT(cases); c++) assert_derivative(&cases[c], false);
    assert_derivative(&both_ways, true);
}

static void test_rtrl_is_bptt(void **state) {
    static const size_t lengths[] = {1, 2, 5, 10};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", cases[c].steps);
        for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
            hth_real *rtrl = law_gradient(&rig, "learner.name=rtrl", lengths[i]);
            law_assert_equal(&rig, "rtrl = bptt", rtrl, exact, tolerance(1e-10, 2e-3));
            free(rtrl);
        }
        rig.network->seed++;
        hth_real *others = law_gradient(&rig, "learner.name=rtrl", 1);
        law_assert_differs(&rig, "other units left out", others, exact, 1e-2);
        free(others);
        free(exact);
        law_teardown(&rig);
    }
}

/* Traces give the same for tapes of any length, the filtered ones of a leaky readout too. */
static void test_traces(void **state) {
    static const char *const networks[] = {
        "network.units=6 cell.alpha=0.4 network.dropout=0.4 readout.kappa=0.7",
        "cell.name=lstm network.units=5 network.dropout=0.5 readout.kappa=0.5",
        "network.units=6 cell.alpha=0.4 network.dropout=0.4"};
    static const char *const recurrences[] = {"none", "diagonal"};
    static const size_t lengths[] = {1, 2, 3, 11};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(networks); c++)
        for (size_t r = 0; r < HTH_COUNT(recurrences); r++) {
            const law_case what = {networks[c], 3, 0, 2, 11, 2, false, true};
            char whole[64], traced[96];
            law_rig rig;
            law_setup(&rig, &what);
            snprintf(whole, sizeof whole, "learner.recurrence=%s", recurrences[r]);
            snprintf(traced, sizeof traced, "%s learner.past=trace", whole);
            hth_real *reference = law_gradient(&rig, whole, what.steps);
            for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
                hth_real *gradient = law_gradient(&rig, traced, lengths[i]);
                law_assert_equal(&rig, traced, gradient, reference, tolerance(1e-10, 2e-4));
                free(gradient);
            }
            hth_real *cut = law_gradient(&rig, whole, 3);
            law_assert_differs(&rig, "without traces", cut, reference, 1e-3);
            free(cut);
            free(reference);
            law_teardown(&rig);
        }
}

/* Two steps of KF-RTRL are exact: the tangents of its matrix go through what was read. */
static void test_tangents(void **state) {
    static const law_case two = {
        "cell.name=lstm network.units=5,4 readout.kappa=0.6 network.dropout=0.4",
        2,
        0,
        2,
        2,
        2,
        false,
        false};
    law_rig rig;
    (void)state;
    law_setup(&rig, &two);
    hth_real *exact = law_gradient(&rig, "learner.name=rtrl", 1);
    hth_real *kf = law_gradient(&rig, "learner.name=kf-rtrl", 1);
    law_assert_equal(&rig, "two steps", kf, exact, tolerance(1e-10, 1e-4));
    rig.network->seed++;
    hth_real *others = law_gradient(&rig, "learner.name=kf-rtrl", 1);
    law_assert_differs(&rig, "other units left out", others, exact, 1e-2);
    free(others);
    free(kf);
    free(exact);
    law_teardown(&rig);
}

/* ---- How many are left out ---- */

enum { UNITS = 50, STEPS = 40, BATCH = 3, ALL = UNITS * STEPS * BATCH };

/* What the readout reads of each unit, over its z. */
static void find_factors(law_rig *rig, hth_tape *tape, double factors[ALL]) {
    const hth_layer *layer = &rig->network->layers[0];
    hth_error error;
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    for (size_t i = 0; i < STEPS * BATCH; i++)
        for (size_t j = 0; j < UNITS; j++)
            factors[i * UNITS + j] = (double)tape->gathered[i * UNITS + j] /
                                     (double)tape->layers[0].u[(i + BATCH) * layer->stride + j];
}

static void test_what_is_left_out(void **state) {
    static const law_case what = {
        "network.units=50 network.dropout=0.3", 3, 0, 2, STEPS, BATCH, false, false};
    static double a[ALL], b[ALL], off[ALL];
    const double most = 5 * sqrt(0.3 / 0.7 / ALL);
    double sum = 0;
    size_t apart = 0, steps = 0;
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    (void)state;
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, STEPS, BATCH, rig.compute, NULL, &tape, &error), &error);
    find_factors(&rig, tape, a);
    hth_tape_reset(tape);
    find_factors(&rig, tape, b);
    hth_tape_dropout(tape, false);
    find_factors(&rig, tape, off);
    for (size_t i = 0; i < ALL; i++) {
        assert_true(fabs(off[i] - 1) < 1e-6);
        assert_true(a[i] == 0 || fabs(a[i] - 1 / 0.7) < tolerance(1e-12, 1e-5));
        sum += a[i];
        apart += (a[i] == 0) != (b[i] == 0);
        steps += i >= UNITS && (a[i] == 0) != (a[i - UNITS] == 0);
    }
    assert_true(fabs(sum / ALL - 1) < most);
    assert_true(fabs(0.7 * sum / ALL - 1) > most); /* without 1/(1 - p) the mean is another */
    /* another sequence, another step and another item have other units: 2 p (1 - p) of them differ */
    assert_true(fabs((double)apart / ALL - 0.42) < 0.05);
    assert_true(fabs((double)steps / ALL - 0.42) < 0.05);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* A tape that scores is that of a network without dropout. */
static void test_scoring(void **state) {
    static const char *const settings[] = {"network.units=5,4 network.dropout=0.5",
                                           "network.units=5,4"};
    hth_real outputs[3][9 * 2 * 2];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const law_case what = {settings[i / 2], 3, 0, 2, 9, 2, false, false};
        law_rig rig;
        hth_tape *tape;
        hth_error error;
        law_setup(&rig, &what);
        must(hth_tape_create(rig.network, 9, 2, rig.compute, NULL, &tape, &error), &error);
        hth_tape_dropout(tape, i > 0);
        must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
        must(hth_tape_read(tape, 0, 9, outputs[i], &error), &error);
        hth_tape_destroy(tape);
        law_teardown(&rig);
    }
    assert_memory_equal(outputs[0], outputs[2], sizeof outputs[0]);
    assert_true(memcmp(outputs[1], outputs[2], sizeof outputs[0]) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivative),       cmocka_unit_test(test_rtrl_is_bptt),
        cmocka_unit_test(test_traces),           cmocka_unit_test(test_tangents),
        cmocka_unit_test(test_what_is_left_out), cmocka_unit_test(test_scoring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
