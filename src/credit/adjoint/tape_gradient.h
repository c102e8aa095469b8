/* The gradient of the steps on a tape, from what the scan has left. */
#ifndef HTH_TAPE_GRADIENT_H
#define HTH_TAPE_GRADIENT_H

#include "credit/adjoint/adjoint.h"
#include "optim/gradient.h"

/* Adds to values[P], the recurrent parameters, what one row contributes to dX_end/dtheta or the like: that
 * row's sum_t delta_t u_t^T of each layer, token vectors, learned initial states. _rest: the latter two.
 * Entries that do not exist are not masked. */
HTH_VERB(void, hth_tape_gradient_row, (const hth_adjoint *adjoint, size_t row, hth_real *values));
#define hth_tape_gradient_row HTH_NOW(hth_tape_gradient_row)
HTH_VERB(void, hth_tape_gradient_row_rest,
         (const hth_adjoint *adjoint, size_t row, hth_real *values));
#define hth_tape_gradient_row_rest HTH_NOW(hth_tape_gradient_row_rest)

/* Adds to the gradient what the tape's own steps contribute: sum_t delta_t u_t^T per layer, the token
 * vectors, and the learned initial state when the tape begins a sequence. Row b is item b. _weights: the first alone;
 * _rest: the other two. The caller has called hth_gradient_fill. */
HTH_VERB(void, hth_tape_gradient, (const hth_adjoint *adjoint, hth_gradient *gradient));
#define hth_tape_gradient HTH_NOW(hth_tape_gradient)
HTH_VERB(void, hth_tape_gradient_weights, (const hth_adjoint *adjoint, hth_gradient *gradient));
#define hth_tape_gradient_weights HTH_NOW(hth_tape_gradient_weights)
HTH_VERB(void, hth_tape_gradient_rest, (const hth_adjoint *adjoint, hth_gradient *gradient));
#define hth_tape_gradient_rest HTH_NOW(hth_tape_gradient_rest)

#endif
