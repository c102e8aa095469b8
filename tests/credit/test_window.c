/*
 * The sliding window (F-BPTT): its gradient is, step by step and with weights that change, that of a plain
 * implementation; with a window as long as the sequence it adds up to backpropagation through time, with a
 * shorter one not; and a loss reaches no step further back than the window.
 */
#include "parts.h"

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7 network.initial=learned", 3, 0, 2, 11, 2, false,
     true},
    {"cell.name=lstm network.units=4,5 network.embedding=3 network.initial=learned", 0, 6, 4, 10, 2,
     true, true},
    {"cell.name=gru network.units=6 readout.kappa=0.7", 3, 0, 2, 9, 2, false, true},
    {"cell.name=lif cell.refractory=2 network.units=12 readout.kappa=0.9 cell.v_th=0.6 "
     "init.w_in_scale=2 readout.scale=true",
     3, 0, 2, 12, 2, false, true},
};
enum { LONGEST_WINDOW = 16 };

/* Steps of weight 0, which change no gradient but let what waits see nothing more. */
static void flush(law_rig *rig, handles *h, size_t K, size_t steps) {
    hth_real *zero = calloc(rig->what.batch * K, sizeof *zero);
    for (size_t i = 0; i < steps; i += K) {
        hth_chunk cut = law_cut(rig, 0, steps - i < K ? steps - i : K);
        cut.weights = zero;
        learn_chunk(rig, h, &cut);
    }
    free(zero);
}

/* All steps by a window of H, then steps of weight 0 until none waits. */
static hth_real *windowed(law_rig *rig, const char *more, size_t H, size_t K) {
    char text[200];
    snprintf(text, sizeof text, "learner.name=f-bptt learner.window=%zu %s", H, more);
    handles h = make_handles(rig, text, K);
    for (size_t t = 0; t < rig->what.steps; t += K)
        learn_steps(rig, &h, t, rig->what.steps - t < K ? rig->what.steps - t : K);
    flush(rig, &h, K, H - K);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    drop_handles(&h);
    return copy;
}

static void test_long_window_is_bptt(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        const size_t T = cases[c].steps;
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", T);
        law_assert_alive(&rig);
        const size_t tapes[][2] = {{T, 1}, {T + 3, 3}, {T + 3, 4}, {LONGEST_WINDOW, 1}};
        for (size_t i = 0; i < HTH_COUNT(tapes); i++) {
            hth_real *sum = windowed(&rig, "", tapes[i][0], tapes[i][1]);
            law_assert_equal(&rig, "long window = bptt", sum, exact, tolerance(1e-10, 2e-3));
            free(sum);
        }
        hth_real *less = windowed(&rig, "", 3, 1);
        law_assert_differs(&rig, "short window", less, exact, 1e-4);
        hth_real *cut = windowed(&rig, "learner.recurrence=none", T, 1);
        hth_real *cut_bptt = law_gradient(&rig, "learner.name=bptt learner.recurrence=none", T);
        law_assert_differs(&rig, "without recurrence", cut, exact, 1e-4);
        law_assert_equal(&rig, "recurrence = none", cut, cut_bptt, tolerance(1e-10, 2e-3));
        free(less);
        free(cut);
        free(cut_bptt);
        free(exact);
        law_teardown(&rig);
    }
}

/* What waits at the end of a sequence is learned from with the next tape: when the tape begins a sequence, or
 * the learner was started anew. */
static void assert_learns_what_waits(law_rig *rig, size_t H, bool whole) {
    char text[80];
    const size_t T = rig->what.steps;
    hth_real *all = windowed(rig, "", H, 1);
    snprintf(text, sizeof text, "learner.name=f-bptt learner.window=%zu", H);
    for (int tape = 0; tape < 2; tape++) {
        handles h = make_handles(rig, text, 1);
        for (size_t t = 0; t < T; t++) learn_steps(rig, &h, t, 1);
        if (whole)
            assert_true(law_largest(&rig->network->blocks[0], hth_gradient_values(h.gradient)) ==
                        0);
        else
            law_assert_differs(rig, "some wait", hth_gradient_values(h.gradient), all, 1e-3);
        assert_int_equal(*(uint64_t *)field_of(&h, "window.held").data, H - 1 < T ? H - 1 : T);
        if (tape)
            hth_tape_reset(h.tape);
        else
            hth_learner_reset(h.learner);
        flush(rig, &h, 1, 1);
        law_assert_equal(rig, text, hth_gradient_values(h.gradient), all, tolerance(1e-12, 1e-3));
        flush(rig, &h, 1, H - 1); /* of what follows, all of weight 0, nothing comes */
        law_assert_equal(rig, text, hth_gradient_values(h.gradient), all, tolerance(1e-12, 1e-3));
        drop_handles(&h);
    }
    free(all);
}

