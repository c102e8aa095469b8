/*
 * KeRNL: with a kernel that does not learn it is RFLO; every step equal to a plain implementation of the
 * equations of algorithms.md 5.9; A and alpha go down the gradient of their error, and A goes to what it
 * must be in a linear network.
 */
#include "laws.h"

#include "credit/cost.h"
#include "credit/handles.h"
#include "credit/past/kernel.h"

static const law_case rate = {
    "cell.name=rate cell.alpha=0.4 network.units=6 loss.batch=sum", 3, 0, 2, 14, 2, false, true};
static const law_case leaky = {
    "cell.name=rate cell.alpha=0.3 network.units=5 readout.kappa=0.7 readout.scale=true",
    2,
    0,
    3,
    14,
    2,
    false,
    false};
static const law_case lstm = {
    "cell.name=lstm network.units=5 readout.kappa=0.6", 3, 0, 2, 12, 2, false, false};

static hth_kernel *kernel_of(const handles *h) {
    return h->learner->past.kept;
}

static double distance(size_t count, const hth_real *a, const hth_real *b) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* ---- RFLO ---- */

static void test_a_fixed_kernel_is_rflo(void **state) {
    (void)state;
    const law_case *const all[] = {&rate, &leaky};
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        law_rig rig;
        char same[96];
        law_setup(&rig, all[c]);
        snprintf(same, sizeof same, "learner.name=kernl learner.kernel_lr=0 learner.kernel_rate=%s",
                 c == 0 ? "0.4" : "0.3");
        hth_real *rflo = law_gradient(&rig, "learner.name=rflo", 1);
        hth_real *fixed = law_gradient(&rig, same, 1);
        hth_real *other =
            law_gradient(&rig, "learner.name=kernl learner.kernel_lr=0 learner.kernel_rate=0.6", 1);
        hth_real *learned = law_gradient(
            &rig, "learner.name=kernl learner.kernel_noise=1 learner.kernel_lr=0.1", 1);
        law_assert_equal(&rig, "a fixed kernel", fixed, rflo, tolerance(1e-12, 1e-5));
        law_assert_differs(&rig, "another rate", other, rflo, 1e-2);
        law_assert_differs(&rig, "a learned kernel", learned, other, 1e-2);
        free(rflo);
        free(fixed);
        free(other);
        free(learned);
        law_teardown(&rig);
    }
}

/* ---- The equations, as they are printed ---- */

enum { N = 6, M = 12, BATCH = 2 };

typedef struct plain {
    double A[N][N], alpha[N], B[BATCH][N][M], C[BATCH][N][M], Omega[BATCH][N], Gamma[BATCH][N];
    double copy[BATCH][N], W[N][M], own[N]; /* own: (1 - alpha) of the network */
    size_t n, m, reset, age;
    double sigma, eta, kappa;
    bool authors, complement, fixed;
} plain;

/* One step of the leaky tanh unit from r, and phi'(a). */
static void network_step(const plain *p, const double *r, const hth_real *x, double *out,
                         double *slope) {
    for (size_t i = 0; i < p->n; i++) {
        double a = 0;
        for (size_t j = 0; j < p->m; j++)
            a += p->W[i][j] * (j < p->n ? r[j] : (double)x[j]); /* x is [.; x; 1] */
        out[i] = p->own[i] * r[i] + (1 - p->own[i]) * tanh(a);
        slope[i] = 1 - tanh(a) * tanh(a);
    }
}

/* r before, u and r after the step as the network's tape has them; q: the direct error of each unit. The
 * gradient is added to g. */
