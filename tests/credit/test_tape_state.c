/*
 * What tape and learner know of each other: a learner learns from each step once; it refuses a sequence whose
 * predecessor had an end that was not told, before and after its state and that of the tape have been saved and
 * restored; of two tapes it knows which is which; and E_reg is told wherever it is found.
 */
#include "handles.h"

enum { STEPS = 8, BATCH = 2, INPUTS = 3, OUTPUTS = 4 };

static const law_case plain = {
    "cell.name=rate network.units=5", INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};

static hth_verdict verdict_of(const law_rig *rig, size_t from, size_t steps) {
    return (hth_verdict){
        .from = from, .steps = steps, .classes = rig->chunk.classes + from * BATCH};
}

static void refused(hth_status status, const hth_error *error, const char *part) {
    assert_int_equal(status, HTH_INVALID);
    if (!strstr(error->message, part)) fail_msg("no '%s' in: %s", part, error->message);
}

static hth_status forward_and_learn(law_rig *rig, handles *h, size_t from, size_t steps, bool ends,
                                    hth_error *error) {
    hth_chunk cut = law_cut(rig, from, steps);
    cut.ends = ends;
    must(hth_forward(h->tape, &cut, &rig->report, error), error);
    return hth_learn(h->learner, h->tape, h->gradient, error);
}

static hth_real *copy_of(const law_rig *rig, const handles *h) {
    const size_t bytes = rig->count * sizeof(hth_real);
    return memcpy(malloc(bytes), hth_gradient_values(h->gradient), bytes);
}

/* ---- A learner learns from each step once ---- */

/* Half a tape judged, learned, the rest judged, learned again: refused, and nothing is counted twice. Where the tape
 * slides, the same way of doing it gives what judging all at once gives. */
static void test_each_step_is_learned_from_once(void **state) {
    static const char *const learners[] = {"learner.name=tbptt", "learner.name=eprop1",
                                           "learner.name=tbptt-k1-k2 learner.window=4"};
    (void)state;
    for (size_t l = 0; l < HTH_COUNT(learners); l++) {
        law_rig rig;
        hth_error error;
        hth_real *found[2];
        law_setup(&rig, &plain);
        for (int halves = 0; halves < 2; halves++) {
            const hth_chunk c = law_cut(&rig, 0, 4);
            const hth_inputs in = {.steps = 4, .batch = BATCH, .x = c.x};
            handles h = handles_make(&rig, learners[l], 4);
            must(hth_tape_write(h.tape, &in, &error), &error);
            for (int half = 0; half < 2; half++) {
                const hth_verdict v = verdict_of(&rig, half ? 2 : 0, 2);
                must(hth_tape_judge(h.tape, &v, &rig.report, &error), &error);
                if (!halves && !half) continue;
                const hth_status status = hth_learn(h.learner, h.tape, h.gradient, &error);
                if (half && halves && l < 2)
                    refused(status, &error, "learned from 4 of the 4 steps on the tape before");
                else
                    must(status, &error);
            }
            found[halves] = copy_of(&rig, &h);
            hth_tape_begin(h.tape); /* a new tape is learned from */
            must(hth_forward(h.tape, &c, &rig.report, &error), &error);
            must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            handles_drop(&h);
        }
        if (l == 2)
            law_assert_equal(&rig, learners[l], found[1], found[0], tolerance(1e-13, 1e-5));
        else
            law_assert_differs(&rig, learners[l], found[1], found[0], 1e-2);
        free(found[0]);
        free(found[1]);
        law_teardown(&rig);
    }
}

/* Steps that stay on a tape which a learner without a window has learned from; other learners may learn from it. */
static void test_marks_are_the_learners_own(void **state) {
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &plain);
    handles a = handles_make(&rig, "learner.name=tbptt", 4);
    handles b = handles_make(&rig, "learner.name=rflo", 4);
    must(forward_and_learn(&rig, &a, 0, 3, false, &error), &error);
    must(hth_learn(b.learner, a.tape, b.gradient, &error), &error);
    must(hth_tape_slide(a.tape, 2, &error), &error);
    const hth_inputs in = {.steps = 1, .batch = BATCH, .x = law_cut(&rig, 3, 1).x};
    must(hth_tape_write(a.tape, &in, &error), &error);
    refused(hth_learn(a.learner, a.tape, a.gradient, &error), &error,
            "learned from 1 of the 2 steps");
    must(hth_tape_slide(a.tape, 1, &error), &error);
    must(hth_learn(a.learner, a.tape, a.gradient, &error), &error);
    must(forward_and_learn(&rig, &b, 0, 3, false, &error), &error); /* another tape */
    handles_drop(&a);
    handles_drop(&b);
    law_teardown(&rig);
}

