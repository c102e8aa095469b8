/*
 * loss.time = window and mean: the gradient of an item is that of its summed loss over the sum of its weights, or over
 * the steps, of its whole sequence. So the gradients of all tapes of a sequence add up to the same for tapes of any
 * length; of weights that differ from step to step, no tape divides the difference away. What is not known is refused.
 */
#include "handles.h"

static const law_case summed = {
    .settings = "cell.name=lstm network.units=4 readout.kappa=0.6 loss.batch=sum",
    .inputs = 3,
    .outputs = 3,
    .steps = 20,
    .batch = 3,
    .classes = true,
    .masked = true};
static const law_case windowed = {
    .settings = "cell.name=lstm network.units=4 readout.kappa=0.6 loss.batch=sum loss.time=window",
    .inputs = 3,
    .outputs = 3,
    .steps = 20,
    .batch = 3,
    .classes = true,
    .masked = true};

static double window_of(const law_rig *rig, size_t item) {
    double sum = 0;
    for (size_t t = 0; t < rig->what.steps; t++)
        sum += (double)rig->chunk.weights[t * rig->what.batch + item];
    return sum;
}

/* The weights of all items but one become 0, or those of all are divided by their sum. */
static void change_weights(law_rig *rig, size_t item, bool divide) {
    hth_real *weights = (hth_real *)(uintptr_t)rig->chunk.weights;
    for (size_t b = 0; b < rig->what.batch; b++) {
        const double window = window_of(rig, b);
        for (size_t t = 0; t < rig->what.steps; t++) {
            hth_real *w = &weights[t * rig->what.batch + b];
            if (divide)
                *w = (hth_real)((double)*w / window);
            else if (b != item)
                *w = 0;
        }
    }
}

static void test_window(void **state) {
    law_rig a, b, sum;
    (void)state;
    law_setup(&a, &windowed);
    law_setup(&b, &summed);
    law_setup(&sum, &summed);
    assert_true(fabs(window_of(&a, 0) - window_of(&a, 1)) > 0.1); /* items differ */
    change_weights(&b, 0, true);
    hth_real *got = law_gradient(&a, "learner.name=bptt", 20);
    hth_real *expected = law_gradient(&b, "learner.name=bptt", 20);
    hth_real *other = law_gradient(&sum, "learner.name=bptt", 20);
    law_assert_equal(&a, "window", got, expected, tolerance(1e-12, 1e-4));
    law_assert_differs(&a, "sum", other, got, 0.5);
    free(got);
    free(expected);
    free(other);
    law_teardown(&a);
    law_teardown(&b);
    law_teardown(&sum);
}

/* An item without any loss has no gradient, and is no division by 0; without weights all steps count. */
static void test_edges(void **state) {
    law_rig alone, all, mean;
    law_case whole = windowed, over_steps = windowed;
    (void)state;
    law_setup(&alone, &windowed);
    change_weights(&alone, 1, false);
    hth_real *one = law_gradient(&alone, "learner.name=bptt", 20);
    double largest = 0;
    for (size_t i = 0; i < alone.count; i++) {
        assert_true(isfinite(one[i]));
        largest = fmax(largest, fabs((double)one[i]));
    }
    assert_true(largest > 1e-4);
    whole.masked = over_steps.masked = false;
    over_steps.settings =
        "cell.name=lstm network.units=4 readout.kappa=0.6 loss.batch=sum loss.time=mean";
    law_setup(&all, &whole);
    law_setup(&mean, &over_steps);
    hth_real *a = law_gradient(&all, "learner.name=bptt", 20);
    hth_real *b = law_gradient(&mean, "learner.name=bptt", 20);
    law_assert_equal(&all, "all steps", a, b, tolerance(1e-12, 1e-5));
    free(one);
    free(a);
    free(b);
    law_teardown(&alone);
    law_teardown(&all);
    law_teardown(&mean);
}

/* ---- Tapes of any length ---- */

enum { T = 12 };

