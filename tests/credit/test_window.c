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
    {"network.units=4,3 network.cells=rate,gru network.reads=input,input readout.reads=top+input "
     "readout.kappa=0.5 cell.alpha=0.6",
     3, 0, 2, 9, 2, false, true},
    {"cell.name=lif cell.refractory=2 network.units=12 readout.kappa=0.9 cell.v_th=0.6 "
     "init.w_in_scale=2 readout.scale=true",
     3, 0, 2, 12, 2, false, true},
    {"cell.name=rate cell.alpha=0.5 network.units=6 network.delay=1..4 network.input_delay=0..2 "
     "network.initial=learned readout.kappa=0.6",
     3, 0, 2, 12, 2, false, true},
};
enum { LONGEST_WINDOW = 16 };

/* Steps from `from` on; the last of the data is the last of its sequence, if it is told. */
static void learn_piece(law_rig *rig, handles *h, size_t from, size_t K, bool told) {
    const size_t left = rig->what.steps - from;
    hth_chunk cut = law_cut(rig, from, left < K ? left : K);
    cut.ends = told && left <= K;
    learn_chunk(rig, h, &cut);
}

/* All steps by a window of H. */
static hth_real *windowed(law_rig *rig, const char *more, size_t H, size_t K) {
    char text[200];
    snprintf(text, sizeof text, "learner.name=f-bptt learner.window=%zu %s", H, more);
    handles h = make_handles(rig, text, K);
    for (size_t t = 0; t < rig->what.steps; t += K) learn_piece(rig, &h, t, K, true);
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

/* What waits is learned from when the sequence ends: until then it is not, and if the end is not told the next sequence
 * is refused, for the rest would be lost. */
static void assert_learns_what_waits(law_rig *rig, size_t H, bool whole) {
    char text[80];
    hth_error error;
    const size_t T = rig->what.steps;
    hth_real *all = windowed(rig, "", H, 1);
    snprintf(text, sizeof text, "learner.name=f-bptt learner.window=%zu", H);
    for (int told = 0; told < 2; told++) {
        handles h = make_handles(rig, text, 1);
        for (size_t t = 0; t < T; t++) {
            if (whole)
                assert_true(
                    law_largest(&rig->network->blocks[0], hth_gradient_values(h.gradient)) == 0);
            learn_piece(rig, &h, t, 1, told);
        }
        if (told)
            law_assert_equal(rig, text, hth_gradient_values(h.gradient), all,
                             tolerance(1e-12, 1e-3));
        else
            law_assert_differs(rig, "some wait", hth_gradient_values(h.gradient), all, 1e-3);
        start_sequence(&h);
        const hth_chunk cut = law_cut(rig, 0, 1);
        must(hth_forward(h.tape, &cut, &rig->report, &error), &error);
        const hth_status status = hth_learn(h.learner, h.tape, h.gradient, &error);
        assert_int_equal(status, told ? HTH_OK : HTH_INVALID);
        if (!told) assert_non_null(strstr(error.message, "waiting for losses to come"));
        drop_handles(&h);
    }
    free(all);
}

static void test_the_rest_is_learned_when_a_sequence_ends(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        assert_learns_what_waits(&rig, LONGEST_WINDOW, true);
        assert_learns_what_waits(&rig, 4, false);
        law_teardown(&rig);
    }
}

