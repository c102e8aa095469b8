/*
 * Recursive least squares on the readout. With f_t what the readout weighs, filtered z and the bias's 1, so that
 * y_t = W f_t, and with weight w_t of the step, forgetting l and penalty alpha,
 *
 *     q = P f     k = w q / (l + w f.q)     W <- W - (W f - y*) k^T     P <- (P - k q^T) / l     P_0 = 1 / alpha
 *
 * makes W after T steps the minimum of sum_t l^(T-t) w_t |W f_t - y*_t|^2 + l^T alpha |W - W_0|^2: with l = 1 ridge
 * regression, of an echo state network (Jaeger 2001); with the output fed back FORCE (Sussillo & Abbott 2009). A class
 * is the target 1, other outputs 0. The loss does not matter to it; it is reported as ever.
 *
 * With l < 1, P grows where no f has come for long: for a unit that is silent by 1/l a step. Where a diagonal entry is
 * MOST times that of P_0, the unit's row and column are divided, d P d with a diagonal d, so that P stays symmetric and
 * positive: by then its weight is as good as free.
 *
 * Steps come one after the other, over a tape of any length, items of the batch in turn: the weights that a step meets
 * are those of the network less what the gradient holds already. So what is added up is not a gradient but a step, and
 * the optimiser takes it as it is (hth_gradient.readout_steps). Any number of outputs share P.
 *
 * P is symmetric by construction, for its upper half alone is kept, in double. What a step takes off P is taken off in
 * the pass of the next step, which needs P f: one pass over the half, read and written, is all a step costs.
 * Memory (n + 1)^2 / 2 doubles; multiply-adds a step 1.5 (n + 1)^2, of every learner.rls_every-th.
 */
#include "credit/least_squares.h"

#include "credit/catalogues.h"
#include "kernels/symmetric.h"
#include "network/readout.h"

#include <math.h>
#include <string.h>

struct hth_least_squares {
    hth_least_squares_options options;
    size_t n, batch, half; /* n: weights of an output, the bias among them */
    double *P;             /* [half]: P before (P - c q q^T) scale */
    double *q;             /* [n] */
    double *f;             /* [batch][n]: what the readout weighs */
    double *room;          /* [n] */
    double pending[2];     /* c, scale */
    uint64_t count;        /* steps so far */
};

hth_status hth_least_squares_read(const hth_settings *settings, const hth_preset *preset,
                                  hth_least_squares_options *out, hth_error *error) {
    const char *of = hth_preset_value(preset, "learner.readout");
    HTH_TRY(hth_common_option(&hth_learners, "readout", settings, &out->readout, error));
    HTH_TRY(hth_common_option(&hth_learners, "rls_alpha", settings, &out->alpha, error));
    HTH_TRY(hth_common_option(&hth_learners, "rls_forgetting", settings, &out->forgetting, error));
    HTH_TRY(hth_common_option(&hth_learners, "rls_every", settings, &out->every, error));
    HTH_TRY(hth_common_option(&hth_learners, "rls_until", settings, &out->until, error));
    if (out->readout == HTH_READOUT_AS_PRESET)
        out->readout = of && strcmp(of, "rls") == 0 ? HTH_READOUT_BY_RLS : HTH_READOUT_BY_GRADIENT;
    return HTH_OK;
}

hth_least_squares *hth_least_squares_lay_out(hth_arena *arena, const hth_learner *plan) {
    const hth_readout *r = &plan->network->readout;
    hth_least_squares counted = {0}, *ls = HTH_TAKE(arena, hth_least_squares, 1), *placed = ls;
    if (!ls) ls = &counted;
    ls->options = plan->least_squares_options;
    ls->n = r->n + r->has_bias;
    ls->batch = plan->batch;
    ls->half = hth_triangle(ls->n);
    ls->P = HTH_TAKE(arena, double, ls->half);
    ls->q = HTH_TAKE(arena, double, ls->n);
    ls->f = HTH_TAKE(arena, double, hth_times(plan->batch, ls->n));
    ls->room = HTH_TAKE(arena, double, ls->n);
    return placed;
}

void hth_least_squares_begin(hth_least_squares *ls) {
    memset(ls->P, 0, ls->half * sizeof *ls->P);
    memset(ls->q, 0, ls->n * sizeof *ls->q);
    for (size_t i = 0, at = 0; i < ls->n; at += ls->n - i++) ls->P[at] = 1 / ls->options.alpha;
    ls->pending[0] = 0;
    ls->pending[1] = 1;
    ls->count = 0;
}

void hth_least_squares_reset(hth_least_squares *ls) {
    memset(ls->f, 0, ls->batch * ls->n * sizeof *ls->f);
}

/* ---- A step ---- */

/* f goes on by a step of an item: the readout's filter, of z and of the constant. */
static void filter(const hth_least_squares *ls, const hth_readout *r, const hth_real *z,
                   double *f) {
    const double kappa = (double)r->kappa, gain = (double)r->gain;
    for (size_t j = 0; j < r->n; j++) f[j] = kappa * f[j] + gain * (double)z[j];
    if (r->has_bias) f[ls->n - 1] = r->filters_bias ? kappa * f[ls->n - 1] + 1 : 1;
}

