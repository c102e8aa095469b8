/*
 * One episode of e-prop 2 for every task, unit by unit and in double precision, each number with its derivative in one
 * direction (forward differentiation). It knows nothing of tapes, scans and adjoints: traces are filtered forward, as
 * in the paper (Bellec et al. 2019, eqs. 22-23, 58-60), and the derivative of a spike is the pseudo-derivative.
 */
#ifndef HTH_PLAIN_EPISODE_H
#define HTH_PLAIN_EPISODE_H

#include "network/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct dual {
    double v, d;
} dual;

static inline dual plus(dual a, dual b) {
    return (dual){a.v + b.v, a.d + b.d};
}
static inline dual times(dual a, dual b) {
    return (dual){a.v * b.v, a.d * b.v + a.v * b.d};
}
static inline dual scaled(double c, dual a) {
    return (dual){c * a.v, c * a.d};
}

typedef struct plain_lif {
    double alpha, v_th, gamma;
    int refractory;
    bool smooth; /* z is the integral of the triangle */
} plain_lif;

typedef struct plain_case {
    size_t n, inputs, outputs, units, targets, steps, batch, updates;
    plain_lif main, module;
    double kappa, kappa_out; /* of the module's signals, of the outputs */
    double lr, rate, rate_target, module_rate, module_rate_target;
    bool linear, truncated, first_order;
    const hth_real *x, *test_x, *target; /* [steps][batch][..] */
    const hth_real *wanted;              /* [steps][batch][outputs] */
    const hth_real *theta, *psi;         /* parameters of the two networks */
    size_t theta_count, psi_count;
} plain_case;

/* One unit's step: v, the spike and the pseudo-derivative. */
static inline void plain_step(const plain_lif *o, dual *v, dual *z, dual *psi, int *wait,
                              dual drive) {
    *v = plus(plus(scaled(o->alpha, *v), drive), scaled(-o->v_th, *z));
    const double x = (v->v - o->v_th) / o->v_th, height = o->gamma / o->v_th;
    const bool free = *wait == 0, inside = fabs(x) < 1;
    const double triangle = inside ? height * (1 - fabs(x)) : 0;
    const double slope = !inside ? 0 : x > 0 ? -height / o->v_th : height / o->v_th;
    const double soft = inside ? 0.5 + (x > 0 ? x - x * x / 2 : x + x * x / 2) : x > 0 ? 1 : 0;
    const bool fires = v->v > o->v_th;
    *psi = free ? (dual){triangle, slope * v->d} : (dual){0, 0};
    *z = free ? (dual){o->smooth ? o->gamma * soft : fires, triangle * v->d} : (dual){0, 0};
    if (free && fires) *wait = o->refractory;
    if (*wait > 0) --*wait;
}

/* What a trial left, [steps][n]. */
typedef struct plain_trial {
    dual *z, *psi;
} plain_trial;

static inline void plain_trial_of(const plain_case *c, const dual *W, const hth_real *x, size_t b,
                                  plain_trial *out) {
    const size_t n = c->n, m = n + c->inputs + 1;
    dual *v = calloc(n, sizeof *v), *z = calloc(n, sizeof *z), *before = calloc(n, sizeof *z);
    int *wait = calloc(n, sizeof *wait);
    for (size_t t = 0; t < c->steps; t++) {
        memcpy(before, z, n * sizeof *z);
        for (size_t j = 0; j < n; j++) {
            dual drive = {0, 0};
            for (size_t i = 0; i < n; i++) drive = plus(drive, times(W[j * m + i], before[i]));
            for (size_t i = 0; i < c->inputs; i++)
                drive = plus(
                    drive, scaled((double)x[(t * c->batch + b) * c->inputs + i], W[j * m + n + i]));
            plain_step(&c->main, &v[j], &z[j], &out->psi[t * n + j], &wait[j], drive);
            if (c->first_order) out->psi[t * n + j].d = 0;
            out->z[t * n + j] = z[j];
        }
    }
    free(v), free(z), free(before), free(wait);
}

/* The signals L[steps][n] of a task, and the module's spikes. */
static inline void plain_module(const plain_case *c, const dual *P, const plain_trial *trial,
                                size_t b, dual *L, dual *spikes) {
    const size_t n = c->n, u = c->units, width = c->inputs + n + c->targets;
    const size_t m = (c->linear ? n : u) + width + 1, first = c->linear ? n : u;
    dual *xi = calloc(width, sizeof *xi), *v = calloc(u, sizeof *v), *z = calloc(u, sizeof *z);
    dual *before = calloc(u, sizeof *z), psi;
    int *wait = calloc(u, sizeof *wait);
    for (size_t t = 0; t < c->steps; t++) {
        const size_t item = t * c->batch + b;
        for (size_t i = 0; i < width; i++) {
            const bool is_target = i >= c->inputs + n, is_x = i < c->inputs;
            const dual now =
                is_x        ? (dual){(double)c->x[item * c->inputs + i], 0}
                : is_target ? (dual){(double)c->target[item * c->targets + i - c->inputs - n], 0}
                            : trial->z[t * n + i - c->inputs];
            xi[i] = c->linear && !is_target ? plus(scaled(c->kappa, xi[i]), now) : now;
        }
        memcpy(before, z, u * sizeof *z);
        for (size_t j = 0; j < u && !c->linear; j++) {
            dual drive = {0, 0};
            for (size_t i = 0; i < u; i++) drive = plus(drive, times(P[j * m + i], before[i]));
            for (size_t i = 0; i < width; i++)
                drive = plus(drive, times(P[j * m + first + i], xi[i]));
            plain_step(&c->module, &v[j], &z[j], &psi, &wait[j], drive);
            spikes[j] = plus(spikes[j], z[j]);
        }
        const dual *out = P + u * m; /* the readout follows the layer */
        for (size_t j = 0; j < n; j++) {
            dual sum = {0, 0};
            for (size_t i = 0; i < u && !c->linear; i++)
                sum = plus(sum, times(out[j * u + i], z[i]));
            for (size_t i = 0; i < width && c->linear; i++)
                sum = plus(sum, times(P[j * m + first + i], xi[i]));
            if (!c->linear && t > 0) sum = plus(sum, scaled(c->kappa, L[(t - 1) * n + j]));
            L[t * n + j] = sum;
        }
    }
    free(xi), free(v), free(z), free(before), free(wait);
}

