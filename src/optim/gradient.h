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
    const hth_block *sparse; /* the embedding's block, or NULL */
    size_t touched_count;
    uint32_t
        *touched; /* rows of the sparse block that may differ from 0, in order of first touch */
    unsigned char *is_touched;
};

/* The row of the sparse block, noted as touched. */
hth_real *hth_gradient_row(hth_gradient *gradient, size_t row);

#endif
