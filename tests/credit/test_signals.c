/*
 * Signals with feedback weights of their own: random with the readout's weights = readout, linear in the
 * weights, resampled against a plain computation, the same gradient for tapes of any length.
 */
#include "laws.h"

#include "credit/handles.h"

/* The gradient with given feedback weights (NULL: as drawn). */
static hth_real *gradient_with(law_rig *rig, const char *settings, size_t K, const hth_real *F) {
    const hth_readout *r = &rig->network->readout;
    handles h = handles_make(rig, settings, K);
    hth_error error;
    if (F) must(hth_learner_feedback(h.learner, F, r->outputs, r->n, &error), &error);
    hth_real *gradient = handles_gradient(rig, &h, K);
    handles_drop(&h);
    return gradient;
}

static size_t weights_of(const law_rig *rig) {
    return rig->network->readout.outputs * rig->network->readout.n;
}

static const hth_real *readout_weights(const law_rig *rig) {
    return rig->network->theta + rig->network->readout.weight;
}

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7", 3, 0, 2, 11, 2, false, false},
    {"cell.name=lstm network.units=5,4 readout.kappa=0.8 readout.scale=true", 3, 0, 3, 11, 2, false,
     true},
    {"cell.name=lif network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2,
     30, 2, false, false},
    {"cell.name=gru network.units=4 loss.name=softmax", 2, 0, 300, 6, 2, true, false},
};

static void test_random_with_the_readouts_weights(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        hth_real *readout = gradient_with(&rig, "learner.name=tbptt", 4, NULL);
        law_assert_alive(&rig);
        hth_real *same = gradient_with(&rig, "learner.name=tbptt learner.signal=random", 4,
                                       readout_weights(&rig));
        hth_real *drawn = gradient_with(&rig, "learner.name=tbptt learner.signal=random", 4, NULL);
        assert_memory_equal(readout, same, rig.count * sizeof *same);
        law_assert_differs(&rig, "drawn feedback", drawn, readout, 0.1);
        free(readout);
        free(same);
        free(drawn);
        law_teardown(&rig);
    }
}

static void test_global_is_one_number(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        const size_t count = weights_of(&rig);
        hth_real *F = malloc(count * sizeof *F);
        for (size_t i = 0; i < count; i++)
            F[i] = (hth_real)(1 / sqrt((double)rig.network->readout.n));
        hth_real *global = gradient_with(&rig, "learner.signal=global", 3, NULL);
        hth_real *given = gradient_with(&rig, "learner.signal=random", 3, F);
        F[1] += HTH_C(0.5);
        hth_real *other = gradient_with(&rig, "learner.signal=random", 3, F);
        assert_memory_equal(global, given, rig.count * sizeof *given);
        law_assert_differs(&rig, "another weight", other, global, 1e-3);
        free(F);
        free(global);
        free(given);
        free(other);
        law_teardown(&rig);
    }
}

static void draw(size_t count, uint32_t stream, hth_real *out) {
    const hth_random r = {9, HTH_RANDOM_CHECK, stream};
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)hth_random_normal(&r, i);
}

static void test_linear_in_the_weights(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        const hth_block *block = &rig.network->blocks[0];
        const size_t count = weights_of(&rig);
        hth_real *F = malloc(3 * count * sizeof *F), *g[3];
        draw(count, 1, F);
        draw(count, 2, F + count);
        for (size_t i = 0; i < count; i++) F[2 * count + i] = F[i] - 2 * F[count + i];
        for (size_t i = 0; i < 3; i++)
            g[i] = gradient_with(&rig, "learner.signal=random", 4, F + i * count);
        for (size_t i = 0; i < rig.count; i++) g[0][i] -= 2 * g[1][i];
        assert_true(law_largest(block, g[2]) > 1e-6);
        assert_true(law_difference(block, g[0], g[2]) < tolerance(1e-12, 1e-4));
        assert_true(law_difference(block, g[1], g[2]) > 0.05);
        for (size_t i = 0; i < 3; i++) free(g[i]);
        free(F);
        law_teardown(&rig);
    }
}

