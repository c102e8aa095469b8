/* What readout.c and readout_error.c share: where the readout finds z, and how it reads it. */
#ifndef HTH_READOUT_H
#define HTH_READOUT_H

#include "network/tape.h"

enum { HTH_FEW_OUTPUTS = 16 }; /* up to so many, products with z go by events */

static inline size_t hth_readout_tiles(const hth_readout *r) {
    return (r->outputs + HTH_READOUT_TILE - 1) / HTH_READOUT_TILE;
}

/* What the readout reads from step `from` on: z of step t stands in slot t+1 of the last layer's u. */
static inline const hth_real *hth_top_z(const hth_tape *tape, size_t from, size_t *stride) {
    const size_t top = tape->network->layer_count - 1;
    if (tape->gathered) {
        *stride = tape->network->readout.n;
        return tape->gathered + from * tape->batch * *stride;
    }
    *stride = tape->network->layers[top].stride;
    return tape->layers[top].u + (from + 1) * tape->batch * *stride;
}

/* Whether a tape is one step of one item, so that no more than one row of z is ever read. */
static inline bool hth_tape_is_single(const hth_tape *tape) {
    return tape->capacity * tape->batch == 1;
}

/* With few outputs, by the lists of the top layer: what is read of z then is its spikes, and not all of u. Only of
 * spikes, for the same bits. */
static inline bool hth_z_by_events(const hth_tape *tape, size_t from, size_t steps,
                                   hth_events_rows *rows) {
    const hth_readout *r = &tape->network->readout;
    const hth_layer *layer = &tape->network->layers[tape->network->layer_count - 1];
    const hth_tape_layer *top = &tape->layers[tape->network->layer_count - 1];
    *rows = (hth_events_rows){.events = &top->events,
                              .from = (from + 1) * tape->batch,
                              .rows = steps * tape->batch,
                              .K = r->n,
                              .M = r->outputs};
    rows->x = hth_top_z(tape, from, &rows->stride);
    return layer->cell->spikes && top->is_sparse && !tape->gathered &&
           r->outputs <= HTH_FEW_OUTPUTS && !hth_tape_is_single(tape);
}

/* Rough operations of passes over the readout weights. */
static inline double hth_readout_work(const hth_tape *tape, size_t steps, double passes) {
    const hth_readout *r = &tape->network->readout;
    return passes * (double)r->outputs * (double)r->n * (double)(steps * tape->batch);
}

#endif
