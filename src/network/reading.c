/* What is read of layers and of the input: see reading.h. Cost: a copy of what is read, a pass over what it gives. */
#include "base/random.h"
#include "network/tape.h"

#include <string.h>

/* The row, step * batch + item, where a layer that runs this way has what belongs to row i of time, and the other way
 * round: it is its own inverse. */
static inline size_t turned(const hth_tape *tape, bool backward, size_t i) {
    const size_t batch = tape->batch;
    if (!backward) return i;
    return hth_tape_slot(&tape->chunk, i / batch, i % batch) * batch + i % batch;
}

/* ---- Dropout ---- */

void hth_read_drop(const hth_tape *tape, size_t layer, size_t t, size_t item, hth_real *x) {
    const hth_network *net = tape->network;
    if (!tape->drops) return;
    const size_t n = net->layers[layer].n;
    const hth_real scale = (hth_real)(1 / (1 - net->dropout));
    hth_random random = {net->seed, HTH_RANDOM_DROPOUT, (uint32_t)layer};
    uint64_t words[2];
    hth_random_words(&random, tape->sequence, words);
    random.seed = words[0]; /* each sequence has numbers of its own */
    const uint64_t first = ((tape->time + t) * tape->all + tape->first + item) * n;
    for (size_t j = 0; j < n; j++)
        x[j] = hth_random_uniform(&random, first + j) < net->dropout ? 0 : x[j] * scale;
}

void hth_read_drop_errors(const hth_tape *tape, size_t layer, size_t rows, size_t item,
                          hth_real *q) {
    const hth_layer *of = &tape->network->layers[layer];
    for (size_t t = 0; tape->drops && t < tape->steps; t++)
        for (size_t row = 0; row < rows; row++) {
            const size_t b = item == SIZE_MAX ? row : item;
            const size_t time = of->backward ? hth_tape_slot(&tape->chunk, t, b) : t;
            hth_read_drop(tape, layer, time, b, q + (t * rows + row) * of->n);
        }
}

/* ---- Forward ---- */

/* Of row i of time; steps of the input begin with step `first`. */
static const hth_real *find(const hth_tape *tape, const hth_inputs *in, size_t first,
                            const hth_read_part *part, size_t i) {
    const hth_network *net = tape->network;
    if (part->layer != HTH_OF_INPUT) {
        const hth_layer *of = &net->layers[part->layer];
        size_t row = turned(tape, of->backward, i);
        if (!part->late) row += tape->batch; /* z_t stands in slot t+1 */
        return tape->layers[part->layer].u + row * of->stride;
    }
    if (tape->chunk.tokens)
        return net->theta + net->embedding_weight + (size_t)tape->chunk.tokens[i] * net->embedding;
    return in->x + (i - first * tape->batch) * part->width;
}

static void read_row(const hth_tape *tape, const hth_inputs *in, size_t first,
                     const hth_reading *reads, size_t i, hth_real *to) {
    for (size_t p = 0; p < reads->count; p++) {
        const hth_read_part *part = &reads->parts[p];
        memcpy(to + part->at, find(tape, in, first, part, i), part->width * sizeof *to);
        if (part->layer != HTH_OF_INPUT)
            hth_read_drop(tape, part->layer, i / tape->batch, i % tape->batch, to + part->at);
    }
}

/* The outputs of the step before. */
static void read_outputs(const hth_tape *tape, const hth_reading *reads, size_t i, hth_real *u) {
    if (reads->fed == 0) return;
    memcpy(u + reads->width - reads->fed, tape->fed + i * reads->fed, reads->fed * sizeof *u);
}

/* The late copies of a row of u: what the row of the step before has, one step later. */
static void read_late(const hth_layer *layer, const hth_real *before, hth_real *u) {
    const hth_wiring *w = &layer->wiring;
    const size_t n = layer->n, late_x = w->late_x * w->x_width, late_z = w->late_z * n;
    const size_t x = n + layer->reads.width, z = x + late_x;
    /* Of the input: x_{t-1}, then the late copies but the last. */
    if (late_x) {
        memcpy(u + x, before + n + w->x_at, w->x_width * sizeof *u);
        memcpy(u + x + w->x_width, before + x, (late_x - w->x_width) * sizeof *u);
    }
    /* Of z: z_{t-2}, then the same. */
    if (late_z) {
        memcpy(u + z, before, n * sizeof *u);
        memcpy(u + z + n, before + z, (late_z - n) * sizeof *u);
    }
}

void hth_read_layer(const hth_tape *tape, const hth_inputs *in, size_t l, size_t t, size_t from,
                    size_t to) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    for (size_t i = t * tape->batch + from; i < t * tape->batch + to; i++) {
        hth_real *u = on->u + i * layer->stride + layer->n;
        read_row(tape, in, tape->steps, &layer->reads, turned(tape, layer->backward, i), u);
        read_outputs(tape, &layer->reads, i, u);
        u[layer->inputs] = 1;
    }
    for (size_t b = from; on->before && b < to; b++) {
        hth_real *u = on->u + (t * tape->batch + b) * layer->stride;
        read_late(layer, t > 0 ? u - tape->batch * layer->stride : on->before + b * layer->stride,
                  u);
    }
}

void hth_read_gather(const hth_tape *tape, const hth_inputs *in, size_t first, size_t from,
                     size_t steps) {
    const hth_reading *reads = &tape->network->readout.reads;
    const size_t end = (from + steps) * tape->batch;
    for (size_t i = from * tape->batch; tape->gathered && i < end; i++)
        read_row(tape, in, first, reads, i, tape->gathered + i * reads->width);
}

/* ---- Backward ---- */

void hth_read_split(const hth_tape *tape, const hth_real *errors, const hth_read_part *part,
                    size_t width, hth_real *q) {
    const bool backward = tape->network->layers[part->layer].backward;
    for (size_t i = 0; i < tape->steps * tape->batch; i++)
        memcpy(q + turned(tape, backward, i) * part->width, errors + i * width + part->at,
               part->width * sizeof *q);
    hth_read_drop_errors(tape, part->layer, tape->batch, SIZE_MAX, q);
}

void hth_read_turn(const hth_tape *tape, size_t width, hth_real *x) {
    for (size_t i = 0; i < tape->steps * tape->batch; i++) {
        const size_t other = turned(tape, true, i);
        hth_real *p = x + i * width, *q = x + other * width;
        for (size_t k = 0; i < other && k < width; k++) {
            const hth_real kept = p[k];
            p[k] = q[k];
            q[k] = kept;
        }
    }
}
