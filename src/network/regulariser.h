/* Firing-rate regularisation: a term of the loss that is a function of the spikes alone. */
#ifndef HTH_REGULARISER_H
#define HTH_REGULARISER_H

#include "base/options.h"

/* Over which steps a rate is a mean. */
enum { HTH_RATE_OF_SEQUENCE, HTH_RATE_OF_TAPE };

/* The section regulariser. */
typedef struct hth_regulariser {
    double rate, rate_target; /* c (0: no such term) and f*, in spikes per step */
    int rate_form, rate_over;
} hth_regulariser;

/* E_reg of a layer's z, rows `stride` apart: the first row of an item is that of its step, step by step.
 * Sets pull[batch][n] = dE_reg/dz, the same at all steps that are the item's own; rates[batch][n] is scratch. */
typedef struct hth_rates {
    const hth_real *z;                   /* [steps][batch][stride] */
    size_t steps, batch, all, n, stride; /* all: items of the batch, other tapes' too */
    const hth_network *network; /* for loss.batch and loss.time, with what the latter divides by */
    const double *totals;
    const hth_chunk *chunk; /* that z is of */
    double *rates;
    hth_real *pull;
} hth_rates;
/* Whether its term is scaled as the loss of an item is. */
bool hth_regulariser_divides(const hth_regulariser *regulariser);
double hth_regularise_rates(const hth_regulariser *regulariser, const hth_rates *of);

#endif