/* loss.time = mean divides by the steps of the sequence, not by those that are new or stay. */
static void test_a_mean_is_over_the_sequence(void **state) {
    (void)state;
    for (size_t K = 1; K < 3; K++)
        for (size_t c = 0; c < 2; c++) {
            static const char *const learners[] = {"learner.name=f-bptt learner.window=4",
                                                   "learner.name=tbptt-k1-k2 learner.window=4"};
            law_case summed = cases[0], meant = cases[0];
            law_rig rig;
            char text[256];
            snprintf(text, sizeof text, "%s loss.time=mean", cases[0].settings);
            summed.steps = meant.steps = 10;
            meant.settings = text;
            law_setup(&rig, &summed);
            hth_real *sum = law_gradient(&rig, learners[c], K);
            law_teardown(&rig);
            law_setup(&rig, &meant);
            hth_real *mean = law_gradient(&rig, learners[c], K);
            law_assert_differs(&rig, "of one step", mean, sum, 0.3);
            for (size_t i = 0; i < rig.count; i++) mean[i] *= 10;
            law_assert_equal(&rig, learners[c], mean, sum, tolerance(1e-14, 1e-6));
            free(sum);
            free(mean);
            law_teardown(&rig);
        }
}

/* A label that comes late: judged with a delay that leaves the step on the tape, the sum over the sequence is the same,
 * weights being constant; and with labels that are lost it is not. */
