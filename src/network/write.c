/*
 * Running a network forward, onto the tape. Per layer the steps follow one another, each a product with the weights,
 * packed once where there are many, and what the kind of layer makes of that drive. Items of the batch are independent,
 * so threads share them out.
 */
#include "base/random.h"
#include "kernels/rows.h"
#include "network/inspect.h"
#include "network/tape.h"

#include <string.h>

/* Steps of the tape that are run, from `first` on. */
typedef struct steps_task {
    const hth_tape *tape;
    const hth_inputs *in; /* of step `first` on */
    size_t layer, first, steps, parts;
} steps_task;

/* ---- Steps ---- */

/* Whether products with some rows are faster by events, or asked for. */
static bool prefers_events(const hth_layer *layer, const hth_events *events, size_t from,
                           size_t to) {
    if (!events->count) return false;
    return layer->events == HTH_EVENTS_ALWAYS || hth_events_pay(events, from, to, layer->m);
}

/* a_t = W u_t by events, where that is faster. The lists of the rows are made in any case. */
static bool drive_by_events(const hth_layer *layer, const hth_real *packed,
                            const hth_tape_layer *on, size_t t, size_t batch, size_t from,
                            size_t to) {
    const hth_real *u = on->u + t * batch * layer->stride;
    const hth_events *events = &on->events;
    if (!events->count) return false;
    for (size_t b = from; b < to; b++)
        hth_events_list(events, t * batch + b, layer->m, u + b * layer->stride);
    if (!prefers_events(layer, events, t * batch + from, t * batch + to)) return false;
    for (size_t b = from; b < to; b++)
        hth_events_times(events, t * batch + b, layer->driven, layer->m, u + b * layer->stride,
                         packed, on->drive + b * layer->rows);
    return true;
}

/* The drives that read the constant alone: the weight itself. */
static void set_own(const hth_layer *layer, hth_real *drive) {
    for (size_t row = layer->driven; row < layer->rows; row++)
        drive[row] = layer->W[row * layer->m + layer->m - 1];
}

void hth_layer_step(const hth_layer *layer, const hth_real *packed, const hth_tape_layer *on,
                    size_t t, size_t batch, size_t from, size_t to) {
    const hth_real *u = on->u + t * batch * layer->stride;
    const bool driven = drive_by_events(layer, packed, on, t, batch, from, to);
    if (packed && !driven)
        hth_product_packed(to - from, layer->driven, layer->m,
                           hth_rows(u + from * layer->stride, layer->stride), packed, false,
                           on->drive + from * layer->rows, layer->rows);
    for (size_t b = from; b < to && !packed; b++)
        hth_matrix_vector(layer->driven, layer->m, layer->W, layer->m, u + b * layer->stride, false,
                          on->drive + b * layer->rows);
    for (size_t b = from; b < to && layer->driven < layer->rows; b++)
        set_own(layer, on->drive + b * layer->rows);
    layer->kind->step(layer, on, t, batch, from, to);
}

/* What a clamp makes of z of step t, for items from..to-1. */
static void clamp_units(const hth_tape *tape, size_t l, size_t t, size_t from, size_t to) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const hth_clamp *clamp = on->clamp;
    hth_random random = {clamp->seed, HTH_RANDOM_LESION, (uint32_t)l};
    uint64_t words[2];
    hth_random_words(&random, tape->sequence - on->clamped, words);
    random.seed = words[0]; /* each sequence has numbers of its own */
    for (size_t b = from; b < to; b++) {
        hth_real *z = on->u + ((t + 1) * tape->batch + b) * layer->stride;
        const uint64_t first = ((tape->time + t) * tape->batch + b) * layer->n;
        for (size_t j = 0; j < layer->n; j++) z[j] = clamp->keep[j] * z[j] + clamp->put[j];
        for (size_t j = 0; clamp->spread && j < layer->n; j++)
            if (clamp->spread[j] != 0)
                z[j] += clamp->spread[j] * (hth_real)hth_random_normal(&random, first + j);
    }
}

void hth_tape_clamp(hth_tape *tape, size_t layer, const hth_clamp *clamp) {
    tape->layers[layer].clamp = clamp;
    tape->layers[layer].clamped = tape->sequence;
}