/* The sequence by tapes of K, having been told of its first `told` steps. */
static hth_real *by_tapes(law_rig *rig, const char *learner, size_t K, size_t told) {
    hth_error error;
    const hth_chunk expected = law_cut(rig, 0, told);
    handles h = handles_make(rig, learner, K);
    must(hth_tape_expect(h.tape, &expected, &error), &error);
    for (size_t t = 0; t < T; t += K) {
        hth_chunk cut = law_cut(rig, t, T - t < K ? T - t : K);
        cut.ends = t + K >= T;
        must(hth_forward(h.tape, &cut, &rig->report, &error), &error);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    handles_drop(&h);
    return copy;
}

/* The same by one tape, which is told of nothing. */
static hth_real *by_whole(law_rig *rig) {
    hth_error error;
    hth_chunk all = rig->chunk;
    handles h = handles_make(rig, "learner.name=bptt", rig->what.steps);
    all.ends = true;
    must(hth_forward(h.tape, &all, &rig->report, &error), &error);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    handles_drop(&h);
    return copy;
}

/* Tapes of 1 and 4 give what the whole sequence gives, which is told to no one; told of a part alone they do not. */
static void assert_any_length(const char *network, const char *learner) {
    char settings[320];
    snprintf(settings, sizeof settings, "network.units=10 %s", network);
    const law_case what = {settings, 3, 0, 3, T, 2, true, true};
    law_rig rig;
    hth_error error;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, learner, T);
    hth_chunk all = rig.chunk;
    all.ends = true;
    must(hth_forward(h.tape, &all, &rig.report, &error), &error);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    law_assert_alive(&rig);
    for (size_t K = 1; K <= T; K += K == 1 ? 3 : 8) {
        hth_real *sum = by_tapes(&rig, learner, K, T), *part = by_tapes(&rig, learner, K, 4);
        law_assert_equal(&rig, learner, sum, hth_gradient_values(h.gradient),
                         tolerance(1e-12, 1e-4));
        law_assert_differs(&rig, learner, part, hth_gradient_values(h.gradient), 0.3);
        free(sum);
        free(part);
    }
    handles_drop(&h);
    law_teardown(&rig);
}

/* Learners whose summed gradient is the same for every K by themselves; f-bptt whose window is the sequence. */
static void test_tapes_of_any_length(void **state) {
    static const char *const networks[] = {
        "cell.name=lif cell.v_th=0.05 readout.kappa=0.6 loss.time=window",
        "cell.name=alif cell.v_th=0.05 readout.kappa=0.6 loss.time=mean loss.batch=sum",
        /* conventions=bellec2020 */
        "cell.name=lif cell.v_th=0.05 cell.scale_input=false cell.threshold_at=above "
        "cell.scale_by_threshold=true readout.scale=false readout.bias_place=outside "
        "readout.kappa=0.6 loss.batch=mean loss.time=window",
        "cell.name=gru loss.time=window",
    };
    static const char *const learners[] = {
        "learner.name=eprop1", "learner.name=rflo", "learner.name=rtrl",
        "learner.name=f-bptt learner.window=12", "learner.name=tbptt-k1-k2 learner.window=12"};
    (void)state;
    for (size_t n = 0; n < HTH_COUNT(networks); n++)
        for (size_t l = n == 3; l < HTH_COUNT(learners); l++) {
            if (n == 3 && l == 1) continue; /* gru has several states */
            assert_any_length(networks[n], learners[l]);
        }
}

/* With tapes of one step, a weight of 2 counts twice as much as one of 1 (class weights): the gradient of two steps is
 * what they give alone, each by its own weight. */
static void test_weights_count_at_one_step(void **state) {
    const law_case what = {
        "cell.name=rate network.units=5 loss.time=window", 3, 0, 3, T, 1, true, false};
    hth_real weights[T] = {0}, *found[3];
    law_rig rig;
    (void)state;
    law_setup(&rig, &what);
    rig.chunk.weights = weights;
    for (int k = 0; k < 3; k++) { /* step 5 alone, step 9 alone, and both with weights of 2 and 1 */
        weights[5] = k == 1 ? 0 : k == 2 ? 2 : 1;
        weights[9] = k == 0 ? 0 : 1;
        found[k] = by_tapes(&rig, "learner.name=rtrl", 1, T);
    }
    for (size_t i = 0; i < rig.count; i++) {
        const double expected = (2 * (double)found[0][i] + (double)found[1][i]) / 3;
        assert_true(fabs((double)found[2][i] - expected) < tolerance(1e-13, 1e-5));
    }
    for (size_t i = 0; i < rig.count; i++) found[0][i] = (found[0][i] + found[1][i]) / 2;
    law_assert_differs(&rig, "as if both counted the same", found[0], found[2], 1e-3);
    for (int k = 0; k < 3; k++) free(found[k]);
    rig.chunk.weights = NULL;
    law_teardown(&rig);
}

