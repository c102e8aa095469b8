/*
 * The error of the readout, backwards over the tape (Bellec et al. 2019, eqs. 41-42, 48):
 *
 *     err_t = dE/dy_t + kappa err_{t+1}     dE/dW = gain sum_t err_t z_t^T     q_t = gain F^T err_t
 *
 * or, with feedback that changes, q_t = gain F_t^T dE/dy_t + kappa q_{t+1}. Of a step that nothing has been said of,
 * dE/dy is 0. With kappa > 0 the filtered z carried into the tape makes dE/dW exact over any number of tapes.
 *
 * Outputs are handled in tiles, as in readout.c; sums over tiles are joined in a fixed order.
 */
#include "network/readout.h"

#include "kernels/elementwise.h"
#include "kernels/rows.h"

#include <string.h>

enum { MAX_GROUPS = 8 }; /* groups of tiles whose shares of q are joined at the end */

static size_t group_count(const hth_readout *r) {
    const size_t tiles = hth_readout_tiles(r);
    return tiles < MAX_GROUPS ? tiles : MAX_GROUPS;
}

/* Scratch: Z packed, then per group an error tile, its weights packed and its share of q. */
static size_t group_scratch(const hth_readout *r, size_t items) {
    size_t rows = r->outputs < HTH_READOUT_TILE ? r->outputs : HTH_READOUT_TILE;
    return rows * items + hth_packed_size(rows, r->n) + items * r->n + 64;
}

size_t hth_readout_scratch(const hth_network *network, size_t steps, size_t batch) {
    const hth_readout *r = &network->readout;
    const size_t items = steps * batch, rows = r->outputs;
    if (hth_readout_tiles(r) == 1) return rows * items;
    return hth_packed_size(items, r->n) + group_count(r) * group_scratch(r, items);
}

