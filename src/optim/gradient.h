/*
 * A gradient: one number per parameter. A batch touches few rows of an embedding, so those are noted,
 * and clearing, clipping and stateless updates leave the other rows alone.
 */
#ifndef HTH_GRADIENT_H
#define HTH_GRADIENT_H

#include "base/base.h"

struct hth_gradient {
    size_t count;
    bool of_readout_only; /* only the readout has a gradient; the optimiser skips the rest */
    bool readout_steps;   /* the readout's part is a step that the optimiser takes as it is */
    hth_real *values;
    size_t layers; /* the first values: weights and initial states of the layers */
    size_t
        put_off; /* values[0..put_off-1] are logically 0 but not yet written; see hth_gradient_fill */
    const hth_block *sparse; /* the embedding's block, or NULL */
    uint64_t touched_count;
    uint32_t
        *touched; /* rows of the sparse block that may differ from 0, in order of first touch */
    unsigned char *is_touched;
};

/* Writes the zeros that hth_gradient_clear put off, so that they are still in the cache when something is added to
 * them. Call it before reading or changing values[0..layers-1]. */
void hth_gradient_fill(hth_gradient *gradient);

/* Returns a row of the sparse block and marks it as touched. */
hth_real *hth_gradient_row(hth_gradient *gradient, size_t row);

#endif
