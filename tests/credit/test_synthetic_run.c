/*
 * Synthetic gradients in a run: a prediction of zero is truncation; nothing follows the end of a sequence, and
 * nothing is learned across a start; labels without weight are not read; threads, resuming, refusals.
 */
#include "parts.h"

static const law_case add = {"cell.name=rate cell.alpha=0.4 network.units=6 loss.name=softmax",
                             3,
                             0,
                             3,
                             42,
                             1,
                             false,
                             false};
static const law_case stack = {
    "cell.name=lstm network.units=5,6 loss.name=softmax", 3, 0, 4, 24, 3, true, true};

/* Zero output weights predict nothing: truncated backpropagation, until they have learned. */
static void test_zero_prediction_is_truncation(void **state) {
    (void)state;
    static const char *const forms[] = {"learner.sg_scans=1", "learner.sg_scans=2",
                                        "learner.sg_hidden=7"};
    law_rig rig;
    law_setup(&rig, &stack);
    hth_real *truncated = law_gradient(&rig, "learner.name=tbptt", 3);
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        char text[200];
        for (int rate = 0; rate < 2; rate++) {
            snprintf(text, sizeof text,
                     "learner.name=tbptt learner.future=synthetic learner.sg_lr=%d %s", rate,
                     forms[i]);
            hth_real *gradient = law_gradient(&rig, text, 3);
            if (rate)
                law_assert_differs(&rig, text, gradient, truncated, 1e-3);
            else
                law_assert_equal(&rig, text, gradient, truncated, tolerance(1e-13, 1e-5));
            free(gradient);
        }
    }
    hth_real *unscaled = law_gradient(
        &rig,
        "learner.name=tbptt learner.future=synthetic learner.sg_init=normal learner.sg_scale=0", 3);
    law_assert_equal(&rig, "scale 0", unscaled, truncated, tolerance(1e-13, 1e-5));
    free(unscaled);
    free(truncated);
    law_teardown(&rig);
}

/* Nothing follows the end of a sequence, whatever is predicted there: one tape is then backpropagation. */
static void test_nothing_follows_an_end(void **state) {
    (void)state;
    static const char *const forms[] = {
        "", "learner.sg_hidden=5", "learner.sg_present=true",
        "learner.past=trace learner.recurrence=full",
        "learner.sg_scans=2 learner.sg_refresh=3 learner.sg_activation=tanh"};
    law_rig rig;
    law_setup(&rig, &stack);
    const size_t whole = rig.what.steps;
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", whole);
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "learner.name=tbptt learner.future=synthetic learner.sg_init=normal %s", forms[i]);
        rig.chunk.ends = true;
        hth_real *ended = law_gradient(&rig, text, whole);
        rig.chunk.ends = false;
        hth_real *goes_on = law_gradient(&rig, text, whole);
        law_assert_equal(&rig, text, ended, exact, tolerance(1e-13, 1e-5));
        law_assert_differs(&rig, text, goes_on, exact, 1e-2);
        free(ended);
        free(goes_on);
    }
    free(exact);
    law_teardown(&rig);
}

/* What is predicted there is no part of the target either: with or without tanh, the same is learned. */
static void test_an_end_is_no_target(void **state) {
    (void)state;
    static const char *const forms[] = {"identity", "tanh"};
    law_rig rig;
    law_setup(&rig, &stack);
    for (int ends = 0; ends < 2; ends++) {
        hth_real *learned[2];
        size_t bytes = 0;
        for (int i = 0; i < 2; i++) {
            char text[200];
            snprintf(text, sizeof text,
                     "learner.name=tbptt learner.future=synthetic learner.sg_init=normal "
                     "learner.sg_lr=0.1 learner.sg_scans=2 learner.sg_activation=%s",
                     forms[i]);
            handles h = make_handles(&rig, text, 12);
            const hth_field weights = field_of(&h, "sg.weights");
            bytes = bytes_of(&weights);
            learned[i] = malloc(bytes);
            memcpy(learned[i], weights.data, bytes);
            rig.chunk.ends = false;
            learn_steps(&rig, &h, 0, 12);
            rig.chunk.ends = ends;
            learn_steps(&rig, &h, 12, 12);
            assert_true(memcmp(learned[i], weights.data, bytes) != 0);
            memcpy(learned[i], weights.data, bytes);
            drop_handles(&h);
        }
        assert_int_equal(memcmp(learned[0], learned[1], bytes) == 0, ends);
        free(learned[0]);
        free(learned[1]);
    }
    law_teardown(&rig);
}

static void test_nothing_is_learned_across_a_start(void **state) {
    (void)state;
    static const char *const forms[] = {
        "learner.name=dni learner.sg_lr=0.1",
        "learner.name=tbptt learner.future=synthetic learner.sg_init=normal learner.sg_lr=0.1 "
        "learner.sg_hidden=4"};
    law_rig rig;
    law_setup(&rig, &stack);
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        handles h = make_handles(&rig, forms[i], 1);
        const hth_field weights = field_of(&h, "sg.weights");
        hth_real *before = malloc(bytes_of(&weights));
        memcpy(before, weights.data, bytes_of(&weights));
        learn_steps(&rig, &h, 0, 1);
        assert_memory_equal(before, weights.data, bytes_of(&weights));
        rig.chunk.ends = true;
        learn_steps(&rig, &h, 1, 1);
        rig.chunk.ends = false;
        assert_true(memcmp(before, weights.data, bytes_of(&weights)) != 0);
        memcpy(before, weights.data, bytes_of(&weights));
        hth_tape_reset(h.tape); /* of the tape alone is enough */
        learn_steps(&rig, &h, 2, 1);
        assert_memory_equal(before, weights.data, bytes_of(&weights));
        learn_steps(&rig, &h, 3, 1);
        assert_true(memcmp(before, weights.data, bytes_of(&weights)) != 0);
        memcpy(before, weights.data, bytes_of(&weights));
        hth_learner_reset(h.learner);
        learn_steps(&rig, &h, 4, 1);
        assert_memory_equal(before, weights.data, bytes_of(&weights));
        free(before);
        drop_handles(&h);
    }
    law_teardown(&rig);
}

