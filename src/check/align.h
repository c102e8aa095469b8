/*
 * Compares learners during training: learners that the user names read the same tapes with the same weights as the
 * learner that trains. Every N steps the gradients of the last W steps are compared, block by block, with the exact
 * gradient.
 *
 * There are two exact gradients of W steps (Marschall et al. 2019, eq. 1). The past-facing one sums dE_t/dW over
 * the losses of those steps and over all earlier uses of the weights; RTRL gives it at once. The future-facing one
 * sums over the uses of the weights in those steps and over all later losses. A learner that predicts later losses
 * (a synthetic future) approximates the future-facing one.
 *
 * The future-facing gradient is known once the later losses are known: H steps of backpropagation (f-bptt) give it
 * with a lag of H - K steps. A learner that predicts is compared at that time. A learner with a longer lag of its
 * own is compared when its own window is complete.
 *
 * The readout's weights act on the loss of the same step alone, so both gradients are the same there. For every
 * learner, the readout's blocks are compared with the past-facing gradient, over the same steps and without a lag.
 */
#ifndef HTH_ALIGN_H
#define HTH_ALIGN_H

#include "session/guest.h"

/* Active when train.align is not 0. Writes one line of JSON to align.jsonl for each block of each learner when a
 * window is complete. */
extern const hth_guest_kind hth_align_guest;

#endif