/* The learner begins a sequence where its tape does, also if it has not seen the first tape of it. */
static void test_a_sequence_begins_with_its_tape(void **state) {
    static const char *const learners[] = {"learner.name=rtrl", "learner.name=eprop1",
                                           "learner.name=uoro", "learner.name=snap1"};
    (void)state;
    for (size_t l = 0; l < HTH_COUNT(learners); l++) {
        law_rig rig;
        hth_error error;
        hth_real *found[3];
        law_setup(&rig, &plain);
        for (int run = 0; run < 3; run++) { /* another sequence before; nothing before; no reset */
            handles h = handles_make(&rig, learners[l], 1);
            for (size_t t = 0; t < 4 && run != 1; t++) {
                const hth_chunk other = law_cut(&rig, t + 4, 1);
                must(hth_forward(h.tape, &other, &rig.report, &error), &error);
                must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
            }
            if (run != 2) hth_tape_reset(h.tape);
            const uint64_t drawn = h.learner->noise.drawn;
            if (run == 0) h.learner->noise.drawn = 0;
            hth_gradient_clear(h.gradient);
            const hth_chunk unseen = law_cut(&rig, 0, 1);
            must(hth_forward(h.tape, &unseen, &rig.report, &error), &error);
            for (size_t t = 1; t < 4; t++)
                must(forward_and_learn(&rig, &h, t, 1, false, &error), &error);
            found[run] = copy_of(&rig, &h);
            assert_true(drawn == 0 || run != 1);
            handles_drop(&h);
        }
        const size_t bytes = rig.count * sizeof *found[0];
        assert_memory_equal(found[0], found[1], bytes);
        assert_true(memcmp(found[0], found[2], bytes) != 0);
        for (int run = 0; run < 3; run++) free(found[run]);
        law_teardown(&rig);
    }
}

/* ---- Ends that were not told ---- */

static const struct {
    const char *settings, *says;
} waiting[] = {{"learner.name=dni", "set ends = true"},
               {"learner.name=eprop3", "set ends = true"},
               {"learner.name=f-bptt learner.window=4", "waiting for losses to come"}};

/* Told or not, and with new handles that have the state of the old ones, or with the old ones. */
static void test_a_refusal_survives_a_resume(void **state) {
    (void)state;
    for (size_t l = 0; l < HTH_COUNT(waiting); l++)
        for (int run = 0; run < 4; run++) {
            const bool told = run % 2, resumed = run / 2;
            law_rig rig;
            hth_error error;
            law_setup(&rig, &plain);
            handles a = handles_make(&rig, waiting[l].settings, 1);
            handles b = handles_make(&rig, waiting[l].settings, 1);
            for (size_t t = 0; t < 3; t++)
                must(forward_and_learn(&rig, &a, t, 1, told && t == 2, &error), &error);
            if (resumed) handles_copy_state(&a, &b);
            handles *h = resumed ? &b : &a;
            hth_chunk cut = law_cut(&rig, 3, 1);
            if (told) /* the tape takes no more steps, whoever has it */
                refused(hth_forward(h->tape, &cut, &rig.report, &error), &error,
                        "call hth_tape_reset");
            hth_tape_reset(h->tape);
            const hth_status status = forward_and_learn(&rig, h, 0, 1, false, &error);
            if (told)
                must(status, &error);
            else
                refused(status, &error, waiting[l].says);
            /* once: the caller has been told */
            hth_tape_reset(h->tape);
            if (!told) must(forward_and_learn(&rig, h, 0, 1, true, &error), &error);
            handles_drop(&a);
            handles_drop(&b);
            law_teardown(&rig);
        }
}

