/*
 * The readout (Bellec et al. 2019, eqs. 41-42), and what is said of its outputs:
 *
 *     y_t = kappa y_{t-1} + gain W z_t (+ b)
 *
 * Without a filter, y of a step is found when it is read or judged, with the weights as they are then; of a leaky
 * readout, as the filter needs all steps in turn, when a step or a later one is read, judged or forgotten.
 *
 * Outputs are handled in tiles of 256 so that a layer of 10,000 classes passes through the cache once. Sums over tiles
 * are joined in a fixed order. readout_error.c has the way back.
 */
#include "network/readout.h"

#include "kernels/elementwise.h"
#include "kernels/rows.h"

#include <math.h>
#include <string.h>

enum {
    FEW_SUMS = 4,    /* up to so many outputs are sums along z */
    BLOCK_ITEMS = 32 /* of these at a time */
};

void hth_readout_lay_out(hth_arena *arena, hth_tape *tape) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    const size_t items = tape->capacity * tape->batch;
    const bool leaky = r->kappa > 0;
    const size_t slots = leaky ? hth_times(tape->capacity + 1, tape->batch) : 0;
    /* The outputs, and what the leaky filter holds. */
    on->y = HTH_TAKE(arena, hth_real, hth_times(r->outputs, items));
    on->stride = items;
    on->leak = HTH_TAKE(arena, hth_real, hth_times(r->outputs, slots));
    on->z_start = HTH_TAKE(arena, hth_real, leaky ? r->n * tape->batch : 0);
    if (!leaky) on->leak = on->z_start = NULL;
    /* The tiles, each with its statistics; z is packed once where there are several. */
    on->tile_count = hth_readout_tiles(r);
    on->packed = HTH_TAKE(arena, hth_real, on->tile_count > 1 ? hth_packed_size(r->n, items) : 0);
    on->tiles = HTH_TAKE(arena, hth_loss_tile, on->tile_count);
    on->statistics = HTH_TAKE(arena, hth_loss_statistics, on->tile_count);
    for (size_t q = 0; q < on->tile_count; q++) {
        hth_loss_statistics s = {.peak = HTH_TAKE(arena, hth_real, items),
                                 .best = HTH_TAKE(arena, int32_t, items),
                                 .sum = HTH_TAKE(arena, hth_real, items),
                                 .cross = HTH_TAKE(arena, hth_real, items),
                                 .scale = HTH_TAKE(arena, hth_real, items)};
        const size_t first = q * HTH_READOUT_TILE, left = r->outputs - first;
        if (!on->tiles) continue; /* memory is only being counted */
        on->statistics[q] = s;
        on->tiles[q] = (hth_loss_tile){.options = r->loss_options,
                                       .first = first,
                                       .rows = left < HTH_READOUT_TILE ? left : HTH_READOUT_TILE,
                                       .outputs = r->outputs,
                                       .class_weights = r->class_weights,
                                       .stride = items};
    }
    hth_decision_lay_out(arena, &tape->network->shape, tape->capacity, tape->batch, on->tile_count,
                         &on->decision);
}

void hth_readout_reset(hth_tape *tape) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    hth_decision_reset(&on->decision);
    on->filtered = 0;
    if (!on->leak) return;
    memset(on->leak, 0, r->outputs * tape->batch * sizeof(hth_real));
    memset(on->z_start, 0, r->n * tape->batch * sizeof(hth_real));
    on->bias_start = 0;
}

/* ---- Outputs ---- */

/* Whether an output is a sum along z, in lanes, or else a chain of multiply-adds. */
static bool by_sums(const hth_tape *tape) {
    const hth_readout *r = &tape->network->readout;
    return hth_tape_is_single(tape) ||
           (r->outputs <= FEW_SUMS &&
            !tape->network->layers[tape->network->layer_count - 1].cell->spikes);
}

/* y[outputs of the tile][..] of few outputs: sums along z where it lies. A product of matrices would turn all of z
 * round first. Not of spikes, whose products by events are chains. The z of a block of items stay in the nearest
 * cache. */
static void few_outputs(const hth_tape *tape, const hth_loss_tile *tile, const hth_real *w,
                        const hth_real *z, size_t stride, size_t items, hth_real *y) {
    const size_t n = tape->network->readout.n;
    for (size_t i = 0; i < items; i += BLOCK_ITEMS) {
        const size_t left = items - i, block = left < BLOCK_ITEMS ? left : BLOCK_ITEMS;
        for (size_t k = 0; k < tile->rows; k++)
            hth_matrix_vector(block, n, z + i * stride, stride, w + k * n, false,
                              y + k * tile->stride + i);
    }
}

