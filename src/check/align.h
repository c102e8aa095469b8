/*
 * How well other learners point: along a training run, learners named by the user read the same tapes with the
 * same weights as the one that trains, and every N steps the gradients that they gave in the last W steps
 * are compared, block by block, with the exact one.
 *
 * There are two exact gradients of W steps. The past-facing one sums dE_t/dW over the losses of those steps,
 * however old the weights' use is: RTRL gives it at once. The future-facing one sums over the uses of the
 * weights in those steps, with the losses that follow; a learner that predicts later losses (a synthetic
 * future) is after that one. It is known when those losses are: H steps of backpropagation (f-bptt) give it
 * with a lag of H - K steps, so that is when such a learner is judged (Marschall et al. 2019, eq. 1 and its
 * two readings); one that has a longer lag itself is judged when its own window is whole.
 * A readout's weights are used for the loss of the same step alone, so of these blocks there is one reading:
 * they are compared with the exact past-facing gradient, over the same steps and without a lag, for every learner.
 */
#ifndef HTH_ALIGN_H
#define HTH_ALIGN_H

#include "session/guest.h"

/* train.align asks for it. A window that is whole is written to align.jsonl, a line of JSON for each learner. */
extern const hth_guest_kind hth_align_guest;

#endif
