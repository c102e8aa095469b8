/* Verdicts in another order than that of time, after a slide, after a reset, and of targets that the loss has no
 * meaning for. */
#include "verbs.h"

static const law_case classes = {"cell.name=rate network.units=5 readout.kappa=0.5",
                                 INPUTS,
                                 0,
                                 OUTPUTS,
                                 TAPE,
                                 BATCH,
                                 true,
                                 false};

/* What the steps on the tape give, to be freed; the handles are dropped. */
static hth_real *learned(law_rig *rig, handles *h) {
    hth_error error;
    must(hth_learn(h->learner, h->tape, h->gradient, &error), &error);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h->gradient), rig->count * sizeof *copy);
    handles_drop(h);
    return copy;
}

/* Outputs are made once: what was said of later steps stands when earlier ones are judged and all are read again. */
static void test_later_steps_judged_first(void **state) {
    hth_real errors[2 * BATCH * OUTPUTS], y[TAPE * BATCH * OUTPUTS];
    hth_real *gradients[4];
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &classes);
    for (size_t i = 0; i < HTH_COUNT(errors); i++) errors[i] = (hth_real)0.1 * (hth_real)(i % 7);
    for (int run = 0; run < 4; run++) { /* 0, 1: classes of later steps, 2, 3: dE/dy; 1, 3: first */
        handles h = handles_make(&rig, "learner.name=bptt", TAPE);
        const hth_verdict early = verdict_of(&rig, 0, 0, 3), late = verdict_of(&rig, 0, 3, 2);
        const hth_verdict given = {.from = 3, .steps = 2, .errors = errors};
        const hth_verdict *later = run < 2 ? &late : &given;
        write_copy(&rig, h.tape, 0, TAPE);
        must(hth_tape_judge(h.tape, run % 2 ? later : &early, &rig.report, &error), &error);
        must(hth_tape_judge(h.tape, run % 2 ? &early : later, &rig.report, &error), &error);
        must(hth_tape_read(h.tape, 0, TAPE, y, &error), &error);
        gradients[run] = learned(&rig, &h);
    }
    law_assert_equal(&rig, "classes", gradients[1], gradients[0], tolerance(1e-12, 1e-5));
    law_assert_equal(&rig, "dE/dy", gradients[3], gradients[2], tolerance(1e-12, 1e-5));
    law_assert_differs(&rig, "classes or dE/dy", gradients[0], gradients[2], 1e-3);
    for (int run = 0; run < 4; run++) free(gradients[run]);
    law_teardown(&rig);
}

/* Steps that a slide brings to the place of those that were judged last keep their own weights. */
static void test_steps_that_move_keep_their_weights(void **state) {
    hth_real weights[2 * BATCH];
    hth_real *gradients[3];
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &classes);
    for (size_t i = 0; i < HTH_COUNT(weights); i++) weights[i] = (hth_real)(i + 2);
    for (int run = 0; run < 3; run++) { /* the weighted steps last; first; never weighted */
        handles h = handles_make(&rig, "learner.name=tbptt", TAPE);
        const hth_verdict early = verdict_of(&rig, 0, 0, 2);
        hth_verdict late = verdict_of(&rig, 0, 2, 2);
        late.weights = run < 2 ? weights : NULL;
        hth_inputs in = inputs_of(&rig, 0, 4);
        must(hth_tape_write(h.tape, &in, &error), &error);
        must(hth_tape_judge(h.tape, run == 1 ? &late : &early, &rig.report, &error), &error);
        must(hth_tape_judge(h.tape, run == 1 ? &early : &late, &rig.report, &error), &error);
        must(hth_tape_slide(h.tape, 2, &error), &error);
        gradients[run] = learned(&rig, &h);
    }
    law_assert_equal(&rig, "moved", gradients[1], gradients[0], tolerance(1e-12, 1e-5));
    law_assert_differs(&rig, "without weights", gradients[2], gradients[0], 1e-2);
    for (int run = 0; run < 3; run++) free(gradients[run]);
    law_teardown(&rig);
}

/* Steps that are written and forgotten without being learned from are passed over, by a window of no more than a tape
 * as by tapes that do not slide. */
