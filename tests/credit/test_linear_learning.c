/*
 * How deep linear networks learn (Saxe, McClelland & Ganguli 2014, "Exact solutions to the nonlinear dynamics of
 * learning in deep linear neural networks"). Targets are y = U S V^T x, of inputs without correlations. The weights
 * begin balanced and decoupled, W_1 = R D V^T, W_2 = U D R^T with R orthogonal, so that each mode has the strength a_0.
 * Plain descent then learns each mode by itself; time t is steps times rate:
 *
 *     da/dt = 2 a (s - a)            a(t) = s g / (g - 1 + s / a_0), g = exp(2 s t)  one hidden layer
 *     da/dt = L a^{2 - 2/L} (s - a)  of L layers of weights; integrated here
 *
 * Descent with steps is off by O(rate): half the rate, half the error. A step is a sequence, and the units have no
 * memory, so the law is of every learner whose gradient within a step is exact.
 */
#include "laws.h"

enum { IN = 4, OUT = 3, MODES = 3, HIDDEN = 6, POINTS = 8, MOST_LAYERS = 3 };

static const double strengths[MODES] = {3, 2, 1.2};
static const double begin = 0.05, period = 3;

/* ---- Orthogonal matrices ---------------------------------------------------------------------- */

/* q[n][n], whose rows are orthonormal, by Gram and Schmidt, of normal numbers. */
static void draw_orthogonal(size_t n, uint64_t seed, double *q) {
    hth_random r = {seed, HTH_RANDOM_CHECK, 8};
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < n; j++) q[i * n + j] = hth_random_normal(&r, i * n + j);
        for (size_t k = 0; k < i; k++) {
            double dot = 0;
            for (size_t j = 0; j < n; j++) dot += q[i * n + j] * q[k * n + j];
            for (size_t j = 0; j < n; j++) q[i * n + j] -= dot * q[k * n + j];
        }
        for (size_t j = 0; j < n; j++) square += q[i * n + j] * q[i * n + j];
        for (size_t j = 0; j < n; j++) q[i * n + j] /= sqrt(square);
    }
}

/* ---- The curves ------------------------------------------------------------------------------- */

static double closed_curve(double s, double t) {
    const double e = exp(2 * s * t);
    return s * e / (e - 1 + s / begin);
}

static double speed(double a, double s, double layers) {
    return layers * pow(a, 2 - 2 / layers) * (s - a);
}

/* The mode's strength at time t, by Runge and Kutta's method. */
static double integrated_curve(double s, double t, size_t layers) {
    enum { STEPS = 4000 };
    const double h = t / STEPS, L = (double)layers;
    double a = begin;
    for (int i = 0; i < STEPS; i++) {
        const double k1 = speed(a, s, L), k2 = speed(a + h / 2 * k1, s, L);
        const double k3 = speed(a + h / 2 * k2, s, L), k4 = speed(a + h * k3, s, L);
        a += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    return a;
}

static double curve(double s, double t, size_t layers) {
    return layers == 2 ? closed_curve(s, t) : integrated_curve(s, t, layers);
}

/* ---- The network ------------------------------------------------------------------------------ */

typedef struct subject {
    law_rig rig;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    size_t layers; /* of weights, the readout's among them */
    double U[OUT][OUT], V[IN][IN];
} subject;

/* out[rows][columns], rows `stride` apart, = sum_k d left_k right_k^T over modes; of square matrices, whose rows k are
 * the vectors. */
static void set_modes(double d, size_t rows, const double *left, size_t columns,
                      const double *right, hth_real *out, size_t stride) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t k = 0; k < MODES; k++)
                sum += d * left[k * rows + i] * right[k * columns + j];
            out[i * stride + j] = (hth_real)sum;
        }
}