static void scale_all(hth_real *x, size_t count, hth_real factor) {
    if (factor == 1) return;
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

double hth_loss_factor(const hth_readout *r, const double *totals, size_t batch, size_t item) {
    const double factor = r->mean_over_batch ? 1 / (double)batch : 1;
    return hth_loss_divides(r) && totals[item] > 0 ? factor / totals[item] : factor;
}

/* Multiplies errors by the factor that loss.batch and loss.time give each item. */
static void scale_items(const hth_tape *tape, size_t rows, size_t items, size_t width,
                        hth_real *err) {
    const hth_readout *r = &tape->network->readout;
    const size_t batch = tape->batch, groups = hth_loss_divides(r) ? batch : 1;
    for (size_t b = 0; b < groups; b++) {
        const hth_real factor = (hth_real)hth_loss_factor(r, tape->totals, tape->all, b);
        for (size_t k = 0; k < rows && factor != 1; k++)
            for (size_t i = b; i < items; i += groups) err[k * width + i] *= factor;
    }
}

/* dE/dy of a tile, of other steps than those that were judged last. */
static void error_of_others(const hth_tape *tape, const hth_loss_tile *tile, size_t first,
                            size_t items, size_t width, hth_real *err) {
    const hth_tape_readout *on = &tape->readout;
    hth_chunk chunk = tape->chunk;
    hth_loss_tile part = *tile;
    if (chunk.classes) chunk.classes += first;
    if (chunk.targets) chunk.targets += first * tile->outputs;
    if (chunk.weights) chunk.weights += first;
    part.items = items;
    part.chunk = &chunk;
    part.statistics.scale = on->statistics[tile - on->tiles].scale + first;
    tape->network->readout.loss->error(&part, on->y + tile->first * on->stride + first, width, err);
}

/* dE/dy of steps from..to-1, of which the same has been said; err[rows][width] from the first of them on. */
static void error_of_steps(const hth_tape *tape, const hth_loss_tile *tile, hth_said said,
                           size_t from, size_t to, size_t width, hth_real *err) {
    const hth_tape_readout *on = &tape->readout;
    const size_t first = from * tape->batch, items = (to - from) * tape->batch;
    const hth_real *y = on->y + tile->first * on->stride + first;
    if (said == HTH_SAID_TARGET) {
        if (on->judged_from == from && tile->items == items)
            tape->network->readout.loss->error(tile, y, width, err);
        else
            error_of_others(tape, tile, first, items, width, err);
        scale_items(tape, tile->rows, items, width, err);
        return;
    }
    for (size_t k = 0; k < tile->rows; k++, err += width, y += on->stride)
        if (said == HTH_SAID_ERROR)
            memcpy(err, y, items * sizeof *err);
        else
            memset(err, 0, items * sizeof *err);
}

static hth_said said_of(const hth_tape *tape, const hth_readout_backward *to, size_t t) {
    return to->spent && to->spent[t] ? HTH_SAID_NOTHING : (hth_said)tape->said[t];
}

/* dE/dy_t itself, of all steps, err[rows][items]. */
static void direct_error(const hth_tape *tape, const hth_readout_backward *to,
                         const hth_loss_tile *tile, hth_real *err) {
    const size_t steps = tape->steps, batch = tape->batch;
    for (size_t from = 0, end; from < steps; from = end) {
        const hth_said said = said_of(tape, to, from);
        for (end = from + 1; end < steps && said_of(tape, to, end) == said;) end++;
        error_of_steps(tape, tile, said, from, end, steps * batch, err + from * batch);
    }
}

/* The gradient of biases where nothing is filtered. */
static void add_bias(const hth_loss_tile *tile, size_t items, const hth_real *err, hth_real *bias) {
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
    const size_t batch = tape->batch, steps = tape->steps, items = steps * batch;
    if (r->kappa == 0) {
        if (to->bias) add_bias(tile, items, err, to->bias + tile->first);
        return;
    }
    for (size_t k = 0; k < tile->rows; k++) {
        hth_real *row = err + k * items;
        double direct = 0, filtered = 0;
        /* err_t += kappa err_{t+1}, from the last step to the first. */
        for (size_t i = 0; i < items; i++) direct += (double)row[i];
        for (size_t t = steps; t-- > 1;)
            for (size_t b = 0; b < batch; b++)
                row[(t - 1) * batch + b] += r->kappa * row[t * batch + b];
        /* A bias inside the filter learns by the filtered error, and by what it gave before the tape. */
        if (to->bias && r->filters_bias) {
            for (size_t i = 0; i < items; i++) filtered += (double)row[i];
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
    direct_error(tape, to, tile, err);
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
    const size_t items = tape->steps * tape->batch;
    for (size_t k = 0; k < tile->rows; k++)
        for (size_t b = 0; b < tape->batch; b++) {
            const hth_real e = r->gain * r->kappa * err[k * items + b];
            const hth_real *z = tape->readout.z_start + b * r->n;
            hth_real *w = weight + (tile->first + k) * r->n;
            for (size_t j = 0; j < r->n; j++) w[j] += e * z[j];
        }
}

/* Few outputs: one tile, every product spread over the threads. */
static void learn_small(const hth_tape *tape, const hth_readout_backward *to) {
    const hth_readout *r = &tape->network->readout;
    const hth_loss_tile *tile = &tape->readout.tiles[0];
    const size_t items = tape->steps * tape->batch;
    hth_real *err = to->scratch;
    size_t stride;
    const hth_real *z = hth_top_z(tape, 0, &stride);
    /* The error, back through the filter. Feedback that changes takes it before that. */
    direct_error(tape, to, tile, err);
    if (to->q && to->feedback_at) changing_feedback(tape, to, err);
    filter_error(tape, to, tile, err);
    /* dE/dW */
    if (to->weight && r->kappa > 0) carried_gradient(tape, tile, err, to->weight);
    scale_all(err, tile->rows * items, r->gain);
    hth_events_rows rows;
    if (to->weight && hth_z_by_events(tape, 0, tape->steps, &rows))
        hth_events_add_few(tape->compute, &rows, err, to->weight);
    else if (to->weight)
        hth_product(tape->compute, r->outputs, r->n, items, hth_rows(err, items),
                    hth_rows(z, stride), true, to->weight, r->n);
    /* q = F^T err */
    if (to->q && !to->feedback_at)
        hth_product(tape->compute, items, r->n, r->outputs, hth_transposed(err, items),
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
    const size_t tiles = tape->readout.tile_count, items = tape->steps * tape->batch;
    /* The group's own scratch: an error tile, F of the tile packed, its share of q. */
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

/* Many outputs: groups of tiles side by side, whose shares of q are added in their order. */
static void learn_large(const hth_tape *tape, const hth_readout_backward *to) {
    const hth_readout *r = &tape->network->readout;
    const size_t items = tape->steps * tape->batch, groups = group_count(r);
    size_t stride;
    const hth_real *z = hth_top_z(tape, 0, &stride);
    hth_real *packed = to->scratch;
    backward_task task = {
        tape, to, packed, packed + hth_packed_size(items, r->n), group_scratch(r, items), groups};
    hth_pack(items, r->n, hth_rows(z, stride), packed);
    hth_parallel(tape->compute, groups, hth_readout_work(tape, tape->steps, 2), learn_group, &task);
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

/* Whether anything has been said of a step of the tape. */
static bool is_said(const hth_tape *tape, const hth_readout_backward *to) {
    for (size_t t = 0; t < tape->steps; t++)
        if (said_of(tape, to, t) == HTH_SAID_TARGET || said_of(tape, to, t) == HTH_SAID_ERROR)
            return true;
    return false;
}

/* No errors: no gradient, and nothing goes to the units. */
static void learn_nothing(const hth_tape *tape, const hth_readout_backward *to) {
    const hth_readout *r = &tape->network->readout;
    if (to->q) memset(to->q, 0, tape->steps * tape->batch * r->n * sizeof *to->q);
    if (to->start && r->kappa != 0)
        memset(to->start, 0, tape->batch * r->outputs * sizeof *to->start);
}

void hth_readout_learn(const hth_tape *tape, const hth_readout_backward *to) {
    if (!is_said(tape, to))
        learn_nothing(tape, to);
    else if (tape->readout.tile_count == 1)
        learn_small(tape, to);
    else
        learn_large(tape, to);
}
