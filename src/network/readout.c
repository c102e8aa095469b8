/*
 * The readout and its error (Bellec et al. 2019, eqs. 41-42, 48):
 *
 *     y_t = kappa y_{t-1} + gain W z_t (+ b)                    forward, loss
 *     err_t = dE/dy_t + kappa err_{t+1}                         backwards over the tape
 *     dE/dW = gain sum_t err_t z_t^T     q_t = gain F^T err_t
 *
 * or, with feedback that changes, q_t = gain F_t^T dE/dy_t + kappa q_{t+1}.
 *
 * Outputs are handled in tiles of 256 so that a layer of 10,000 classes (outputs, error, gradient)
 * passes through the cache once each way. With kappa > 0 the filtered z carried into the tape makes
 * dE/dW exact over any number of tapes. Sums over tiles are joined in a fixed order.
 */
#include "kernels/elementwise.h"
#include "kernels/rows.h"
#include "network/tape.h"

#include <math.h>
#include <string.h>

enum {
    MAX_GROUPS = 8,   /* groups of tiles whose shares of q are joined at the end */
    FEW_OUTPUTS = 16, /* up to so many, products with z go by events */
    FEW_SUMS = 4,     /* up to so many, they are sums along z */
    BLOCK_ITEMS = 32  /* of these */
};

static size_t tile_count(const hth_readout *r) {
    return (r->outputs + HTH_READOUT_TILE - 1) / HTH_READOUT_TILE;
}

static size_t group_count(const hth_readout *r) {
    size_t tiles = tile_count(r);
    return tiles < MAX_GROUPS ? tiles : MAX_GROUPS;
}

void hth_readout_lay_out(hth_arena *arena, hth_tape *tape) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    const size_t items = tape->capacity * tape->batch;
    const bool leaky = r->kappa > 0;
    on->y = HTH_TAKE(arena, hth_real, r->outputs * items);
    on->start = HTH_TAKE(arena, hth_real, leaky ? r->outputs * tape->batch : 0);
    on->end = HTH_TAKE(arena, hth_real, leaky ? r->outputs * tape->batch : 0);
    on->z_start = HTH_TAKE(arena, hth_real, leaky ? r->n * tape->batch : 0);
    on->z_end = HTH_TAKE(arena, hth_real, leaky ? r->n * tape->batch : 0);
    if (!leaky) on->start = on->end = on->z_start = on->z_end = NULL;
    on->tile_count = tile_count(r);
    on->packed = HTH_TAKE(arena, hth_real, on->tile_count > 1 ? hth_packed_size(r->n, items) : 0);
    on->tiles = HTH_TAKE(arena, hth_loss_tile, on->tile_count);
    for (size_t q = 0; q < on->tile_count; q++) {
        hth_loss_statistics s = {.peak = HTH_TAKE(arena, hth_real, items),
                                 .best = HTH_TAKE(arena, int32_t, items),
                                 .sum = HTH_TAKE(arena, hth_real, items),
                                 .cross = HTH_TAKE(arena, hth_real, items),
                                 .scale = HTH_TAKE(arena, hth_real, items)};
        size_t first = q * HTH_READOUT_TILE, left = r->outputs - first;
        if (on->tiles)
            on->tiles[q] =
                (hth_loss_tile){.options = r->loss_options,
                                .first = first,
                                .rows = left < HTH_READOUT_TILE ? left : HTH_READOUT_TILE,
                                .outputs = r->outputs,
                                .chunk = &tape->chunk,
                                .statistics = s};
    }
    hth_decision_lay_out(arena, &tape->network->shape, tape->capacity, tape->batch, on->tile_count,
                         &on->decision);
}

void hth_readout_reset(hth_tape *tape) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    hth_decision_reset(&on->decision);
    if (!on->start) return;
    memset(on->start, 0, r->outputs * tape->batch * sizeof(hth_real));
    memset(on->z_start, 0, r->n * tape->batch * sizeof(hth_real));
    on->bias_start = 0;
}

/* ---- Forward ---- */