static void plain_step(plain *p, const law_rig *rig, const handles *h, uint64_t block, double *g) {
    const hth_tape_layer *on = &h->tape->layers[0];
    const hth_layer *layer = &rig->network->layers[0];
    const size_t n = p->n;
    const hth_random generator = {1, HTH_RANDOM_LEARNER, 0};
    hth_real noise[BATCH * N];
    double keep[N], e[BATCH][N], eA[BATCH][N], slope[BATCH][N], zeta;
    hth_normals(&generator, block, BATCH * n, noise);
    for (size_t i = 0; i < n; i++) keep[i] = fmax(0, 1 - p->alpha[i]);
    for (size_t b = 0; b < BATCH; b++) {
        const hth_real *u = on->u + b * layer->stride, *z = on->u + (BATCH + b) * layer->stride;
        double before[N], after[N], unused[N];
        for (size_t i = 0; i < n; i++) before[i] = (double)u[i];
        if (p->age == 0) {
            memcpy(p->copy[b], before, sizeof before);
            memset(p->Omega[b], 0, sizeof p->Omega[b]);
            memset(p->Gamma[b], 0, sizeof p->Gamma[b]);
        }
        network_step(p, before, u, after, slope[b]);
        network_step(p, p->copy[b], u, after, unused);
        for (size_t i = 0; i < n; i++) {
            zeta = p->sigma * (double)noise[b * n + i];
            p->Gamma[b][i] = keep[i] * p->Gamma[b][i] - p->Omega[b][i];
            p->Omega[b][i] = keep[i] * p->Omega[b][i] + (p->complement ? 1 - keep[i] : 1) * zeta;
            if (!p->authors) after[i] += zeta;
        }
        for (size_t k = 0; k < n; k++) {
            e[b][k] = -(after[k] - (double)z[k]);
            for (size_t i = 0; i < n; i++) e[b][k] += p->A[k][i] * p->Omega[b][i];
        }
        for (size_t i = 0; i < n; i++) {
            eA[b][i] = 0;
            for (size_t k = 0; k < n; k++) eA[b][i] += e[b][k] * p->A[k][i];
            p->copy[b][i] = after[i] + (p->authors ? p->sigma * (double)noise[b * n + i] : 0);
        }
    }
    for (size_t b = 0; b < BATCH; b++)
        for (size_t k = 0; k < n; k++) {
            for (size_t i = 0; i < n; i++) p->A[k][i] -= p->eta / BATCH * e[b][k] * p->Omega[b][i];
            if (!p->fixed) p->alpha[k] -= p->eta / BATCH * eA[b][k] * p->Gamma[b][k];
        }
    p->age = p->age + 1 == p->reset ? 0 : p->age + 1;
    for (size_t b = 0; b < BATCH; b++) {
        const hth_real *q = h->learner->adjoint.layers[0].q + b * n, *u = on->u + b * layer->stride;
        for (size_t i = 0; i < n; i++) {
            double qA = 0;
            for (size_t k = 0; k < n; k++) qA += (double)q[k] * p->A[k][i];
            for (size_t j = 0; j < p->m; j++) {
                p->B[b][i][j] =
                    keep[i] * p->B[b][i][j] + (1 - p->own[i]) * slope[b][i] * (double)u[j];
                p->C[b][i][j] = p->kappa * p->C[b][i][j] + p->B[b][i][j];
                g[i * p->m + j] += qA * p->C[b][i][j];
            }
        }
    }
}

static double largest_gap(const plain *p, const law_rig *rig, const handles *h, const double *g) {
    const hth_kernel *kept = kernel_of(h);
    const hth_real *gradient = hth_gradient_values(h->gradient) + rig->network->layers[0].weight;
    double gap = 0;
    for (size_t i = 0; i < p->n; i++) {
        gap = fmax(gap, fabs((double)kept->alpha[i] - p->alpha[i]));
        for (size_t k = 0; k < p->n; k++)
            gap = fmax(gap, fabs((double)kept->A[i * p->n + k] - p->A[i][k]));
        for (size_t j = 0; j < p->m; j++)
            gap = fmax(gap, fabs((double)gradient[i * p->m + j] - g[i * p->m + j]));
        for (size_t b = 0; b < BATCH; b++) {
            gap = fmax(gap, fabs((double)kept->Omega[b * p->n + i] - p->Omega[b][i]));
            gap = fmax(gap, fabs((double)kept->Gamma[b * p->n + i] - p->Gamma[b][i]));
        }
    }
    return gap;
}

