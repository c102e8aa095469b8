/*
 * Training by e-prop 1, written from the equations with nothing of the library: double precision, explicit loops over
 * synapses, traces step by step (Bellec et al. 2019, eqs. 20-29, 41-56). What differs from place to
 * place is a field of plain_rules; plain_nest is what NEST's models do.
 *
 *     v_t  = alpha v_{t-1} + g a_t - v_th z_{t-1}        b_t = rho b_{t-1} + z_{t-1}
 *     z_t  = H(v_t - v_th - beta b_t), 0 while refractory
 *     psi_t = gamma/v_th max(0, 1 - |v_t - v_th - beta b_t|/v_th), 0 while refractory
 *     y_t  = kappa y_{t-1} + G W z_t (+ b)
 *     ubar_t = alpha ubar_{t-1} + g u_t                  e_t = psi_t (ubar_t - beta eps_t)
 *     eps_{t+1} = rho eps_t + e_t                        ebar_t = kappa ebar_{t-1} + G' e_t
 *     dE/dw = sum_t L_t ebar_t + pull sum_t e_t          L_t = F^T err_t
 */
#ifndef HTH_TEST_PLAIN_TRAINING_H
#define HTH_TEST_PLAIN_TRAINING_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN_UNITS = 16, PLAIN_INPUTS = 12, PLAIN_OUTPUTS = 2, PLAIN_STEPS = 120, PLAIN_BATCH = 2 };
enum { PLAIN_ITERATIONS = 5, PLAIN_TRIALS = PLAIN_ITERATIONS * PLAIN_BATCH };

typedef enum plain_bias { PLAIN_NO_BIAS, PLAIN_INSIDE, PLAIN_OUTSIDE } plain_bias;
typedef enum plain_rate { PLAIN_HALF_SUM, PLAIN_SUM, PLAIN_EACH_TRIAL } plain_rate;

typedef struct plain_rules {
    bool scaled_input;    /* g = 1 - alpha, else 1 */
    bool scaled_readout;  /* G = 1 - kappa, else 1 */
    bool scaled_filtered; /* G' = 1 - kappa, else 1 */
    bool at_or_above;     /* H(0) = 1 */
    bool mean_over_batch, mean_over_window;
    plain_bias bias;
    plain_rate rate;
} plain_rules;

/* One network, one task, one optimiser. Units from `adaptive` on have the given beta, the others 0. */
typedef struct plain_case {
    plain_rules rules;
    double tau_m, tau_a, tau_out, v_th, gamma, beta;
    size_t adaptive, refractory, batch;
    size_t window; /* the last steps, in which there is a loss */
    bool classes, adam;
    double lr, epsilon, c_reg, f_target;
    size_t tie; /* step at which one unit meets its threshold exactly in the first trial; 0: none */
} plain_case;

typedef struct plain_weights {
    double in[PLAIN_UNITS][PLAIN_INPUTS], rec[PLAIN_UNITS][PLAIN_UNITS];
    double out[PLAIN_OUTPUTS][PLAIN_UNITS], bias[PLAIN_OUTPUTS];
} plain_weights;

enum { PLAIN_COUNT = sizeof(plain_weights) / sizeof(double) };

typedef struct plain_data {
    double inputs[PLAIN_TRIALS][PLAIN_STEPS][PLAIN_INPUTS];
    double targets[PLAIN_TRIALS][PLAIN_STEPS][PLAIN_OUTPUTS]; /* of classes: 1 for the right one */
    plain_weights weights;                                    /* at the start */
    double feedback[PLAIN_OUTPUTS][PLAIN_UNITS];
} plain_data;

/* What one trial leaves. */
typedef struct plain_trial {
    double z[PLAIN_STEPS + 1][PLAIN_UNITS]; /* z[t + 1] is that of step t */
    double psi[PLAIN_STEPS][PLAIN_UNITS], error[PLAIN_STEPS][PLAIN_OUTPUTS];
    double rate[PLAIN_UNITS], loss;
} plain_trial;

/* ---- Forward ---- */

static inline double plain_drive(const plain_weights *w, const double *x, const double *z,
                                 size_t j) {
    double a = 0;
    for (size_t i = 0; i < PLAIN_INPUTS; i++) a += w->in[j][i] * x[i];
    for (size_t i = 0; i < PLAIN_UNITS; i++)
        if (i != j) a += w->rec[j][i] * z[i];
    return a;
}

static inline double plain_beta(const plain_case *c, size_t j) {
    return j < c->adaptive ? 0 : c->beta;
}