static void test_next_sequence_learns_what_waits(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        assert_learns_what_waits(&rig, LONGEST_WINDOW, true);
        assert_learns_what_waits(&rig, 4, false);
        law_teardown(&rig);
    }
}

/* A loss at step t alone: steps before t - H + 1 get nothing of it, that one does. */
static void test_losses_reach_no_further_than_the_window(void **state) {
    (void)state;
    enum { H = 4, AT = 8 };
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_real *w = (hth_real *)rig.chunk.weights;
    for (size_t i = 0; i < rig.what.steps * rig.what.batch; i++) w[i] = 0;
    for (size_t b = 0; b < rig.what.batch; b++) w[AT * rig.what.batch + b] = 1;
    handles h = make_handles(&rig, "learner.name=f-bptt learner.window=4", 1);
    for (size_t t = 0; t < rig.what.steps; t++) {
        hth_gradient_clear(h.gradient);
        learn_steps(&rig, &h, t, 1);
        const double g = law_largest(&rig.network->blocks[0], hth_gradient_values(h.gradient));
        if (t < AT) /* then comes the gradient of step t - H + 1 */
            assert_true(g == 0);
        else
            assert_true(g > 1e-6);
    }
    drop_handles(&h);
    law_teardown(&rig);
}

/* ---- A plain implementation, weights changing ---- */

static const law_case plain_case = {
    "cell.name=rate cell.alpha=0.4 network.units=6 loss.name=softmax",
    3,
    0,
    3,
    30,
    1,
    false,
    false};

/* The credit of the oldest of `count` steps: c = q + J^T c, with today's weights. */
static void plain_credit(const plain_rate *steps, size_t count, double *credit) {
    double pulled[32] = {0};
    const plain_rate *newest = &steps[count - 1];
    for (size_t t = count; t-- > 0;) {
        for (size_t j = 0; j < newest->n; j++) credit[j] = pulled[j] + steps[t].q[j];
        if (t > 0) plain_pull(newest, steps[t].slope, credit, pulled);
    }
}

static double compare_with_plain(size_t H, size_t plain_H) {
    law_rig rig;
    char text[80];
    double worst = 0;
    law_setup(&rig, &plain_case);
    const size_t T = rig.what.steps;
    snprintf(text, sizeof text, "learner.name=f-bptt learner.window=%zu", H);
    handles h = make_handles(&rig, text, 1);
    plain_rate now = plain_open(&rig, 0.4), *steps = calloc(T, sizeof *steps);
    for (size_t t = 0; t < T; t++) {
        double credit[32];
        hth_gradient_clear(h.gradient);
        plain_step(&now, rig.chunk.x + t * rig.what.inputs,
                   rig.chunk.targets + t * rig.what.outputs);
        steps[t] = now;
        learn_steps(&rig, &h, t, 1);
        if (t + 1 < H)
            assert_true(law_largest(&rig.network->blocks[0], hth_gradient_values(h.gradient)) == 0);
        if (t + 1 >= H) {
            const plain_rate *oldest = &steps[t + 1 - H];
            plain_credit(oldest, plain_H, credit);
            worst = fmax(worst, plain_difference(&now, credit, oldest->slope, oldest->u,
                                                 hth_gradient_values(h.gradient)));
        }
        descend(&rig, &h, 0.1);
    }
    free(steps);
    drop_handles(&h);
    law_teardown(&rig);
    return worst;
}

static void test_equals_a_plain_implementation(void **state) {
    (void)state;
    assert_true(compare_with_plain(5, 5) < tolerance(1e-11, 1e-3));
    assert_true(compare_with_plain(1, 1) < tolerance(1e-11, 1e-3));
    assert_true(compare_with_plain(5, 4) > 1e-2);
}

static void test_resumes(void **state) {
    (void)state;
    static const law_case leaky = {"cell.name=gru network.units=4,5 network.embedding=3 "
                                   "network.initial=learned readout.kappa=0.7",
                                   0,
                                   6,
                                   4,
                                   12,
                                   2,
                                   true,
                                   true};
    assert_resumes(&leaky, "learner.name=f-bptt learner.window=12", 1, "window.ended");
    assert_resumes(&leaky, "learner.name=f-bptt learner.window=7", 2, "window.ended window.begins");
    assert_resumes(&plain_case, "learner.name=f-bptt", 1, "window.ended window.begins");
}

static void test_refusals(void **state) {
    (void)state;
    assert_refuses(&cases[0], "learner.name=f-bptt learner.past=trace", 1, "learner.past = none");
    assert_refuses(&cases[0], "learner.name=f-bptt learner.window=3", 4, "at most learner.window");
    assert_refuses(&cases[0], "learner.name=f-bptt learner.signal=none", 1, "nothing to wait for");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_window_is_bptt),
        cmocka_unit_test(test_next_sequence_learns_what_waits),
        cmocka_unit_test(test_losses_reach_no_further_than_the_window),
        cmocka_unit_test(test_equals_a_plain_implementation),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