/* The leaky filter and the bias, over the steps of each output of a tile. */
static void filter(const hth_tape *tape, const hth_loss_tile *tile, hth_real *y) {
    const hth_readout *r = &tape->network->readout;
    const hth_real *bias = r->has_bias ? tape->network->theta + r->bias : NULL;
    const size_t batch = tape->batch, steps = tape->chunk.steps;
    if (r->kappa == 0 && tile->items == 1) {
        for (size_t k = 0; k < tile->rows; k++)
            y[k] = r->gain * y[k] + (bias ? bias[tile->first + k] : 0);
        return;
    }
    for (size_t k = 0; k < tile->rows; k++) {
        hth_real *row = y + k * tile->items, b = bias ? bias[tile->first + k] : 0;
        hth_real *last = r->kappa > 0 ? tape->readout.end + (tile->first + k) * batch : NULL;
        hth_real inside = r->filters_bias ? b : 0, outside = r->filters_bias ? 0 : b;
        if (last)
            memcpy(last, tape->readout.start + (tile->first + k) * batch, batch * sizeof *last);
        if (!last) {
            for (size_t i = 0; i < tile->items; i++) row[i] = r->gain * row[i] + b;
            continue;
        }
        for (size_t t = 0; t < steps; t++)
            for (size_t i = 0; i < batch; i++) {
                last[i] = r->kappa * last[i] + r->gain * row[t * batch + i] + inside;
                row[t * batch + i] = last[i] + outside;
            }
    }
}

static void find_peak_of_one(const hth_loss_tile *tile, const hth_real *y) {
    size_t best = 0;
    for (size_t k = 1; k < tile->rows; k++) best = y[k] > y[best] ? k : best;
    tile->statistics.peak[0] = y[best];
    tile->statistics.best[0] = (int32_t)(tile->first + best);
}

static void find_peaks(const hth_loss_tile *tile, const hth_real *y) {
    hth_real *peak = tile->statistics.peak;
    int32_t *best = tile->statistics.best;
    for (size_t i = 0; i < tile->items; i++) {
        peak[i] = y[i];
        best[i] = (int32_t)tile->first;
    }
    for (size_t k = 1; k < tile->rows; k++) {
        const hth_real *row = y + k * tile->items;
        const int32_t output = (int32_t)(tile->first + k);
        HTH_SIMD
        for (size_t i = 0; i < tile->items; i++) {
            best[i] = row[i] > peak[i] ? output : best[i];
            peak[i] = row[i] > peak[i] ? row[i] : peak[i];
        }
    }
}

/* z of step t stands in slot t+1 of the top layer's u; that of both directions is joined. */
static const hth_real *top_z(const hth_tape *tape, size_t *stride) {
    if (tape->joined) {
        *stride = tape->network->readout.n;
        return tape->joined;
    }
    size_t top = tape->network->layer_count - 1;
    *stride = tape->network->layers[top].stride;
    return tape->layers[top].u + tape->batch * *stride;
}

/* With few outputs, by the lists of the top layer: what is read of z then is its spikes, and not all of u. Only of
 * spikes, for the same bits. */
static bool by_events(const hth_tape *tape, hth_events_rows *rows) {
    const hth_readout *r = &tape->network->readout;
    const hth_layer *layer = &tape->network->layers[tape->network->layer_count - 1];
    const hth_tape_layer *top = &tape->layers[tape->network->layer_count - 1];
    *rows = (hth_events_rows){.events = &top->events,
                              .from = tape->batch,
                              .rows = tape->chunk.steps * tape->batch,
                              .K = r->n,
                              .M = r->outputs};
    rows->x = top_z(tape, &rows->stride);
    return layer->cell->spikes && top->is_sparse && !tape->joined && r->outputs <= FEW_OUTPUTS &&
           rows->rows > 1;
}

/* y[outputs][items] of few outputs: sums along z where it lies, as for a single item, with the same bits. A product of
 * matrices would turn all of z round first. Not of spikes, whose products by events are chains.
 * The z of a block of items stay in the nearest cache. */
static void few_outputs(const hth_tape *tape, const hth_loss_tile *tile, const hth_real *w,
                        const hth_real *z, size_t stride, hth_real *y) {
    const size_t n = tape->network->readout.n;
    for (size_t i = 0; i < tile->items; i += BLOCK_ITEMS) {
        const size_t left = tile->items - i, items = left < BLOCK_ITEMS ? left : BLOCK_ITEMS;
        for (size_t k = 0; k < tile->rows; k++)
            hth_matrix_vector(items, n, z + i * stride, stride, w + k * n, false,
                              y + k * tile->items + i);
    }
}

