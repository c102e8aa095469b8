/* Tasks of trials: see trials.h. */
#include "tasks/trials.h"

#include <stdlib.h>
#include <string.h>

typedef struct trials {
    hth_trials_form form;     /* options: a copy of its own */
    uint64_t seed, trial, at; /* at: steps of the trial given so far */
    uint64_t written;         /* the trial in the buffers, counted from 1; 0: none */
    size_t batch, steps;      /* steps: of that trial */
    hth_split split;
    hth_real *x, *targets, *weights;
    int32_t *classes;
} trials;

/* ---- Drawing ---- */

/* Numbers of a trial that no other has: of an item, or (SIZE_MAX) of all of them. */
static hth_random random_of(const trials *t, size_t item) {
    const uint32_t own = item == SIZE_MAX ? 0 : 1 + (uint32_t)item;
    hth_random random = {t->seed, HTH_RANDOM_TASK, own * 3 + (uint32_t)t->split};
    uint64_t words[2];
    hth_random_words(&random, t->trial, words);
    random.seed = words[0];
    return random;
}

static void write_trial(trials *t) {
    const hth_trials_form *f = &t->form;
    const hth_random shared = random_of(t, SIZE_MAX);
    t->steps = f->length ? f->length(f->options, &shared) : f->longest;
    /* All is 0, */
    const size_t items = t->steps * t->batch;
    memset(t->x, 0, items * f->shape.inputs * sizeof *t->x);
    memset(t->weights, 0, items * sizeof *t->weights);
    if (t->targets) memset(t->targets, 0, items * f->shape.outputs * sizeof *t->targets);
    if (t->classes) memset(t->classes, 0, items * sizeof *t->classes);
    /* but for what the task writes. */
    for (size_t b = 0; b < t->batch; b++) {
        const hth_random own = random_of(t, b);
        const hth_trial_item item = {.x = t->x + b * f->shape.inputs,
                                     .targets =
                                         t->targets ? t->targets + b * f->shape.outputs : NULL,
                                     .classes = t->classes ? t->classes + b : NULL,
                                     .weights = t->weights + b,
                                     .steps = t->steps,
                                     .batch = t->batch};
        f->write(f->options, &own, &item);
    }
    t->written = t->trial + 1;
}

/* ---- The stream ---- */

void hth_trials_close(void *state) {
    trials *t = state;
    if (!t) return;
    free((void *)t->form.options);
    free(t->x);
    free(t->targets);
    free(t->weights);
    free(t->classes);
    free(t);
}

const void *hth_trials_options(const void *state) {
    return ((const trials *)state)->form.options;
}

/* Memory for the longest trial. */
static bool reserve(trials *t, const hth_trials_form *form) {
    const size_t items = hth_times(form->longest, t->batch);
    const bool classes = form->shape.target == HTH_TARGET_CLASSES;
    void *options = calloc(1, form->options_size);
    t->form = *form;
    t->form.options = options;
    t->x = calloc(items, hth_times(form->shape.inputs, sizeof *t->x));
    t->weights = calloc(items, sizeof *t->weights);
    if (classes)
        t->classes = calloc(items, sizeof *t->classes);
    else
        t->targets = calloc(items, hth_times(form->shape.outputs, sizeof *t->targets));
    if (!options || !t->x || !t->weights || !(classes ? (void *)t->classes : t->targets))
        return false;
    memcpy(options, form->options, form->options_size);
    return true;
}

hth_status hth_trials_open(const hth_stream_context *context, const char *task,
                           const hth_trials_form *form, void **state, hth_shape *shape,
                           hth_error *error) {
    if (context->batch == 0 || context->batch > UINT32_MAX / 3 - 1)
        return hth_fail(error, HTH_INVALID, "task %s: a batch of %zu items cannot be drawn", task,
                        context->batch);
    trials *t = calloc(1, sizeof *t);
    if (t) {
        t->seed = hth_draws(context);
        t->batch = context->batch;
        t->split = context->split;
    }
    if (!t || !reserve(t, form)) {
        hth_trials_close(t);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task %s: not enough memory for a trial of %zu steps x %zu items", task,
                        form->longest, context->batch);
    }
    *shape = form->shape;
    *state = t;
    return HTH_OK;
}

hth_status hth_trials_next(void *state, size_t max_steps, hth_chunk *chunk,
                           hth_position_flags *flags, hth_error *error) {
    trials *t = state;
    (void)error;
    /* The position may have been changed from outside. */
    if (t->written != t->trial + 1) write_trial(t);
    if (t->at >= t->steps) t->at = 0;
    const size_t left = t->steps - (size_t)t->at;
    const size_t steps = max_steps < left ? max_steps : left, first = (size_t)t->at * t->batch;
    *flags = (hth_position_flags){.starts = t->at == 0, .ends = steps == left};
    *chunk = (hth_chunk){.steps = steps,
                         .batch = t->batch,
                         .x = t->x + first * t->form.shape.inputs,
                         .classes = t->classes ? t->classes + first : NULL,
                         .targets = t->targets ? t->targets + first * t->form.shape.outputs : NULL,
                         .weights = t->weights + first};
    t->at += steps;
    if (steps < left) return HTH_OK;
    t->trial++;
    t->at = 0;
    return HTH_OK;
}

size_t hth_trials_state(void *state, hth_field *fields, size_t capacity) {
    trials *t = state;
    if (capacity >= 2) {
        fields[0] = (hth_field){"trial", HTH_DTYPE_U64, 1, &t->trial, {0}};
        fields[1] = (hth_field){"position", HTH_DTYPE_U64, 1, &t->at, {0}};
    }
    return 2;
}

void hth_trials_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const trials *t = state;
    *sequence_steps = t->form.longest;
    *epoch_steps = 0;
}