/* The new steps of the items of one part of the batch. */
static void run_steps(void *argument, size_t part, int worker) {
    const steps_task *task = argument;
    const hth_tape *tape = task->tape;
    const hth_layer *layer = &tape->network->layers[task->layer];
    const hth_tape_layer *on = &tape->layers[task->layer];
    const size_t batch = tape->batch, to = (part + 1) * batch / task->parts;
    const size_t end = task->first + task->steps;
    size_t from = part * batch / task->parts;
    (void)worker;
    for (size_t t = task->first; t < end; t++) {
        hth_read_layer(tape, task->in, task->layer, t, from, to);
        hth_layer_step(layer, on->packed, on, t, batch, from, to);
        if (on->clamp) clamp_units(tape, task->layer, t, from, to);
    }
    for (size_t i = end * batch + from; on->events.count && from < to; i++, from++)
        hth_events_list(&on->events, i, layer->n, on->u + i * layer->stride);
}

/* W^T of every layer, for products with many rows. */
static void pack_layers(const hth_tape *tape) {
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        if (on->packed && tape->packed_at != tape->network->changes)
            hth_pack(layer->m, layer->driven, hth_transposed(layer->W, layer->m), on->packed);
    }
}

/* `steps` of the new steps of a layer, from slot `first` on. */
static void run_layer(hth_tape *tape, size_t l, const hth_inputs *in, size_t first, size_t steps) {
    const hth_layer *layer = &tape->network->layers[l];
    hth_tape_layer *on = &tape->layers[l];
    const double work = (double)(steps * tape->batch) * (double)(layer->m * layer->rows);
    const size_t threads = (size_t)hth_compute_spread(tape->compute, work);
    const size_t parts = tape->batch < threads ? tape->batch : threads;
    steps_task task = {tape, in, l, first, steps, parts};
    hth_parallel(tape->compute, parts, work, run_steps, &task);
    on->is_sparse = prefers_events(layer, &on->events, 0, (first + steps) * tape->batch);
}

void hth_tape_list(hth_tape *tape) {
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const size_t steps = tape->steps * tape->batch;
        for (size_t i = 0; on->events.count && i < steps + tape->batch; i++)
            hth_events_list(&on->events, i, i < steps ? layer->m : layer->n,
                            on->u + i * layer->stride);
    }
}

/* The inputs that others than the layers ask for, and where items end. */
static void keep_inputs(hth_tape *tape, const hth_inputs *in) {
    const size_t batch = tape->batch, first = tape->steps, rows = in->steps * batch;
    hth_chunk *chunk = &tape->chunk;
    if (in->tokens) memcpy(tape->tokens + first * batch, in->tokens, rows * sizeof *in->tokens);
    if (in->lengths || chunk->lengths) {
        for (size_t b = 0; b < batch; b++)
            tape->lengths[b] = (uint32_t)((chunk->lengths ? chunk->lengths[b] : first) +
                                          (in->lengths ? in->lengths[b] : in->steps));
        chunk->lengths = tape->lengths;
    }
    memset(tape->weights + first * batch, 0, rows * sizeof *tape->weights);
    memset(tape->said + first, 0, in->steps * sizeof *tape->said);
    chunk->weights = tape->weights;
    chunk->steps = first + in->steps;
    chunk->ends = in->ends;
}

/* The outputs of a step, for the next to read, by the weights as they are. */
static void feed(hth_tape *tape, size_t t) {
    const size_t slot = tape->batch * hth_network_fed(tape->network);
    hth_readout_outputs(tape, t, 1, tape->fed + (t + 1) * slot);
}

void hth_tape_run(hth_tape *tape, const hth_inputs *in) {
    const size_t first = tape->steps;
    keep_inputs(tape, in);
    pack_layers(tape);
    /* Layer after layer; step after step where one reads another above it, or the outputs. */
    const size_t each = tape->network->feeds_back || tape->fed ? 1 : in->steps;
    for (size_t t = 0; t < in->steps; t += each) {
        for (size_t l = 0; l < tape->network->layer_count; l++)
            run_layer(tape, l, in, first + t, each);
        hth_read_gather(tape, in, first, first + t, each);
        if (tape->fed) feed(tape, first + t);
    }
    tape->packed_at = tape->network->changes;
    tape->steps = tape->chunk.steps;
    tape->ended = in->ends;
}
