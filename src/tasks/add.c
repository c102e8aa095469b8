/*
 * The Add task (Marschall et al. 2019, p. 3): a coin is tossed every `stretch` steps, and the target is
 * a probability that depends on two earlier tosses,
 *
 *     x_k ~ Bernoulli(1/2),   y_k = 1/2 + x_{k-lag1}/2 - x_{k-lag2}/4,   x = 0 before the first toss;
 *     input (x_k, 1 - x_k), target (y_k, 1 - y_k), each held for `stretch` steps.
 *
 * The lags are exact: y_k holds x_{k-lag1} itself. The stream has no end and no sequences. Every item of
 * the batch tosses its own coin. A toss is a function of (seed, split, item, k), so the position is one
 * number. Cost: 3/32 of a Philox block per step and item; memory: one chunk.
 *
 * Softmax cross-entropy against the soft targets, in nats: 0.6616 for a network that knows nothing,
 * 0.5192 for one that knows x_{k-lag1}, 0.6277 for x_{k-lag2}, 0.4545 for both (the optimum).
 */
#include "base/random.h"
#include "tasks/stream.h"

#include <stdlib.h>
#include <string.h>

typedef struct add_options {
    int64_t lag1, lag2, stretch;
    bool deterministic;
} add_options;

/* Reads tosses, 32 to a draw. What it holds is only a cache: the position may change under it. */
typedef struct toss_reader {
    hth_random random;
    uint64_t group; /* whose bits are at hand; UINT64_MAX: none */
    uint32_t bits;
} toss_reader;

/* What one item of the batch reads: the toss of now and the two it depends on. */
typedef struct add_item {
    toss_reader now, first, second;
} add_item;

typedef struct add_state {
    add_options options;
    size_t batch;
    uint64_t position;     /* steps given so far */
    size_t capacity;       /* steps that the buffers hold */
    hth_real *x, *targets; /* [capacity][batch][2] */
    add_item *items;       /* [batch] */
} add_state;

extern const hth_stream_kind hth_task_add;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(add_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(lag1, .help = "tosses back of the first dependency (+1/2)", .fallback = "3",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e9),
    OPTION(lag2, .help = "tosses back of the second dependency (-1/4)", .fallback = "5",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e9),
    OPTION(stretch, .help = "steps for which input and target are held (Fig. 1: 2 with alpha 0.5)",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e9),
    OPTION(deterministic,
           .help = "true: the target is the probability y_k; false: a draw from Bernoulli(y_k)",
           .fallback = "true", .kind = HTH_KIND_BOOL),
};

static bool toss(toss_reader *reader, uint64_t k, uint64_t lag) {
    if (k < lag) return false;
    uint64_t at = k - lag;
    if (at / 32 != reader->group) {
        reader->group = at / 32;
        reader->bits =
            (uint32_t)hth_random_below(&reader->random, reader->group, UINT64_C(1) << 32);
    }
    return reader->bits >> at % 32 & 1;
}

/* Draws of the targets lie in the upper half of the index, away from the tosses. */
static double target_at(const add_options *options, add_item *item, uint64_t k) {
    double y = 0.5 + 0.5 * toss(&item->first, k, (uint64_t)options->lag1) -
               0.25 * toss(&item->second, k, (uint64_t)options->lag2);
    if (options->deterministic) return y;
    return hth_random_uniform(&item->now.random, UINT64_C(1) << 63 | k) < y;
}

static void fill_item(add_state *add, size_t b, size_t steps) {
    add_item *item = &add->items[b];
    for (size_t t = 0; t < steps; t++) {
        uint64_t k = (add->position + t) / (uint64_t)add->options.stretch;
        size_t at = (t * add->batch + b) * 2;
        double x = toss(&item->now, k, 0), y = target_at(&add->options, item, k);
        add->x[at] = (hth_real)x;
        add->x[at + 1] = (hth_real)(1 - x);
        add->targets[at] = (hth_real)y;
        add->targets[at + 1] = (hth_real)(1 - y);
    }
}