/* A long window is signal random; a short one is not. */
static void test_resampled_with_one_window(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        if (cases[c].outputs > HTH_READOUT_TILE) continue;
        law_setup(&rig, &cases[c]);
        hth_real *random = gradient_with(&rig, "learner.signal=random", 4, NULL);
        hth_real *once =
            gradient_with(&rig, "learner.signal=resampled learner.feedback_steps=30", 4, NULL);
        hth_real *often =
            gradient_with(&rig, "learner.signal=resampled learner.feedback_steps=2", 4, NULL);
        if (rig.network->readout.kappa == 0)
            assert_memory_equal(once, random, rig.count * sizeof *once);
        law_assert_equal(&rig, "one window", once, random, tolerance(1e-12, 1e-4));
        law_assert_differs(&rig, "several windows", often, random, 0.05);
        free(random);
        free(once);
        free(often);
        law_teardown(&rig);
    }
}

/* q_t = gain sum_{t' >= t} kappa^(t'-t) F_{t'}^T err_{t'} over the tape, in the plainest way. */
static void plain_errors(const law_rig *rig, const handles *h, size_t from, size_t window,
                         double *q) {
    const hth_readout *r = &rig->network->readout;
    const size_t n = r->n, o = r->outputs, batch = rig->what.batch, steps = h->tape->steps;
    hth_real *y = malloc(steps * batch * o * sizeof *y), *F = malloc(o * n * sizeof *F);
    const hth_random generator = {1, HTH_RANDOM_FEEDBACK, 0};
    hth_tape_read(h->tape, 0, hth_tape_length(h->tape), y, NULL);
    memset(q, 0, steps * batch * n * sizeof *q);
    for (size_t late = 0; late < steps; late++) {
        const uint64_t w = (from + late) / window;
        hth_normals(&generator, w * hth_normal_blocks(o * n), o * n, F);
        for (size_t t = 0; t <= late; t++)
            for (size_t b = 0; b < batch; b++)
                for (size_t k = 0; k < o; k++) {
                    const size_t i = (late * batch + b) * o + k;
                    const double target = (double)rig->chunk.targets[from * batch * o + i];
                    const double weight =
                        (double)rig->chunk.weights[(from + late) * batch + b] / (double)batch;
                    const double e = weight * ((double)y[i] - target) * (double)r->gain *
                                     pow((double)r->kappa, (double)(late - t));
                    for (size_t j = 0; j < n; j++)
                        q[(t * batch + b) * n + j] +=
                            e * (double)F[k * n + j] * sqrt(1.0 / (double)o);
                }
    }
    free(y);
    free(F);
}

static double largest_error(const law_rig *rig, const handles *h, const double *q) {
    const size_t top = rig->network->layer_count - 1;
    const hth_real *have = h->learner->adjoint.layers[top].q;
    double difference = 0, largest = 0;
    for (size_t i = 0; i < h->tape->steps * rig->what.batch * rig->network->readout.n; i++) {
        difference = fmax(difference, fabs((double)have[i] - q[i]));
        largest = fmax(largest, fabs(q[i]));
    }
    assert_true(largest > 1e-3);
    return difference / largest;
}

