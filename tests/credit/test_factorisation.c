/*
 * Bellec et al. 2019, eq. 1: dE/dW = sum over t of the ideal learning signal, zeta_t = dE/dz_t, times the
 * eligibility trace e_t. zeta_t is put together from what backpropagation leaves, the traces are computed in the
 * plainest way, synapse by synapse and step by step, for every cell that the paper has.
 */
#include "credit/handles.h"

enum { MOST_GATES = 4 };

/* The item whose gradient is taken apart, and what its traces are made of. */
typedef struct unit_step {
    double D[2][2], B[2][MOST_GATES], Z[2], Q[MOST_GATES];
} unit_step;

typedef struct plain {
    const law_rig *rig;
    const hth_layer *layer;
    const hth_tape *tape;
    const hth_adjoint *adjoint;
    size_t n, m, rows, T, batch, gates, states;
    unit_step *at; /* [T][n] of the item */
} plain;

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static const hth_real *presynaptic(const plain *p, size_t t, size_t item) {
    return p->tape->layers[0].u + (t * p->batch + item) * p->layer->stride;
}

static double drive(const plain *p, size_t t, size_t item, size_t row) {
    const hth_real *u = presynaptic(p, t, item), *w = p->layer->W + row * p->m;
    double a = 0;
    for (size_t i = 0; i < p->m; i++) a += (double)w[i] * (double)u[i];
    return a;
}

/* ---- The local derivatives of each cell, from its drive ---- */

typedef void (*derivatives)(const plain *p, size_t item, size_t j);

static void of_rate(const plain *p, size_t item, size_t j) {
    const double alpha = 0.4;
    for (size_t t = 0; t < p->T; t++) {
        const double y = tanh(drive(p, t, item, j));
        p->at[t * p->n + j] =
            (unit_step){.D = {{1 - alpha}}, .B = {{alpha * (1 - y * y)}}, .Z = {1}};
    }
}

static void of_rate_pre(const plain *p, size_t item, size_t j) {
    const double alpha = 0.6;
    double s = 0;
    for (size_t t = 0; t < p->T; t++) {
        s = alpha * s + drive(p, t, item, j);
        p->at[t * p->n + j] =
            (unit_step){.D = {{alpha}}, .B = {{1}}, .Z = {sigmoid(s) * (1 - sigmoid(s))}};
    }
}

static void of_lstm(const plain *p, size_t item, size_t j) {
    double c = 0;
    for (size_t t = 0; t < p->T; t++) {
        const double i = sigmoid(drive(p, t, item, j)), f = sigmoid(drive(p, t, item, p->n + j));
        const double o = sigmoid(drive(p, t, item, 2 * p->n + j));
        const double g = tanh(drive(p, t, item, 3 * p->n + j)), before = c;
        c = f * c + i * g;
        p->at[t * p->n + j] =
            (unit_step){.D = {{f}},
                        .B = {{g * i * (1 - i), before * f * (1 - f), 0, i * (1 - g * g)}},
                        .Z = {o * (1 - tanh(c) * tanh(c))},
                        .Q = {0, 0, tanh(c) * o * (1 - o), 0}};
    }
}

/* LIF is beta = 0. Spikes are those on the tape, so that rounding cannot make others. */
static void of_spiking(const plain *p, size_t item, size_t j, double beta) {
    const double alpha = exp(-1 / 20.0), rho = exp(-1 / 15.0), v_th = (double)(hth_real)0.6;
    const int refractory = 3;
    double v = 0, b = 0, psi = 0;
    int counter = 0;
    for (size_t t = 0; t < p->T; t++) {
        const double before = (double)presynaptic(p, t, item)[j];
        const double now = (double)presynaptic(p, t + 1, item)[j];
        unit_step *at = &p->at[t * p->n + j];
        *at = (unit_step){.D = {{alpha, 0}, {psi, rho - beta * psi}}, .B = {{1}, {0}}};
        v = alpha * v + drive(p, t, item, j) - v_th * before;
        b = rho * b + before;
        const double x = (v - v_th - beta * b) / v_th;
        psi = counter > 0 ? 0 : 0.3 / v_th * fmax(0, 1 - fabs(x));
        if (sizeof(hth_real) == sizeof(double)) assert_true((now > 0) == (x > 0 && counter == 0));
        counter = counter > 0 ? counter - 1 : now > 0 ? refractory - 1 : 0;
        at->Z[0] = psi;
        at->Z[1] = -beta * psi;
    }
}

static void of_lif(const plain *p, size_t item, size_t j) {
    of_spiking(p, item, j, 0);
}

static void of_alif(const plain *p, size_t item, size_t j) {
    of_spiking(p, item, j, (double)(hth_real)0.3);
}

/* ---- The sum ---- */

/* zeta_t = dE/dz_t by the readout + W_rec^T delta_{t+1} + R lambda_{t+1}; where R is not 0, B is 1 and so lambda is
 * delta. */
static double ideal_signal(const plain *p, size_t t, size_t item, size_t j, double R) {
    const hth_adjoint_layer *a = &p->adjoint->layers[0];
    double zeta = (double)a->q[(t * p->batch + item) * p->n + j];
    if (t + 1 == p->T) return zeta;
    const hth_real *delta = a->delta + ((t + 1) * p->batch + item) * p->rows;
    for (size_t row = 0; row < p->rows; row++)
        zeta += (double)p->layer->W[row * p->m + j] * (double)delta[row];
    return zeta + R * (double)delta[j];
}