/* W f of one output, with the step that has been taken. */
static double output(const hth_network *net, const hth_gradient *gradient, const double *f,
                     size_t k) {
    const hth_readout *r = &net->readout;
    const hth_real *w = net->theta + r->weight + k * r->n;
    const hth_real *g = gradient->values + r->weight + k * r->n;
    double y = 0;
    for (size_t j = 0; j < r->n; j++) y += ((double)w[j] - (double)g[j]) * f[j];
    if (!r->has_bias) return y;
    return y + ((double)net->theta[r->bias + k] - (double)gradient->values[r->bias + k]) * f[r->n];
}

/* gradient += e k^T of one output. */
static void add(const hth_readout *r, hth_gradient *gradient, size_t k, double e,
                const double *gain) {
    hth_real *g = gradient->values + r->weight + k * r->n;
    for (size_t j = 0; j < r->n; j++) g[j] += (hth_real)(e * gain[j]);
    if (r->has_bias) gradient->values[r->bias + k] += (hth_real)(e * gain[r->n]);
}

/* Keeps P, with the step that is pending, from growing beyond all numbers where nothing comes. */
static void bound(hth_least_squares *ls) {
    static const double MOST = 1e10;
    const double most = MOST / ls->options.alpha, c = ls->pending[0], scale = ls->pending[1];
    if (!(ls->options.forgetting < 1)) return;
    for (size_t j = 0, at = 0; j < ls->n; at += ls->n - j++) {
        const double grown = (ls->P[at] - c * ls->q[j] * ls->q[j]) * scale;
        if (!(grown > most)) continue;
        /* To half of it, for this not to be at every step: the column above the diagonal, then the row. */
        const double d = sqrt(most / 2 / grown);
        for (size_t i = 0, above = j; i < j; above += ls->n - ++i) ls->P[above] *= d;
        for (size_t k = 1; k < ls->n - j; k++) ls->P[at + k] *= d;
        ls->P[at] *= d * d;
        ls->q[j] *= d;
    }
}

/* A step of an item, with its weight. */
static void update(hth_least_squares *ls, const hth_tape *tape, size_t item, const double *f,
                   double weight, hth_gradient *gradient) {
    const hth_readout *r = &tape->network->readout;
    const bool is_error = tape->said[item / tape->batch] == HTH_SAID_ERROR;
    /* The gain. */
    bound(ls);
    hth_symmetric_pass(ls->n, ls->P, ls->pending[0], ls->q, ls->pending[1], f, ls->room);
    memcpy(ls->q, ls->room, ls->n * sizeof *ls->q);
    const double c = weight / (ls->options.forgetting + weight * hth_dot64(ls->n, f, ls->q));
    for (size_t j = 0; j < ls->n; j++) ls->room[j] = c * ls->q[j];
    /* The outputs. */
    for (size_t k = 0; k < r->outputs; k++) {
        const double target = (double)hth_item_target(&tape->chunk, r->outputs, item, k);
        const double e = is_error ? (double)tape->readout.y[k * tape->readout.stride + item]
                                  : output(tape->network, gradient, f, k) - target;
        add(r, gradient, k, e, ls->room);
    }
    ls->pending[0] = c;
    ls->pending[1] = 1 / ls->options.forgetting;
}

static bool is_due(const hth_least_squares *ls) {
    return ls->count % (uint64_t)ls->options.every == 0 &&
           (ls->options.until == 0 || ls->count < (uint64_t)ls->options.until);
}

void hth_least_squares_learn(hth_learner *learner, const hth_tape *tape, hth_gradient *gradient) {
    hth_least_squares *ls = learner->least_squares;
    const size_t batch = tape->batch;
    size_t stride;
    const hth_real *z = hth_top_z(tape, 0, &stride);
    for (size_t t = 0; t < tape->steps; t++, ls->count++)
        for (size_t b = 0; b < batch; b++) {
            const size_t item = t * batch + b;
            const double weight = (double)hth_item_weight(&tape->chunk, item);
            filter(ls, &tape->network->readout, z + item * stride, ls->f + b * ls->n);
            if (is_due(ls) && weight > 0 && tape->said[t])
                update(ls, tape, item, ls->f + b * ls->n, weight, gradient);
        }
}

/* ---- State ---- */

size_t hth_least_squares_state(hth_least_squares *ls, hth_field *fields, size_t capacity) {
    const hth_field all[] = {
        {"rls.count", HTH_DTYPE_U64, 1, &ls->count, {0}},
        {"rls.pending", HTH_DTYPE_F64, 2, ls->pending, {0}},
        {"rls.p", HTH_DTYPE_F64, ls->half, ls->P, {0}},
        {"rls.q", HTH_DTYPE_F64, ls->n, ls->q, {0}},
        {"rls.f", HTH_DTYPE_F64, ls->batch * ls->n, ls->f, {0}},
    };
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}
