/*
 * The walk: the one loop that brings a stream to a tape. Training, scoring, recording and checking walk; they differ in
 * whether something learns, whether weights change and whether a guest looks on. A walk takes one tape at a time:
 *
 *     next      the stream gives the steps of a tape: at most `steps`, and none beyond `limit`
 *     epoch     another epoch begins, if the last tape ended one
 *     reset     at the first step, and where a sequence begins: the tape, the learner, the guest. Where loss.time
 *               divides, the tape is told what the sequence adds up to: the stream goes to its end and back
 *     forward   the network writes the tape; losses, and moments of the targets, are summed
 *     learn     the learner turns the tape into a gradient
 *     guest     the guest sees the tape while the weights are still those that wrote it
 *     step      after each tape, or at the end of each sequence, the optimiser steps; the gradient is cleared
 *     judge     the stream hears the loss of the tape if weights change, for it may have a curriculum
 *     count     the steps count as done
 */
#ifndef HTH_WALK_H
#define HTH_WALK_H

#include "session/guest.h"
#include "session/metric.h"

/* How far a walk has come. A run saves it and goes on from there. */
typedef struct hth_tally {
    uint64_t step;       /* time steps per item so far; at 0 the walk begins with a reset */
    uint64_t epoch;      /* of the last tape, from 1; 0: the data have no epochs */
    uint64_t epoch_over; /* 1: the last tape ended it */
    uint64_t updates;    /* of the parameters */
    hth_report sums;     /* since they were last cleared, which the caller may do between tapes */
} hth_tally;

/* The caller fills in all but the last tape, and owns what the pointers point to. */
typedef struct hth_walk {
    const hth_source *source;
    /* The tape; a learner and its gradient (NULL: nothing learns; without an optimiser the gradients of all tapes add up);
     * an optimiser, and the network whose weights it changes (NULL: they stay). */
    hth_model_parts parts;
    hth_tally *tally;
    size_t steps;    /* of a tape, at most */
    uint64_t limit;  /* of all steps; 0: none */
    bool whole;      /* each tape is a whole sequence, so the last one may go beyond the limit */
    bool keep_state; /* only the first step of the walk has a reset */
    hth_moments *moments; /* NULL: not wanted */
    bool
        update_sequence; /* the optimiser steps at the end of each sequence instead of after each tape */

    const hth_guest *guest; /* NULL: none */

    /* The last tape. Arrays of the chunk belong to the stream. */
    hth_chunk chunk;
    hth_position_flags flags;
} hth_walk;

/* Takes one tape. After an error its steps do not count as done. */
hth_status hth_walk_tape(hth_walk *walk, hth_error *error);
/* Puts the stream back to where it was opened and clears the tally and the moments: the next tape begins with a reset. */
hth_status hth_walk_rewind(hth_walk *walk, hth_error *error);

#endif