static void outputs_of_tile(const hth_tape *tape, const hth_loss_tile *tile, hth_real *y) {
    const hth_readout *r = &tape->network->readout;
    hth_matrix w = hth_rows(tape->network->theta + r->weight + tile->first * r->n, r->n);
    size_t stride, top = tape->network->layer_count - 1;
    const hth_real *z = top_z(tape, &stride);
    hth_events_rows rows;
    if (by_events(tape, &rows))
        hth_events_outputs(tape->compute, &rows, w.data, y);
    else if (tile->items == 1)
        hth_matrix_vector(tile->rows, r->n, w.data, r->n, z, false, y);
    else if (r->outputs <= FEW_SUMS && !tape->network->layers[top].cell->spikes)
        few_outputs(tape, tile, w.data, z, stride, y);
    else if (tape->readout.tile_count > 1)
        hth_product_packed(tile->rows, tile->items, r->n, w, tape->readout.packed, false, y,
                           tile->items);
    else
        hth_product(tape->compute, tile->rows, tile->items, r->n, w, hth_transposed(z, stride),
                    false, y, tile->items);
    filter(tape, tile, y);
}

static void forward_tile(void *argument, size_t index, int worker) {
    const hth_tape *tape = argument;
    const hth_readout *r = &tape->network->readout;
    hth_loss_tile *tile = &tape->readout.tiles[index];
    hth_real *y = tape->readout.y + tile->first * tile->items;
    (void)worker;
    outputs_of_tile(tape, tile, y);
    if (tile->items == 1)
        find_peak_of_one(tile, y);
    else
        find_peaks(tile, y);
    hth_decision_tile(&tape->readout.decision, tile, index, y);
    tile->y = y;
    tile->loss = r->loss->measure(tile, y);
}

static double weighted_correct(const hth_tape *tape) {
    const hth_tape_readout *on = &tape->readout;
    double correct = 0;
    if (!tape->chunk.classes) return 0;
    for (size_t i = 0; i < on->tiles[0].items; i++) {
        size_t winner = 0;
        for (size_t q = 1; q < on->tile_count; q++)
            if (on->tiles[q].statistics.peak[i] > on->tiles[winner].statistics.peak[i]) winner = q;
        if (on->tiles[winner].statistics.best[i] == tape->chunk.classes[i])
            correct += (double)hth_item_weight(&tape->chunk, i);
    }
    return correct;
}

/* What the filter carries on: the filtered z, and dy/db of a bias inside it. */
static void carry_filter(hth_tape *tape) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    size_t stride;
    const hth_real *z = top_z(tape, &stride);
    if (!on->start) return;
    if (tape->chunk.ends) { /* nothing comes after it */
        memset(on->z_end, 0, r->n * tape->batch * sizeof(hth_real));
        on->bias_end = 0;
        return;
    }
    memcpy(on->z_end, on->z_start, r->n * tape->batch * sizeof(hth_real));
    on->bias_end = on->bias_start;
    for (size_t t = 0; t < tape->chunk.steps; t++) {
        on->bias_end = r->kappa * on->bias_end + 1;
        for (size_t b = 0; b < tape->batch; b++)
            for (size_t j = 0; j < r->n; j++)
                on->z_end[b * r->n + j] =
                    r->kappa * on->z_end[b * r->n + j] + z[(t * tape->batch + b) * stride + j];
    }
}

static double work_of(const hth_tape *tape, double passes) {
    const hth_readout *r = &tape->network->readout;
    return passes * (double)r->outputs * (double)r->n * (double)(tape->chunk.steps * tape->batch);
}