/* A label of weight 0 may be anything. */
static void test_unseen_labels_are_not_read(void **state) {
    (void)state;
    static const char settings[] = "learner.name=dni learner.sg_lr=0.1";
    for (int classes = 0; classes < 2; classes++) {
        law_case what = stack;
        law_rig rig;
        what.classes = classes;
        law_setup(&rig, &what);
        hth_real *one = law_gradient(&rig, settings, 1);
        size_t changed = 0;
        for (size_t i = 0; i < what.steps * what.batch; i++) {
            if (rig.chunk.weights[i] != 0) continue;
            changed++;
            if (classes) ((int32_t *)rig.chunk.classes)[i] = 1000000;
            if (!classes) ((hth_real *)rig.chunk.targets)[i * what.outputs] = 77;
        }
        assert_true(changed > 4);
        hth_real *other = law_gradient(&rig, settings, 1);
        assert_memory_equal(one, other, rig.count * sizeof *one);
        for (size_t i = 0; i < what.steps * what.batch; i++) {
            if (rig.chunk.weights[i] == 0) continue;
            if (classes) ((int32_t *)rig.chunk.classes)[i] ^= 1;
            if (!classes) ((hth_real *)rig.chunk.targets)[i * what.outputs] += 1;
        }
        free(other);
        other = law_gradient(&rig, settings, 1);
        assert_true(memcmp(one, other, rig.count * sizeof *one) != 0);
        free(one);
        free(other);
        law_teardown(&rig);
    }
}

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    static const law_case wide = {"cell.name=gru network.units=64", 3, 0, 5, 6, 8, true, false};
    law_rig rig;
    hth_error error;
    hth_real *first = NULL;
    law_setup(&rig, &wide);
    for (int threads = 1; threads <= 4; threads++) {
        hth_compute_destroy(rig.compute);
        must(hth_compute_create(threads, NULL, &rig.compute, &error), &error);
        hth_real *gradient =
            law_gradient(&rig, "learner.name=dni-b learner.sg_hidden=70 learner.signal=readout", 2);
        if (first) assert_memory_equal(first, gradient, rig.count * sizeof *first);
        if (first) free(gradient);
        if (!first) first = gradient;
    }
    free(first);
    law_teardown(&rig);
}

static void test_resumes(void **state) {
    (void)state;
    assert_resumes(&add, "learner.name=dni learner.sg_lr=0.1", 1, "");
    assert_resumes(&add, "learner.name=dni-b learner.sg_lr=0.1 learner.signal=readout", 1, "");
    assert_resumes(
        &stack,
        "learner.name=tbptt learner.future=synthetic learner.sg_lr=0.1 learner.sg_hidden=6 "
        "learner.sg_present=true",
        3, "");
    assert_resumes(&stack, "learner.name=tbptt learner.future=synthetic learner.sg_lr=0.1", 3,
                   "sg.credit");
    assert_resumes(&stack, "learner.name=eprop3 learner.sg_hidden=6 learner.sg_lr=0.02", 3,
                   "sg.said");
    assert_resumes(&stack, "learner.name=tbptt-sg learner.sg_hidden=0 learner.sg_scans=1", 3, "");
    assert_resumes(&stack,
                   "learner.name=eprop3 learner.sg_hidden=6 learner.sg_lr=0.02 learner.sg_loss=0.5",
                   3, "sg.said");
}

static void test_refusals(void **state) {
    (void)state;
    static const law_case leaky = {
        "cell.name=rate network.units=4 readout.kappa=0.5", 2, 0, 2, 4, 1, false, false};
    assert_refuses(&leaky, "learner.name=dni", 1, "readout.kappa = 0");
    assert_refuses(&add, "learner.name=dni learner.signal=none", 1, "no error reaches the units");
    assert_refuses(&add, "learner.name=dni learner.past=influence", 1, "would count twice");
    assert_refuses(&add, "learner.name=dni learner.past=trace learner.recurrence=none", 1,
                   "past = trace needs learner.recurrence = full");
    assert_refuses(&add, "learner.name=dni learner.past=trace learner.recurrence=diagonal", 1,
                   "past = trace needs learner.recurrence = full");
    assert_refuses(&add, "learner.future=synthetic learner.sg_activation=tanh", 1, "sg_scans = 2");
    assert_refuses(&add, "learner.future=synthetic learner.sg_refresh=2", 1, "sg_scans = 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_prediction_is_truncation),
        cmocka_unit_test(test_nothing_follows_an_end),
        cmocka_unit_test(test_an_end_is_no_target),
        cmocka_unit_test(test_nothing_is_learned_across_a_start),
        cmocka_unit_test(test_unseen_labels_are_not_read),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