static inline void plain_unit(const plain_case *c, const plain_weights *w,
                              const double inputs[][PLAIN_INPUTS], plain_trial *to) {
    const double alpha = exp(-1 / c->tau_m), rho = exp(-1 / c->tau_a);
    const double gain = c->rules.scaled_input ? 1 - alpha : 1;
    double v[PLAIN_UNITS] = {0}, b[PLAIN_UNITS] = {0};
    size_t silent[PLAIN_UNITS] = {0}; /* steps still to be silent */
    memset(to->z[0], 0, sizeof to->z[0]);
    memset(to->rate, 0, sizeof to->rate);
    for (size_t t = 0; t < PLAIN_STEPS; t++)
        for (size_t j = 0; j < PLAIN_UNITS; j++) {
            const double before = to->z[t][j];
            v[j] = alpha * v[j] + gain * plain_drive(w, inputs[t], to->z[t], j) - c->v_th * before;
            b[j] = rho * b[j] + before;
            const double above = v[j] - (c->v_th + plain_beta(c, j) * b[j]);
            const bool free_now = silent[j] == 0;
            const bool spikes = free_now && (c->rules.at_or_above ? above >= 0 : above > 0);
            const double height = 1 - fabs(above) / c->v_th;
            to->z[t + 1][j] = spikes;
            to->psi[t][j] = free_now && height > 0 ? c->gamma / c->v_th * height : 0;
            to->rate[j] += spikes / (double)PLAIN_STEPS;
            if (!free_now) silent[j]--;
            if (spikes) silent[j] = c->refractory ? c->refractory - 1 : 0;
        }
}

/* The error of a step, and its loss. */
static inline double plain_compare(const plain_case *c, const double *y, const double *target,
                                   double *error) {
    double loss = 0, sum = 0, p[PLAIN_OUTPUTS];
    for (size_t k = 0; k < PLAIN_OUTPUTS; k++) sum += p[k] = exp(y[k]);
    for (size_t k = 0; k < PLAIN_OUTPUTS; k++) {
        error[k] = (c->classes ? p[k] / sum : y[k]) - target[k];
        loss += c->classes ? -target[k] * log(p[k] / sum) : 0.5 * error[k] * error[k];
    }
    return loss;
}

static inline void plain_readout(const plain_case *c, const plain_weights *w,
                                 const double targets[][PLAIN_OUTPUTS], plain_trial *to) {
    const double kappa = exp(-1 / c->tau_out), gain = c->rules.scaled_readout ? 1 - kappa : 1;
    double y[PLAIN_OUTPUTS] = {0}, shown[PLAIN_OUTPUTS];
    to->loss = 0;
    for (size_t t = 0; t < PLAIN_STEPS; t++) {
        for (size_t k = 0; k < PLAIN_OUTPUTS; k++) {
            double a = 0;
            for (size_t j = 0; j < PLAIN_UNITS; j++) a += w->out[k][j] * to->z[t + 1][j];
            y[k] = kappa * y[k] + gain * a + (c->rules.bias == PLAIN_INSIDE ? w->bias[k] : 0);
            shown[k] = y[k] + (c->rules.bias == PLAIN_OUTSIDE ? w->bias[k] : 0);
        }
        const double loss = plain_compare(c, shown, targets[t], to->error[t]);
        if (t + c->window >= PLAIN_STEPS)
            to->loss += loss;
        else
            memset(to->error[t], 0, sizeof to->error[t]);
    }
}

/* ---- Gradient ---- */

/* What scales the loss of a trial. */
static inline double plain_factor(const plain_case *c) {
    return (c->rules.mean_over_batch ? 1 / (double)c->batch : 1) *
           (c->rules.mean_over_window ? 1 / (double)c->window : 1);
}

/* dE_reg/dz_t of unit j of a trial. */
static inline double plain_pull(const plain_case *c, const plain_trial *trials, size_t b,
                                size_t j) {
    double mean = 0;
    if (c->rules.rate == PLAIN_EACH_TRIAL)
        return c->c_reg * (trials[b].rate[j] - c->f_target) / PLAIN_STEPS * plain_factor(c);
    for (size_t i = 0; i < c->batch; i++) mean += trials[i].rate[j] / (double)c->batch;
    return (c->rules.rate == PLAIN_SUM ? 2 : 1) * c->c_reg * (mean - c->f_target) /
           (double)(PLAIN_STEPS * c->batch);
}

/* One synapse onto unit j: pre(t) = u[t * stride]. */
static inline double plain_synapse(const plain_case *c, const plain_trial *trial, size_t j,
                                   const double *u, size_t stride, const double *L, double pull) {
    const double alpha = exp(-1 / c->tau_m), rho = exp(-1 / c->tau_a), beta = plain_beta(c, j);
    const double kappa = exp(-1 / c->tau_out), gain = c->rules.scaled_input ? 1 - alpha : 1;
    const double add = c->rules.scaled_filtered ? 1 - kappa : 1;
    double ubar = 0, eps = 0, ebar = 0, of_loss = 0, of_rate = 0;
    for (size_t t = 0; t < PLAIN_STEPS; t++) {
        ubar = alpha * ubar + gain * u[t * stride];
        const double e = trial->psi[t][j] * (ubar - beta * eps);
        eps = rho * eps + e;
        ebar = kappa * ebar + add * e;
        of_loss += L[t] * ebar;
        of_rate += e;
    }
    return plain_factor(c) * of_loss + pull * of_rate;
}

