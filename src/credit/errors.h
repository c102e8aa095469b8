/* The direct errors of a tape, q: what reaches the units at once, before any of it crosses from unit to unit. */
#ifndef HTH_ERRORS_H
#define HTH_ERRORS_H

#include "credit/learner.h"

/* The list of what is steady: the learner's, and the adjoint's source. */
void hth_errors_lay_out(hth_arena *arena, hth_learner *learner, size_t steps);

/* The readout learns, and the signal takes its errors to the units: q of the layers that the readout reads, and of
 * others where the signal fills them. */
void hth_errors_of_signal(hth_learner *learner, hth_tape *tape, hth_gradient *gradient);

/* What is steady enters these layers. Lower ones get it in the scan, once the layers above have passed theirs down. */
void hth_errors_enter(hth_learner *learner);

/* What is steady, [n], of a layer at step t of an item; NULL: nothing. */
const hth_real *hth_errors_steady(const hth_learner *learner, size_t layer, size_t t, size_t item);

/* All that enters it from no other layer: q where the readout reads it, what is steady elsewhere. */
const hth_real *hth_errors_direct(const hth_learner *learner, size_t layer, size_t t, size_t item);

#endif
