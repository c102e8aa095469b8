/*
 * A gradient: one number per parameter. A batch touches few rows of an embedding, so those are noted,
 * and clearing, clipping and stateless updates leave the other rows alone.
 */
#ifndef HTH_GRADIENT_H
#define HTH_GRADIENT_H

#include "base/base.h"

struct hth_gradient {
    size_t count;
    bool of_readout_only; /* the last learner left the units alone: so does the optimiser */
    hth_real *values;
    size_t layers;  /* the first values: weights and initial states of the layers */
    size_t put_off; /* so many of them count as 0, whatever stands there: see hth_gradient_fill */
    const hth_block *sparse; /* the embedding's block, or NULL */
    size_t touched_count;
    uint32_t
        *touched; /* rows of the sparse block that may differ from 0, in order of first touch */
    unsigned char *is_touched;
};

/* Writes the zeros of the layers that hth_gradient_clear put off until something is added to them, when they will
 * still be in the cache. Whoever reads or changes values[0..layers-1] calls it first. */
void hth_gradient_fill(hth_gradient *gradient);

/* The row of the sparse block, noted as touched. */
hth_real *hth_gradient_row(hth_gradient *gradient, size_t row);

#endif