static void add_close(void *state) {
    add_state *add = state;
    if (!add) return;
    free(add->x);
    free(add->targets);
    free(add->items);
    free(add);
}

/* No two of (split, item) share a stream of random numbers. */
static void key_item(add_item *item, const hth_stream_context *context, size_t b) {
    uint32_t stream = (uint32_t)b * 3 + (uint32_t)context->split;
    toss_reader reader = {{hth_draws(context), HTH_RANDOM_TASK, stream}, UINT64_MAX, 0};
    *item = (add_item){reader, reader, reader};
}

static hth_status add_open(const hth_stream_context *context, void **state, hth_shape *shape,
                           hth_error *error) {
    add_options chosen;
    HTH_TRY(hth_options_read(&hth_task_add.part.options, context->settings, &chosen, error));
    if (context->batch == 0 || context->batch > UINT32_MAX / 3)
        return hth_fail(error, HTH_INVALID, "task add: a batch of %zu items cannot be drawn",
                        context->batch);
    add_state *add = calloc(1, sizeof *add);
    add_item *items = calloc(context->batch, sizeof *items);
    if (!add || !items) {
        free(add);
        free(items);
        return hth_fail(error, HTH_NO_MEMORY, "task add: not enough memory");
    }
    for (size_t b = 0; b < context->batch; b++) key_item(&items[b], context, b);
    *add = (add_state){.options = chosen, .batch = context->batch, .items = items};
    *state = add;
    *shape = (hth_shape){.inputs = 2, .outputs = 2, .target = HTH_TARGET_VALUES};
    return HTH_OK;
}

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(add_state *add, size_t steps, hth_error *error) {
    if (steps <= add->capacity) return HTH_OK;
    size_t row = add->batch * 2 * sizeof(hth_real);
    hth_real *x = calloc(steps, row), *targets = calloc(steps, row);
    if (!x || !targets) {
        free(x);
        free(targets);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task add: not enough memory for a chunk of %zu steps x %zu items", steps,
                        add->batch);
    }
    free(add->x);
    free(add->targets);
    add->x = x;
    add->targets = targets;
    add->capacity = steps;
    return HTH_OK;
}

static hth_status add_next(void *state, size_t max_steps, hth_chunk *chunk,
                           hth_position_flags *flags, hth_error *error) {
    add_state *add = state;
    HTH_TRY(reserve(add, max_steps, error));
    for (size_t b = 0; b < add->batch; b++) fill_item(add, b, max_steps);
    *flags = (hth_position_flags){.starts = add->position == 0};
    *chunk =
        (hth_chunk){.steps = max_steps, .batch = add->batch, .x = add->x, .targets = add->targets};
    add->position += max_steps;
    return HTH_OK;
}

static size_t add_fields(void *state, hth_field *fields, size_t capacity) {
    add_state *add = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &add->position, {0}};
    return 1;
}

static void add_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    (void)state;
    *sequence_steps = 0;
    *epoch_steps = 0;
}

/* The mean over what is not known of the entropy of what is said then: see above. */
static size_t add_references(const hth_settings *settings, hth_reference *out) {
    static const hth_reference known[] = {
        {"softmax", "both tosses known", 0.454454},
        {"softmax", "the heavier toss known", 0.519167},
        {"softmax", "nothing known", 0.661563},
    };
    add_options chosen;
    if (hth_options_read(&hth_task_add.part.options, settings, &chosen, NULL) != HTH_OK) return 0;
    if (chosen.lag1 == chosen.lag2) return 0; /* one toss, not two */
    memcpy(out, known, sizeof known);
    return HTH_COUNT(known);
}

const hth_stream_kind hth_task_add = {
    .part = {.name = "add",
             .summary = "a probability that depends on two earlier coin tosses",
             .source = "Marschall, Cho & Savin 2019, p. 3",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = add_open,
    .next = add_next,
    .state = add_fields,
    .extent = add_extent,
    .given = NULL,
    .close = add_close,
    .references = add_references,
};
