/*
 * e-prop 1 on LIF, ALIF and CubaLIF units, synapse by synapse and step by step, from the equations (Bellec et al. 2019,
 * eqs. 20-29, 41-57). Of the library it uses the parameters, their layout, and the spikes
 * of a tape of the whole sequence, so that rounding cannot make others; in double precision these must be its own.
 */
#ifndef HTH_TEST_PLAIN_EPROP_H
#define HTH_TEST_PLAIN_EPROP_H

#include "parts.h"

enum { PLAIN_DERIVATIVE, PLAIN_ONE, PLAIN_CLOPATH };

/* The constants of the unit must be those of the case's settings. */
typedef struct plain_unit {
    double tau_m, tau_a, v_th, beta;
    int refractory;
    bool scale_input, to_zero; /* cell.reset = zero */
    double tau_syn;            /* 0: no synaptic current */
} plain_unit;

typedef struct plain_rule {
    int post;
    bool instantaneous;
    double clopath_tau, low, high;
    bool sum;
} plain_rule;

typedef struct plain {
    const law_rig *rig;
    const hth_tape *tape;
    plain_unit unit;
    plain_rule rule;
    const hth_real *F;  /* [outputs][n] */
    const double *pull; /* [batch][n]; NULL: none */
    size_t n, m, o, T, batch;
    double *v, *psi, *error; /* of an item: [T][n], [T][n], [T][outputs]: dE/dy_t, not filtered */
} plain;

static inline plain plain_make(const law_rig *rig, const hth_tape *tape, plain_unit unit) {
    const hth_layer *layer = &rig->network->layers[0];
    plain p = {.rig = rig,
               .tape = tape,
               .unit = unit,
               .n = layer->n,
               .m = layer->m,
               .o = rig->network->readout.outputs,
               .T = rig->what.steps,
               .batch = rig->what.batch};
    p.v = calloc(p.T * p.n, sizeof *p.v);
    p.psi = calloc(p.T * p.n, sizeof *p.psi);
    p.error = calloc(p.T * p.o, sizeof *p.error);
    return p;
}

static inline void plain_drop(plain *p) {
    free(p->v);
    free(p->psi);
    free(p->error);
}

/* u_t of an item; z_t begins that of the next step. */
static inline const hth_real *plain_u(const plain *p, size_t t, size_t item) {
    return p->tape->layers[0].u + (t * p->batch + item) * p->rig->network->layers[0].stride;
}

static inline void plain_voltages(plain *p, size_t item, size_t j) {
    const plain_unit *c = &p->unit;
    const hth_real *w = p->rig->network->layers[0].W + j * p->m;
    const double alpha = exp(-1 / c->tau_m), rho = exp(-1 / c->tau_a);
    const double sigma = c->tau_syn > 0 ? exp(-1 / c->tau_syn) : 0;
    double v = 0, b = 0, current = 0;
    int counter = 0;
    for (size_t t = 0; t < p->T; t++) {
        const hth_real *u = plain_u(p, t, item);
        const bool spikes = plain_u(p, t + 1, item)[j] > 0;
        double a = 0;
        for (size_t i = 0; i < p->m; i++) a += (double)w[i] * (double)u[i];
        current = sigma * current + (c->scale_input ? 1 - sigma : 1) * a;
        v = alpha * (c->to_zero && u[j] > 0 ? 0 : v) + (c->scale_input ? 1 - alpha : 1) * current -
            (c->to_zero ? 0 : c->v_th) * (double)u[j];
        b = rho * b + (double)u[j];
        const double x = (v - c->v_th - c->beta * b) / c->v_th;
        if (sizeof(hth_real) == sizeof(double)) assert_true(spikes == (x > 0 && counter == 0));
        p->v[t * p->n + j] = v;
        p->psi[t * p->n + j] = counter > 0 ? 0 : 0.3 / c->v_th * fmax(0, 1 - fabs(x));
        counter = counter > 0 ? counter - 1 : spikes && c->refractory ? c->refractory - 1 : 0;
    }
}

/* Half the squared error of a leaky readout. */
static inline void plain_errors(plain *p, size_t item) {
    const hth_network *net = p->rig->network;
    const hth_readout *r = &net->readout;
    const hth_chunk *chunk = &p->rig->chunk;
    for (size_t k = 0; k < p->o; k++) {
        const double bias = r->has_bias ? (double)net->theta[r->bias + k] : 0;
        double y = 0;
        for (size_t t = 0; t < p->T; t++) {
            const hth_real *z = plain_u(p, t + 1, item), *w = net->theta + r->weight + k * p->n;
            double sum = 0;
            for (size_t j = 0; j < p->n; j++) sum += (double)w[j] * (double)z[j];
            y = (double)r->kappa * y + (double)r->gain * sum + (r->filters_bias ? bias : 0);
            const double target = (double)chunk->targets[(t * p->batch + item) * p->o + k];
            const double weight =
                chunk->weights ? (double)chunk->weights[t * p->batch + item] : 1.0;
            p->error[t * p->o + k] = weight * (y + (r->filters_bias ? 0 : bias) - target) /
                                     (r->mean_over_batch ? (double)p->batch : 1);
        }
    }
}

