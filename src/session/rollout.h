/* The part of a walk over a stream that answers: the network and a world in turn. */
#ifndef HTH_ROLLOUT_H
#define HTH_ROLLOUT_H

#include "session/walk.h"

/* Writes a tape, step by step, as the world answers; judges it by the returns; sets walk->chunk and walk->flags.
 * *back: what the rewards came to. Errors are those of the world and of the tape. */
hth_status hth_rollout(hth_walk *walk, hth_lookback *back, hth_error *error);
/* Learns by steps: the gradient fades, the learner adds that of the tape, and the optimiser steps by `delta` times the
 * sum. */
hth_status hth_rollout_learn(hth_walk *walk, const hth_lookback *back, hth_error *error);

#endif
