/* What is read of layers and of the input: see reading.h. Cost: a copy of what is read, a pass over what it gives. */
#include "network/tape.h"

#include <string.h>

/* The row, step * batch + item, where a layer that runs this way has what belongs to row i of time, and the other way
 * round: it is its own inverse. */
static inline size_t turned(const hth_tape *tape, bool backward, size_t i) {
    const size_t batch = tape->batch;
    if (!backward) return i;
    return hth_tape_slot(&tape->chunk, i / batch, i % batch) * batch + i % batch;
}

/* ---- Forward ---- */

/* Of row i of time; steps of the input begin with step `first`. */
static const hth_real *find(const hth_tape *tape, const hth_inputs *in, size_t first,
                            const hth_read_part *part, size_t i) {
    const hth_network *net = tape->network;
    if (part->layer != HTH_OF_INPUT) {
        const hth_layer *of = &net->layers[part->layer];
        const size_t row = turned(tape, of->backward, i) + tape->batch; /* z_t stands in slot t+1 */
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
    }
}

void hth_read_layer(const hth_tape *tape, const hth_inputs *in, size_t l, size_t t, size_t from,
                    size_t to) {
    const hth_layer *layer = &tape->network->layers[l];
    for (size_t i = t * tape->batch + from; i < t * tape->batch + to; i++) {
        hth_real *u = tape->layers[l].u + i * layer->stride + layer->n;
        read_row(tape, in, tape->steps, &layer->reads, turned(tape, layer->backward, i), u);
        u[layer->inputs] = 1;
    }
}

void hth_read_gather(const hth_tape *tape, const hth_inputs *in, size_t first) {
    const hth_reading *reads = &tape->network->readout.reads;
    const size_t end = tape->steps * tape->batch;
    for (size_t i = first * tape->batch; tape->gathered && i < end; i++)
        read_row(tape, in, first, reads, i, tape->gathered + i * reads->width);
}

/* ---- Backward ---- */

void hth_read_split(const hth_tape *tape, const hth_real *errors, const hth_read_part *part,
                    size_t width, hth_real *q) {
    const bool backward = tape->network->layers[part->layer].backward;
    for (size_t i = 0; i < tape->steps * tape->batch; i++)
        memcpy(q + turned(tape, backward, i) * part->width, errors + i * width + part->at,
               part->width * sizeof *q);
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