/* Tapes and windows of lengths that do not fit each other. */
static void test_resampled_is_what_it_says(void **state) {
    (void)state;
    static const law_case leaky[] = {
        {"cell.name=rate network.units=5", 3, 0, 2, 17, 2, false, true},
        {"cell.name=rate network.units=5 readout.kappa=0.7 readout.scale=true", 3, 0, 3, 17, 2,
         false, true},
    };
    for (size_t c = 0; c < HTH_COUNT(leaky); c++) {
        law_rig rig;
        law_setup(&rig, &leaky[c]);
        handles h = handles_make(&rig, "learner.signal=resampled learner.feedback_steps=3", 7);
        double *q = malloc(7 * 2 * 5 * sizeof *q);
        for (size_t from = 0; from < 17; from += 7) {
            handles_advance(&rig, &h, from, 17 - from < 7 ? 17 - from : 7);
            plain_errors(&rig, &h, from, 3, q);
            assert_true(largest_error(&rig, &h, q) < tolerance(1e-12, 1e-5));
            plain_errors(&rig, &h, from, 4, q);
            assert_true(largest_error(&rig, &h, q) > 0.1);
        }
        free(q);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

/* The same matrices in every sequence. */
static void test_resampled_sequence(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    handles h = handles_make(&rig, "learner.signal=resampled learner.feedback_steps=3", 2);
    hth_real *first = handles_gradient(&rig, &h, 2), *again = handles_gradient(&rig, &h, 2);
    assert_memory_equal(first, again, rig.count * sizeof *first);
    hth_gradient_clear(h.gradient);
    hth_tape_reset(h.tape); /* that of the tape alone is enough */
    for (size_t t = 0; t < 11; t += 2) handles_advance(&rig, &h, t, t < 10 ? 2 : 1);
    assert_memory_equal(first, hth_gradient_values(h.gradient), rig.count * sizeof *first);
    hth_learner_reset(h.learner);
    assert_true(h.learner->time == 0);
    handles_drop(&h);
    free(first);
    free(again);
    law_teardown(&rig);
}

/* And after an interruption; without the step that had come, others. */
static void test_resampled_resumes(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    const char *settings = "learner.signal=resampled learner.feedback_steps=3";
    for (int forget = 0; forget < 2; forget++) {
        handles a = handles_make(&rig, settings, 2), b = handles_make(&rig, settings, 2);
        for (size_t t = 0; t < 4; t += 2) handles_advance(&rig, &a, t, 2);
        handles_copy_state(&a, &b);
        if (forget) *(uint64_t *)handles_field(&b, "signal.time").data = 0;
        hth_gradient_clear(a.gradient);
        handles_advance(&rig, &a, 4, 2);
        handles_advance(&rig, &b, 4, 2);
        const int difference =
            memcmp(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                   rig.count * sizeof(hth_real));
        assert_true((difference == 0) == !forget);
        handles_drop(&a);
        handles_drop(&b);
    }
    law_teardown(&rig);
}

/* With a past that is exact for its recurrence, cuts change nothing, whatever the signal. */
static void test_any_length_of_tape(void **state) {
    (void)state;
    static const char *const signals[] = {"random", "global", "resampled learner.feedback_steps=3"};
    static const char *const pasts[] = {"learner.recurrence=none learner.past=trace",
                                        "learner.past=influence"};
    for (size_t c = 0; c < 3; c++)
        for (size_t s = 0; s < HTH_COUNT(signals); s++)
            for (size_t p = 0; p < HTH_COUNT(pasts); p++) {
                law_rig rig;
                char text[160];
                const size_t K[] = {1, 4, 7};
                law_setup(&rig, &cases[c]);
                const bool stack = rig.network->layer_count > 1;
                if (p == 0 ? stack : rig.network->readout.kappa > 0) {
                    law_teardown(&rig);
                    continue;
                }
                snprintf(text, sizeof text, "%s learner.signal=%s", pasts[p], signals[s]);
                hth_real *whole = gradient_with(&rig, text, cases[c].steps, NULL);
                for (size_t i = 0; i < HTH_COUNT(K); i++) {
                    hth_real *tapes = gradient_with(&rig, text, K[i], NULL);
                    law_assert_equal(&rig, text, tapes, whole, tolerance(1e-10, 1e-3));
                    free(tapes);
                }
                snprintf(text, sizeof text, "learner.recurrence=%s learner.signal=%s",
                         p == 0 ? "none" : "full", signals[s]);
                hth_real *cut = gradient_with(&rig, text, 4, NULL);
                law_assert_differs(&rig, "nothing kept", cut, whole, 1e-3);
                free(cut);
                free(whole);
                law_teardown(&rig);
            }
}

/* ---- How the weights are drawn ---- */

static void test_moments(void **state) {
    (void)state;
    enum { COUNT = 60001 };
    hth_real *x = malloc(COUNT * sizeof *x);
    const hth_random r = {4, HTH_RANDOM_CHECK, 3};
    double sums[5] = {0}, neighbours = 0;
    hth_normals(&r, 5, COUNT, x);
    for (size_t i = 0; i < COUNT; i++) {
        const double y = (double)x[i];
        for (int k = 1; k <= 4; k++) sums[k] += pow(y, k) / COUNT;
        if (i) neighbours += y * (double)x[i - 1] / COUNT;
    }
    const double error = 5 / sqrt(COUNT); /* five standard errors */
    assert_true(fabs(sums[1]) < error);
    assert_true(fabs(sums[2] - 1) < error * sqrt(2));
    assert_true(fabs(sums[3]) < error * sqrt(15));
    assert_true(fabs(sums[4] - 3) < error * sqrt(96));
    assert_true(fabs(neighbours) < error);
    hth_real few[7]; /* a number depends on its index alone */
    hth_normals(&r, 5 + 3, 7, few);
    assert_memory_equal(few, x + 12, sizeof few);
    free(x);
}

static void test_variance(void **state) {
    (void)state;
    const law_case what = {"cell.name=rate network.units=40", 1, 0, 8, 2, 1, false, false};
    static const struct {
        const char *variance;
        double value;
    } variances[] = {{"outputs", 1.0 / 8}, {"units", 1.0 / 40}, {"2.25", 2.25}};
    law_rig rig;
    law_setup(&rig, &what);
    for (size_t i = 0; i < HTH_COUNT(variances); i++) {
        char text[96];
        double sum = 0;
        snprintf(text, sizeof text, "learner.signal=random learner.feedback_variance=%s",
                 variances[i].variance);
        handles h = handles_make(&rig, text, 1);
        const hth_real *F = h.learner->axes.signal->feedback(h.learner);
        for (size_t k = 0; k < 320; k++) sum += (double)(F[k] * F[k]) / 320;
        assert_true(fabs(sum / variances[i].value - 1) < 5 * sqrt(2.0 / 320));
        handles_drop(&h);
    }
    law_teardown(&rig);
}

/* ---- Refusals ---- */

static void assert_refused(const law_case *what, const char *settings, const char *reason) {
    law_rig rig;
    handles h;
    hth_error error;
    law_setup(&rig, what);
    assert_int_equal(handles_try(&rig, settings, 2, 1, &h, &error), HTH_INVALID);
    if (!strstr(error.message, reason)) fail_msg("%s", error.message);
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    (void)state;
    assert_refused(&cases[0], "learner.signal=random learner.feedback_variance=much",
                   "learner.feedback_variance must be");
    assert_refused(&cases[0], "learner.signal=random learner.feedback_variance=-1",
                   "learner.feedback_variance must be");
    assert_refused(&cases[3], "learner.signal=resampled", "at most 256 outputs");
    assert_refused(&cases[1], "learner.signal=global learner.past=influence", "leaky readout");
}

static void test_given_weights_must_fit(void **state) {
    (void)state;
    law_rig rig;
    hth_error error;
    hth_real F[21] = {0};
    law_setup(&rig, &cases[0]);
    handles random = handles_make(&rig, "learner.signal=random", 2);
    handles readout = handles_make(&rig, "learner.signal=readout", 2);
    assert_int_equal(hth_learner_feedback(random.learner, F, 2, 7, &error), HTH_OK);
    assert_int_equal(hth_learner_feedback(random.learner, F, 7, 2, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "takes 2 x 7 (outputs x units; this is its transpose)"));
    assert_int_equal(hth_learner_feedback(random.learner, F, 3, 7, &error), HTH_MISMATCH);
    assert_null(strstr(error.message, "transpose"));
    assert_int_equal(hth_learner_feedback(readout.learner, F, 2, 7, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "learner.signal = readout does not use them"));
    F[9] = (hth_real)NAN;
    assert_int_equal(hth_learner_feedback(random.learner, F, 2, 7, &error), HTH_NOT_FINITE);
    assert_non_null(strstr(error.message, "row 1, column 2"));
    assert_true(random.learner->axes.signal->feedback(random.learner)[9] == 0); /* as it was */
    handles_drop(&random);
    handles_drop(&readout);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_with_the_readouts_weights),
        cmocka_unit_test(test_global_is_one_number),
        cmocka_unit_test(test_linear_in_the_weights),
        cmocka_unit_test(test_resampled_with_one_window),
        cmocka_unit_test(test_resampled_is_what_it_says),
        cmocka_unit_test(test_resampled_sequence),
        cmocka_unit_test(test_resampled_resumes),
        cmocka_unit_test(test_any_length_of_tape),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_variance),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_given_weights_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