/* Weights change between steps, as they do in training: the copy runs with those of today. */
static double run_beside(const law_case *what, const char *settings, plain *p) {
    law_rig rig;
    char text[320];
    double g[N * M] = {0}, gap = 0, moved = 0;
    law_setup(&rig, what);
    const hth_layer *layer = &rig.network->layers[0];
    hth_real *W = rig.network->theta + layer->weight;
    snprintf(text, sizeof text,
             "learner.name=kernl learner.kernel_noise=0.4 learner.kernel_lr=0.2 %s", settings);
    handles h = handles_make(&rig, text, 1);
    p->n = layer->n;
    p->m = layer->m;
    p->sigma = 0.4;
    p->eta = 0.2;
    p->kappa = (double)rig.network->readout.kappa;
    for (size_t i = 0; i < p->n; i++) {
        p->A[i][i] = 1;
        p->alpha[i] = 0.8;
        p->own[i] = what == &rate ? 0.6 : 0.7;
    }
    for (size_t t = 0; t < what->steps; t++) {
        for (size_t i = 0; i < layer->rows * layer->m; i++) {
            W[i] *= HTH_C(0.98);
            p->W[i / p->m][i % p->m] = (double)W[i];
        }
        handles_advance(&rig, &h, t, 1);
        plain_step(p, &rig, &h, t * hth_normal_blocks(BATCH * p->n), g);
        gap = fmax(gap, largest_gap(p, &rig, &h, g));
    }
    for (size_t i = 0; i < p->n; i++) moved = fmax(moved, fabs(p->alpha[i] - 0.8));
    assert_true(fabs(p->A[0][1]) > 1e-3);
    assert_true(p->fixed ? moved == 0 : moved > 1e-3);
    handles_drop(&h);
    law_teardown(&rig);
    return gap;
}

static void test_the_equations(void **state) {
    (void)state;
    static const struct {
        const char *settings;
        size_t reset;
        bool authors, complement, fixed;
    } ways[] = {
        {"", 1000, false, false, false},
        {"learner.kernel_order=authors", 1000, true, false, false},
        {"learner.kernel_gain=complement learner.kernel_reset=0", 0, false, true, false},
        {"learner.kernel_reset=4 learner.kernel_alpha=fixed", 4, false, false, true},
        {"learner.kernel_order=authors learner.kernel_gain=complement learner.kernel_reset=5", 5,
         true, true, false},
    };
    const law_case *const all[] = {&rate, &leaky};
    for (size_t c = 0; c < HTH_COUNT(all); c++)
        for (size_t i = 0; i < HTH_COUNT(ways); i++) {
            plain p = {.reset = ways[i].reset,
                       .authors = ways[i].authors,
                       .complement = ways[i].complement,
                       .fixed = ways[i].fixed};
            plain wrong = p;
            wrong.complement = !p.complement;
            const double gap = run_beside(all[c], ways[i].settings, &p);
            if (!(gap < tolerance(1e-12, 1e-5))) fail_msg("%s: %g", ways[i].settings, gap);
            assert_true(run_beside(all[c], ways[i].settings, &wrong) > 1e-2);
        }
}

/* ---- Every cell: B is the filtered immediate influence on z ---- */