static void test_steps_passed_over(void **state) {
    static const char *const learners[] = {"learner.name=tbptt",
                                           "learner.name=f-bptt learner.window=2"};
    law_case what = classes;
    hth_real *gradients[3];
    law_rig rig;
    (void)state;
    what.steps = 6;
    law_setup(&rig, &what);
    for (int run = 0; run < 3; run++) { /* 2: none is passed over */
        handles h = handles_make(&rig, learners[run > 0], 2);
        for (size_t t = 0; t < 4; t += 2) {
            hth_tape_begin(h.tape);
            write_copy(&rig, h.tape, t, 2);
            judge(&rig, h.tape, t, 0, 2);
            hth_error error;
            if (t == 0 || run == 2) must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        }
        hth_tape_begin(h.tape);
        write_copy(&rig, h.tape, 4, 2);
        judge(&rig, h.tape, 4, 0, 2);
        gradients[run] = learned(&rig, &h);
    }
    law_assert_equal(&rig, "passed over", gradients[1], gradients[0], tolerance(1e-12, 1e-5));
    law_assert_differs(&rig, "all", gradients[2], gradients[0], 1e-3);
    for (int run = 0; run < 3; run++) free(gradients[run]);
    law_teardown(&rig);
}

/* A reset begins anew: the same sequence once more has the same gradient, also of a bias inside the filter. */
static void test_a_reset_leaves_nothing(void **state) {
    law_case what = classes;
    hth_real *gradients[3];
    law_rig rig;
    (void)state;
    what.settings = "cell.name=rate network.units=5 readout.kappa=0.5 readout.bias_place=inside";
    law_setup(&rig, &what);
    for (int run = 0; run < 3; run++) { /* at once; after another tape and a reset; without one */
        handles h = handles_make(&rig, "learner.name=tbptt", 2);
        hth_tape_reset(h.tape);
        if (run > 0) handles_advance(&rig, &h, 0, 2);
        if (run > 0) handles_advance(&rig, &h, 2, 2);
        if (run == 1) hth_tape_reset(h.tape);
        hth_gradient_clear(h.gradient);
        const hth_chunk cut = law_cut(&rig, 0, 2);
        hth_error error;
        must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
        gradients[run] = learned(&rig, &h);
    }
    assert_memory_equal(gradients[0], gradients[1], rig.count * sizeof *gradients[0]);
    law_assert_differs(&rig, "carried", gradients[2], gradients[0], 1e-3);
    for (int run = 0; run < 3; run++) free(gradients[run]);
    law_teardown(&rig);
}

/* A target that the loss has no meaning for is refused where it counts, and looked at nowhere else. */
static void test_targets_beyond_the_loss(void **state) {
    law_case what = classes;
    hth_real weights[TAPE * BATCH], targets[TAPE * BATCH * OUTPUTS];
    law_rig rig;
    hth_error error;
    (void)state;
    what.settings = "cell.name=rate network.units=5 loss.name=sigmoid";
    what.classes = false;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=bptt", TAPE);
    for (size_t i = 0; i < TAPE * BATCH; i++) weights[i] = 1;
    for (size_t i = 0; i < TAPE * BATCH * OUTPUTS; i++) targets[i] = i % 2 ? 1 : 0;
    targets[3 * OUTPUTS + 2] = (hth_real)1.5; /* step 1, item 1 */
    write_copy(&rig, h.tape, 0, TAPE);
    for (int weight = 2; weight >= 0; weight--) { /* 2: without weights */
        weights[3] = (hth_real)weight;
        const hth_verdict v = {
            .steps = TAPE, .targets = targets, .weights = weight < 2 ? weights : NULL};
        const hth_status status = hth_tape_judge(h.tape, &v, &rig.report, &error);
        if (weight)
            refused(status, &error, HTH_INVALID,
                    "step 1, item 1, component 2 is 1.5; loss sigmoid takes 0 to 1");
        else
            must(status, &error);
    }
    assert_true(isfinite(rig.report.loss));
    handles_drop(&h);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_steps_judged_first),
        cmocka_unit_test(test_steps_that_move_keep_their_weights),
        cmocka_unit_test(test_steps_passed_over),
        cmocka_unit_test(test_a_reset_leaves_nothing),
        cmocka_unit_test(test_targets_beyond_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
