/*
 * What KeRNL learns: the copy's prediction is what its equations say, A and alpha go down the gradient of
 * their error, and A goes to what it must be in a linear network.
 */
#include "credit/kernel_cases.h"

/* ---- Prediction ---- */

static void forget_recurrence(law_rig *rig) {
    const hth_layer *layer = &rig->network->layers[0];
    for (size_t row = 0; row < layer->rows; row++)
        memset(rig->network->theta + layer->weight + row * layer->m, 0,
               layer->n * sizeof(hth_real));
}

/* The largest e over the data, and that of e - zeta, in units of the noise. */
static void prediction(law_rig *rig, const char *settings, double *error, double *less_noise) {
    char text[320];
    snprintf(text, sizeof text, "learner.name=kernl learner.kernel_lr=1e-20 %s", settings);
    handles h = handles_make(rig, text, 1);
    const size_t count = rig->what.batch * rig->network->layers[0].n;
    *error = *less_noise = 0;
    for (size_t t = 0; t < rig->what.steps; t++) {
        const hth_kernel *kept = kernel_of(&h);
        handles_advance(rig, &h, t, 1);
        for (size_t i = 0; i < count; i++) {
            const double e = (double)kept->error[i] / 0.1, zeta = (double)kept->zeta[i] / 0.1;
            *error = fmax(*error, fabs(e));
            *less_noise = fmax(*less_noise, fabs(e - zeta));
        }
    }
    handles_drop(&h);
}

/* Where the kernel is the truth, its prediction is right; in the authors' order never. */
static void test_prediction_without_recurrence(void **state) {
    (void)state;
    static const law_case cells[] = {
        {"cell.name=rate cell.alpha=0.4 network.units=6", 3, 0, 2, 14, 2, false, false},
        {"cell.name=rate-pre cell.alpha=0.6 cell.phi=identity network.units=6", 3, 0, 2, 14, 2,
         false, false},
    };
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        double error, less_noise;
        char settings[160];
        const char *common = "learner.kernel_noise=0.1 learner.kernel_rate=0.4";
        law_setup(&rig, &cells[c]);
        prediction(&rig, common, &error, &less_noise);
        assert_true(error > 0.05); /* with recurrence the kernel is not the truth */
        forget_recurrence(&rig);
        prediction(&rig, common, &error, &less_noise);
        assert_true(error < tolerance(1e-12, 1e-4));
        snprintf(settings, sizeof settings, "%s learner.kernel_order=authors", common);
        prediction(&rig, settings, &error, &less_noise);
        assert_true(error > 0.5);
        assert_true(less_noise < tolerance(1e-12, 1e-4));
        law_teardown(&rig);
    }
}

/* Without noise the copy goes where the network goes. */
static void test_copy_without_noise(void **state) {
    (void)state;
    static const char *const cells[] = {"rate", "rate-pre", "lstm", "gru", "sublstm"};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        char text[64];
        double error, less_noise;
        snprintf(text, sizeof text, "cell.name=%s network.units=6", cells[c]);
        const law_case what = {text, 3, 0, 2, 9, 2, false, false};
        law_rig rig;
        law_setup(&rig, &what);
        prediction(&rig, "learner.kernel_noise=0", &error, &less_noise);
        assert_true(error == 0);
        prediction(&rig, "learner.kernel_noise=0.1", &error, &less_noise);
        assert_true(error > 0.01);
        law_teardown(&rig);
    }
}

/* At the first step the copy differs by the noise alone, of s, and of z by way of Z. */
static void test_first_perturbation(void **state) {
    (void)state;
    static const char *const cells[] = {"rate", "rate-pre", "lstm", "gru", "sublstm"};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        char text[64];
        double error, less_noise;
        snprintf(text, sizeof text, "cell.name=%s network.units=6", cells[c]);
        const law_case one = {text, 3, 0, 2, 1, 2, false, false};
        const law_case two = {text, 3, 0, 2, 2, 2, false, false};
        law_rig rig;
        law_setup(&rig, &one);
        prediction(&rig, "learner.kernel_noise=0.1", &error, &less_noise);
        assert_true(error < tolerance(1e-12, 1e-4));
        law_teardown(&rig);
        law_setup(&rig, &two);
        prediction(&rig, "learner.kernel_noise=0.1", &error, &less_noise);
        assert_true(error > 1e-2);
        law_teardown(&rig);
    }
}

/* ---- Learning A and alpha ---- */

enum { N = 6, BATCH = 2, STEPS = 8 }; /* N and BATCH: those of `rate` */

typedef struct history {
    double zeta[STEPS][BATCH * N], seen[BATCH * N]; /* seen: z~ - z of the last step */
    bool complement;
} history;

/* |e|^2 / 2, mean over the batch, with the noise as it was and another A and alpha from the start. */
static double loss_of(const history *past, const double *A, const double *alpha) {
    double loss = 0;
    for (size_t b = 0; b < BATCH; b++) {
        double Omega[N] = {0};
        for (size_t t = 0; t < STEPS; t++)
            for (size_t i = 0; i < N; i++)
                Omega[i] = (1 - alpha[i]) * Omega[i] +
                           (past->complement ? alpha[i] : 1) * past->zeta[t][b * N + i];
        for (size_t k = 0; k < N; k++) {
            double e = -past->seen[b * N + k];
            for (size_t i = 0; i < N; i++) e += A[k * N + i] * Omega[i];
            loss += e * e / 2 / BATCH;
        }
    }
    return loss;
}