/* theta <- theta - lr sum_t (L psi) p^T. */
static inline void plain_update(const plain_case *c, const plain_trial *trial, size_t b,
                                const dual *L, dual *W) {
    const size_t n = c->n, m = n + c->inputs + 1;
    const double alpha = c->truncated ? 0 : c->main.alpha;
    dual *p = calloc(m, sizeof *p), *delta = calloc(n * m, sizeof *delta);
    for (size_t t = 0; t < c->steps; t++) {
        for (size_t i = 0; i < n + c->inputs; i++) {
            const dual in = i >= n ? (dual){(double)c->x[(t * c->batch + b) * c->inputs + i - n], 0}
                            : t > 0 ? trial->z[(t - 1) * n + i]
                                    : (dual){0, 0};
            p[i] = plus(scaled(alpha, p[i]), in);
        }
        for (size_t j = 0; j < n; j++)
            for (size_t i = 0; i < n + c->inputs; i++)
                delta[j * m + i] =
                    plus(delta[j * m + i], times(times(L[t * n + j], trial->psi[t * n + j]), p[i]));
    }
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n + c->inputs; i++)
            if (i != j) W[j * m + i] = plus(W[j * m + i], scaled(-c->lr, delta[j * m + i]));
    free(p), free(delta);
}

/* Half the mean square error of the outputs in the test trial of a task, of all tasks' mean. */
static inline dual plain_loss(const plain_case *c, const dual *out, const plain_trial *trial,
                              size_t b) {
    dual loss = {0, 0};
    for (size_t k = 0; k < c->outputs; k++) {
        dual y = {0, 0};
        for (size_t t = 0; t < c->steps; t++) {
            y = scaled(c->kappa_out, y);
            for (size_t j = 0; j < c->n; j++)
                y = plus(y, times(out[k * c->n + j], trial->z[t * c->n + j]));
            const double wanted = (double)c->wanted[(t * c->batch + b) * c->outputs + k];
            const dual off = plus(y, (dual){-wanted, 0});
            loss = plus(loss, times(off, off));
        }
    }
    return scaled(0.5 / (double)(c->steps * c->batch * c->outputs), loss);
}

static inline dual plain_rates(size_t units, const dual *spikes, double steps, double rate,
                               double target) {
    dual sum = {0, 0};
    for (size_t j = 0; j < units; j++) {
        const dual off = plus(scaled(1 / steps, spikes[j]), (dual){-target, 0});
        sum = plus(sum, times(off, off));
    }
    return scaled(rate, sum);
}

/* The outer loss, and its derivative by one parameter: of the main network, or after those of the module. */
static inline dual plain_episode(const plain_case *c, size_t parameter) {
    const size_t n = c->n, m = n + c->inputs + 1, all = c->steps * n;
    dual *W = calloc(c->theta_count, sizeof *W), *P = calloc(c->psi_count, sizeof *P);
    dual *mine = calloc(n * m, sizeof *mine), *L = calloc(all, sizeof *L);
    dual *spikes = calloc(n + c->units, sizeof *spikes), loss = {0, 0};
    plain_trial trial = {calloc(all, sizeof(dual)), calloc(all, sizeof(dual))};
    for (size_t i = 0; i < c->theta_count; i++) W[i] = (dual){(double)c->theta[i], i == parameter};
    for (size_t i = 0; i < c->psi_count; i++)
        P[i] = (dual){(double)c->psi[i], i + c->theta_count == parameter};
    for (size_t b = 0; b < c->batch; b++) {
        memcpy(mine, W, n * m * sizeof *W);
        for (size_t k = 0; k <= c->updates; k++) {
            plain_trial_of(c, mine, k < c->updates ? c->x : c->test_x, b, &trial);
            for (size_t i = 0; i < all; i++) spikes[i % n] = plus(spikes[i % n], trial.z[i]);
            if (k == c->updates) break;
            plain_module(c, P, &trial, b, L, spikes + n);
            plain_update(c, &trial, b, L, mine);
        }
        loss = plus(loss, plain_loss(c, W + n * m, &trial, b));
    }
    const double steps = (double)(c->steps * c->batch), updates = (double)c->updates;
    loss = plus(loss, plain_rates(n, spikes, steps * (updates + 1), c->rate, c->rate_target));
    if (!c->linear)
        loss = plus(loss, plain_rates(c->units, spikes + n, steps * updates, c->module_rate,
                                      c->module_rate_target));
    free(W), free(P), free(mine), free(L), free(spikes), free(trial.z), free(trial.psi);
    return loss;
}

#endif