/* What a sequence adds up to is known after a resume. */
static void test_totals_survive_a_resume(void **state) {
    const law_case what = {"cell.name=rate network.units=5 loss.time=window",
                           INPUTS,
                           0,
                           OUTPUTS,
                           STEPS,
                           BATCH,
                           true,
                           true};
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &what);
    handles a = handles_make(&rig, "learner.name=rflo", 2);
    handles b = handles_make(&rig, "learner.name=rflo", 2);
    law_expect(&rig, a.tape);
    must(forward_and_learn(&rig, &a, 0, 2, false, &error), &error);
    handles_copy_state(&a, &b);
    hth_gradient_clear(a.gradient);
    must(forward_and_learn(&rig, &a, 2, 2, false, &error), &error);
    must(forward_and_learn(&rig, &b, 2, 2, false, &error), &error);
    assert_memory_equal(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                        rig.count * sizeof(hth_real));
    handles_drop(&a);
    handles_drop(&b);
    law_teardown(&rig);
}

/* Between a state and the next step there is nothing to learn from, and the sentence says why. */
static void test_a_restored_state_has_no_steps(void **state) {
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &plain);
    handles a = handles_make(&rig, "learner.name=f-bptt learner.window=6", 2);
    handles b = handles_make(&rig, "learner.name=f-bptt learner.window=6", 2);
    must(forward_and_learn(&rig, &a, 0, 2, false, &error), &error);
    handles_copy_state(&a, &b);
    refused(hth_learn(b.learner, b.tape, b.gradient, &error), &error,
            "no step on the tape: its state is that of its beginning, or has been restored");
    must(forward_and_learn(&rig, &b, 2, 2, false, &error), &error);
    handles_drop(&a);
    handles_drop(&b);
    law_teardown(&rig);
}

/* Items that have ended on steps that stay have ended after a resume. */
static void test_lengths_survive_a_resume(void **state) {
    static const uint32_t lengths[BATCH] = {2, 1}, more[BATCH] = {1, 1}, none[BATCH] = {1, 0};
    (void)state;
    for (int resumed = 0; resumed < 2; resumed++) {
        law_rig rig;
        hth_error error;
        law_setup(&rig, &plain);
        handles a = handles_make(&rig, "learner.name=f-bptt learner.window=6", 2);
        handles b = handles_make(&rig, "learner.name=f-bptt learner.window=6", 2);
        hth_chunk cut = law_cut(&rig, 0, 2);
        cut.lengths = lengths;
        must(hth_forward(a.tape, &cut, &rig.report, &error), &error);
        must(hth_learn(a.learner, a.tape, a.gradient, &error), &error);
        if (resumed) handles_copy_state(&a, &b);
        handles *h = resumed ? &b : &a;
        cut = law_cut(&rig, 2, 1);
        cut.lengths = more;
        refused(hth_forward(h->tape, &cut, &rig.report, &error), &error, "it has ended on this");
        cut.lengths = none;
        must(hth_forward(h->tape, &cut, &rig.report, &error), &error);
        handles_drop(&a);
        handles_drop(&b);
        law_teardown(&rig);
    }
}

/* An item that has ended on a step that was forgotten has no steps more; one that has not ended has. */
static void test_an_ended_item_stays_ended(void **state) {
    static const uint32_t lengths[BATCH] = {2, 1}, more[BATCH] = {1, 1}, none[BATCH] = {1, 0};
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &plain);
    handles h = handles_make(&rig, "learner.name=tbptt", 4);
    hth_inputs in = {.steps = 2, .batch = BATCH, .x = rig.chunk.x, .lengths = lengths};
    must(hth_tape_write(h.tape, &in, &error), &error);
    must(hth_tape_slide(h.tape, 1, &error), &error);
    in.steps = 1;
    in.lengths = more;
    refused(hth_tape_write(h.tape, &in, &error), &error, "after 0 of 1 steps");
    in.lengths = none;
    must(hth_tape_write(h.tape, &in, &error), &error);
    handles_drop(&h);
    law_teardown(&rig);
}

/* ---- Tapes that are alike ---- */

/* Two tapes count their sequences alike; a learner that waits for losses on one refuses the other, and when nothing
 * waits it takes the other for what it is. */
static void test_two_tapes_of_one_learner(void **state) {
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &plain);
    for (int told = 0; told < 2; told++) {
        handles a = handles_make(&rig, waiting[2].settings, 1);
        handles b = handles_make(&rig, waiting[2].settings, 1);
        must(forward_and_learn(&rig, &a, 0, 1, false, &error), &error);
        must(forward_and_learn(&rig, &a, 1, 1, told, &error), &error);
        hth_gradient_clear(a.gradient);
        const hth_chunk first = law_cut(&rig, 4, 1);
        hth_chunk second = law_cut(&rig, 5, 1);
        second.ends = true;
        must(hth_forward(b.tape, &first, &rig.report, &error), &error);
        must(hth_forward(b.tape, &second, &rig.report, &error), &error);
        const hth_status status = hth_learn(a.learner, b.tape, a.gradient, &error);
        if (!told) refused(status, &error, "waiting for losses to come");
        if (told) { /* all of it, as a learner of its own would */
            must(status, &error);
            must(hth_learn(b.learner, b.tape, b.gradient, &error), &error);
            assert_memory_equal(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                                rig.count * sizeof(hth_real));
            assert_true(law_largest(&rig.network->blocks[0], hth_gradient_values(a.gradient)) > 0);
        }
        handles_drop(&a);
        handles_drop(&b);
    }
    law_teardown(&rig);
}

