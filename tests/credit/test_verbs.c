/*
 * The verbs of the tape: written step by step is written whole, judged late is judged at once, dE/dy from outside is
 * the loss, bit for bit, for every cell and preset and any number of steps; what cannot be is refused.
 */
#include "verbs.h"

#include "credit/catalogues.h"

/* The gradient and the state after all tapes of one sequence. */
typedef struct result {
    hth_real *gradient;
    double loss, spikes, regulariser;
} result;

static result run(law_rig *rig, const char *learner, size_t K, manner how) {
    hth_error error;
    handles h = handles_make(rig, learner, K);
    result out = {0};
    rig->report = (hth_report){0};
    handles_reset(&h);
    law_expect(rig, h.tape);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        fill(rig, h.tape, t, rig->what.steps - t < K ? rig->what.steps - t : K, how);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    }
    out.gradient = malloc(rig->count * sizeof *out.gradient);
    memcpy(out.gradient, hth_gradient_values(h.gradient), rig->count * sizeof *out.gradient);
    out.loss = rig->report.loss;
    out.spikes = rig->report.spikes;
    out.regulariser = rig->report.regulariser;
    handles_drop(&h);
    return out;
}

static bool same(const law_rig *rig, const result *a, const result *b) {
    return memcmp(a->gradient, b->gradient, rig->count * sizeof *a->gradient) == 0 &&
           fabs(a->loss - b->loss) <= 1e-6 * fabs(a->loss) && a->spikes == b->spikes &&
           a->regulariser == b->regulariser;
}

/* Whether the preset has a meaning here; then every manner gives the bits of the first. */
static bool compare_manners(law_rig *rig, const char *learner, size_t K) {
    static const manner manners[] = {BY_STEP, BY_STEP_AND_READ, LATE};
    hth_error error;
    handles h;
    if (handles_try(rig, learner, K, 1, &h, &error) != HTH_OK) return false;
    hth_learner_destroy(h.learner);
    const result whole = run(rig, learner, K, WHOLE);
    for (size_t i = 0; i < HTH_COUNT(manners); i++) {
        const result other = run(rig, learner, K, manners[i]);
        if (!same(rig, &whole, &other))
            fail_msg("%s, %s, K = %zu: manner %d differs", rig->what.settings, learner, K,
                     (int)manners[i]);
        free(other.gradient);
    }
    if (K > 1) {
        const result lost = run(rig, learner, K, SECOND_STEP_LOST);
        assert_false(same(rig, &whole, &lost));
        free(lost.gradient);
    }
    law_assert_alive(rig);
    free(whole.gradient);
    return true;
}

static void test_every_cell_and_preset(void **state) {
    size_t compared = 0;
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++)
        for (size_t l = 0; l < hth_learners.count; l++)
            for (size_t K = 1; K <= TAPE; K += TAPE - 1) {
                char learner[128];
                const law_case what = {cells[c],   c == 2 ? 0 : INPUTS, c == 2 ? 7 : 0,
                                       OUTPUTS,    STEPS + 1,           BATCH,
                                       c % 2 == 0, c % 3 == 0};
                law_case fitting = what;
                char settings[256];
                law_rig rig;
                snprintf(settings, sizeof settings, "%s%s", cells[c],
                         c == 2 ? " network.embedding=3" : "");
                fitting.settings = settings;
                law_setup(&rig, &fitting);
                snprintf(learner, sizeof learner, "learner.name=%s", hth_learners.at(l)->name);
                compared += compare_manners(&rig, learner, K);
                law_teardown(&rig);
            }
    assert_true(compared > 100);
}

