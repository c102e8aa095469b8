/*
 * The influence tensor: real-time recurrent learning (Williams & Zipser 1989; Marschall et al. 2019,
 * p. 2), in blocks of K steps (Schmidhuber 1992). Exact while the weights are constant.
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
#include "credit/joint.h"
#include "credit/rows.h"

#include "kernels/vectors.h"

#include <string.h>

typedef struct influence {
    size_t N, P, stride; /* rows of M are `stride` apart */
    bool reaches_rows;   /* states hold what a store read: rows of before the tape bear on them */
    hth_real *M;         /* [batch][N][stride] */
    hth_real *Pi;        /* [N][N] */
    hth_real *x;         /* [N], zero between uses */
    hth_real *xbar;      /* [N]: the adjoint at the start of the tape */
    hth_real *column;    /* [N], scratch */
    hth_real *packed;    /* u of one item, for G */
    hth_adjoint rows;    /* the scan with one row per state */
} influence;

/* The boundary of row i is the i-th unit vector. */
static void seed(influence *kept) {
    for (size_t i = 0; i < kept->N; i++) {
        kept->x[i] = 1;
        hth_joint_seed(&kept->rows, i, kept->x);
        kept->x[i] = 0;
    }
}

static void fill_jacobian(const hth_network *net, influence *kept) {
    const size_t N = kept->N, outputs = hth_joint_readout_states(net);
    for (size_t i = 0; i < N; i++) {
        hth_real *y = kept->x + N - outputs; /* of the i-th unit vector */
        if (i >= N - outputs) kept->x[i] = 1;
        hth_joint_gather(&kept->rows, i, y, kept->Pi + i * N);
        kept->x[i] = 0;
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
        hth_add_scaled(layer->m, d, u, w);
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
    for (size_t i = 0; i < kept->N; i++)
        hth_tape_gradient_row_rest(&kept->rows, i, M + i * kept->stride);
}

/* ---- Verbs ---- */

static void reset(hth_learner *learner) {
    influence *kept = learner->past.kept;
    memset(kept->M, 0, learner->batch * kept->N * kept->stride * sizeof *kept->M);
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
        seed(kept);
        hth_scan(&kept->rows);
        fill_jacobian(net, kept);
        hth_joint_start(learner, b, kept->xbar);
        hth_product_in_place(learner->compute, kept->N, kept->P, hth_rows(kept->Pi, kept->N),
                             kept->xbar, M, kept->stride, gradient->values, kept->column);
        grow(learner, kept, M);
        for (size_t i = 0; kept->reaches_rows && i < kept->N; i++)
            hth_rows_contract(learner, &kept->rows, i, b, M + i * kept->stride);
    }
    clean(net, gradient);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    const hth_network *net = plan->network;
    const size_t unit = 64 / sizeof(hth_real), N = hth_joint_states(net), P = net->recurrent_count;
    influence counted = {0}, *kept = HTH_TAKE(arena, influence, 1);
    influence *placed = kept;
    size_t packed = 0;
    (void)options;
    if (!kept) kept = &counted;
    kept->N = N;
    kept->P = P;
    /* Rows of M begin where a vector may, and do not all fall into one set of the cache. */
    kept->stride = (P + unit - 1) / unit * unit;
    if (kept->stride * sizeof(hth_real) % 4096 == 0) kept->stride += unit;
    for (size_t l = 0; l < net->layer_count; l++) {
        size_t size = hth_packed_size(plan->steps, net->layers[l].m);
        if (size > packed) packed = size;
    }
    /* The tensor, and the scan with a row for each number of the state. */
    kept->M = HTH_TAKE(arena, hth_real, hth_times(hth_times(plan->batch, N), kept->stride));
    kept->Pi = HTH_TAKE(arena, hth_real, hth_times(N, N));
    kept->x = HTH_TAKE(arena, hth_real, N);
    kept->xbar = HTH_TAKE(arena, hth_real, N);
    kept->column = HTH_TAKE(arena, hth_real, N);
    kept->packed = HTH_TAKE(arena, hth_real, packed);
    hth_adjoint_lay_out(arena, &kept->rows, net, plan->steps, N, hth_joint_readout_states(net) > 0);
    kept->rows.crossing = &hth_crosses_fully;
    kept->reaches_rows = hth_store_is_read(net);
    return placed;
}

/* ---- Rows of a store: M of the z that it reads ---- */

static size_t row_size(const hth_learner *plan, const hth_reading *reads) {
    return hth_joint_read(reads) * plan->network->recurrent_count;
}

static void freeze(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row) {
    const influence *kept = learner->past.kept;
    const hth_real *M = kept->M + item * kept->N * kept->stride;
    for (size_t p = 0; p < reads->count; p++) {
        const hth_read_part *part = &reads->parts[p];
        if (part->layer == HTH_OF_INPUT) continue;
        const size_t first = hth_joint_place_of_z(learner->network, part->layer);
        for (size_t j = 0; j < part->width; j++, row += kept->P)
            memcpy(row, M + (first + j) * kept->stride, kept->P * sizeof *row);
    }
}

static void contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                     const hth_real *zbar, hth_real *values) {
    const size_t P = learner->network->recurrent_count;
    for (size_t j = 0; j < hth_joint_read(reads); j++, row += P)
        hth_add_scaled(P, zbar[j], row, values);
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    influence *kept = learner->past.kept;
    if (capacity > 0)
        fields[0] = (hth_field){.name = "influence",
                                .dtype = HTH_DTYPE_REAL,
                                .count = learner->batch * kept->N * kept->stride,
                                .data = kept->M,
                                .shape = {learner->batch, kept->N, kept->stride}};
    return 1;
}

static const char *refuses(const hth_learner *plan) {
    return hth_joint_states(plan->network) > hth_product_in_place_limit()
               ? "the network has too many states for a matrix of all on all"
               : NULL;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"ii", false, "a tensor of order 3, which no set of synapses can hold"};
    out[1] = (hth_need){"iv", false, "the product of the Jacobian and the influence tensor"};
    return 2;
}

const hth_past hth_past_influence = {
    .axis = {.part = {.name = "influence",
                      .summary = "the influence tensor of RTRL: exact",
                      .source = "Williams & Zipser 1989; in blocks: Schmidhuber 1992"},
             .memory = "N*P",
             .operations = "N*N*P/K + N*g*n*(n+m)",
             .refuses = refuses,
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .carry = carry,
    .row_size = row_size,
    .row_memory = "R*(m + z*U)",
    .row_operations = "T*z*U",
    .freeze = freeze,
    .contract = contract,
};