/* hth_tape_keep between a state and the next step: the newest steps stay. */
static void test_fewer_steps_are_the_newest(void **state) {
    law_rig rig;
    hth_error error;
    hth_real y[2 * BATCH * OUTPUTS], expected[5 * BATCH * OUTPUTS];
    hth_field fields[48];
    (void)state;
    law_setup(&rig, &plain);
    handles h = handles_make(&rig, "learner.name=f-bptt learner.window=6", 1);
    const hth_chunk cut = law_cut(&rig, 0, 5), next = law_cut(&rig, 5, 1);
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    must(hth_tape_read(h.tape, 0, 5, expected, &error), &error);
    assert_true(hth_tape_state(h.tape, fields, HTH_COUNT(fields)) < HTH_COUNT(fields));
    must(hth_tape_keep(h.tape, 2, &error), &error);
    must(hth_forward(h.tape, &next, &rig.report, &error), &error);
    assert_int_equal(hth_tape_length(h.tape), 3);
    must(hth_tape_read(h.tape, 0, 2, y, &error), &error);
    assert_memory_equal(y, expected + 3 * BATCH * OUTPUTS, sizeof y);
    assert_true(memcmp(y, expected, sizeof y) != 0);
    handles_drop(&h);
    law_teardown(&rig);
}

/* ---- E_reg ---- */

/* Of a tape that is learned from before all of it is judged, E_reg is in the next report: once, and the same. */
static void test_a_regulariser_is_always_told(void **state) {
    const law_case what = {"cell.name=lif network.units=9 cell.v_th=0.02 regulariser.rate=1",
                           INPUTS,
                           0,
                           OUTPUTS,
                           STEPS,
                           BATCH,
                           true,
                           false};
    double found[3];
    (void)state;
    for (int run = 0; run < 3; run++) { /* judged first; the rest judged after; a new tape */
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=tbptt", 4);
        const hth_inputs in = {.steps = 4, .batch = BATCH, .x = rig.chunk.x};
        const hth_verdict half = verdict_of(&rig, 0, 2), rest = verdict_of(&rig, 2, 2);
        must(hth_tape_write(h.tape, &in, &error), &error);
        must(hth_tape_judge(h.tape, &half, &rig.report, &error), &error);
        assert_true(rig.report.regulariser == 0);
        if (run == 0) must(hth_tape_judge(h.tape, &rest, &rig.report, &error), &error);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        if (run == 1) must(hth_tape_judge(h.tape, &rest, &rig.report, &error), &error);
        if (run == 2) { /* of which only a step is judged, so that its own is not told */
            const hth_verdict one = verdict_of(&rig, 0, 1);
            hth_tape_begin(h.tape);
            must(hth_tape_write(h.tape, &in, &error), &error);
            must(hth_tape_judge(h.tape, &one, &rig.report, &error), &error);
        }
        found[run] = rig.report.regulariser;
        handles_drop(&h);
        law_teardown(&rig);
    }
    assert_true(found[0] > 0 && found[0] == found[1] && found[0] == found[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_is_learned_from_once),
        cmocka_unit_test(test_marks_are_the_learners_own),
        cmocka_unit_test(test_a_sequence_begins_with_its_tape),
        cmocka_unit_test(test_a_refusal_survives_a_resume),
        cmocka_unit_test(test_totals_survive_a_resume),
        cmocka_unit_test(test_a_restored_state_has_no_steps),
        cmocka_unit_test(test_lengths_survive_a_resume),
        cmocka_unit_test(test_an_ended_item_stays_ended),
        cmocka_unit_test(test_two_tapes_of_one_learner),
        cmocka_unit_test(test_fewer_steps_are_the_newest),
        cmocka_unit_test(test_a_regulariser_is_always_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