/* Few and many outputs (sums along z; products; tiles), and one item alone. */
static void test_every_readout(void **state) {
    static const law_case all[] = {
        {"cell.name=rate network.units=5", 3, 0, 2, 11, 2, false, true},
        {"cell.name=rate network.units=5", 3, 0, 300, 11, 2, true, true},
        {"cell.name=rate network.units=5 readout.kappa=0.5", 3, 0, 300, 11, 2, true, false},
        {"cell.name=rate network.units=5", 3, 0, 20, 11, 1, true, false},
        {"cell.name=lif network.units=20 cell.v_th=0.05 regulariser.rate=0.3", 3, 0, 4, 11, 2, true,
         false},
        {"cell.name=alif network.units=20 cell.v_th=0.05 network.events=always loss.time=window", 3,
         0, 4, 11, 2, true, true},
    };
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        law_rig rig;
        law_setup(&rig, &all[c]);
        assert_true(compare_manners(&rig, "learner.name=tbptt", 4));
        assert_true(compare_manners(&rig, "learner.name=tbptt", 11));
        law_teardown(&rig);
    }
}

/* dE/dy = y - y*, by the caller; `off` times that is another loss. */
static result by_errors(law_rig *rig, const char *learner, size_t K, hth_real off) {
    const size_t batch = rig->what.batch, outputs = rig->what.outputs;
    hth_error error;
    handles h = handles_make(rig, learner, K);
    hth_real *y = malloc(K * batch * outputs * sizeof *y);
    result out = {.gradient = malloc(rig->count * sizeof *out.gradient)};
    handles_reset(&h);
    for (size_t start = 0; start < rig->what.steps; start += K) {
        const size_t left = rig->what.steps - start, steps = left < K ? left : K;
        const hth_real *targets = law_cut(rig, start, steps).targets;
        hth_tape_begin(h.tape);
        write_copy(rig, h.tape, start, steps);
        must(hth_tape_read(h.tape, 0, steps, y, &error), &error);
        for (size_t i = 0; i < steps * batch * outputs; i++) y[i] = off * (y[i] - targets[i]);
        const hth_verdict v = {.steps = steps, .errors = y};
        must(hth_tape_judge(h.tape, &v, &rig->report, &error), &error);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    }
    memcpy(out.gradient, hth_gradient_values(h.gradient), rig->count * sizeof *out.gradient);
    free(y);
    handles_drop(&h);
    return out;
}

static void test_errors_from_outside(void **state) {
    static const char *const learners[] = {"learner.name=tbptt", "learner.name=rtrl",
                                           "learner.name=eprop1", "learner.name=rflo",
                                           "learner.name=uoro"};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++)
        for (size_t l = 0; l < HTH_COUNT(learners); l++) {
            char settings[256];
            snprintf(settings, sizeof settings, "%s loss.name=mse loss.batch=sum loss.time=sum",
                     cells[c]);
            const law_case what = {settings, INPUTS, 0, OUTPUTS, STEPS, BATCH, false, false};
            law_rig rig;
            handles h;
            hth_error error;
            law_setup(&rig, &what);
            if (handles_try(&rig, learners[l], TAPE, 1, &h, &error) == HTH_OK) {
                hth_learner_destroy(h.learner);
                const result theirs = run(&rig, learners[l], TAPE, WHOLE);
                const result ours = by_errors(&rig, learners[l], TAPE, 1);
                const result other = by_errors(&rig, learners[l], TAPE, HTH_C(1.001));
                const size_t bytes = rig.count * sizeof *ours.gradient;
                assert_memory_equal(theirs.gradient, ours.gradient, bytes);
                assert_true(memcmp(theirs.gradient, other.gradient, bytes) != 0);
                free(theirs.gradient);
                free(ours.gradient);
                free(other.gradient);
            }
            law_teardown(&rig);
        }
}

/* ---- What is refused ---- */