hth_status hth_readout_forward(hth_tape *tape, hth_report *report, hth_error *error) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    const size_t items = tape->chunk.steps * tape->batch;
    size_t stride;
    const hth_real *z = top_z(tape, &stride);
    double loss = 0, weight = 0;
    for (size_t q = 0; q < on->tile_count; q++) on->tiles[q].items = items;
    if (on->tile_count > 1) {
        if (items > 1) hth_pack(r->n, items, hth_transposed(z, stride), on->packed);
        hth_parallel(tape->compute, on->tile_count, work_of(tape, 1), forward_tile, tape);
    } else {
        forward_tile(tape, 0, 0);
    }
    for (size_t q = 0; q < on->tile_count; q++) loss += on->tiles[q].loss;
    if (r->loss->finish) loss += r->loss->finish(on->tiles, on->tile_count);
    if (!isfinite(loss))
        return hth_fail(error, HTH_NOT_FINITE,
                        "the loss is not finite; a smaller optimiser.lr or a smaller "
                        "optimiser.clip_norm may help");
    carry_filter(tape);
    for (size_t i = 0; i < items; i++) weight += (double)hth_item_weight(&tape->chunk, i);
    report->loss += loss;
    report->weight += weight;
    report->correct += weighted_correct(tape);
    hth_decision_count(&on->decision, &tape->chunk, on->tile_count, report);
    return HTH_OK;
}

void hth_readout_outputs(const hth_tape *tape, hth_real *outputs) {
    const hth_readout *r = &tape->network->readout;
    const size_t items = tape->steps * tape->batch;
    const hth_real *b = r->has_bias ? tape->network->theta + r->bias : NULL;
    size_t stride;
    const hth_real *z = top_z(tape, &stride);
    hth_product(tape->compute, items, r->outputs, r->n, hth_rows(z, stride),
                hth_transposed(tape->network->theta + r->weight, r->n), false, outputs, r->outputs);
    for (size_t i = 0; i < items; i++)
        for (size_t k = 0; k < r->outputs; k++) {
            hth_real *y = outputs + i * r->outputs + k, before = 0;
            if (r->kappa > 0 && i < tape->batch)
                before = tape->readout.start[k * tape->batch + i];
            else if (r->kappa > 0)
                before = y[-(ptrdiff_t)(tape->batch * r->outputs)];
            *y = r->kappa * before + r->gain * *y + (b && r->filters_bias ? b[k] : 0);
        }
    for (size_t i = 0; b && !r->filters_bias && i < items; i++)
        for (size_t k = 0; k < r->outputs; k++) outputs[i * r->outputs + k] += b[k];
}

/* ---- Backward ---- */

/* Scratch: Z packed, then per group an error tile, its weights packed and its share of q. */
static size_t group_scratch(const hth_readout *r, size_t items) {
    size_t rows = r->outputs < HTH_READOUT_TILE ? r->outputs : HTH_READOUT_TILE;
    return rows * items + hth_packed_size(rows, r->n) + items * r->n + 64;
}

size_t hth_readout_scratch(const hth_network *network, size_t steps, size_t batch) {
    const hth_readout *r = &network->readout;
    const size_t items = steps * batch, rows = r->outputs;
    if (tile_count(r) == 1) return rows * items;
    return hth_packed_size(items, r->n) + group_count(r) * group_scratch(r, items);
}

