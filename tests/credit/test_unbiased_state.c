/*
 * What the unbiased pasts keep: two factors, of which only the product counts, whole in their fields, the same bits for
 * any number of threads; and what they do not go together with.
 */
#include "credit/past/unbiased.h"
#include "handles.h"

static const char *const names[] = {"uoro", "kf-rtrl", "r-kf"};
enum { UORO, KF_RTRL, R_KF, KINDS };

static const law_case larger = {"cell.name=rate cell.alpha=0.5 network.units=6,5 readout.kappa=0.5",
                                2,
                                0,
                                2,
                                8,
                                2,
                                false,
                                false};
static const law_case plain = {"cell.name=gru network.units=6", 2, 0, 2, 8, 2, false, false};

/* A twice as long and B half as long is the same M; and the ratio is forgotten, but for epsilon. */
static void test_scaling_changes_nothing(void **state) {
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        char settings[96];
        law_rig rig;
        law_setup(&rig, &larger);
        snprintf(settings, sizeof settings, "learner.name=%s learner.rho_epsilon=1e-30",
                 names[kind]);
        handles h[3];
        for (size_t i = 0; i < 3; i++) {
            h[i] = handles_make(&rig, settings, 1);
            for (size_t t = 0; t < 5; t++) handles_advance(&rig, &h[i], t, 1);
            hth_gradient_clear(h[i].gradient);
        }
        for (size_t i = 1; i < 3; i++) { /* the third gets another M */
            hth_field fields[8];
            hth_learner_state(h[i].learner, fields, 8);
            for (size_t f = 0; f < 2; f++)
                for (size_t k = 0; k < fields[f].count; k++)
                    ((hth_real *)fields[f].data)[k] *= f == i - 1 ? 2 : (hth_real)0.5 * (hth_real)i;
            for (size_t k = 0; kind == UORO && k < fields[2].count; k++)
                ((double *)fields[2].data)[k] *= i == 1 ? 0.25 : 4;
        }
        for (size_t i = 0; i < 3; i++)
            for (size_t t = 5; t < 8; t++) handles_advance(&rig, &h[i], t, 1);
        const hth_real *as_was = hth_gradient_values(h[0].gradient);
        law_assert_equal(&rig, settings, hth_gradient_values(h[1].gradient), as_was,
                         tolerance(1e-12, 1e-4));
        law_assert_differs(&rig, settings, hth_gradient_values(h[2].gradient), as_was, 1e-2);
        for (size_t i = 0; i < 3; i++) handles_drop(&h[i]);
        law_teardown(&rig);
    }
}

/* Of x/rho + rho y, whose terms have random signs, the variance is least where both are equally long: rho is that one,
 * and none that is a tenth larger or smaller. Any rho leaves the mean right, so no law of the mean sees a wrong one. */
static void test_rho_is_the_best_one(void **state) {
    (void)state;
    const hth_unbiased_options none = {.rho_epsilon = 0};
    const hth_random random = {5, HTH_RANDOM_CHECK, 2};
    for (uint64_t i = 0; i < 20; i++) {
        const double x = exp(3 * hth_random_normal(&random, 2 * i)),
                     y = exp(3 * hth_random_normal(&random, 2 * i + 1));
        const double rho = hth_rho(&none, x * x, y * y);
        assert_true(fabs(x / rho - rho * y) < 1e-12 * x / rho);
        const double factors[] = {1, 0.9, 1.1};
        double variance[3];
        for (size_t k = 0; k < 3; k++) {
            const double r = rho * factors[k];
            variance[k] = x * x / (r * r) + r * r * y * y;
        }
        assert_true(variance[0] < variance[1] && variance[0] < variance[2]);
    }
    /* Where both are 0 epsilon makes it 1; where one is, no number is infinite. */
    const hth_unbiased_options some = {.rho_epsilon = 1e-7};
    assert_true(hth_rho(&some, 0, 0) == 1);
    assert_true(isfinite(hth_rho(&some, 4, 0)) && hth_rho(&some, 0, 4) > 0);
}

/* KF-RTRL keeps B as a number times an array. Where that number has become large the two are multiplied out, which
 * must not show. */
static void test_scale_of_B(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &plain);
    handles h[2];
    for (size_t i = 0; i < 2; i++) {
        h[i] = handles_make(&rig, "learner.name=kf-rtrl", 1);
        for (size_t t = 0; t < 5; t++) handles_advance(&rig, &h[i], t, 1);
        hth_gradient_clear(h[i].gradient);
    }
    const hth_field B = handles_field(&h[1], "factors.B");
    double *scale = handles_field(&h[1], "factors.scale").data;
    assert_true(*scale != 1);
    for (size_t i = 0; i < B.count; i++) ((hth_real *)B.data)[i] *= HTH_C(0x1p-30);
    for (size_t b = 0; b < plain.batch; b++) scale[b] *= 0x1p30;
    for (size_t i = 0; i < 2; i++)
        for (size_t t = 5; t < 8; t++) handles_advance(&rig, &h[i], t, 1);
    assert_true(*scale < 0x1p20);
    law_assert_equal(&rig, "scaled", hth_gradient_values(h[1].gradient),
                     hth_gradient_values(h[0].gradient), tolerance(1e-12, 1e-4));
    for (size_t i = 0; i < 2; i++) handles_drop(&h[i]);
    law_teardown(&rig);
}