/* A verdict that fails leaves nothing behind: judged anew, the step counts as if it had been judged once. */
static void test_a_verdict_that_fails_leaves_nothing(void **state) {
    const law_case what = {
        "cell.name=rate network.units=5 loss.time=window", 3, 0, 6, 4, 2, true, false};
    law_rig rig;
    hth_error error;
    hth_real huge[BATCH] = {1000, 1000}, *gradients[2];
    (void)state;
    law_setup(&rig, &what);
    for (int fails = 0; fails < 2; fails++) {
        handles h = handles_make(&rig, "learner.name=tbptt", 4);
        handles_reset(&h);
        write_copy(&rig, h.tape, 0, 4);
        hth_verdict v = verdict_of(&rig, 0, 1, 1);
        v.weights = huge;
        hth_real theta = 0, *bias = hth_network_parameters(rig.network) + rig.network->readout.bias;
        if (fails) {
            theta = bias[0];
            bias[0] = (hth_real)INFINITY;
            assert_int_equal(hth_tape_judge(h.tape, &v, &rig.report, &error), HTH_NOT_FINITE);
            bias[0] = theta;
        }
        judge(&rig, h.tape, 0, 2, 2); /* of step 1 nothing is said in the end */
        judge(&rig, h.tape, 0, 0, 1);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        gradients[fails] = malloc(rig.count * sizeof(hth_real));
        memcpy(gradients[fails], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
        handles_drop(&h);
    }
    assert_memory_equal(gradients[0], gradients[1], rig.count * sizeof(hth_real));
    free(gradients[0]);
    free(gradients[1]);
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    const law_case what = {cells[0], INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
    law_rig rig;
    hth_error error;
    hth_view view;
    hth_real y[BATCH * OUTPUTS];
    (void)state;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=tbptt", TAPE);
    hth_inputs in = inputs_of(&rig, 0, TAPE + 1);
    refused(hth_tape_write(h.tape, &in, &error), &error, HTH_MISMATCH, "do not fit a tape of 5");
    in = inputs_of(&rig, 0, 3);
    must(hth_tape_write(h.tape, &in, &error), &error);
    refused(hth_tape_write(h.tape, &in, &error), &error, HTH_MISMATCH, "with 3 steps on it");
    refused(hth_tape_read(h.tape, 3, 1, y, &error), &error, HTH_INVALID, "but the tape has 3");
    refused(hth_tape_slide(h.tape, 4, &error), &error, HTH_INVALID, "but the tape has 3");
    hth_verdict v = verdict_of(&rig, 0, 1, 3);
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_MISMATCH,
            "the tape has steps 0 to 3");
    v = verdict_of(&rig, 0, 1, 1);
    v.targets = y;
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_MISMATCH,
            "made for classes");
    v = (hth_verdict){.steps = 1, .errors = y, .weights = y};
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_MISMATCH, "stand alone");
    for (size_t i = 0; i < HTH_COUNT(y); i++) y[i] = (hth_real)NAN;
    v.weights = NULL;
    refused(hth_tape_judge(h.tape, &v, &rig.report, &error), &error, HTH_NOT_FINITE, "dE/dy");
    refused(hth_learner_inputs(h.learner, &view, &error), &error, HTH_INVALID,
            "set learner.inputs = true");
    in.ends = true;
    hth_tape_begin(h.tape);
    must(hth_tape_write(h.tape, &in, &error), &error);
    hth_tape_begin(h.tape);
    refused(hth_tape_write(h.tape, &in, &error), &error, HTH_INVALID, "call hth_tape_reset");
    hth_tape_reset(h.tape);
    must(hth_tape_write(h.tape, &in, &error), &error);
    handles_drop(&h);
    law_teardown(&rig);
}

/* A learner that predicts later losses has to be told that none came. */
static void test_an_end_that_is_not_told_is_refused(void **state) {
    const law_case what = {cells[0], INPUTS, 0, OUTPUTS, 8, BATCH, false, false};
    (void)state;
    for (int told = 0; told < 2; told++) {
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=eprop3", 4);
        for (size_t t = 0; t < 8; t += 4) {
            hth_chunk cut = law_cut(&rig, t, 4);
            cut.ends = told && t == 4;
            must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        }
        handles_reset(&h);
        hth_chunk cut = law_cut(&rig, 0, 4);
        must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
        const hth_status status = hth_learn(h.learner, h.tape, h.gradient, &error);
        if (told)
            must(status, &error);
        else
            refused(status, &error, HTH_INVALID, "set ends = true");
        handles_drop(&h);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_and_preset),
        cmocka_unit_test(test_every_readout),
        cmocka_unit_test(test_errors_from_outside),
        cmocka_unit_test(test_a_verdict_that_fails_leaves_nothing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_an_end_that_is_not_told_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