/* W z of steps from..from+steps-1. */
static void weigh(const hth_tape *tape, const hth_loss_tile *tile, size_t from, size_t steps,
                  hth_real *y) {
    const hth_readout *r = &tape->network->readout;
    const size_t items = steps * tape->batch;
    hth_matrix w = hth_rows(tape->network->theta + r->weight + tile->first * r->n, r->n);
    size_t stride;
    const hth_real *z = hth_top_z(tape, from, &stride);
    hth_events_rows rows;
    if (hth_tape_is_single(tape))
        hth_matrix_vector(tile->rows, r->n, w.data, r->n, z, false, y);
    else if (hth_z_by_events(tape, from, steps, &rows))
        hth_events_outputs(tape->compute, &rows, w.data, y, tile->stride);
    else if (by_sums(tape))
        few_outputs(tape, tile, w.data, z, stride, items, y);
    else if (tape->readout.tile_count > 1)
        hth_product_packed(tile->rows, items, r->n, w, tape->readout.packed, false, y,
                           tile->stride);
    else
        hth_product(tape->compute, tile->rows, items, r->n, w, hth_transposed(z, stride), false, y,
                    tile->stride);
}

/* gain, and the bias. */
static void add_biases(const hth_tape *tape, const hth_loss_tile *tile, size_t items, hth_real *y) {
    const hth_readout *r = &tape->network->readout;
    const hth_real *bias = r->has_bias ? tape->network->theta + r->bias + tile->first : NULL;
    if (hth_tape_is_single(tape)) {
        for (size_t k = 0; k < tile->rows; k++) y[k] = r->gain * y[k] + (bias ? bias[k] : 0);
        return;
    }
    for (size_t k = 0; k < tile->rows; k++, y += tile->stride) {
        const hth_real b = bias ? bias[k] : 0;
        for (size_t i = 0; i < items; i++) y[i] = r->gain * y[i] + b;
    }
}

/* The leaky filter and the bias, over the steps of each output of a tile. */
static void filter(const hth_tape *tape, const hth_loss_tile *tile, size_t from, size_t steps,
                   hth_real *y) {
    const hth_readout *r = &tape->network->readout;
    const size_t batch = tape->batch, slot = r->outputs * batch;
    for (size_t k = 0; k < tile->rows; k++, y += tile->stride) {
        const size_t output = tile->first + k;
        const hth_real b = r->has_bias ? tape->network->theta[r->bias + output] : 0;
        const hth_real inside = r->filters_bias ? b : 0, outside = r->filters_bias ? 0 : b;
        const hth_real *last = tape->readout.leak + from * slot + output * batch;
        hth_real *next = tape->readout.leak + (from + 1) * slot + output * batch;
        for (size_t t = 0; t < steps; t++, last += slot, next += slot)
            for (size_t i = 0; i < batch; i++) {
                next[i] = r->kappa * last[i] + r->gain * y[t * batch + i] + inside;
                y[t * batch + i] = next[i] + outside;
            }
    }
}

/* Makes y of one tile for these steps; of a leaky readout, for all steps up to the last of these that have none. */
static void outputs_of_tile(const hth_tape *tape, const hth_loss_tile *tile, size_t from,
                            size_t steps) {
    hth_real *y = tape->readout.y + tile->first * tile->stride;
    if (tape->network->readout.kappa > 0) {
        const size_t end = from + steps;
        from = tape->readout.filtered;
        steps = end > from ? end - from : 0;
    }
    if (steps == 0) return;
    y += from * tape->batch;
    weigh(tape, tile, from, steps, y);
    if (tape->network->readout.kappa > 0)
        filter(tape, tile, from, steps, y);
    else
        add_biases(tape, tile, steps * tape->batch, y);
}

/* The first step that outputs_of_tile makes. */
static size_t first_needed(const hth_tape *tape, size_t from) {
    return tape->network->readout.kappa > 0 ? tape->readout.filtered : from;
}

/* Packs z, once for all tiles, of the steps whose y is still to be made. */
static void pack_z(const hth_tape *tape, size_t from, size_t steps) {
    const size_t first = first_needed(tape, from), end = from + steps;
    size_t stride;
    const hth_real *z = hth_top_z(tape, first, &stride);
    if (tape->readout.tile_count > 1 && !hth_tape_is_single(tape) && end > first)
        hth_pack(tape->network->readout.n, (end - first) * tape->batch, hth_transposed(z, stride),
                 tape->readout.packed);
}

/* Makes y of a leaky readout for the first `steps` steps of the tape, as far as they have none. */
static void make_outputs(hth_tape *tape, size_t steps) {
    hth_tape_readout *on = &tape->readout;
    if (steps <= on->filtered) return;
    pack_z(tape, on->filtered, steps - on->filtered);
    for (size_t q = 0; q < on->tile_count; q++)
        outputs_of_tile(tape, &on->tiles[q], on->filtered, steps - on->filtered);
    on->filtered = steps;
}