/* ---- Bits ---- */

/* The fields are the whole state: copied into new handles, the run goes on with the same bits. */
static void assert_resumes(const law_case *what, const char *settings, size_t K) {
    law_rig rig;
    law_setup(&rig, what);
    handles a = handles_make(&rig, settings, K), b = handles_make(&rig, settings, K);
    const size_t bytes = rig.count * sizeof(hth_real);
    for (size_t t = 0; t < 4; t += K) handles_advance(&rig, &a, t, K);
    hth_gradient_clear(a.gradient);
    handles_copy_state(&a, &b);
    for (size_t t = 4; t < 8; t += K) handles_advance(&rig, &a, t, K);
    for (size_t t = 4; t < 8; t += K) handles_advance(&rig, &b, t, K);
    assert_memory_equal(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient), bytes);
    hth_gradient_clear(a.gradient);
    for (size_t t = 4; t < 8; t += K) handles_advance(&rig, &a, t, K); /* other signs: other bits */
    assert_true(memcmp(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient), bytes) !=
                0);
    handles_drop(&a);
    handles_drop(&b);
    law_teardown(&rig);
}

static void test_state_is_complete(void **state) {
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t K = 1; K <= 2; K++) {
            char settings[64];
            snprintf(settings, sizeof settings, "learner.name=%s", names[kind]);
            assert_resumes(&larger, settings, K);
            assert_resumes(&plain, settings, K);
        }
}

/* Large enough that the loops over rows and tiles are spread over threads. */
static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    static const law_case wide = {
        "cell.name=lstm network.units=48,40", 3, 0, 2, 6, 3, false, false};
    static const law_case wider = {"cell.name=rate network.units=300", 3, 0, 2, 6, 2, false, false};
    for (size_t kind = 0; kind < KINDS; kind++) {
        char settings[64];
        hth_error error;
        hth_real *one = NULL;
        snprintf(settings, sizeof settings, "learner.name=%s", names[kind]);
        for (int threads = 1; threads <= 3; threads++) {
            law_rig rig;
            law_setup(&rig, kind == UORO ? &wider : &wide);
            hth_compute_destroy(rig.compute);
            must(hth_compute_create(threads, NULL, &rig.compute, &error), &error);
            hth_real *many = law_gradient(&rig, settings, 2);
            if (one) assert_memory_equal(one, many, rig.count * sizeof *one);
            if (!one) { /* the comparison can fail */
                hth_real *other = law_gradient(&rig, settings, 3);
                assert_true(memcmp(other, many, rig.count * sizeof *other) != 0);
                free(other);
            }
            free(one);
            one = many;
            law_teardown(&rig);
        }
        free(one);
    }
}

/* ---- Refusals ---- */

static void assert_refused(const char *network, bool tokens, const char *settings,
                           const char *expected) {
    const law_case what = {network, tokens ? 0 : 2, tokens ? 3 : 0, 2, 2, 1, false, false};
    hth_error error = {HTH_OK, ""};
    handles none;
    law_rig rig;
    law_setup(&rig, &what);
    assert_int_equal(handles_try(&rig, settings, 1, 1, &none, &error), HTH_INVALID);
    assert_null(none.learner);
    if (!strstr(error.message, expected)) fail_msg("'%s' lacks '%s'", error.message, expected);
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        static const char *const with[][2] = {
            {"learner.signal=none", "nothing needs to be kept"},
            {"learner.recurrence=none", "learner.recurrence = full"},
            {"learner.future=synthetic", "learner.future = zero"},
        };
        for (size_t i = 0; i < HTH_COUNT(with); i++) {
            char settings[96];
            snprintf(settings, sizeof settings, "learner.name=%s %s", names[kind], with[i][0]);
            assert_refused("network.units=3", false, settings, with[i][1]);
        }
    }
    assert_refused("network.units=3 network.embedding=2", true, "learner.name=kf-rtrl", "tokens");
    assert_refused("network.units=3 network.initial=learned", false, "learner.name=r-kf",
                   "network.initial = zero");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scaling_changes_nothing),
        cmocka_unit_test(test_scale_of_B),
        cmocka_unit_test(test_rho_is_the_best_one),
        cmocka_unit_test(test_state_is_complete),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
