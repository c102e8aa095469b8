/*
 * The teacher of full-FORCE (DePasquale et al. 2018): a random network that is driven by what another one is to say,
 *
 *     x_{t+1} = (1 - dt) x_t + dt c_t        c_t = g J r_t + u f_{t+1}        r_t = tanh(x_t)
 *
 * with J_ij ~ N(0, 1/N), u_i ~ drive U(-1, 1), x_0 ~ N(0, 1/4) and f the sum of sines of the task `sines`. The targets
 * are the currents c_t. A network of N units x_{t+1} = (1 - dt) x_t + dt y_t whose outputs y_t = W r_t are fed back to
 * it, one to each unit, is the same network as soon as y_t = c_t; and then it needs no f, for W contains what makes it.
 * It reads nothing: its one input is 0.
 *
 * All weights are functions of the seed, so the fields are the position and x. The network is stepped in double in
 * either precision. Cost per step N^2 multiply-adds and N tanh; memory N^2, and one chunk.
 */
#include "base/random.h"
#include "tasks/sines.h"
#include "tasks/stream.h"

#include <math.h>
#include <stdlib.h>

typedef struct full_force_options {
    hth_sines sines;
    int64_t target_units;
    double gain, drive;
} full_force_options;

typedef struct full_force {
    full_force_options options;
    size_t n, batch, capacity;
    uint64_t position;        /* steps given so far */
    double *J, *u, *x, *c;    /* [n][n] by column, [n], [n], [n] */
    hth_real *zero, *targets; /* [capacity][batch], [capacity][batch][n] */
} full_force;

extern const hth_stream_kind hth_task_full_force;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(full_force_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    HTH_SINES_OPTIONS(full_force_options),
    OPTION(target_units,
           .help = "N: units of the teacher, and so targets; those of the network are as many",
           .fallback = "200", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e4),
    OPTION(gain, .help = "g: what its recurrent weights are multiplied by", .fallback = "1.5",
           .kind = HTH_KIND_REAL, .min = 0, .max = 100),
    OPTION(drive, .help = "how strongly it is driven by what is to be said", .fallback = "1",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e3),
};

static void full_force_close(void *state) {
    full_force *s = state;
    if (!s) return;
    free(s->J);
    free(s->u);
    free(s->x);
    free(s->c);
    free(s->zero);
    free(s->targets);
    free(s);
}

/* Draws all weights and the state at the start. */
static hth_status draw(full_force *s, uint64_t seed, hth_error *error) {
    const hth_random random = {seed, HTH_RANDOM_TASK, 0};
    const size_t n = s->n;
    s->J = calloc(n, hth_times(n, sizeof *s->J));
    s->u = calloc(n, sizeof *s->u);
    s->x = calloc(n, sizeof *s->x);
    s->c = calloc(n, sizeof *s->c);
    if (!s->J || !s->u || !s->x || !s->c)
        return hth_fail(error, HTH_NO_MEMORY, "task full-force: not enough memory for %zu units",
                        n);
    for (size_t i = 0; i < n * n; i++)
        s->J[i] = s->options.gain / sqrt((double)n) * hth_random_normal(&random, 2 * n + i);
    for (size_t i = 0; i < n; i++) {
        s->x[i] = 0.5 * hth_random_normal(&random, i);
        s->u[i] = s->options.drive * (2 * hth_random_uniform(&random, n + i) - 1);
    }
    return HTH_OK;
}

static hth_status full_force_open(const hth_stream_context *context, void **state, hth_shape *shape,
                                  hth_error *error) {
    full_force *s = calloc(1, sizeof *s);
    if (!s) return hth_fail(error, HTH_NO_MEMORY, "task full-force: not enough memory");
    hth_status status =
        hth_options_read(&hth_task_full_force.part.options, context->settings, &s->options, error);
    s->n = (size_t)s->options.target_units;
    s->batch = context->batch;
    if (status == HTH_OK) status = draw(s, context->seed, error);
    if (status != HTH_OK) {
        full_force_close(s);
        return status;
    }
    *shape = (hth_shape){.inputs = 1, .outputs = s->n, .target = HTH_TARGET_VALUES};
    *state = s;
    return HTH_OK;
}

/* ---- Steps ------------------------------------------------------------------------------------ */

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(full_force *s, size_t steps, hth_error *error) {
    if (steps <= s->capacity) return HTH_OK;
    hth_real *zero = calloc(hth_times(steps, s->batch), sizeof *zero);
    hth_real *targets = calloc(hth_times(steps, s->batch), hth_times(s->n, sizeof *targets));
    if (!zero || !targets) {
        free(zero);
        free(targets);
        return hth_fail(error, HTH_NO_MEMORY, "task full-force: not enough memory for %zu steps",
                        steps);
    }
    free(s->zero);
    free(s->targets);
    s->zero = zero;
    s->targets = targets;
    s->capacity = steps;
    return HTH_OK;
}

/* The currents c of this step; then x goes on by them. */
static void step(full_force *s) {
    const size_t n = s->n;
    const double f = hth_sines_at(&s->options.sines, s->position + 1), dt = s->options.sines.dt;
    for (size_t i = 0; i < n; i++) s->c[i] = s->u[i] * f;
    for (size_t j = 0; j < n; j++) {
        const double r = hth_tanh64(s->x[j]), *column = s->J + j * n;
        for (size_t i = 0; i < n; i++) s->c[i] += column[i] * r;
    }
    for (size_t i = 0; i < n; i++) s->x[i] = (1 - dt) * s->x[i] + dt * s->c[i];
    s->position++;
}

static hth_status full_force_next(void *state, size_t max_steps, hth_chunk *chunk,
                                  hth_position_flags *flags, hth_error *error) {
    full_force *s = state;
    HTH_TRY(reserve(s, max_steps, error));
    *flags = (hth_position_flags){.starts = s->position == 0};
    for (size_t t = 0; t < max_steps; t++) {
        step(s);
        for (size_t b = 0; b < s->batch; b++)
            for (size_t i = 0; i < s->n; i++)
                s->targets[(t * s->batch + b) * s->n + i] = (hth_real)s->c[i];
    }
    *chunk =
        (hth_chunk){.steps = max_steps, .batch = s->batch, .x = s->zero, .targets = s->targets};
    return HTH_OK;
}

static size_t full_force_fields(void *state, hth_field *fields, size_t capacity) {
    full_force *s = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &s->position, {0}};
    if (capacity >= 2) fields[1] = (hth_field){"x", HTH_DTYPE_F64, s->n, s->x, {0}};
    return 2;
}

static void full_force_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    (void)state;
    *sequence_steps = *epoch_steps = 0;
}

const hth_stream_kind hth_task_full_force = {
    .part = {.name = "full-force",
             .summary = "the recurrent currents of a random network that a sum of sines drives",
             .source = "DePasquale et al. 2018",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = full_force_open,
    .next = full_force_next,
    .state = full_force_fields,
    .extent = full_force_extent,
    .close = full_force_close,
};
