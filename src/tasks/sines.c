/*
 * A sum of sines without end (Sussillo & Abbott 2009, Fig. 2 d; sizes of their code):
 *
 *     y*_t = amplitude sum_k weight_k sin(2 pi k t dt / period)          k = 1..4, weights 1, 1/2, 1/6, 1/3
 *
 * The network is told nothing: its one input is 0. It has to make the sines by itself, with its outputs fed back
 * (readout.feedback). Memory: one chunk.
 */
#include "tasks/sines.h"
#include "tasks/stream.h"

#include <stdlib.h>

typedef struct sines_options {
    hth_sines sines;
} sines_options;

typedef struct sines_state {
    sines_options options;
    uint64_t position; /* steps given so far */
    size_t batch, capacity;
    hth_real *x, *targets; /* [capacity][batch] */
} sines_state;

extern const hth_stream_kind hth_task_sines;

static const hth_option table[] = {HTH_SINES_OPTIONS(sines_options)};

static void sines_close(void *state) {
    sines_state *s = state;
    if (!s) return;
    free(s->x);
    free(s->targets);
    free(s);
}

static hth_status sines_open(const hth_stream_context *context, void **state, hth_shape *shape,
                             hth_error *error) {
    sines_options o;
    HTH_TRY(hth_options_read(&hth_task_sines.part.options, context->settings, &o, error));
    sines_state *s = calloc(1, sizeof *s);
    if (!s) return hth_fail(error, HTH_NO_MEMORY, "task sines: not enough memory");
    *s = (sines_state){.options = o, .batch = context->batch};
    *shape = (hth_shape){.inputs = 1, .outputs = 1, .target = HTH_TARGET_VALUES};
    *state = s;
    return HTH_OK;
}

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(sines_state *s, size_t steps, hth_error *error) {
    if (steps <= s->capacity) return HTH_OK;
    hth_real *x = calloc(hth_times(steps, s->batch), sizeof *x);
    hth_real *targets = calloc(hth_times(steps, s->batch), sizeof *targets);
    if (!x || !targets) {
        free(x);
        free(targets);
        return hth_fail(error, HTH_NO_MEMORY, "task sines: not enough memory for %zu steps", steps);
    }
    free(s->x);
    free(s->targets);
    s->x = x;
    s->targets = targets;
    s->capacity = steps;
    return HTH_OK;
}

static hth_status sines_next(void *state, size_t max_steps, hth_chunk *chunk,
                             hth_position_flags *flags, hth_error *error) {
    sines_state *s = state;
    HTH_TRY(reserve(s, max_steps, error));
    *flags = (hth_position_flags){.starts = s->position == 0};
    for (size_t i = 0; i < max_steps; i++, s->position++) {
        const hth_real target = (hth_real)hth_sines_at(&s->options.sines, s->position);
        for (size_t b = 0; b < s->batch; b++) s->targets[i * s->batch + b] = target;
    }
    *chunk = (hth_chunk){.steps = max_steps, .batch = s->batch, .x = s->x, .targets = s->targets};
    return HTH_OK;
}

static size_t sines_fields(void *state, hth_field *fields, size_t capacity) {
    sines_state *s = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &s->position, {0}};
    return 1;
}

static void sines_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    (void)state;
    *sequence_steps = *epoch_steps = 0;
}

const hth_stream_kind hth_task_sines = {
    .part = {.name = "sines",
             .summary = "a sum of four sines, with nothing to read",
             .source = "Sussillo & Abbott 2009, Fig. 2 d",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = sines_open,
    .next = sines_next,
    .state = sines_fields,
    .extent = sines_extent,
    .close = sines_close,
};
