/* What the verbs of the tape must not do silently: faults that were found, one test each. */
#include "handles.h"

enum { STEPS = 6, BATCH = 2, INPUTS = 3, OUTPUTS = 4 };

static hth_verdict classes_of(const law_rig *rig, size_t from, size_t steps) {
    return (hth_verdict){
        .from = from, .steps = steps, .classes = rig->chunk.classes + from * BATCH};
}

static void write_steps(law_rig *rig, hth_tape *tape, size_t from, size_t steps,
                        const uint32_t *lengths) {
    hth_error error;
    const hth_inputs in = {.steps = steps,
                           .batch = BATCH,
                           .x = rig->chunk.x + from * BATCH * INPUTS,
                           .lengths = lengths,
                           .ends = from + steps == STEPS};
    must(hth_tape_write(tape, &in, &error), &error);
}

/* All steps of every item by number, then by NULL, is all steps. */
static void test_lengths_of_all_steps_or_none(void **state) {
    const law_case what = {"cell.name=lif network.units=9 cell.v_th=0.02 regulariser.rate=1",
                           INPUTS,
                           0,
                           OUTPUTS,
                           STEPS,
                           BATCH,
                           true,
                           false};
    const uint32_t three[BATCH] = {3, 3}, two[BATCH] = {3, 2};
    const uint32_t *const first[] = {NULL, three, two}, none[BATCH] = {3, 0};
    double found[3];
    (void)state;
    for (size_t run = 0; run < 3; run++) {
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=bptt", STEPS);
        const hth_verdict v = classes_of(&rig, 0, STEPS);
        write_steps(&rig, h.tape, 0, 3, first[run]);
        write_steps(&rig, h.tape, 3, 3, run == 2 ? none : NULL);
        must(hth_tape_judge(h.tape, &v, &rig.report, &error), &error);
        found[run] = rig.report.regulariser;
        handles_drop(&h);
        law_teardown(&rig);
    }
    assert_true(found[0] == found[1] && found[0] != found[2]);
}

/* A verdict without marks goes on with the decision at hand, as one whose marks are all 0 does. */
static void test_no_decision_ends_where_none_is_marked(void **state) {
    enum { UNITS = 6, SEEDS = 40 };
    static const uint8_t none[BATCH] = {0}, all[BATCH] = {1, 1};
    const hth_shape shape = {INPUTS, 0, OUTPUTS, HTH_TARGET_CLASSES, true};
    double right[3] = {0};
    (void)state;
    for (size_t run = 0; run < 3; run++) /* run 2: nothing but the last step counts */
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            char text[] = "cell.name=rate network.units=6";
            hth_setting items[LAW_SETTINGS];
            const hth_settings settings = law_split(text, items);
            const law_case what = {
                "cell.name=rate network.units=6", INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
            law_rig rig;
            hth_error error;
            hth_network *network;
            hth_tape *tape;
            hth_report report = {0};
            law_setup(&rig, &what);
            must(hth_network_create(&settings, &shape, seed, NULL, &network, &error), &error);
            must(hth_tape_create(network, STEPS, BATCH, rig.compute, NULL, &tape, &error), &error);
            write_steps(&rig, tape, 0, STEPS, NULL);
            for (size_t t = 0; t < STEPS; t++) {
                static const hth_real nought[BATCH] = {0};
                hth_verdict v = classes_of(&rig, t, 1);
                v.decides = t + 1 == STEPS ? all : run == 0 ? none : NULL;
                if (run == 2 && t + 1 < STEPS) v.weights = nought;
                must(hth_tape_judge(tape, &v, &report, &error), &error);
            }
            right[run] += report.right * (double)(seed + 1);
            hth_tape_destroy(tape);
            hth_network_destroy(network);
            law_teardown(&rig);
        }
    assert_true(right[0] == right[1] && right[0] != right[2]);
}