/* Weights at the start; balance: by how much the first is larger and the last is smaller than the others. */
static void set_weights(subject *s, double balance) {
    hth_network *net = s->rig.network;
    const double d = pow(begin, 1 / (double)s->layers);
    double R[MOST_LAYERS][HIDDEN][HIDDEN];
    memset(net->theta, 0, net->count * sizeof *net->theta);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        draw_orthogonal(HIDDEN, 20 + l, &R[l][0][0]);
        set_modes(l ? d : d * balance, HIDDEN, &R[l][0][0], layer->inputs,
                  l ? &R[l - 1][0][0] : &s->V[0][0], net->theta + layer->weight + layer->n,
                  layer->m);
    }
    set_modes(d / balance, OUT, &s->U[0][0], HIDDEN, &R[net->layer_count - 1][0][0],
              net->theta + net->readout.weight, HIDDEN);
}

/* Inputs of which the mean of x x^T is 1, and their targets. */
static void set_data(subject *s) {
    hth_real *x = (hth_real *)s->rig.chunk.x, *y = (hth_real *)s->rig.chunk.targets;
    double Q[IN][IN];
    draw_orthogonal(IN, 11, &Q[0][0]);
    for (size_t b = 0; b < IN; b++)
        for (size_t i = 0; i < IN; i++) x[b * IN + i] = (hth_real)(sqrt(IN) * Q[b][i]);
    for (size_t b = 0; b < IN; b++)
        for (size_t o = 0; o < OUT; o++) {
            double sum = 0;
            for (size_t k = 0; k < MODES; k++)
                for (size_t i = 0; i < IN; i++)
                    sum += s->U[k][o] * strengths[k] * s->V[k][i] * (double)x[b * IN + i];
            y[b * OUT + o] = (hth_real)sum;
        }
}

/* What the whole network makes of the inputs, [OUT][IN], if its units are linear. */
static void multiply_weights(const hth_network *net, double out[OUT][IN]) {
    double W[HIDDEN][IN], next[HIDDEN][IN];
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_real *w = net->theta + layer->weight + layer->n;
        for (size_t i = 0; i < HIDDEN; i++)
            for (size_t j = 0; j < IN; j++) {
                next[i][j] = l ? 0 : (double)w[i * layer->m + j];
                for (size_t k = 0; l && k < HIDDEN; k++)
                    next[i][j] += (double)w[i * layer->m + k] * W[k][j];
            }
        memcpy(W, next, sizeof W);
    }
    for (size_t o = 0; o < OUT; o++)
        for (size_t j = 0; j < IN; j++) {
            out[o][j] = 0;
            for (size_t k = 0; k < HIDDEN; k++)
                out[o][j] += (double)net->theta[net->readout.weight + o * HIDDEN + k] * W[k][j];
        }
}

/* How strong mode k is in direction l: u_k^T M v_l. */
static double strength(const subject *s, const double M[OUT][IN], size_t k, size_t l) {
    double sum = 0;
    for (size_t o = 0; o < OUT; o++)
        for (size_t i = 0; i < IN; i++) sum += s->U[k][o] * M[o][i] * s->V[l][i];
    return sum;
}

/* ---- Learning --------------------------------------------------------------------------------- */

typedef struct kind {
    const char *units, *phi, *learner;
    double balance;
} kind;

static void open_subject(subject *s, const kind *of, double rate) {
    char text[400], learning[200];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    *s = (subject){0};
    /* The network, at its balanced beginning, and the data. */
    snprintf(text, sizeof text,
             "network.units=%s cell.name=rate cell.alpha=1 cell.phi=%s network.connections=none "
             "network.bias=false readout.bias=false optimiser.name=sgd optimiser.lr=%.17g",
             of->units, of->phi, rate);
    const law_case what = {text, IN, 0, OUT, 1, IN, false, false};
    law_rig *rig = &s->rig;
    law_setup(rig, &what);
    s->layers = rig->network->layer_count + 1;
    draw_orthogonal(OUT, 12, &s->U[0][0]);
    draw_orthogonal(IN, 13, &s->V[0][0]);
    set_weights(s, of->balance);
    set_data(s);
    rig->chunk.ends = true;
    /* What learns. */
    snprintf(learning, sizeof learning, "learner.name=%s", of->learner);
    const hth_settings settings = law_split(learning, items);
    must(hth_learner_create(&settings, rig->network, 1, IN, 1, rig->compute, NULL, &s->learner,
                            &error),
         &error);
    must(hth_learner_tape(s->learner, rig->compute, NULL, &s->tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &s->gradient, &error), &error);
    must(hth_optimiser_create(&rig->settings, rig->network, rig->compute, NULL, &s->optimiser,
                              &error),
         &error);
}

