/*
 * The influence tensor: real-time recurrent learning (Williams & Zipser 1989; Marschall et al. 2019,
 * p. 2), in blocks of K steps (Schmidhuber 1992; algorithms.md 4.4). Exact while the weights are constant.
 *
 * Kept, per item: M = dX/dtheta, N x P, of all states X of the stack (s, z where it is a state of its own,
 * and y of a leaky readout) to all parameters theta that they depend on.
 *
 *     contract   g += xbar^T M            xbar: the adjoint of X at the start of the tape
 *     advance    M <- Pi M + G            Pi = dX_end/dX_start, G = dX_end/dtheta on this tape
 *
 * Row i of Pi and of G is what backpropagation through this tape gives for the "loss" X_end[i]: one scan
 * with N rows, of any cell, stack or readout. With K = 1 this is RTRL as published (Pi = J_t, G the
 * immediate influence); with K = n the cost per step falls from 2 n^3 m to about 6 n^3 operations.
 *
 * Memory per item N P + K N (g + 1) n numbers; operations per step 2 N^2 P / K + 2 N g n (n + m).
 */
#include "credit/learner.h"

#include "kernels/elementwise.h"

#include <string.h>

typedef struct influence {
    size_t N, P, stride; /* rows of M are `stride` apart */
    hth_real *M;         /* [batch][N][stride] */
    hth_real *Pi;        /* [N][N] */
    hth_real *x;         /* [N] */
    hth_real *packed;    /* u of one item, for G */
    hth_adjoint rows;    /* the scan with one row per state */
} influence;

/* ---- The joint state X: per layer its states, then z if that is separate; then y ---- */

static size_t layer_states(const hth_layer *layer) {
    bool separate = layer->cell->observable == HTH_Z_SEPARATE;
    return (layer->cell->states + (separate ? 1 : 0)) * layer->n;
}

static size_t readout_states(const hth_network *net) {
    return net->readout.kappa > 0 ? net->readout.outputs : 0;
}

static size_t all_states(const hth_network *net) {
    size_t count = readout_states(net);
    for (size_t l = 0; l < net->layer_count; l++) count += layer_states(&net->layers[l]);
    return count;
}

/* The adjoint of X that a scan left in one row of its sbar and zbar. */
static void gather(const hth_adjoint *adjoint, size_t row, hth_real *x) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_adjoint_layer *a = &adjoint->layers[l];
        const size_t n = layer->n, states = layer->cell->states;
        const hth_real *zbar = a->zbar + row * n;
        for (size_t i = 0; i < states; i++)
            memcpy(x + i * n, a->sbar + (i * adjoint->rows + row) * n, n * sizeof *x);
        if (layer->cell->observable == HTH_Z_SEPARATE)
            memcpy(x + states * n, zbar, n * sizeof *x);
        else
            for (size_t j = 0; j < n; j++) x[j] += zbar[j];
        x += layer_states(layer);
    }
}

/* The boundary of row i is the i-th unit vector. */
static void seed(const hth_network *net, hth_adjoint *rows) {
    size_t i = 0;
    hth_adjoint_clear_boundary(rows);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_adjoint_layer *a = &rows->layers[l];
        const size_t n = layer->n, states = layer->cell->states;
        for (size_t k = 0; k < states; k++)
            for (size_t j = 0; j < n; j++, i++) a->sbar[(k * rows->rows + i) * n + j] = 1;
        for (size_t j = 0; layer->cell->observable == HTH_Z_SEPARATE && j < n; j++, i++)
            a->zbar[i * n + j] = 1;
    }
}

/* y_end of a leaky readout depends on z_t by kappa^(end - t) gain W: direct errors of its rows. */
static void seed_readout(const hth_network *net, hth_adjoint *rows, size_t steps) {
    const hth_readout *r = &net->readout;
    const size_t outputs = readout_states(net), first = rows->rows - outputs;
    const hth_real *w = net->theta + r->weight;
    hth_real *q = rows->layers[net->layer_count - 1].q, factor = r->gain;
    if (!q) return;
    memset(q, 0, steps * rows->rows * r->n * sizeof *q);
    for (size_t t = steps; t-- > 0; factor *= r->kappa)
        for (size_t k = 0; k < outputs; k++)
            for (size_t j = 0; j < r->n; j++)
                q[(t * rows->rows + first + k) * r->n + j] = factor * w[k * r->n + j];
}

