/*
 * Interference: what an update does to tasks that were learned before. In a run with phases, every N steps, the update
 * that comes next is held against the gradient of the loss of each phase that is over, on validation data of that phase
 * and at the same weights:
 *
 *     added_j = dtheta . dE_j/dtheta        the loss that the update adds to task j, to first order
 *
 * for each block of parameters and all together; below 0 the update helps the task. dtheta is the whole update as the
 * optimiser makes it. dE_j/dtheta is exact: backpropagation over whole sequences, or, where sequences have no end, over
 * the first 200 steps. E_j is scaled as loss.batch and loss.time say, as the gradient that trains is.
 */
#ifndef HTH_INTERFERENCE_H
#define HTH_INTERFERENCE_H

#include "session/guest.h"

/* Active when train.interference is not 0. Writes to interference.jsonl, for each task and block, step, task, block,
 * the task's mean loss before the update, added, and the cosine between dtheta and dE_j/dtheta. */
extern const hth_guest_kind hth_interference_guest;

#endif