/* dE/dW_out[k][j] = gain sum_t err_t zbar_t, and the bias. */
static inline void plain_readout(const plain *p, size_t item, double *gradient) {
    const hth_readout *r = &p->rig->network->readout;
    for (size_t k = 0; k < p->o; k++) {
        for (size_t j = 0; j < p->n; j++) {
            double zbar = 0;
            for (size_t t = 0; t < p->T; t++) {
                zbar = (double)r->kappa * zbar + (double)plain_u(p, t + 1, item)[j];
                gradient[r->weight + k * p->n + j] +=
                    (double)r->gain * p->error[t * p->o + k] * zbar;
            }
        }
        double count = 0;
        for (size_t t = 0; r->has_bias && t < p->T; t++) {
            count = r->filters_bias ? (double)r->kappa * count + 1 : 1;
            gradient[r->bias + k] += p->error[t * p->o + k] * count;
        }
    }
}

/* What the unit contributes at each step. */
static inline double plain_post(const plain *p, size_t t, size_t j, double *vhat) {
    const double v = p->v[t * p->n + j], v_th = p->unit.v_th, q = exp(-1 / p->rule.clopath_tau);
    if (p->rule.post == PLAIN_ONE) return 1;
    if (p->rule.post == PLAIN_DERIVATIVE) return p->psi[t * p->n + j];
    *vhat = q * *vhat + (p->rule.sum ? 1 : 1 - q) * v;
    return fmax(0, v - p->rule.high * v_th) * fmax(0, *vhat - p->rule.low * v_th);
}

/* Learning signal L_t = gain F^T err_t. */
static inline double plain_signal(const plain *p, size_t t, size_t j) {
    double L = 0;
    for (size_t k = 0; k < p->o; k++) L += p->error[t * p->o + k] * (double)p->F[k * p->n + j];
    return L * (double)p->rig->network->readout.gain;
}

static inline void plain_synapse(const plain *p, size_t item, size_t j, size_t i,
                                 double *gradient) {
    const plain_unit *c = &p->unit;
    const double alpha = exp(-1 / c->tau_m), rho = exp(-1 / c->tau_a);
    const double gain = c->scale_input ? 1 - alpha : 1;
    const double sigma = c->tau_syn > 0 ? exp(-1 / c->tau_syn) : 0;
    double eps_v = 0, eps_b = 0, eps_i = 0, ebar = 0, vhat = 0, psi = 0;
    for (size_t t = 0; t < p->T; t++) {
        const double own = psi * eps_v; /* of the step before */
        const bool forgets = c->to_zero && plain_u(p, t, item)[j] > 0;
        eps_i = (p->rule.instantaneous ? 0 : sigma * eps_i) +
                (c->scale_input ? 1 - sigma : 1) * (double)plain_u(p, t, item)[i];
        eps_v = (p->rule.instantaneous || forgets ? 0 : alpha * eps_v) + gain * eps_i;
        eps_b = p->rule.instantaneous ? 0 : own + (rho - c->beta * psi) * eps_b;
        psi = p->psi[t * p->n + j];
        double e = plain_post(p, t, j, &vhat) *
                   (eps_v - (p->rule.post == PLAIN_DERIVATIVE ? c->beta * eps_b : 0));
        ebar = (double)p->rig->network->readout.kappa * ebar + e;
        gradient[j * p->m + i] +=
            plain_signal(p, t, j) * ebar + (p->pull ? p->pull[item * p->n + j] * e : 0);
    }
}

/* dE/dtheta by e-prop 1, of all blocks; the weights of the layer are the first. */
static inline double *plain_gradient(plain *p) {
    double *gradient = calloc(p->rig->count, sizeof *gradient);
    const hth_layer *layer = &p->rig->network->layers[0];
    assert_int_equal(layer->weight, 0);
    for (size_t b = 0; b < p->batch; b++) {
        for (size_t j = 0; j < p->n; j++) plain_voltages(p, b, j);
        plain_errors(p, b);
        plain_readout(p, b, gradient);
        for (size_t j = 0; j < p->n; j++)
            for (size_t i = 0; i < p->m; i++)
                if (i + 1 == p->m ? layer->has_bias : i != j || layer->has_self)
                    plain_synapse(p, b, j, i, gradient);
    }
    return gradient;
}

/* Largest difference over the largest entry, over all blocks the worst. */
static inline double plain_distance(const law_rig *rig, const double *a, const hth_real *b) {
    double worst = 0;
    for (size_t k = 0; k < rig->network->block_count; k++) {
        const hth_block *block = &rig->network->blocks[k];
        double difference = 0, largest = 0;
        for (size_t i = block->offset; i < block->offset + block->rows * block->columns; i++) {
            difference = fmax(difference, fabs(a[i] - (double)b[i]));
            largest = fmax(largest, fabs(a[i]));
        }
        if (!(largest > 1e-9)) fail_msg("the gradient of %s is zero", block->name);
        worst = fmax(worst, difference / largest);
    }
    return worst;
}

#endif
