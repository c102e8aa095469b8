/*
 * The inside of a model: six handles in one block of memory, and what is due to them.
 *
 *   size.c   how much memory each takes; making a model and giving it back
 *   model.c  a step: writing, reading, judging, and learning when it is time
 *   save.c   all that a model knows, to a buffer and back
 */
#ifndef HTH_MODEL_H
#define HTH_MODEL_H

#include "base/base.h"

struct hth_model {
    hth_model_parts parts;
    hth_model_sizes sizes;
    hth_allocator outer; /* where the block comes from; release NULL: it is the caller's */
    void *block;
    size_t steps, batch, late; /* K, and how late an answer may come: the tape has K + late steps */
    size_t
        window; /* H of a tape that slides (learner.window); 0: it has K + late steps and does not */
    /* Where the tape leaves units out (network.dropout): what predict shows comes from here, where none is, by a state of
     * its own. It has one step, or a whole sequence for a layer that runs against time. Else NULL. */
    hth_tape *complete;
    hth_shape shape;
    uint32_t *lengths;   /* [batch], scratch */
    bool updates_at_end; /* learner.update = sequence */
    bool needs_whole;    /* the learner must see the whole sequence at once */
    bool only_predicts;  /* no learner, gradient and optimiser */
    bool is_frozen;
    bool is_told;    /* since the last update an answer has been learned from */
    bool is_pending; /* the gradient holds tapes that no update has followed */
    bool is_scratch; /* what the gradient holds has no meaning */
    size_t learned;  /* so many of the oldest steps on the tape have been learned from */
    uint64_t seed, epoch;
};

#endif