static void test_traces_of_every_cell(void **state) {
    (void)state;
    static const law_case cells[] = {
        {"cell.name=rate-pre cell.alpha=0.6 network.units=6", 3, 0, 2, 6, 1, false, false},
        {"cell.name=lstm network.units=5", 3, 0, 2, 6, 1, false, false},
        {"cell.name=lstm cell.output=linear network.units=5", 3, 0, 2, 6, 1, false, false},
        {"cell.name=gru network.units=5", 3, 0, 2, 6, 1, false, false},
        {"cell.name=lif network.units=6 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2, 6, 1, false,
         false},
        {"cell.name=alif cell.beta=0.3 network.units=6 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2, 6,
         1, false, false},
        {"cell.name=gru network.units=5 network.embedding=3", 0, 4, 2, 6, 1, false, false},
    };
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        law_setup(&rig, &cells[c]);
        handles h = handles_make(
            &rig, "learner.name=kernl learner.kernel_lr=0 learner.kernel_rate=0.25", 1);
        const hth_layer *layer = &rig.network->layers[0];
        const size_t n = layer->n, m = layer->m, count = layer->rows * m;
        hth_real *old = malloc(count * sizeof *old);
        double wrong = 0, alive = 0, delta_wrong = 0;
        for (size_t t = 0; t < 6; t++) {
            const hth_kernel *kept = kernel_of(&h);
            memcpy(old, kept->traces, count * sizeof *old);
            handles_advance(&rig, &h, t, 1);
            for (size_t i = 0; i < count; i++) {
                const size_t row = i / m;
                const hth_real u = h.tape->layers[0].u[i % m];
                const double own = (double)(kept->influence[row] * u);
                wrong = fmax(wrong, fabs((double)kept->traces[i] - 0.75 * (double)old[i] - own));
                alive = fmax(alive, fabs(own));
            }
            for (size_t row = 0; row < layer->rows; row++) { /* the scan has the same */
                const double q = (double)kept->mixed[row % n];
                const double own = (double)kept->influence[row];
                delta_wrong = fmax(delta_wrong,
                                   fabs((double)h.learner->adjoint.layers[0].delta[row] - q * own));
            }
        }
        hth_real *masked = malloc(rig.count * sizeof *masked); /* nothing for what does not exist */
        memcpy(masked, hth_gradient_values(h.gradient), rig.count * sizeof *masked);
        hth_layer_mask(layer, masked + layer->weight);
        assert_memory_equal(masked, hth_gradient_values(h.gradient), rig.count * sizeof *masked);
        free(masked);
        assert_true(wrong < tolerance(1e-14, 1e-5) && delta_wrong < tolerance(1e-14, 1e-5));
        assert_true(alive > 1e-2);
        free(old);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

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
    static const char *const cells[] = {"rate", "rate-pre", "lstm", "gru"};
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
    static const char *const cells[] = {"rate", "rate-pre", "lstm", "gru"};
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

enum { STEPS = 8 };

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

/* ---- Sequences, interruptions, threads ---- */

static void test_state_is_complete(void **state) {
    (void)state;
    const law_case *const all[] = {&rate, &leaky, &lstm};
    for (size_t c = 0; c < HTH_COUNT(all); c++)
        for (int forget = 0; forget < 2; forget++) {
            law_rig rig;
            law_setup(&rig, all[c]);
            const char *settings = "learner.name=kernl learner.kernel_noise=0.3 "
                                   "learner.kernel_lr=0.1 learner.kernel_reset=7";
            handles a = handles_make(&rig, settings, 1), b = handles_make(&rig, settings, 1);
            for (size_t t = 0; t < 5; t++) handles_advance(&rig, &a, t, 1);
            handles_copy_state(&a, &b);
            if (forget) *(uint64_t *)handles_field(&b, "noise.drawn").data = 0;
            hth_gradient_clear(a.gradient);
            for (size_t t = 5; t < 11; t++) {
                handles_advance(&rig, &a, t, 1);
                handles_advance(&rig, &b, t, 1);
            }
            const int differs =
                memcmp(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                       rig.count * sizeof(hth_real));
            assert_true((differs == 0) == !forget);
            handles_drop(&a);
            handles_drop(&b);
            law_teardown(&rig);
        }
}

/* A sequence begins without traces and with a copy of its own; what was learned stays. */
static void test_sequences(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &leaky);
    handles fixed = handles_make(&rig, "learner.name=kernl learner.kernel_lr=0", 1);
    hth_real *one = handles_gradient(&rig, &fixed, 1), *two = handles_gradient(&rig, &fixed, 1);
    assert_memory_equal(one, two, rig.count * sizeof *one);
    hth_gradient_clear(fixed.gradient);
    hth_tape_reset(fixed.tape); /* that of the tape alone is enough */
    for (size_t t = 0; t < leaky.steps; t++) handles_advance(&rig, &fixed, t, 1);
    assert_memory_equal(one, hth_gradient_values(fixed.gradient), rig.count * sizeof *one);
    free(one);
    free(two);
    handles h =
        handles_make(&rig, "learner.name=kernl learner.kernel_noise=0.5 learner.kernel_lr=0.1", 1);
    const hth_kernel *kept = kernel_of(&h);
    free(handles_gradient(&rig, &h, 1));
    hth_real *A = malloc(25 * sizeof *A);
    memcpy(A, kept->A, 25 * sizeof *A);
    assert_int_equal(kept->age, 14);
    handles_reset(&h);
    assert_memory_equal(A, kept->A, 25 * sizeof *A);
    handles_advance(&rig, &h, 0, 1);
    assert_int_equal(kept->age, 1);
    for (size_t i = 0; i < 10; i++) { /* one step old */
        assert_true(kept->Gamma[i] == 0);
        assert_true(kept->Omega[i] == kept->zeta[i]);
    }
    assert_true(distance(25, A, kept->A) > 0);
    free(A);
    handles_drop(&fixed);
    handles_drop(&h);
    law_teardown(&rig);
}