static double difference(const history *past, double *A, double *alpha, double *entry) {
    const double kept = *entry, h = 1e-5;
    *entry = kept + h;
    const double up = loss_of(past, A, alpha);
    *entry = kept - h;
    const double down = loss_of(past, A, alpha);
    *entry = kept;
    return (up - down) / (2 * h);
}

/* What the last of a few steps changes, over the rate, against differences: worst relative errors. */
static void descent(const char *settings, bool complement, double *of_A, double *of_alpha) {
    const double rate_of_learning = 1e-6; /* so that A and alpha were nearly constant */
    law_rig rig;
    char text[320];
    history past = {.complement = complement};
    double A[N * N], alpha[N], largest_A = 0, largest_alpha = 0;
    law_setup(&rig, &rate);
    snprintf(text, sizeof text,
             "learner.name=kernl learner.kernel_noise=0.5 learner.kernel_lr=1e-6 "
             "learner.kernel_rate=0.3 %s",
             settings);
    handles h = handles_make(&rig, text, 1);
    const hth_kernel *kept = kernel_of(&h);
    for (size_t i = 0; i < N * N; i++) kept->A[i] += HTH_C(0.1) * (hth_real)(i % 5); /* not I */
    for (size_t t = 0; t < STEPS; t++) {
        for (size_t i = 0; i < N * N; i++) A[i] = (double)kept->A[i];
        for (size_t i = 0; i < N; i++) alpha[i] = (double)kept->alpha[i];
        handles_advance(&rig, &h, t, 1);
        for (size_t i = 0; i < BATCH * N; i++) past.zeta[t][i] = (double)kept->zeta[i];
    }
    for (size_t i = 0; i < BATCH * N; i++) {
        past.seen[i] = -(double)kept->error[i];
        for (size_t k = 0; k < N; k++)
            past.seen[i] += A[i % N * N + k] * (double)kept->Omega[i / N * N + k];
    }
    *of_A = *of_alpha = 0;
    for (size_t i = 0; i < N * N + N; i++) {
        double *entry = i < N * N ? &A[i] : &alpha[i - N * N];
        const double now = (double)(i < N * N ? kept->A[i] : kept->alpha[i - N * N]);
        const double step = (*entry - now) / rate_of_learning;
        const double slope = difference(&past, A, alpha, entry);
        double *worst = i < N * N ? of_A : of_alpha;
        double *largest = i < N * N ? &largest_A : &largest_alpha;
        *worst = fmax(*worst, fabs(step - slope));
        *largest = fmax(*largest, fabs(slope));
    }
    assert_true(largest_A > 1e-2 && largest_alpha > 1e-2);
    *of_A /= largest_A;
    *of_alpha /= largest_alpha;
    handles_drop(&h);
    law_teardown(&rig);
}

/* Gamma of the authors' gain lacks a zeta; that of gain one is right. */
static void test_descent(void **state) {
    (void)state;
    double A, alpha;
    if (sizeof(hth_real) == sizeof(float)) return; /* the steps are too small to be seen */
    descent("", false, &A, &alpha);
    assert_true(A < 1e-4 && alpha < 1e-4);
    descent("learner.kernel_order=authors", false, &A, &alpha);
    assert_true(A < 1e-4 && alpha < 1e-4);
    descent("learner.kernel_gain=complement", true, &A, &alpha);
    assert_true(A < 1e-4 && alpha > 1e-2);
}

/* Without recurrence A must be I: it goes there from anywhere. */
static void test_convergence(void **state) {
    (void)state;
    const law_case linear = {"cell.name=rate cell.alpha=0.4 cell.phi=identity network.units=5",
                             2,
                             0,
                             2,
                             16,
                             1,
                             false,
                             false};
    for (int learns = 0; learns < 2; learns++) {
        law_rig rig;
        hth_real identity[25] = {0};
        law_setup(&rig, &linear);
        forget_recurrence(&rig);
        handles h = handles_make(&rig,
                                 learns ? "learner.name=kernl learner.kernel_noise=1 "
                                          "learner.kernel_lr=0.05 learner.kernel_rate=0.4 "
                                          "learner.kernel_alpha=fixed"
                                        : "learner.name=kernl learner.kernel_lr=0",
                                 1);
        hth_real *A = handles_field(&h, "kernel.A").data;
        for (size_t i = 0; i < 5; i++) identity[i * 6] = 1;
        for (size_t i = 0; i < 25; i++) A[i] += (hth_real)(i % 3) - 1;
        const double before = distance(25, A, identity);
        for (size_t t = 0; t < 1200; t++) handles_advance(&rig, &h, t % 16, 1);
        const double after = distance(25, A, identity);
        assert_true(before > 0.9);
        assert_true(learns ? after < tolerance(1e-5, 1e-4) : after == before);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prediction_without_recurrence),
        cmocka_unit_test(test_copy_without_noise),
        cmocka_unit_test(test_first_perturbation),
        cmocka_unit_test(test_descent),
        cmocka_unit_test(test_convergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