static void leaky_outputs(hth_tape *tape, size_t from, size_t steps, hth_real *outputs) {
    const hth_readout *r = &tape->network->readout;
    const hth_real *b = r->has_bias && !r->filters_bias ? tape->network->theta + r->bias : NULL;
    make_outputs(tape, from + steps);
    for (size_t t = from; t < from + steps; t++)
        for (size_t i = 0; i < tape->batch; i++)
            for (size_t k = 0; k < r->outputs; k++)
                *outputs++ = tape->readout.leak[((t + 1) * r->outputs + k) * tape->batch + i] +
                             (b ? b[k] : 0);
}

/* The same numbers as judging finds, in the order [steps][batch][outputs]. */
void hth_readout_outputs(hth_tape *tape, size_t from, size_t steps, hth_real *outputs) {
    const hth_readout *r = &tape->network->readout;
    const hth_real *w = tape->network->theta + r->weight;
    const hth_real *b = r->has_bias ? tape->network->theta + r->bias : NULL;
    const size_t items = steps * tape->batch;
    size_t stride;
    const hth_real *z = hth_top_z(tape, from, &stride);
    if (r->kappa > 0) {
        leaky_outputs(tape, from, steps, outputs);
        return;
    }
    if (by_sums(tape))
        for (size_t i = 0; i < items; i++)
            hth_matrix_vector(r->outputs, r->n, w, r->n, z + i * stride, false,
                              outputs + i * r->outputs);
    else if (items > 0)
        hth_product(tape->compute, items, r->outputs, r->n, hth_rows(z, stride),
                    hth_transposed(w, r->n), false, outputs, r->outputs);
    for (size_t i = 0; i < items; i++, outputs += r->outputs)
        for (size_t k = 0; k < r->outputs; k++) outputs[k] = r->gain * outputs[k] + (b ? b[k] : 0);
}

/* ---- Judging ---- */

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
        const hth_real *row = y + k * tile->stride;
        const int32_t output = (int32_t)(tile->first + k);
        HTH_SIMD
        for (size_t i = 0; i < tile->items; i++) {
            best[i] = row[i] > peak[i] ? output : best[i];
            peak[i] = row[i] > peak[i] ? row[i] : peak[i];
        }
    }
}

/* Points the tiles at the steps that the verdict is on. */
static void look_at(hth_tape *tape, const hth_verdict *v) {
    hth_tape_readout *on = &tape->readout;
    const size_t first = v->from * tape->batch;
    on->judged.steps = v->steps;
    on->judged.batch = tape->batch;
    on->judged.weights = v->weights ? tape->weights + first : NULL;
    on->judged.decides = v->decides;
    on->judged.classes = v->classes ? tape->classes + first : NULL;
    on->judged.targets = v->targets ? tape->targets + first * tape->network->readout.outputs : NULL;
    on->judged_from = v->from;
    for (size_t q = 0; q < on->tile_count; q++) {
        const hth_loss_statistics *s = &on->statistics[q];
        on->tiles[q].items = v->steps * tape->batch;
        on->tiles[q].chunk = &on->judged;
        on->tiles[q].statistics = (hth_loss_statistics){
            s->peak + first, s->best + first, s->sum + first, s->cross + first, s->scale + first};
    }
}

typedef struct judge_task {
    const hth_tape *tape;
    size_t from, steps;
} judge_task;

static void judge_tile(void *argument, size_t index, int worker) {
    const judge_task *task = argument;
    const hth_tape *tape = task->tape;
    const hth_readout *r = &tape->network->readout;
    hth_loss_tile *tile = &tape->readout.tiles[index];
    hth_real *y = tape->readout.y + tile->first * tile->stride + task->from * tape->batch;
    (void)worker;
    outputs_of_tile(tape, tile, task->from, task->steps);
    if (r->loss->mask) r->loss->mask(tile, y);
    if (hth_tape_is_single(tape))
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
    if (!on->judged.classes) return 0;
    for (size_t i = 0; i < on->tiles[0].items; i++) {
        size_t winner = 0;
        for (size_t q = 1; q < on->tile_count; q++)
            if (on->tiles[q].statistics.peak[i] > on->tiles[winner].statistics.peak[i]) winner = q;
        if (on->tiles[winner].statistics.best[i] == on->judged.classes[i])
            correct += (double)hth_item_weight(&on->judged, i);
    }
    return correct;
}

