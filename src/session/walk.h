/*
 * The walk: the one loop that moves data from a stream to a tape. Training, scoring, recording and checking use it;
 * they differ in whether a learner learns, whether weights change and whether a guest watches. A walk takes one tape at
 * a time:
 *
 * Of a stream that answers, a world, `next` and `forward` are one, a step at a time (rollout.h).
 *
 *     next      the stream gives the steps of a tape: at most `steps`, and none beyond `limit`
 *     epoch     the epoch counter grows if the last tape ended an epoch
 *     reset     at the first step and at the start of each sequence, the tape, the learner and the guest begin a
 *               sequence. If loss.time divides the loss, the walk reads the stream to the end of the sequence,
 *               announces the sequence to the tape and rewinds the stream
 *     forward   the network writes the tape; the walk sums losses and moments of the targets
 *     along     where importance is found along the way, it is noted (along.h)
 *     learn     the learner turns the tape into a gradient
 *     replay    where it is due, the gradient of remembered sequences joins the gradient (replay.h)
 *     guest     the guest sees the tape before the weights change
 *     step      after each tape, or at the end of each sequence, the optimiser steps and the gradient is cleared
 *     judge     if weights change, the stream gets the loss of the tape, because it may have a curriculum
 *     count     the tally counts the steps as done
 */
#ifndef HTH_WALK_H
#define HTH_WALK_H

#include "session/guest.h"
#include "session/metric.h"

/* The progress of a walk. A run saves it in its checkpoints and continues from it. */
typedef struct hth_tally {
    uint64_t step;       /* time steps per item so far; at 0 the walk begins with a reset */
    uint64_t epoch;      /* epoch of the last tape, from 1; 0: the data have no epochs */
    uint64_t epoch_over; /* 1: the last tape ended its epoch */
    uint64_t updates;    /* updates of the parameters */
    hth_report sums;     /* sums since the caller last cleared them; it may do so between tapes */
} hth_tally;

/* The caller fills in all members up to `guest`, and owns everything that they point to. */
typedef struct hth_walk {
    const hth_source *source;
    /* The walk uses: the tape; a learner and its gradient (NULL: no learning); an optimiser and the network that it
     * changes (NULL: the weights stay, and the gradients of all tapes add up). */
    hth_model_parts parts;
    hth_tally *tally;
    size_t steps;         /* the most steps of a tape */
    uint64_t limit;       /* the step at which the walk ends; 0: no limit */
    uint64_t first;       /* the step at which it began: 0, or the start of a phase */
    bool whole;           /* each tape is a whole sequence; the last one may go beyond the limit */
    bool keep_state;      /* reset only at the first step of the walk */
    hth_moments *moments; /* NULL: not wanted */
    struct hth_shares
        *shares; /* NULL: `parts` has the whole batch; else the first share (shares.h) */
    /* the optimiser steps at the end of each sequence, not after each tape */
    bool update_sequence;
    /* Only of a stream that answers: the items; whether each step changes the weights, with a gradient that fades by
     * this factor in between. */
    size_t batch;
    bool by_step;
    double fading;

    const hth_guest *guest;        /* NULL: no guest */
    struct hth_replayer *replayer; /* NULL: nothing is replayed (replay.h) */
    struct hth_along *along;       /* NULL: importance is not found along the way (along.h) */

    /* Set by hth_walk_tape: the steps of the last tape. The stream owns the arrays of the chunk. */
    hth_chunk chunk;
    hth_position_flags flags;
} hth_walk;

/* Takes one tape. Errors are those of the stream, of hth_forward, hth_learn and hth_optimiser_step, and of the guest.
 * After an error the steps of the tape do not count as done. */
hth_status hth_walk_tape(hth_walk *walk, hth_error *error);
/* Rewinds the stream to its position at opening and clears the tally and the moments; the next tape begins with a
 * reset. HTH_NO_MEMORY. */
hth_status hth_walk_rewind(hth_walk *walk, hth_error *error);

/* Begins a sequence for the tape and the guest; the learner follows the tape. */
void hth_walk_begin(hth_walk *walk);

#endif