static bool exists(const plain *p, size_t row, size_t i) {
    if (i == row % p->n) return p->layer->has_self;
    return i + 1 < p->m || p->layer->has_bias;
}

static void add_item(const plain *p, size_t item, double R, double *gradient) {
    for (size_t row = 0; row < p->rows; row++)
        for (size_t i = 0; i < p->m; i++) {
            const size_t j = row % p->n, gate = row / p->n;
            double eps[2] = {0};
            for (size_t t = 0; exists(p, row, i) && t < p->T; t++) {
                const unit_step *at = &p->at[t * p->n + j];
                const double u = (double)presynaptic(p, t, item)[i];
                const double v = at->D[0][0] * eps[0] + at->D[0][1] * eps[1] + at->B[0][gate] * u;
                const double b = at->D[1][0] * eps[0] + at->D[1][1] * eps[1] + at->B[1][gate] * u;
                const double e = at->Z[0] * v + at->Z[1] * b + at->Q[gate] * u;
                gradient[row * p->m + i] += ideal_signal(p, t, item, j, R) * e;
                eps[0] = v;
                eps[1] = b;
            }
        }
}

static void assert_near(const char *what, const plain *p, const double *sum, const hth_real *g,
                        double at_most, double at_least) {
    double difference = 0, largest = 0;
    for (size_t i = 0; i < p->rows * p->m; i++) {
        difference = fmax(difference, fabs(sum[i] - (double)g[i]));
        largest = fmax(largest, fabs((double)g[i]));
    }
    assert_true(largest > 1e-4);
    difference /= largest;
    if (!(difference <= at_most && difference >= at_least))
        fail_msg("%s: differs by %.3g (expected %.3g to %.3g)", what, difference, at_least,
                 at_most);
}

static void assert_factorises(const law_case *what, derivatives of_cell, double R) {
    law_rig rig;
    law_setup(&rig, what);
    handles h = handles_make(&rig, "learner.name=bptt", what->steps);
    hth_real *exact = handles_gradient(&rig, &h, what->steps);
    law_assert_alive(&rig);
    const hth_layer *layer = &rig.network->layers[0];
    plain p = {.rig = &rig,
               .layer = layer,
               .tape = h.tape,
               .adjoint = &h.learner->adjoint,
               .n = layer->n,
               .m = layer->m,
               .rows = layer->rows,
               .T = what->steps,
               .batch = what->batch};
    double *sum = calloc(p.rows * p.m, sizeof *sum), *without = calloc(p.rows * p.m, sizeof *sum);
    p.at = calloc(p.T * p.n, sizeof *p.at);
    for (size_t b = 0; b < p.batch; b++) {
        for (size_t j = 0; j < p.n; j++) of_cell(&p, b, j);
        add_item(&p, b, R, sum);
        add_item(&p, b, 0, without);
    }
    const hth_real *g = exact + layer->weight;
    assert_near(what->settings, &p, sum, g, tolerance(1e-10, 1e-3), 0);
    if (R != 0) assert_near("without the reset", &p, without, g, INFINITY, 0.02);
    hth_real *cut = law_gradient(&rig, "learner.recurrence=none", what->steps);
    assert_near("without later errors", &p, sum, cut + layer->weight, INFINITY, 0.02);
    free(cut);
    free(p.at);
    free(sum);
    free(without);
    free(exact);
    handles_drop(&h);
    law_teardown(&rig);
}

#define SPIKES                                                                                     \
    "cell.refractory=3 cell.v_th=0.6 network.units=10 init.w_in_scale=2 readout.kappa=0.85"

static void test_rate(void **state) {
    (void)state;
    const law_case plain_readout = {
        "cell.name=rate cell.alpha=0.4 network.units=6", 3, 0, 2, 15, 2, false, false};
    const law_case leaky = {"cell.name=rate cell.alpha=0.4 network.units=6 readout.kappa=0.8 "
                            "readout.scale=true",
                            3,
                            0,
                            2,
                            15,
                            2,
                            false,
                            true};
    assert_factorises(&plain_readout, of_rate, 0);
    assert_factorises(&leaky, of_rate, 0);
}

static void test_rate_pre(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=rate-pre cell.alpha=0.6 network.units=6 init.w_rec_scale=3 readout.kappa=0.8",
        3,
        0,
        2,
        15,
        2,
        false,
        false};
    assert_factorises(&what, of_rate_pre, 0);
}

static void test_lstm(void **state) {
    (void)state;
    const law_case what = {"cell.name=lstm network.units=5 readout.kappa=0.8 loss.name=softmax",
                           3,
                           0,
                           4,
                           15,
                           2,
                           true,
                           true};
    assert_factorises(&what, of_lstm, 0);
}

static void test_lif(void **state) {
    (void)state;
    const law_case what = {"cell.name=lif " SPIKES, 3, 0, 2, 40, 2, false, false};
    assert_factorises(&what, of_lif, -(double)(hth_real)0.6);
}

static void test_alif(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=alif cell.beta=0.3 cell.tau_a=15 " SPIKES, 3, 0, 2, 40, 2, false, false};
    assert_factorises(&what, of_alif, -(double)(hth_real)0.6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate), cmocka_unit_test(test_rate_pre), cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_lif),  cmocka_unit_test(test_alif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