static hth_real *labelled(law_rig *rig, const char *learner, size_t late, bool loses) {
    hth_error error;
    handles h = make_handles(rig, learner, 1);
    const size_t T = rig->what.steps;
    for (size_t t = 0; t < T; t++) {
        const hth_chunk c = law_cut(rig, t, 1);
        const hth_inputs in = {
            .steps = 1, .batch = c.batch, .x = c.x, .tokens = c.tokens, .ends = t + 1 == T};
        if (hth_tape_length(h.tape) == 12) must(hth_tape_slide(h.tape, 1, &error), &error);
        must(hth_tape_write(h.tape, &in, &error), &error);
        const size_t length = hth_tape_length(h.tape), oldest = t + 1 - length;
        for (size_t s = t < late ? T : t - late; s <= t && s < T; s += t + 1 < T ? T : 1) {
            if (loses && s == 3) continue;
            const hth_chunk label = law_cut(rig, s, 1);
            const hth_verdict v = {.from = s - oldest,
                                   .steps = 1,
                                   .targets = label.targets,
                                   .classes = label.classes,
                                   .weights = label.weights};
            must(hth_tape_judge(h.tape, &v, &rig->report, &error), &error);
        }
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    drop_handles(&h);
    return copy;
}

static void test_late_labels(void **state) {
    static const char *const learners[] = {"learner.name=f-bptt learner.window=12",
                                           "learner.name=tbptt-k1-k2 learner.window=12"};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t l = 0; l < HTH_COUNT(learners); l++) {
            law_rig rig;
            law_setup(&rig, &cases[c]);
            hth_real *exact = law_gradient(&rig, "learner.name=bptt", rig.what.steps);
            hth_real *now = labelled(&rig, learners[l], 0, false);
            hth_real *late = labelled(&rig, learners[l], 5, false);
            hth_real *lost = labelled(&rig, learners[l], 5, true);
            law_assert_equal(&rig, learners[l], now, exact, tolerance(1e-10, 2e-3));
            law_assert_equal(&rig, learners[l], late, exact, tolerance(1e-10, 2e-3));
            law_assert_differs(&rig, "a lost label", lost, exact, 1e-4);
            free(exact);
            free(now);
            free(late);
            free(lost);
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

/* TBPTT(k1, k2), plainly: every k1 steps the errors of these alone, back through k2 steps by today's weights. */
static void plain_truncated(const plain_rate *steps, size_t count, size_t k1, double *gradient) {
    double pulled[32] = {0}, credit[32];
    const plain_rate *newest = &steps[count - 1];
    for (size_t t = count; t-- > 0;) {
        const plain_rate *s = &steps[t];
        for (size_t j = 0; j < s->n; j++) credit[j] = pulled[j] + (count - t <= k1 ? s->q[j] : 0);
        for (size_t i = 0; i < s->n; i++)
            for (size_t k = 0; k < s->m; k++)
                gradient[i * s->m + k] += credit[i] * s->slope[i] * s->u[k];
        if (t > 0) plain_pull(newest, s->slope, credit, pulled);
    }
}

static double compare_truncated(size_t k1, size_t k2, size_t plain_k2) {
    law_rig rig;
    char text[100];
    double worst = 0;
    law_setup(&rig, &plain_case);
    const size_t T = rig.what.steps;
    snprintf(text, sizeof text, "learner.name=tbptt-k1-k2 learner.window=%zu", k2);
    handles h = make_handles(&rig, text, k1);
    plain_rate now = plain_open(&rig, 0.4), *steps = calloc(T, sizeof *steps);
    for (size_t t = 0; t < T; t += k1) {
        double expected[32 * 64] = {0}, largest = 0, difference = 0;
        for (size_t i = t; i < t + k1; i++) {
            plain_step(&now, rig.chunk.x + i * rig.what.inputs,
                       rig.chunk.targets + i * rig.what.outputs);
            steps[i] = now;
        }
        hth_gradient_clear(h.gradient);
        learn_piece(&rig, &h, t, k1, false);
        const size_t count = t + k1 < plain_k2 ? t + k1 : plain_k2;
        plain_truncated(steps + t + k1 - count, count, k1, expected);
        const hth_real *ours = hth_gradient_values(h.gradient) + rig.network->layers[0].weight;
        for (size_t i = 0; i < now.n * now.m; i++) {
            largest = fmax(largest, fabs(expected[i]));
            difference = fmax(difference, fabs(expected[i] - (double)ours[i]));
        }
        assert_true(largest > 1e-6);
        worst = fmax(worst, difference / largest);
        descend(&rig, &h, 0.1);
    }
    free(steps);
    drop_handles(&h);
    law_teardown(&rig);
    return worst;
}

static void test_truncated_equals_a_plain_implementation(void **state) {
    (void)state;
    assert_true(compare_truncated(1, 6, 6) < tolerance(1e-11, 1e-3));
    assert_true(compare_truncated(3, 7, 7) < tolerance(1e-11, 1e-3));
    assert_true(compare_truncated(5, 5, 5) < tolerance(1e-11, 1e-3));
    assert_true(compare_truncated(3, 7, 6) > 1e-2);
}

/* With k2 = k1 it is truncated backpropagation with tapes of K, bit for bit; with k2 = T that of the whole sequence. */
static void test_truncated_is_between_its_ends(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", rig.what.steps);
        hth_real *cut = law_gradient(&rig, "learner.name=tbptt", 3);
        hth_real *least = law_gradient(&rig, "learner.name=tbptt-k1-k2 learner.window=3", 3);
        hth_real *most = law_gradient(&rig, "learner.name=tbptt-k1-k2 learner.window=16", 3);
        assert_memory_equal(cut, least, rig.count * sizeof *cut);
        law_assert_equal(&rig, "k2 = T", most, exact, tolerance(1e-10, 2e-3));
        law_assert_differs(&rig, "k2 = 3", least, exact, 1e-4);
        free(exact);
        free(cut);
        free(least);
        free(most);
        law_teardown(&rig);
    }
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
    assert_resumes(&leaky, "learner.name=f-bptt learner.window=12", 1, "window.origin");
    assert_resumes(&leaky, "learner.name=f-bptt learner.window=7", 2,
                   "window.origin window.learned");
    assert_resumes(&plain_case, "learner.name=f-bptt", 1, "window.origin");
    assert_resumes(&leaky, "learner.name=tbptt-k1-k2 learner.window=7", 2,
                   "window.origin window.learned");
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
        cmocka_unit_test(test_the_rest_is_learned_when_a_sequence_ends),
        cmocka_unit_test(test_a_mean_is_over_the_sequence),
        cmocka_unit_test(test_late_labels),
        cmocka_unit_test(test_losses_reach_no_further_than_the_window),
        cmocka_unit_test(test_equals_a_plain_implementation),
        cmocka_unit_test(test_truncated_equals_a_plain_implementation),
        cmocka_unit_test(test_truncated_is_between_its_ends),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