static void scale_all(hth_real *x, size_t count, hth_real factor) {
    if (factor == 1) return;
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

double hth_loss_factor(const hth_readout *r, const hth_chunk *chunk, size_t item) {
    double factor = r->mean_over_batch ? 1 / (double)chunk->batch : 1, window = 0;
    if (r->mean_over_time) factor /= (double)chunk->steps;
    if (!r->mean_over_window) return factor;
    for (size_t t = 0; t < chunk->steps; t++)
        window += (double)hth_item_weight(chunk, t * chunk->batch + item);
    return window > 0 ? factor / window : factor;
}

/* Items with factors of their own. */
static void scale_items(const hth_tape *tape, const hth_loss_tile *tile, hth_real *err) {
    const hth_readout *r = &tape->network->readout;
    const size_t batch = tape->batch;
    for (size_t b = 0; b < batch; b++) {
        const hth_real factor = (hth_real)hth_loss_factor(r, &tape->chunk, b);
        for (size_t i = b; i < tile->rows * tile->items; i += batch) err[i] *= factor;
    }
}

/* dE/dy_t itself, scaled. */
static void direct_error(const hth_tape *tape, const hth_loss_tile *tile, hth_real *err) {
    const hth_readout *r = &tape->network->readout;
    r->loss->error(tile, tape->readout.y + tile->first * tile->items, err);
    if (r->mean_over_window && tape->chunk.weights)
        scale_items(tape, tile, err);
    else
        scale_all(err, tile->rows * tile->items, (hth_real)hth_loss_factor(r, &tape->chunk, 0));
}

/* The gradient of biases where nothing is filtered. */
static void add_bias(const hth_loss_tile *tile, const hth_real *err, hth_real *bias) {
    const size_t items = tile->items;
    if (items == 1) {
        HTH_SIMD
        for (size_t k = 0; k < tile->rows; k++) bias[k] += err[k];
        return;
    }
    for (size_t k = 0; k < tile->rows; k++) {
        double sum = 0;
        for (size_t i = 0; i < items; i++) sum += (double)err[k * items + i];
        bias[k] += (hth_real)sum;
    }
}

/* Sums the error backwards through the leaky filter; biases' gradient; dE/dy before the tape. */
static void filter_error(const hth_tape *tape, const hth_readout_backward *to,
                         const hth_loss_tile *tile, hth_real *err) {
    const hth_readout *r = &tape->network->readout;
    const size_t batch = tape->batch, steps = tape->steps;
    if (r->kappa == 0) {
        if (to->bias) add_bias(tile, err, to->bias + tile->first);
        return;
    }
    for (size_t k = 0; k < tile->rows; k++) {
        hth_real *row = err + k * tile->items;
        double direct = 0, filtered = 0;
        for (size_t i = 0; i < tile->items; i++) direct += (double)row[i];
        for (size_t t = steps; t-- > 1;)
            for (size_t b = 0; b < batch; b++)
                row[(t - 1) * batch + b] += r->kappa * row[t * batch + b];
        if (to->bias && r->filters_bias) {
            for (size_t i = 0; i < tile->items; i++) filtered += (double)row[i];
            for (size_t b = 0; b < batch; b++)
                filtered += (double)(r->kappa * tape->readout.bias_start * row[b]);
        }
        if (to->bias) to->bias[tile->first + k] += (hth_real)(r->filters_bias ? filtered : direct);
        for (size_t b = 0; to->start && b < batch; b++)
            to->start[b * r->outputs + tile->first + k] = r->kappa * row[b];
    }
}

static void error_of_tile(const hth_tape *tape, const hth_readout_backward *to,
                          const hth_loss_tile *tile, hth_real *err) {
    direct_error(tape, tile, err);
    filter_error(tape, to, tile, err);
}

/* q_t = gain F_t^T err_t + kappa q_{t+1} from the direct errors: an error goes by the F of its own time,
 * and what the filter hands back to earlier steps is summed unit by unit. */
static void changing_feedback(const hth_tape *tape, const hth_readout_backward *to,
                              const hth_real *err) {
    const hth_readout *r = &tape->network->readout;
    const size_t batch = tape->batch, items = tape->steps * batch, slot = batch * r->n;
    for (size_t t = 0, steps; t < tape->steps; t += steps) {
        const hth_real *F = to->feedback_at(to->context, t, &steps);
        if (steps > tape->steps - t) steps = tape->steps - t;
        hth_product(tape->compute, steps * batch, r->n, r->outputs,
                    hth_transposed(err + t * batch, items), hth_rows(F, r->n), false,
                    to->q + t * slot, r->n);
    }
    if (r->gain != 1)
        for (size_t i = 0; i < tape->steps * slot; i++) to->q[i] *= r->gain;
    for (size_t t = tape->steps; r->kappa > 0 && t-- > 1;)
        for (size_t i = 0; i < slot; i++)
            to->q[(t - 1) * slot + i] += r->kappa * to->q[t * slot + i];
}

/* The share of dE/dW that the filtered z carried into the tape has. */
static void carried_gradient(const hth_tape *tape, const hth_loss_tile *tile, const hth_real *err,
                             hth_real *weight) {
    const hth_readout *r = &tape->network->readout;
    for (size_t k = 0; k < tile->rows; k++)
        for (size_t b = 0; b < tape->batch; b++) {
            const hth_real e = r->gain * r->kappa * err[k * tile->items + b];
            const hth_real *z = tape->readout.z_start + b * r->n;
            hth_real *w = weight + (tile->first + k) * r->n;
            for (size_t j = 0; j < r->n; j++) w[j] += e * z[j];
        }
}

/* Few outputs: one tile, every product spread over the threads. */
static void learn_small(const hth_tape *tape, const hth_readout_backward *to) {
    const hth_readout *r = &tape->network->readout;
    const hth_loss_tile *tile = &tape->readout.tiles[0];
    hth_real *err = to->scratch;
    size_t stride;
    const hth_real *z = top_z(tape, &stride);
    direct_error(tape, tile, err);
    if (to->q && to->feedback_at) changing_feedback(tape, to, err);
    filter_error(tape, to, tile, err);
    if (to->weight && r->kappa > 0) carried_gradient(tape, tile, err, to->weight);
    scale_all(err, tile->rows * tile->items, r->gain);
    hth_events_rows rows;
    if (to->weight && by_events(tape, &rows))
        hth_events_add_few(tape->compute, &rows, err, to->weight);
    else if (to->weight)
        hth_product(tape->compute, r->outputs, r->n, tile->items, hth_rows(err, tile->items),
                    hth_rows(z, stride), true, to->weight, r->n);
    if (to->q && !to->feedback_at)
        hth_product(tape->compute, tile->items, r->n, r->outputs, hth_transposed(err, tile->items),
                    hth_rows(to->feedback, r->n), false, to->q, r->n);
}

typedef struct backward_task {
    const hth_tape *tape;
    const hth_readout_backward *to;
    const hth_real *packed;
    hth_real *groups;
    size_t group_size, group_count;
} backward_task;

/* The tiles of one group, in order: error, its share of dE/dW, and the group's share of q. */
static void learn_group(void *argument, size_t group, int worker) {
    const backward_task *task = argument;
    const hth_tape *tape = task->tape;
    const hth_readout *r = &tape->network->readout;
    const hth_readout_backward *to = task->to;
    const size_t tiles = tape->readout.tile_count, items = tape->readout.tiles[0].items;
    hth_real *err = task->groups + group * task->group_size;
    hth_real *packed = err + tape->readout.tiles[0].rows * items;
    hth_real *q = packed + hth_packed_size(tape->readout.tiles[0].rows, r->n);
    (void)worker;
    for (size_t i = group * tiles / task->group_count, first = i;
         i < (group + 1) * tiles / task->group_count; i++) {
        const hth_loss_tile *tile = &tape->readout.tiles[i];
        error_of_tile(tape, to, tile, err);
        if (to->weight && r->kappa > 0) carried_gradient(tape, tile, err, to->weight);
        scale_all(err, tile->rows * items, r->gain);
        if (to->weight)
            hth_product_packed(tile->rows, r->n, items, hth_rows(err, items), task->packed, true,
                               to->weight + tile->first * r->n, r->n);
        if (!to->q) continue;
        hth_pack(tile->rows, r->n, hth_rows(to->feedback + tile->first * r->n, r->n), packed);
        hth_product_packed(items, r->n, tile->rows, hth_transposed(err, items), packed, i > first,
                           q, r->n);
    }
}

static void learn_large(const hth_tape *tape, const hth_readout_backward *to) {
    const hth_readout *r = &tape->network->readout;
    const size_t items = tape->readout.tiles[0].items, groups = group_count(r);
    size_t stride;
    const hth_real *z = top_z(tape, &stride);
    hth_real *packed = to->scratch;
    backward_task task = {
        tape, to, packed, packed + hth_packed_size(items, r->n), group_scratch(r, items), groups};
    hth_pack(items, r->n, hth_rows(z, stride), packed);
    hth_parallel(tape->compute, groups, work_of(tape, 2), learn_group, &task);
    if (!to->q) return;
    for (size_t g = 0; g < groups; g++) {
        const hth_real *share = task.groups + g * task.group_size +
                                tape->readout.tiles[0].rows * items +
                                hth_packed_size(tape->readout.tiles[0].rows, r->n);
        if (g == 0)
            memcpy(to->q, share, items * r->n * sizeof *share);
        else
            for (size_t i = 0; i < items * r->n; i++) to->q[i] += share[i];
    }
}

void hth_readout_learn(const hth_tape *tape, const hth_readout_backward *to) {
    if (tape->readout.tile_count == 1)
        learn_small(tape, to);
    else
        learn_large(tape, to);
}
