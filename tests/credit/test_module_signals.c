/*
 * Signal module: what the caller gives is q, once a tape. Signals that are F^T err are signal random, bit for bit, and
 * tapes of any length have the same gradient.
 */
#include "kernels/level.h"
#include "laws.h"

enum { N = 5 };

static hth_real *draw(size_t count, uint32_t stream, double scale) {
    const hth_random random = {11, HTH_RANDOM_CHECK, stream};
    hth_real *out = calloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)(scale * hth_random_normal(&random, i));
    return out;
}

/* a b + c as the level in use has it: rounded once, or twice where it does not fuse. */
static hth_real fused(hth_real a, hth_real b, hth_real c) {
    volatile hth_real product = a * b; /* or the compiler would fuse it */
    if (!hth_level_fuses(hth_level)) return product + c;
#ifdef HTH_DOUBLE
    return fma(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

static hth_real *copy(const hth_gradient *of, const hth_network *network) {
    const size_t size = hth_network_parameter_count(network) * sizeof(hth_real);
    return memcpy(malloc(size), hth_gradient_values(of), size);
}

/* Signals that are F^T err, by hand, are signal random, bit for bit; tapes are whole, or pieces. */
static void test_a_module_of_fixed_feedback_is_signal_random(void **state) {
    (void)state;
    static const law_case what = {
        "cell.name=lif network.units=5 cell.v_th=0.4 cell.refractory=2 readout.kappa=0",
        3,
        0,
        2,
        24,
        2,
        false,
        false};
    static const char *const rules[] = {"learner.past=trace learner.recurrence=none",
                                        "learner.past=none learner.recurrence=full",
                                        "learner.past=influence learner.recurrence=full"};
    static const size_t tapes[] = {24, 7, 1};
    for (size_t c = 0; c < 9; c++) {
        law_rig rig;
        char words[2][200];
        hth_error error;
        hth_real *got[2];
        const size_t K = tapes[c / 3];
        law_setup(&rig, &what);
        for (int which = 0; which < 2; which++) {
            hth_setting items[8];
            hth_learner *learner;
            hth_tape *tape;
            hth_gradient *gradient;
            snprintf(words[which], sizeof words[which], "learner.name=eprop1 learner.signal=%s %s",
                     which ? "module" : "random", rules[c % 3]);
            const hth_settings settings = law_split(words[which], items);
            must(hth_learner_create(&settings, rig.network, K, 2, 1, rig.compute, NULL, &learner,
                                    &error),
                 &error);
            must(hth_learner_tape(learner, rig.compute, NULL, &tape, &error), &error);
            must(hth_gradient_create(rig.network, NULL, &gradient, &error), &error);
            hth_real *F = draw(2 * N, 21, 1), *y = calloc(K * 2 * 2, sizeof *y);
            hth_real *q = calloc(K * 2 * N, sizeof *q);
            if (!which) must(hth_learner_feedback(learner, F, 2, N, &error), &error);
            for (size_t t = 0; t < 24; t += K) {
                const hth_chunk cut = law_cut(&rig, t, 24 - t < K ? 24 - t : K);
                must(hth_forward(tape, &cut, &rig.report, &error), &error);
                must(hth_tape_read(tape, 0, cut.steps, y, &error), &error);
                for (size_t i = 0; i < cut.steps * 2; i++)
                    for (size_t j = 0; j < N; j++) {
                        hth_real sum = 0; /* loss.batch is a mean: of 2 items */
                        for (size_t k = 0; k < 2; k++)
                            sum = fused((y[i * 2 + k] - cut.targets[i * 2 + k]) / 2, F[k * N + j],
                                        sum);
                        q[i * N + j] = sum;
                    }
                if (which) must(hth_learner_signals(learner, q, cut.steps, &error), &error);
                must(hth_learn(learner, tape, gradient, &error), &error);
            }
            got[which] = copy(gradient, rig.network);
            free(F), free(y), free(q);
            hth_gradient_destroy(gradient);
            hth_learner_destroy(learner);
            hth_tape_destroy(tape);
        }
        law_assert_alive(&rig);
        assert_true(law_largest(&rig.network->blocks[0], got[0]) > 0);
        assert_memory_equal(got[0], got[1], rig.count * sizeof(hth_real));
        free(got[0]), free(got[1]);
        law_teardown(&rig);
    }
}

/* The gradient of a layer with given signals, in tapes of K steps. */
static hth_real *with_tapes(law_rig *rig, const char *more, size_t K, const hth_real *signals) {
    char words[200];
    hth_setting items[8];
    hth_error error;
    hth_learner *learner;
    hth_tape *tape;
    hth_gradient *gradient;
    snprintf(words, sizeof words, "learner.name=eprop1 learner.signal=module %s", more);
    const hth_settings settings = law_split(words, items);
    must(hth_learner_create(&settings, rig->network, K, 2, 1, rig->compute, NULL, &learner, &error),
         &error);
    must(hth_learner_tape(learner, rig->compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    rig->report = (hth_report){0};
    for (size_t t = 0; t < 24; t += K) {
        hth_chunk cut = law_cut(rig, t, 24 - t < K ? 24 - t : K);
        cut.ends = t + cut.steps == 24;
        must(hth_forward(tape, &cut, &rig->report, &error), &error);
        must(hth_learner_signals(learner, signals + t * 2 * N, cut.steps, &error), &error);
        must(hth_learn(learner, tape, gradient, &error), &error);
    }
    hth_real *out = copy(gradient, rig->network);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    return out;
}

/* A signal has no filter of the readout in it, so that traces below a leaky readout are none of that; tapes of any
 * length have the same gradient. */
static void test_tapes_of_any_length_take_signals(void **state) {
    (void)state;
    static const law_case what = {
        "cell.name=lif network.units=5 cell.v_th=0.4 cell.refractory=2 readout.kappa=0.7",
        3,
        0,
        2,
        24,
        2,
        false,
        false};
    static const char *const traces[] = {"learner.trace=full", "learner.trace=instantaneous"};
    law_rig rig;
    law_setup(&rig, &what);
    hth_real *signals = draw(24 * 2 * N, 9, 1);
    const hth_block *weights = &rig.network->blocks[0];
    for (size_t i = 0; i < 2; i++) {
        hth_real *whole = with_tapes(&rig, traces[i], 24, signals);
        hth_real *other = with_tapes(&rig, traces[1 - i], 24, signals);
        law_assert_alive(&rig);
        assert_true(law_difference(weights, other, whole) > 0.01);
        for (size_t K = 1; K < 24; K += 6) {
            hth_real *cut = with_tapes(&rig, traces[i], K, signals);
            assert_true(law_difference(weights, cut, whole) < tolerance(1e-12, 1e-4));
            free(cut);
        }
        free(whole), free(other);
    }
    free(signals);
    law_teardown(&rig);
}

/* Signals are for one tape, and must be there. */
static void test_signals_are_given_with_each_tape(void **state) {
    (void)state;
    static const law_case what = {"cell.name=lif network.units=5", 3, 0, 2, 8, 2, false, false};
    law_rig rig;
    hth_setting items[8];
    hth_learner *learner;
    hth_tape *tape;
    hth_gradient *gradient;
    hth_error error;
    char words[] = "learner.name=eprop1 learner.signal=module";
    law_setup(&rig, &what);
    const hth_settings settings = law_split(words, items);
    must(hth_learner_create(&settings, rig.network, 8, 2, 1, rig.compute, NULL, &learner, &error),
         &error);
    must(hth_learner_tape(learner, rig.compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(rig.network, NULL, &gradient, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    hth_real *signals = draw(8 * 2 * N, 5, 1);
    assert_int_equal(hth_learn(learner, tape, gradient, &error), HTH_INVALID);
    must(hth_learner_signals(learner, signals, 7, &error), &error);
    assert_int_equal(hth_learn(learner, tape, gradient, &error), HTH_INVALID);
    signals[3] = INFINITY;
    assert_int_equal(hth_learner_signals(learner, signals, 8, &error), HTH_NOT_FINITE);
    signals[3] = 1;
    must(hth_learner_signals(learner, signals, 8, &error), &error);
    must(hth_learn(learner, tape, gradient, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    assert_int_equal(hth_learn(learner, tape, gradient, &error), HTH_INVALID);
    free(signals);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_module_of_fixed_feedback_is_signal_random),
        cmocka_unit_test(test_tapes_of_any_length_take_signals),
        cmocka_unit_test(test_signals_are_given_with_each_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
