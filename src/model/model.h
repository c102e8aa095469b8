/*
 * The inside of a model: six handles in one block of memory, and the counters that decide when the model learns.
 *
 *   size.c   computes the memory of each handle; makes and destroys a model
 *   model.c  runs a step: write, read, judge, and learn when a tape is complete
 *   save.c   saves a model to a buffer and loads it
 */
#ifndef HTH_MODEL_H
#define HTH_MODEL_H

#include "base/base.h"

struct hth_model {
    hth_model_parts parts;
    hth_model_sizes sizes;
    hth_allocator outer; /* where the block comes from; release NULL: the caller owns it */
    void *block;
    /* K, and how many steps late an answer may come; the tape has room for K + late steps */
    size_t steps, batch, late;
    /* H (learner.window): the tape slides and has room for H steps. 0: the tape does not slide. */
    size_t window;
    /* With network.dropout: a second tape without dropout and with its own state; hth_model_predict shows its outputs.
     * It has room for one step, or for a whole sequence with network.direction = both. Otherwise NULL. */
    hth_tape *complete;
    hth_shape shape;
    uint32_t *lengths;   /* [batch], scratch */
    bool updates_at_end; /* learner.update = sequence */
    bool needs_whole;    /* the learner must see the whole sequence at once */
    bool only_predicts;  /* no learner, gradient and optimiser */
    bool is_frozen;
    bool rests;      /* hth_model_rest: no step is learned from */
    bool has_rested; /* the learner has given up the steps before */
    bool is_told;    /* an answer was learned from since the last update */
    bool is_pending; /* the gradient holds tapes without an update */
    bool is_scratch; /* the gradient's values have no meaning; clear it before use */
    size_t learned;  /* number of oldest steps on the tape that were learned from */
    uint64_t seed, epoch;
};

#endif