static void fill_jacobian(const hth_network *net, influence *kept, size_t steps) {
    const size_t N = kept->N, outputs = readout_states(net);
    memset(kept->Pi, 0, N * N * sizeof *kept->Pi);
    for (size_t i = 0; i < N; i++) gather(&kept->rows, i, kept->Pi + i * N);
    for (size_t i = N - outputs; i < N; i++) {
        hth_real power = 1;
        for (size_t t = 0; t < steps; t++) power *= net->readout.kappa;
        kept->Pi[i * N + i] = power;
    }
}

/* ---- G: what the tape's own steps contribute to row i of M ---- */

/* K = 1: delta of row i is zero but for the units that it is the state of. */
static void add_outer(const hth_adjoint *rows, size_t l, size_t i, hth_real *weight) {
    const hth_tape *tape = rows->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_real *u = tape->layers[l].u + rows->item * layer->stride;
    const hth_real *delta = rows->layers[l].delta + i * layer->rows;
    for (size_t row = 0; row < layer->rows; row++) {
        const hth_real d = delta[row];
        hth_real *w = weight + row * layer->m;
        if (d == 0) continue;
        HTH_SIMD
        for (size_t k = 0; k < layer->m; k++) w[k] += d * u[k];
    }
}

typedef struct grow_task {
    const hth_network *network;
    influence *kept;
    hth_real *M;
    size_t layer;
} grow_task;

static void grow_row(void *argument, size_t i, int worker) {
    const grow_task *task = argument;
    const hth_adjoint *rows = &task->kept->rows;
    const hth_layer *layer = &task->network->layers[task->layer];
    const size_t steps = rows->tape->steps;
    hth_real *weight = task->M + i * task->kept->stride + layer->weight;
    hth_matrix delta = {rows->layers[task->layer].delta + i * layer->rows, 1,
                        rows->rows * layer->rows};
    (void)worker;
    if (steps == 1)
        add_outer(rows, task->layer, i, weight);
    else
        hth_product_packed(layer->rows, layer->m, steps, delta, task->kept->packed, true, weight,
                           layer->m);
}

/* Token vectors and the learned initial state. */
static void grow_rest(const hth_network *net, influence *kept, hth_real *M) {
    const hth_adjoint *rows = &kept->rows;
    const hth_tape *tape = rows->tape;
    for (size_t i = 0; i < kept->N; i++) {
        hth_real *row = M + i * kept->stride;
        for (size_t t = 0; rows->input && t < tape->steps; t++) {
            size_t token = (size_t)tape->chunk.tokens[t * tape->batch + rows->item];
            hth_real *to = row + net->embedding_weight + token * net->embedding;
            const hth_real *x = rows->input + (t * rows->rows + i) * net->embedding;
            for (size_t k = 0; k < net->embedding; k++) to[k] += x[k];
        }
        const hth_real *adjoint = kept->Pi + i * kept->N;
        for (size_t l = 0; tape->fresh && l < net->layer_count; l++) {
            const hth_layer *layer = &net->layers[l];
            size_t count = hth_layer_initial_rows(layer) * layer->n;
            for (size_t j = 0; layer->learns_initial && j < count; j++)
                row[layer->initial + j] += adjoint[j];
            adjoint += layer_states(layer);
        }
    }
}

static void grow(hth_learner *learner, influence *kept, hth_real *M) {
    const hth_network *net = learner->network;
    const hth_tape *tape = kept->rows.tape;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        grow_task task = {net, kept, M, l};
        if (tape->steps > 1)
            hth_pack(tape->steps, layer->m,
                     hth_rows(tape->layers[l].u + kept->rows.item * layer->stride,
                              tape->batch * layer->stride),
                     kept->packed);
        hth_parallel(learner->compute, kept->N,
                     tape->steps == 1
                         ? (double)layer->m * (double)kept->N
                         : (double)(tape->steps * layer->m) * (double)(layer->rows * kept->N),
                     grow_row, &task);
    }
    grow_rest(net, kept, M);
}

/* ---- Verbs ---- */