static inline void plain_recurrent(const plain_case *c, const plain_data *d,
                                   const plain_trial *trials, size_t b,
                                   const double inputs[][PLAIN_INPUTS], plain_weights *gradient) {
    const plain_trial *trial = &trials[b];
    for (size_t j = 0; j < PLAIN_UNITS; j++) {
        double L[PLAIN_STEPS];
        const double pull = plain_pull(c, trials, b, j);
        for (size_t t = 0; t < PLAIN_STEPS; t++) {
            L[t] = 0;
            for (size_t k = 0; k < PLAIN_OUTPUTS; k++)
                L[t] += d->feedback[k][j] * trial->error[t][k];
        }
        for (size_t i = 0; i < PLAIN_INPUTS; i++)
            gradient->in[j][i] += plain_synapse(c, trial, j, &inputs[0][i], PLAIN_INPUTS, L, pull);
        for (size_t i = 0; i < PLAIN_UNITS; i++)
            if (i != j)
                gradient->rec[j][i] +=
                    plain_synapse(c, trial, j, &trial->z[0][i], PLAIN_UNITS, L, pull);
    }
}

static inline void plain_output(const plain_case *c, const plain_trial *trial,
                                plain_weights *gradient) {
    const double kappa = exp(-1 / c->tau_out), gain = c->rules.scaled_readout ? 1 - kappa : 1;
    const bool inside = c->rules.bias == PLAIN_INSIDE;
    for (size_t k = 0; k < PLAIN_OUTPUTS; k++) {
        double one = 0;
        for (size_t t = 0; t < PLAIN_STEPS; t++) {
            one = inside ? kappa * one + 1 : 1;
            gradient->bias[k] += plain_factor(c) * trial->error[t][k] * one;
        }
        for (size_t j = 0; j < PLAIN_UNITS; j++) {
            double zbar = 0;
            for (size_t t = 0; t < PLAIN_STEPS; t++) {
                zbar = kappa * zbar + gain * trial->z[t + 1][j];
                gradient->out[k][j] += plain_factor(c) * trial->error[t][k] * zbar;
            }
        }
    }
}

/* ---- Training ---- */

typedef struct plain_moments {
    double first[PLAIN_COUNT], second[PLAIN_COUNT];
} plain_moments;

/* Adam as NEST and TensorFlow have it: epsilon beside the uncorrected root. */
static inline void plain_update(const plain_case *c, const plain_weights *gradient, size_t k,
                                plain_moments *m, plain_weights *weights) {
    const double *g = (const double *)gradient;
    const double rate = c->lr * sqrt(1 - pow(0.999, (double)k)) / (1 - pow(0.9, (double)k));
    double *w = (double *)weights;
    for (size_t i = 0; i < PLAIN_COUNT; i++) {
        m->first[i] = 0.9 * m->first[i] + (1 - 0.9) * g[i];
        m->second[i] = 0.999 * m->second[i] + (1 - 0.999) * g[i] * g[i];
        w[i] -= c->adam ? rate * m->first[i] / (sqrt(m->second[i]) + c->epsilon) : c->lr * g[i];
    }
    if (c->rules.bias == PLAIN_NO_BIAS) memset(weights->bias, 0, sizeof weights->bias);
}

/* Losses of the iterations, each the mean over the steps that count and the batch, and the mean rate. */
static inline double plain_train(const plain_case *c, const plain_data *d,
                                 double losses[PLAIN_ITERATIONS]) {
    plain_weights weights = d->weights;
    plain_moments *moments = calloc(1, sizeof *moments);
    plain_trial *trials = calloc(c->batch, sizeof *trials);
    double rate = 0;
    for (size_t k = 0; k < PLAIN_ITERATIONS; k++) {
        plain_weights gradient = {0};
        losses[k] = 0;
        for (size_t b = 0; b < c->batch; b++) {
            plain_unit(c, &weights, d->inputs[k * c->batch + b], &trials[b]);
            plain_readout(c, &weights, d->targets[k * c->batch + b], &trials[b]);
            losses[k] += trials[b].loss / (double)(c->window * c->batch);
        }
        for (size_t b = 0; b < c->batch; b++) {
            plain_recurrent(c, d, trials, b, d->inputs[k * c->batch + b], &gradient);
            plain_output(c, &trials[b], &gradient);
            for (size_t j = 0; j < PLAIN_UNITS; j++)
                rate += trials[b].rate[j] / (double)(PLAIN_UNITS * c->batch * PLAIN_ITERATIONS);
        }
        plain_update(c, &gradient, k + 1, moments, &weights);
    }
    free(trials);
    free(moments);
    return rate;
}

#endif