/* Items of different lengths: each is divided by its own, whatever fills the batch up; without lengths, by that. */
static void test_items_have_their_own_length(void **state) {
    enum { SHORT = 8, RUNS = 3 };
    static const uint32_t lengths[2] = {SHORT, SHORT};
    law_rig rig;
    hth_real *found[RUNS];
    (void)state;
    for (int run = 0; run < RUNS; run++) { /* not padded; padded; padded without lengths */
        const law_case what = {
            "cell.name=rate network.units=5 loss.time=mean", 3, 0, 3, T, 2, true, true};
        law_setup(&rig, &what);
        hth_real *w = (hth_real *)(uintptr_t)rig.chunk.weights;
        for (size_t i = 0; i < 2 * T; i++) w[i] = i < 2 * SHORT ? 1 : 0;
        if (run == 0) rig.what.steps = rig.chunk.steps = SHORT;
        if (run == 1) rig.chunk.lengths = lengths;
        found[run] = by_whole(&rig);
        rig.chunk.lengths = NULL;
        if (run + 1 < RUNS) law_teardown(&rig);
    }
    law_assert_equal(&rig, "padded", found[1], found[0], tolerance(1e-13, 1e-5));
    for (size_t i = 0; i < rig.count; i++) found[2][i] *= (hth_real)T / SHORT;
    law_assert_equal(&rig, "without lengths", found[2], found[0], tolerance(1e-13, 1e-5));
    for (int run = 0; run < RUNS; run++) free(found[run]);
    law_teardown(&rig);
}

/* What a tape cannot know is refused, and told by hth_tape_expect; a loss of the caller's own is divided by nothing. */
static void test_refused(void **state) {
    const law_case what = {
        "cell.name=rate network.units=5 loss.time=window", 3, 0, 3, T, 2, true, true};
    hth_real errors[2 * 3] = {1, 0, 0, 0, 1, 0};
    law_rig rig;
    hth_error error;
    (void)state;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=rflo", 4);
    hth_chunk cut = law_cut(&rig, 0, 4), narrow = cut;
    assert_true(hth_tape_divides(h.tape));
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    assert_int_equal(hth_learn(h.learner, h.tape, h.gradient, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "loss.time = window divides by the sum of the weights"));
    assert_int_equal(hth_tape_expect(h.tape, &cut, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "this one has begun"));
    hth_tape_reset(h.tape);
    narrow.batch = 1;
    assert_int_equal(hth_tape_expect(h.tape, &narrow, &error), HTH_MISMATCH);
    must(hth_tape_expect(h.tape, &cut, &error), &error);
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    hth_tape_reset(h.tape); /* forgets what was expected */
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    assert_int_equal(hth_learn(h.learner, h.tape, h.gradient, &error), HTH_INVALID);
    hth_tape_reset(h.tape); /* the end of a sequence is not all of it */
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    cut.ends = true;
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    assert_int_equal(hth_learn(h.learner, h.tape, h.gradient, &error), HTH_INVALID);
    hth_tape_reset(h.tape);
    const hth_inputs in = {.steps = 1, .batch = 2, .x = rig.chunk.x};
    const hth_verdict own = {.steps = 1, .errors = errors};
    must(hth_tape_write(h.tape, &in, &error), &error);
    must(hth_tape_judge(h.tape, &own, &rig.report, &error), &error);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    handles_drop(&h);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_tapes_of_any_length),
        cmocka_unit_test(test_weights_count_at_one_step),
        cmocka_unit_test(test_items_have_their_own_length),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
