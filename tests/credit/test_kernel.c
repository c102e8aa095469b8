/*
 * KeRNL: with a kernel that does not learn it is RFLO; every step equal to a plain implementation of its
 * equations (Roth et al. 2019), for every cell.
 */
#include "credit/kernel_cases.h"

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
    for (size_t k = 0; !p->fixed && k < n; k++) p->alpha[k] = fmin(1, fmax(1e-4, p->alpha[k]));
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fixed_kernel_is_rflo),
        cmocka_unit_test(test_the_equations),
        cmocka_unit_test(test_traces_of_every_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
