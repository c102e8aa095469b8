/*
 * The error of a prediction as a part of the network's loss (Bellec et al. 2019, Algorithm 1, line 6). What it asks
 * of X, the joint state at the end of the tape before (joint.h), enters the adjoint at the start of this one, and the
 * traces take it to the weights. They hold how states depend on weights, not how z does where that is a state of its
 * own. There z = z(s, a) at the last step of the tape before is kept:
 *
 *     dE_SG/ds gets  dE_SG/dz Z        dE_SG/dW gets  (dE_SG/dz Q) u^T
 *
 * Credit that crosses from unit to unit before the start of the tape is left out, as traces leave it out.
 */
#ifndef HTH_SG_LOSS_H
#define HTH_SG_LOSS_H

#include "credit/learner.h"

/* Numbers of that last step, of one item: Z, Q and u of the layers whose z is a state of its own. */
size_t hth_sg_loss_numbers(const hth_network *network);

/* Notes them from the tape that the learner is at: step[batch * numbers]. */
void hth_sg_loss_note(const hth_learner *learner, hth_real *step);

/* Adds dE_SG/dX to the adjoint at the start of the tape, once the scan has left that; flow[batch][stride] begins with
 * X in every row, and `step` is what was noted of the tape before. */
void hth_sg_loss_enter(hth_learner *learner, const hth_real *flow, size_t stride,
                       const hth_real *step);

/* Adds the part of Q to the gradient. The Q of `step` are spent. */
void hth_sg_loss_add(const hth_learner *learner, const hth_real *flow, size_t stride,
                     hth_real *step, hth_gradient *gradient);

#endif