static void test_threads_change_no_bit(void **state) {
    (void)state;
    const law_case large = {
        "cell.name=rate cell.alpha=0.5 network.units=120", 3, 0, 2, 4, 80, false, false};
    hth_real *bits[2];
    law_rig rig;
    hth_error error;
    law_setup(&rig, &large);
    for (int threads = 1; threads <= 2; threads++) {
        hth_compute_destroy(rig.compute);
        must(hth_compute_create(threads, NULL, &rig.compute, &error), &error);
        bits[threads - 1] = law_gradient(
            &rig, "learner.name=kernl learner.kernel_noise=0.1 learner.kernel_lr=0.1", 1);
    }
    assert_memory_equal(bits[0], bits[1], rig.count * sizeof(hth_real));
    free(bits[0]);
    free(bits[1]);
    law_teardown(&rig);
}

/* ---- What it says of itself ---- */

static void test_memory(void **state) {
    (void)state;
    static const law_case cells[] = {
        {"cell.name=rate network.units=6", 3, 0, 2, 2, 1, false, false},
        {"cell.name=lstm network.units=5 readout.kappa=0.6", 3, 0, 4, 2, 1, false, false},
        {"cell.name=gru network.units=5 readout.kappa=0.6", 3, 0, 1, 2, 1, false, false},
        {"cell.name=rate-pre network.units=5", 3, 0, 1, 2, 1, false, false},
    };
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        hth_cost costs[HTH_AXES];
        law_setup(&rig, &cells[c]);
        handles h = handles_make(&rig, "learner.name=kernl", 1);
        hth_learner_costs(h.learner, costs);
        const double numbers = (double)hth_learner_numbers(h.learner);
        assert_true(fabs(costs[2].memory - numbers) < 1e-6 * numbers);
        assert_true(costs[2].operations > numbers);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

static void test_needs(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &rate);
    for (int learns = 0; learns < 2; learns++) {
        hth_need needs[HTH_ALL_NEEDS];
        bool copy = false;
        handles h = handles_make(
            &rig, learns ? "learner.name=kernl" : "learner.name=kernl learner.kernel_lr=0", 1);
        const size_t count = hth_learner_needs(h.learner, needs);
        for (size_t i = 0; i < count; i++)
            if (strcmp(needs[i].operation, "vi") == 0) copy = !needs[i].feasible;
        assert_true(copy == learns);
        handles_drop(&h);
    }
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *network, *learner, *reason;
    } bad[] = {
        {"network.units=4", "learner.recurrence=full", "learner.recurrence = none"},
        {"network.units=4", "learner.signal=none", "no error reaches the units"},
        {"network.units=4,3", "", "of one layer's units"},
        {"network.units=4 network.initial=learned", "", "network.initial = zero"},
        {"network.units=4 cell.name=lif", "", "learner.kernel_lr = 0"},
        {"network.units=4 cell.name=lif", "learner.kernel_lr=0", NULL},
        {"network.units=4", "learner.kernel_reset=0", NULL},
    };
    for (size_t i = 0; i <= HTH_COUNT(bad); i++) {
        const bool longer = i == HTH_COUNT(bad);
        const law_case what = {
            longer ? "network.units=4" : bad[i].network, 2, 0, 2, 2, 1, false, false};
        law_rig rig;
        handles h;
        hth_error error;
        char text[96];
        const char *reason = longer ? "learner.steps = 1" : bad[i].reason;
        law_setup(&rig, &what);
        snprintf(text, sizeof text, "learner.name=kernl %s", longer ? "" : bad[i].learner);
        assert_int_equal(handles_try(&rig, text, longer ? 2 : 1, 1, &h, &error),
                         reason ? HTH_INVALID : HTH_OK);
        if (reason && !strstr(error.message, reason)) fail_msg("%s", error.message);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fixed_kernel_is_rflo),
        cmocka_unit_test(test_the_equations),
        cmocka_unit_test(test_traces_of_every_cell),
        cmocka_unit_test(test_prediction_without_recurrence),
        cmocka_unit_test(test_copy_without_noise),
        cmocka_unit_test(test_first_perturbation),
        cmocka_unit_test(test_descent),
        cmocka_unit_test(test_convergence),
        cmocka_unit_test(test_state_is_complete),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