/* A verdict whose loss is not finite is as if it had not been given. */
static void test_a_verdict_that_failed_leaves_no_trace(void **state) {
    static const char *const readouts[] = {"readout.kappa=0.5", "readout.kappa=0"};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(readouts); c++) {
        char settings[80];
        hth_real *gradients[2];
        const hth_real much = (hth_real)(sizeof(hth_real) == sizeof(double) ? 1e308 : 1e38);
        hth_real weights[STEPS * BATCH];
        law_rig rig;
        snprintf(settings, sizeof settings, "cell.name=rate network.units=5 %s", readouts[c]);
        const law_case what = {settings, INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
        law_setup(&rig, &what);
        for (size_t i = 0; i < STEPS * BATCH; i++) weights[i] = much;
        for (size_t run = 0; run < 2; run++) {
            hth_error error;
            handles h = handles_make(&rig, "learner.name=bptt", STEPS);
            hth_verdict v = classes_of(&rig, 0, STEPS);
            write_steps(&rig, h.tape, 0, STEPS, NULL);
            v.weights = weights;
            if (run == 1 && sizeof(hth_real) == sizeof(double))
                assert_int_equal(hth_tape_judge(h.tape, &v, &rig.report, &error), HTH_NOT_FINITE);
            v.weights = NULL;
            must(hth_tape_judge(h.tape, &v, &rig.report, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            gradients[run] = malloc(rig.count * sizeof(hth_real));
            memcpy(gradients[run], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
            handles_drop(&h);
        }
        assert_memory_equal(gradients[0], gradients[1], rig.count * sizeof(hth_real));
        free(gradients[0]);
        free(gradients[1]);
        law_teardown(&rig);
    }
}

/* All steps are judged, then forgotten. */
static void judge_and_reset(law_rig *rig, hth_tape *tape) {
    hth_error error;
    const hth_verdict all = classes_of(rig, 0, STEPS);
    write_steps(rig, tape, 0, STEPS, NULL);
    must(hth_tape_judge(tape, &all, &rig->report, &error), &error);
    hth_tape_reset(tape);
}

/* What is said of a tape in several verdicts, some with weights and some without, is what one verdict with all weights
 * says; of steps of which nothing is said, weight 0, whatever was said of a sequence before. */
static void test_verdicts_add_up(void **state) {
    static const char *const times[] = {"loss.time=sum", "loss.time=window", "loss.time=window"};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(times); c++) {
        char settings[80];
        hth_real *gradients[4], weights[STEPS * BATCH];
        law_rig rig;
        snprintf(settings, sizeof settings, "cell.name=rate network.units=5 %s", times[c]);
        const law_case what = {settings, INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
        law_setup(&rig, &what);
        for (int run = 0; run < 4;
             run++) { /* 0, 1: all steps; 2, 3: but for the last; 1, 3: in two parts */
            hth_error error;
            handles h = handles_make(&rig, "learner.name=bptt", STEPS);
            for (size_t i = 0; i < STEPS * BATCH; i++)
                weights[i] = i < 2 * BATCH && c < 2                 ? 3
                             : run == 2 && i >= (STEPS - 1) * BATCH ? 0
                                                                    : 1;
            hth_verdict v = classes_of(&rig, 0, run % 2 ? 2 : STEPS);
            v.weights = c == 2 && run % 2 ? NULL : weights; /* in the third case all are 1 */
            if (run == 3) judge_and_reset(&rig, h.tape);
            write_steps(&rig, h.tape, 0, STEPS, NULL);
            must(hth_tape_judge(h.tape, &v, &rig.report, &error), &error);
            const hth_verdict rest = classes_of(&rig, 2, STEPS - 2 - (run == 3));
            if (run % 2) must(hth_tape_judge(h.tape, &rest, &rig.report, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            gradients[run] = malloc(rig.count * sizeof(hth_real));
            memcpy(gradients[run], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
            handles_drop(&h);
        }
        law_assert_equal(&rig, "in two", gradients[1], gradients[0], tolerance(1e-12, 1e-4));
        law_assert_equal(&rig, "some", gradients[3], gradients[2], tolerance(1e-12, 1e-4));
        law_assert_differs(&rig, "all or some", gradients[0], gradients[2], 1e-3);
        for (int run = 0; run < 4; run++) free(gradients[run]);
        law_teardown(&rig);
    }
}

/* Weights that are changed through a pointer of before count from the next tape on. */
static void test_a_new_tape_sees_the_weights(void **state) {
    const law_case what = {
        "cell.name=rate network.units=5", INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
    hth_real y[3][STEPS * BATCH * OUTPUTS];
    (void)state;
    for (int run = 0; run < 3;
         run++) { /* as they are; changed through a pointer asked anew; of before */
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=tbptt", STEPS);
        hth_real *before = hth_network_parameters(rig.network);
        const hth_chunk first = law_cut(&rig, 0, 3), all = law_cut(&rig, 0, STEPS);
        must(hth_forward(h.tape, &first, &rig.report, &error), &error);
        if (run == 1) hth_network_parameters(rig.network)[1] += 1;
        if (run == 2) before[1] += 1;
        must(hth_forward(h.tape, &all, &rig.report, &error), &error);
        must(hth_tape_read(h.tape, 0, STEPS, y[run], &error), &error);
        handles_drop(&h);
        law_teardown(&rig);
    }
    assert_memory_equal(y[1], y[2], sizeof y[1]);
    assert_true(memcmp(y[0], y[1], sizeof y[0]) != 0);
}

/* hth_forward that fails leaves the tape as it was, with steps that stay and without: made again, it gives the same. */
static void test_a_forward_that_failed_can_be_made_again(void **state) {
    static const char *const learners[] = {"learner.name=eprop1-symmetric",
                                           "learner.name=tbptt-k1-k2 learner.window=4"};
    static const uint32_t lengths[BATCH] = {2, 1};
    const law_case what = {"cell.name=rate network.units=5 readout.kappa=0.5",
                           INPUTS,
                           0,
                           OUTPUTS,
                           STEPS,
                           BATCH,
                           true,
                           false};
    (void)state;
    for (size_t l = 0; l < HTH_COUNT(learners); l++) {
        hth_real *gradients[3];
        law_rig rig;
        law_setup(&rig, &what);
        for (int run = 0; run < 3;
             run++) { /* nothing fails; something does; the steps come twice */
            hth_error error;
            handles h = handles_make(&rig, learners[l], 2);
            hth_real *bias = hth_network_parameters(rig.network) + rig.network->readout.bias;
            const hth_real theta = bias[0];
            for (size_t t = 0; t < STEPS; t += 2) {
                hth_chunk cut = law_cut(&rig, t, 2);
                if (t == 2 && run == 1) {
                    bias[0] = (hth_real)INFINITY;
                    cut.lengths = lengths; /* these are forgotten, too, and so is the end */
                    cut.ends = true;
                    assert_int_equal(hth_forward(h.tape, &cut, &rig.report, &error),
                                     HTH_NOT_FINITE);
                    bias[0] = theta;
                    cut = law_cut(&rig, t, 2);
                }
                if (t == 2 && run == 2)
                    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
                must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
                must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            }
            gradients[run] = malloc(rig.count * sizeof(hth_real));
            memcpy(gradients[run], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
            handles_drop(&h);
        }
        const size_t bytes = rig.count * sizeof(hth_real);
        assert_memory_equal(gradients[0], gradients[1], bytes);
        assert_true(memcmp(gradients[0], gradients[2], bytes) != 0);
        for (int run = 0; run < 3; run++) free(gradients[run]);
        law_teardown(&rig);
    }
}

/* Steps that wait for losses must stay on the tape; and dE/dx is refused while nothing was learned from. */
static void test_forgetting_what_waits_is_refused(void **state) {
    const law_case what = {
        "cell.name=rate network.units=5", INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};
    (void)state;
    for (int slides = 0; slides < 2; slides++) {
        law_rig rig;
        hth_error error;
        hth_view view;
        law_setup(&rig, &what);
        handles h =
            handles_make(&rig, "learner.name=f-bptt learner.window=3 learner.inputs=true", 1);
        hth_status status = HTH_OK;
        for (size_t t = 0; t + 1 < STEPS && status == HTH_OK; t++) {
            if (!slides) hth_tape_begin(h.tape);
            if (slides && t >= 3) must(hth_tape_slide(h.tape, 1, &error), &error);
            write_steps(&rig, h.tape, t, 1, NULL);
            hth_verdict v = classes_of(&rig, t, 1);
            v.from = hth_tape_length(h.tape) - 1;
            must(hth_tape_judge(h.tape, &v, &rig.report, &error), &error);
            status = hth_learn(h.learner, h.tape, h.gradient, &error);
            if (status != HTH_OK) break;
            assert_int_equal(hth_learner_inputs(h.learner, &view, &error),
                             t < 2 ? HTH_INVALID : HTH_OK);
        }
        assert_int_equal(status, slides ? HTH_OK : HTH_INVALID);
        if (!slides) assert_non_null(strstr(error.message, "has forgotten steps"));
        if (slides) { /* what was found outlives the tape's next beginning */
            hth_tape_begin(h.tape);
            must(hth_learner_inputs(h.learner, &view, &error), &error);
            assert_int_equal(view.steps, 3);
        }
        handles_drop(&h);
        law_teardown(&rig);
    }
}

/* A restored tape has the steps of the state before anything else is asked of it, and tokens that are none are not
 * looked up. */
static void test_a_restored_tape_knows_its_length(void **state) {
    const law_case what = {"cell.name=rate network.units=5 network.embedding=3",
                           0,
                           5,
                           OUTPUTS,
                           STEPS,
                           BATCH,
                           true,
                           false};
    law_rig rig;
    hth_error error;
    hth_field fields[48];
    (void)state;
    law_setup(&rig, &what);
    handles a = handles_make(&rig, "learner.name=f-bptt learner.window=4", 1);
    handles b = handles_make(&rig, "learner.name=f-bptt learner.window=4", 1);
    for (size_t t = 0; t + 1 < STEPS; t++) handles_advance(&rig, &a, t, 1);
    handles_copy_state(&a, &b);
    assert_int_equal(hth_tape_length(b.tape), 3);
    const size_t count = hth_tape_state(b.tape, fields, HTH_COUNT(fields));
    size_t changed = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, "tape.tokens") == 0) {
            ((int32_t *)fields[i].data)[0] = 1000000;
            ((int32_t *)fields[i].data)[1] = -7;
            changed++;
        }
    assert_int_equal(changed, 1);
    handles_advance(&rig, &b, STEPS - 1, 1);
    for (size_t i = 0; i < rig.count; i++)
        assert_true(isfinite(hth_gradient_values(b.gradient)[i]));
    must(hth_tape_slide(b.tape, 0, &error), &error);
    handles_drop(&a);
    handles_drop(&b);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_of_all_steps_or_none),
        cmocka_unit_test(test_no_decision_ends_where_none_is_marked),
        cmocka_unit_test(test_a_verdict_that_failed_leaves_no_trace),
        cmocka_unit_test(test_verdicts_add_up),
        cmocka_unit_test(test_a_new_tape_sees_the_weights),
        cmocka_unit_test(test_a_forward_that_failed_can_be_made_again),
        cmocka_unit_test(test_forgetting_what_waits_is_refused),
        cmocka_unit_test(test_a_restored_tape_knows_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
