/* A tape that slides: outputs, gradients and verdicts of the steps that stay are those of before, bit for bit. */
#include "verbs.h"

/* Outputs of the steps that stay are those of before, and new steps go on as if nothing had been forgotten. */
static void test_sliding_changes_no_output(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        const law_case what = {cells[c], INPUTS, 0, OUTPUTS, 12, BATCH, false, true};
        const size_t numbers = BATCH * OUTPUTS;
        law_rig rig;
        hth_error error;
        hth_real whole[12 * BATCH * OUTPUTS], slid[12 * BATCH * OUTPUTS];
        law_setup(&rig, &what);
        handles all = handles_make(&rig, "learner.name=tbptt", 12);
        handles few = handles_make(&rig, "learner.name=tbptt", 12);
        fill(&rig, all.tape, 0, 12, WHOLE);
        must(hth_tape_read(all.tape, 0, 12, whole, &error), &error);
        write_copy(&rig, few.tape, 0, 7);
        judge(&rig, few.tape, 0, 2, 4);
        must(hth_tape_slide(few.tape, 3, &error), &error);
        assert_int_equal(hth_tape_length(few.tape), 4);
        write_copy(&rig, few.tape, 7, 5);
        judge(&rig, few.tape, 3, 4, 5);
        must(hth_tape_read(few.tape, 0, 9, slid, &error), &error);
        assert_memory_equal(whole + 3 * numbers, slid, 9 * numbers * sizeof *slid);
        assert_true(memcmp(whole, slid, 9 * numbers * sizeof *slid) != 0);
        const hth_verdict again = verdict_of(&rig, 3, 1, 1);
        assert_int_equal(hth_tape_judge(few.tape, &again, &rig.report, &error), HTH_INVALID);
        assert_non_null(strstr(error.message, "step 1 of the tape has been judged already"));
        handles_drop(&all);
        handles_drop(&few);
        law_teardown(&rig);
    }
}

/* After a slide the gradient is that of a new tape with the steps that stay, bit for bit; of more steps it is not. */
static void test_slid_tape_learns(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        const law_case what = {cells[c], INPUTS, 0, OUTPUTS, 12, BATCH, false, false};
        law_rig rig;
        hth_error error;
        hth_real *gradients[3];
        law_setup(&rig, &what);
        for (size_t run = 0; run < 3; run++) {
            handles h = handles_make(&rig, "learner.name=tbptt", 12);
            handles_reset(&h);
            write_copy(&rig, h.tape, 0, 5);
            if (run == 0) hth_tape_begin(h.tape);
            write_copy(&rig, h.tape, 5, 7);
            judge(&rig, h.tape, run == 0 ? 5 : 0, run == 0 ? 0 : 5, 7);
            if (run == 1) must(hth_tape_slide(h.tape, 5, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            gradients[run] = malloc(rig.count * sizeof(hth_real));
            memcpy(gradients[run], hth_gradient_values(h.gradient), rig.count * sizeof(hth_real));
            handles_drop(&h);
        }
        assert_memory_equal(gradients[0], gradients[1], rig.count * sizeof(hth_real));
        assert_true(memcmp(gradients[0], gradients[2], rig.count * sizeof(hth_real)) != 0);
        for (size_t run = 0; run < 3; run++) free(gradients[run]);
        law_teardown(&rig);
    }
}

/* What was said before a slide counts after it: judged, then slid = slid, then judged. */
static hth_real *slid(law_rig *rig, bool judged_first) {
    hth_error error;
    handles h = handles_make(rig, "learner.name=tbptt", 12);
    handles_reset(&h);
    rig->report = (hth_report){0};
    law_expect(rig, h.tape);
    write_copy(rig, h.tape, 0, 7);
    if (judged_first) judge(rig, h.tape, 0, 0, 7);
    must(hth_tape_slide(h.tape, 3, &error), &error);
    if (!judged_first) judge(rig, h.tape, 3, 0, 4);
    write_copy(rig, h.tape, 7, 5);
    judge(rig, h.tape, 3, 4, 5);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    handles_drop(&h);
    return copy;
}

static void test_verdicts_slide_too(void **state) {
    static const law_case all[] = {
        {"cell.name=rate network.units=5", 3, 0, 6, 12, 2, true, true},
        {"cell.name=rate network.units=5 loss.time=window", 3, 0, 300, 12, 2, true, true},
        {"cell.name=gru network.units=4 network.embedding=3 loss.name=softmax", 0, 7, 6, 12, 2,
         false, true},
        {"cell.name=alif network.units=20 cell.v_th=0.05 network.events=always readout.kappa=0.6 "
         "readout.bias_place=inside",
         3, 0, 4, 12, 2, true, true},
    };
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        law_rig rig;
        law_setup(&rig, &all[c]);
        hth_real *before = slid(&rig, true), *after = slid(&rig, false);
        const size_t bytes = rig.count * sizeof *before;
        assert_memory_equal(before, after, bytes);
        const hth_real *weights = rig.chunk.weights;
        rig.chunk.weights = NULL; /* other verdicts are seen */
        hth_real *other = slid(&rig, true);
        rig.chunk.weights = weights;
        assert_true(memcmp(before, other, bytes) != 0);
        law_assert_alive(&rig);
        free(before);
        free(after);
        free(other);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sliding_changes_no_output),
        cmocka_unit_test(test_slid_tape_learns),
        cmocka_unit_test(test_verdicts_slide_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