static void close_subject(subject *s) {
    hth_optimiser_destroy(s->optimiser);
    hth_gradient_destroy(s->gradient);
    hth_tape_destroy(s->tape);
    hth_learner_destroy(s->learner);
    law_teardown(&s->rig);
}

/* One update by the whole batch. */
static void learn(subject *s) {
    hth_report report = {0};
    hth_error error;
    hth_tape_reset(s->tape);
    hth_gradient_clear(s->gradient);
    must(hth_forward(s->tape, &s->rig.chunk, &report, &error), &error);
    must(hth_learn(s->learner, s->tape, s->gradient, &error), &error);
    must(hth_optimiser_step(s->optimiser, s->rig.network, s->gradient, 1, &error), &error);
}

/* Largest distance of the modes from their curves at times 0..period, and in *mixed the largest strength of a mode in
 * another one's direction. */
static double distance(const kind *of, double rate, double *mixed) {
    subject s;
    double worst = 0;
    open_subject(&s, of, rate);
    *mixed = 0;
    const size_t between = (size_t)(period / POINTS / rate + 0.5);
    for (size_t point = 1; point <= POINTS; point++) {
        double M[OUT][IN];
        for (size_t i = 0; i < between; i++) learn(&s);
        multiply_weights(s.rig.network, M);
        const double t = (double)(point * between) * rate;
        for (size_t k = 0; k < MODES; k++)
            for (size_t l = 0; l < IN; l++) {
                const double is = strength(&s, M, k, l);
                if (k == l)
                    worst = fmax(worst, fabs(is - curve(strengths[k], t, s.layers)));
                else
                    *mixed = fmax(*mixed, fabs(is));
            }
    }
    close_subject(&s);
    return worst;
}

static const double coarse = 1.0 / 256, fine = 1.0 / 512;

/* The modes follow their curves, as far as the rate lets them; none of them leaks into another. */
static void test_modes_follow_their_curves(void **state) {
    (void)state;
    static const kind kinds[] = {{"6", "identity", "bptt", 1},
                                 {"6", "identity", "rtrl", 1},
                                 {"6", "identity", "rflo", 1},
                                 {"6", "identity", "eprop1-symmetric", 1},
                                 {"6,6", "identity", "tbptt", 1}};
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        double mixed[2];
        const double error = distance(&kinds[i], coarse, &mixed[0]);
        const double half = distance(&kinds[i], fine, &mixed[1]);
        if (!(error < 0.03 && error > 1e-3 && fabs(error / half - 2) < 0.1))
            fail_msg("%s, %s: off by %.4g, and by %.4g at half the rate", kinds[i].units,
                     kinds[i].learner, error, half);
        assert_true(fmax(mixed[0], mixed[1]) < tolerance(1e-13, 1e-4));
    }
}

/* Controls: other units, other feedback and weights out of balance learn on other curves, at any rate. */
static void test_others_do_not(void **state) {
    (void)state;
    static const kind kinds[] = {
        {"6", "tanh", "bptt", 1}, {"6", "identity", "bptt", 2}, {"6", "identity", "eprop1", 1}};
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        double mixed;
        const double half = distance(&kinds[i], fine, &mixed);
        if (!(half > 0.1))
            fail_msg("%s, %s, %g: off by %.4g", kinds[i].phi, kinds[i].learner, kinds[i].balance,
                     half);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_follow_their_curves),
        cmocka_unit_test(test_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