static void reset(hth_learner *learner) {
    influence *kept = learner->past.kept;
    memset(kept->M, 0, learner->batch * kept->N * kept->stride * sizeof *kept->M);
}

/* The adjoint at the start of the tape, of all states of one item. */
static void gather_start(const hth_learner *learner, influence *kept, size_t item) {
    const size_t outputs = readout_states(learner->network);
    gather(&learner->adjoint, item, kept->x);
    for (size_t k = 0; k < outputs; k++)
        kept->x[kept->N - outputs + k] = learner->start[item * outputs + k];
}

static void clean(const hth_network *net, hth_gradient *gradient) {
    for (size_t l = 0; l < net->layer_count; l++)
        hth_layer_mask(&net->layers[l], gradient->values + net->layers[l].weight);
    for (size_t row = 0; net->embedding && row < net->shape.vocabulary; row++)
        hth_gradient_row(gradient, row);
}

/* Contracts and advances item by item: each tensor is touched once a tape. */
static void carry(hth_learner *learner, hth_gradient *gradient) {
    influence *kept = learner->past.kept;
    const hth_network *net = learner->network;
    kept->rows.tape = learner->adjoint.tape;
    if (kept->rows.tape->fresh) reset(learner); /* a sequence has no past at its start */
    for (size_t b = 0; b < learner->batch; b++) {
        hth_real *M = kept->M + b * kept->N * kept->stride;
        kept->rows.item = b;
        gather_start(learner, kept, b);
        seed(net, &kept->rows);
        seed_readout(net, &kept->rows, kept->rows.tape->steps);
        hth_scan(&kept->rows);
        fill_jacobian(net, kept, kept->rows.tape->steps);
        hth_product_in_place(learner->compute, kept->N, kept->P, hth_rows(kept->Pi, kept->N),
                             kept->x, M, kept->stride, gradient->values);
        grow(learner, kept, M);
    }
    clean(net, gradient);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    const hth_network *net = plan->network;
    const size_t unit = 64 / sizeof(hth_real), N = all_states(net), P = net->recurrent_count;
    influence counted = {0}, *kept = HTH_TAKE(arena, influence, 1);
    influence *placed = kept;
    size_t packed = 0;
    (void)options;
    if (!kept) kept = &counted;
    kept->N = N;
    kept->P = P;
    kept->stride = (P + unit - 1) / unit * unit;
    if (kept->stride * sizeof(hth_real) % 4096 == 0)
        kept->stride += unit; /* spread over cache sets */
    for (size_t l = 0; l < net->layer_count; l++) {
        size_t size = hth_packed_size(plan->steps, net->layers[l].m);
        if (size > packed) packed = size;
    }
    kept->M = HTH_TAKE(arena, hth_real, hth_times(hth_times(plan->batch, N), kept->stride));
    kept->Pi = HTH_TAKE(arena, hth_real, hth_times(N, N));
    kept->x = HTH_TAKE(arena, hth_real, N);
    kept->packed = HTH_TAKE(arena, hth_real, packed);
    hth_adjoint_lay_out(arena, &kept->rows, net, plan->steps, N, readout_states(net) > 0);
    kept->rows.recurrence = HTH_RECURRENCE_FULL;
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    influence *kept = learner->past.kept;
    if (capacity > 0)
        fields[0] = (hth_field){.name = "influence",
                                .dtype = HTH_DTYPE_REAL,
                                .count = learner->batch * kept->N * kept->stride,
                                .data = kept->M};
    return 1;
}

static const char *refuses(const hth_learner *plan) {
    if (!plan->axes.signal->reaches_units)
        return "no error reaches the units, so nothing needs to be kept; set learner.past = none";
    if (plan->axes.recurrence != HTH_RECURRENCE_FULL)
        return "the influence tensor is the exact past and needs learner.recurrence = full";
    if (all_states(plan->network) > hth_product_in_place_limit())
        return "the network has too many states for a matrix of all on all";
    return NULL;
}

const hth_past hth_past_influence = {
    .axis = {.part = {.name = "influence",
                      .summary = "the influence tensor of RTRL: exact",
                      .source = "Williams & Zipser 1989; in blocks: Schmidhuber 1992"},
             .refuses = refuses,
             .lay_out = lay_out,
             .reset = reset,
             .state = state},
    .exact = true,
    .carry = carry,
};