/* y of steps of a leaky readout, from what its filter held. */
static void restore_outputs(hth_tape *tape, size_t from, size_t to) {
    const hth_readout *r = &tape->network->readout;
    const hth_tape_readout *on = &tape->readout;
    const size_t batch = tape->batch;
    for (size_t t = from; on->leak && t < to; t++)
        for (size_t k = 0; k < r->outputs; k++) {
            const hth_real *held = on->leak + ((t + 1) * r->outputs + k) * batch;
            const hth_real b =
                r->has_bias && !r->filters_bias ? tape->network->theta[r->bias + k] : 0;
            for (size_t i = 0; i < batch; i++) on->y[k * on->stride + t * batch + i] = held[i] + b;
        }
}

hth_status hth_readout_judge(hth_tape *tape, const hth_verdict *v, hth_report *report,
                             hth_error *error) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    const size_t end = v->from + v->steps;
    judge_task task = {tape, v->from, v->steps};
    double loss = 0, weight = 0;
    /* Outputs and their loss, tile by tile. */
    look_at(tape, v);
    pack_z(tape, v->from, v->steps);
    if (on->tile_count > 1)
        hth_parallel(tape->compute, on->tile_count, hth_readout_work(tape, v->steps, 1), judge_tile,
                     &task);
    else
        judge_tile(&task, 0, 0);
    if (on->leak && end > on->filtered) on->filtered = end;
    /* The loss of all tiles, in their order. */
    for (size_t q = 0; q < on->tile_count; q++) loss += on->tiles[q].loss;
    if (r->loss->finish) loss += r->loss->finish(on->tiles, on->tile_count);
    if (!isfinite(loss)) {
        restore_outputs(tape, v->from, end); /* the loss may have overwritten y */
        return hth_fail(error, HTH_NOT_FINITE, "the loss is not finite");
    }
    /* All else that is reported. */
    for (size_t i = 0; i < v->steps * tape->batch; i++)
        weight += (double)hth_item_weight(&on->judged, i);
    report->loss += loss;
    report->weight += weight;
    report->correct += weighted_correct(tape);
    hth_decision_count(&on->decision, &on->judged, on->tile_count, report);
    return HTH_OK;
}

void hth_readout_take(hth_tape *tape, size_t from, size_t steps, const hth_real *errors) {
    const size_t outputs = tape->network->readout.outputs, first = from * tape->batch;
    hth_tape_readout *on = &tape->readout;
    if (on->leak) make_outputs(tape, from + steps);
    for (size_t i = 0; i < steps * tape->batch; i++)
        for (size_t k = 0; k < outputs; k++)
            on->y[k * on->stride + first + i] = errors[i * outputs + k];
}

/* ---- Keeping and forgetting ---- */

void hth_readout_settle(hth_tape *tape) {
    if (tape->readout.leak) make_outputs(tape, tape->steps);
}

void hth_readout_restore(hth_tape *tape) {
    restore_outputs(tape, 0, tape->steps);
    if (tape->readout.leak) tape->readout.filtered = tape->steps;
}

/* The filtered z, and dy/db of a bias inside the filter, go over the steps. */
static void filter_z(hth_tape *tape, size_t steps) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    size_t stride;
    const hth_real *z = hth_top_z(tape, 0, &stride);
    for (size_t t = 0; t < steps; t++) {
        on->bias_start = r->kappa * on->bias_start + 1;
        for (size_t b = 0; b < tape->batch; b++) {
            hth_real *sum = on->z_start + b * r->n;
            const hth_real *now = z + (t * tape->batch + b) * stride;
            for (size_t j = 0; j < r->n; j++) sum[j] = r->kappa * sum[j] + now[j];
        }
    }
}

void hth_readout_forget(hth_tape *tape, size_t steps) {
    hth_tape_readout *on = &tape->readout;
    const size_t outputs = tape->network->readout.outputs, batch = tape->batch;
    const size_t from = steps * batch, left = (tape->steps - steps) * batch;
    on->judged_from = SIZE_MAX;
    /* The filter goes over the steps that are forgotten. */
    if (on->leak) {
        make_outputs(tape, steps);
        filter_z(tape, steps);
        hth_move_slots(on->leak, from, on->filtered * batch + batch - from,
                       outputs * sizeof(hth_real));
        on->filtered -= steps;
    }
    /* Outputs and statistics of the others move to the front. */
    for (size_t k = 0; left && k < outputs; k++)
        hth_move_slots(on->y + k * on->stride, from, left, sizeof(hth_real));
    for (size_t q = 0; left && q < on->tile_count; q++) {
        const hth_loss_statistics *s = &on->statistics[q];
        hth_move_slots(s->peak, from, left, sizeof *s->peak);
        hth_move_slots(s->best, from, left, sizeof *s->best);
        hth_move_slots(s->sum, from, left, sizeof *s->sum);
        hth_move_slots(s->cross, from, left, sizeof *s->cross);
        hth_move_slots(s->scale, from, left, sizeof *s->scale);
    }
}
