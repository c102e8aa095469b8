/*
 * Tasks of trials: sequences that are drawn one by one, whole. A trial is a function of (seed, split, item, trial), so
 * that the position is the trial and the step in it. A task's file says how long a trial is and writes it; all else of
 * a stream is here.
 *
 * Memory: one trial of the batch. Cost: that of writing.
 */
#ifndef HTH_TRIALS_H
#define HTH_TRIALS_H

#include "base/random.h"
#include "tasks/stream.h"

/* One item of a trial, [steps] rows that are `batch` rows apart. All is 0 before it is written. */
typedef struct hth_trial_item {
    hth_real *x;       /* [inputs] of step 0 */
    hth_real *targets; /* [outputs] of step 0; NULL: classes */
    int32_t *classes;
    hth_real *weights;
    size_t steps, batch;
} hth_trial_item;

/* How a task makes trials of its options struct. */
typedef struct hth_trials_form {
    hth_shape shape;
    size_t longest; /* steps */
    const void *options;
    size_t options_size;
    /* Steps of a trial, from numbers that all items share; NULL: the longest. */
    size_t (*length)(const void *options, const hth_random *random);
    /* Writes an item, from numbers of its own. */
    void (*write)(const void *options, const hth_random *random, const hth_trial_item *to);
} hth_trials_form;

/* The verb `open` of a task, once it has read its options; errors name the task. The others are verbs of the table. */
hth_status hth_trials_open(const hth_stream_context *context, const char *task,
                           const hth_trials_form *form, void **state, hth_shape *shape,
                           hth_error *error);
hth_status hth_trials_next(void *state, size_t max_steps, hth_chunk *chunk,
                           hth_position_flags *flags, hth_error *error);
size_t hth_trials_state(void *state, hth_field *fields, size_t capacity);
void hth_trials_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps);
void hth_trials_close(void *state);
/* The task's own copy of its options. */
const void *hth_trials_options(const void *state);

/* The row of a step. */
static inline size_t hth_trial_row(const hth_trial_item *item, size_t step) {
    return step * item->batch;
}

#endif
