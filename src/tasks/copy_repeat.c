/*
 * Copy-repeat (Bellec et al. 2019, task 3.1; Jaderberg et al. 2016; Graves et al. 2014): remember a pattern, and say
 * it as many times as asked for.
 *
 *     n_p steps   8 random bits on channels 1 to 8
 *     1 step      a stop symbol on channel 9
 *     1 step      the number of repetitions n_r, one-hot over the 9 channels, so n_r <= 9
 *     n_p n_r + 1 steps without input; targets: the pattern n_r times, then the stop symbol
 *
 * which are n_p n_r + n_p + 3 steps. There is no loss while there is input. All items of the batch have the same
 * n_p and n_r; their bits differ.
 *
 * Curriculum: when the loss of a sequence (sum over its steps and channels, mean over the batch) is below
 * task.solved, that length is solved, and the next sequence has one more pattern step or one more repetition, by
 * turns. Once n_r is 9 the pattern alone grows; beyond task.longest nothing does. How far it has come is part of
 * the position, so an interrupted run goes on where it was. Sequences for validation and test have fixed n_p and
 * n_r (task.curriculum = false).
 *
 * A bit is a function of (seed, split, item, sequence, step, channel). Cost: one draw per 4 pattern steps; memory:
 * one sequence of task.longest steps.
 */
#include "base/random.h"
#include "tasks/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 8, CHANNELS = 9, MOST_REPEATS = 9, AROUND = 3 };
enum { GROW_PATTERN, GROW_REPEATS, GROW_PATTERN_ONLY, GROW_REPEATS_ONLY };

typedef struct copy_options {
    int64_t pattern, repeats, longest;
    double solved;
    bool curriculum;
    int grow;
} copy_options;

typedef struct copy_state {
    copy_options options;
    size_t batch;
    uint64_t seed;
    hth_split split;
    /* The position. */
    uint64_t sequence, step;   /* sequences before this one, steps of it that have been given */
    uint64_t pattern, repeats; /* n_p and n_r of this one */
    uint64_t grown, solved; /* how often they have grown; length of the longest that was solved */
    double loss;            /* of the steps of this sequence, all items together */
    /* What the buffers hold: a cache, for the position may change under it. */
    uint64_t drawn[3];               /* sequence + 1, pattern, repeats */
    hth_real *x, *targets, *weights; /* [longest][batch][channels]; weights [longest][batch] */
} copy_state;

extern const hth_stream_kind hth_task_copy_repeat;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(copy_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(pattern, .help = "pattern steps n_p; with a curriculum, those that it begins with",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e4),
    OPTION(repeats, .help = "repetitions n_r; with a curriculum, those that it begins with",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 1, .max = MOST_REPEATS),
    OPTION(curriculum,
           .help = "training sequences grow when they are solved, and there is no validation or "
                   "test; false: all sequences have task.pattern and task.repeats",
           .fallback = "true", .kind = HTH_KIND_BOOL),
    OPTION(solved,
           .help = "a length is solved when the loss per sequence, mean over the batch, is below "
                   "this, in the unit of the loss (Bellec et al. 2019: 0.15 with loss.unit bits)",
           .fallback = "0.15", .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(grow,
           .help = "what grows first, n_p or n_r, before they take turns; or which grows alone",
           .fallback = "pattern", .kind = HTH_KIND_CHOICE,
           .choices =
               (const char *const[]){"pattern", "repeats", "pattern-only", "repeats-only", NULL}),
    OPTION(longest,
           .help = "steps of the longest sequence, beyond which nothing grows; bptt has a tape of "
                   "that many",
           .fallback = "120", .kind = HTH_KIND_INTEGER, .min = 5, .max = 1e5),
};

/* ---- Drawing a sequence --------------------------------------------------------------------- */

static uint64_t length_of(uint64_t pattern, uint64_t repeats) {
    return pattern * repeats + pattern + AROUND;
}

/* The 8 bits of a pattern step; 4 steps to a draw. */
static uint32_t bits_at(const copy_state *s, size_t item, uint64_t step) {
    const uint32_t stream = (uint32_t)item * 3 + (uint32_t)s->split;
    const hth_random random = {s->seed, HTH_RANDOM_TASK, stream};
    const uint64_t index = s->sequence << 16 | step / 4;
    const uint64_t word = hth_random_below(&random, index, UINT64_C(1) << 32);
    return (uint32_t)(word >> BITS * (step % 4)) & 0xff;
}

static void write_bits(uint32_t bits, hth_real *channels) {
    for (size_t k = 0; k < BITS; k++) channels[k] = bits >> k & 1 ? 1 : 0;
}

static void draw_item(copy_state *s, size_t item) {
    const size_t n_p = (size_t)s->pattern, n_r = (size_t)s->repeats;
    const size_t each = s->batch * CHANNELS, output = n_p + 2;
    hth_real *x = s->x + item * CHANNELS, *targets = s->targets + item * CHANNELS;
    for (size_t i = 0; i < n_p; i++) {
        const uint32_t bits = bits_at(s, item, i);
        write_bits(bits, x + i * each);
        for (size_t r = 0; r < n_r; r++) write_bits(bits, targets + (output + r * n_p + i) * each);
    }
    x[n_p * each + BITS] = 1;
    x[(n_p + 1) * each + n_r - 1] = 1;
    targets[(output + n_r * n_p) * each + BITS] = 1;
}

/* Into the buffers, unless it is there. */
static void draw_sequence(copy_state *s) {
    const uint64_t wanted[3] = {s->sequence + 1, s->pattern, s->repeats};
    const size_t steps = (size_t)length_of(s->pattern, s->repeats), items = steps * s->batch;
    const size_t silent = ((size_t)s->pattern + 2) * s->batch;
    if (memcmp(wanted, s->drawn, sizeof wanted) == 0) return;
    memcpy(s->drawn, wanted, sizeof wanted);
    memset(s->x, 0, items * CHANNELS * sizeof *s->x);
    memset(s->targets, 0, items * CHANNELS * sizeof *s->targets);
    for (size_t i = 0; i < items; i++) s->weights[i] = i < silent ? 0 : 1;
    for (size_t b = 0; b < s->batch; b++) draw_item(s, b);
}

/* ---- The curriculum ------------------------------------------------------------------------- */

static bool grows_pattern(const copy_state *s) {
    const bool odd = s->grown % 2;
    switch (s->options.grow) {
    case GROW_PATTERN_ONLY:
        return true;
    case GROW_REPEATS_ONLY:
        return false;
    case GROW_PATTERN:
        return !odd || s->repeats == MOST_REPEATS;
    default:
        return odd || s->repeats == MOST_REPEATS;
    }
}

static void grow(copy_state *s) {
    const bool pattern = grows_pattern(s);
    const uint64_t n_p = s->pattern + (pattern ? 1 : 0), n_r = s->repeats + (pattern ? 0 : 1);
    if (n_r > MOST_REPEATS || length_of(n_p, n_r) > (uint64_t)s->options.longest) return;
    s->pattern = n_p;
    s->repeats = n_r;
    s->grown++;
}

/* At the end of a sequence the position is at the start of the next one. */
static void copy_judge(void *state, double loss) {
    copy_state *s = state;
    s->loss += loss;
    if (s->step > 0) return;
    const double mean = s->loss / (double)s->batch;
    const uint64_t length = length_of(s->pattern, s->repeats);
    s->loss = 0;
    if (!s->options.curriculum || !(mean < s->options.solved)) return;
    if (length > s->solved) s->solved = length;
    grow(s);
}

static double copy_reached(const void *state) {
    const copy_state *s = state;
    return s->options.curriculum ? (double)s->solved : (double)NAN;
}

/* ---- The stream ----------------------------------------------------------------------------- */

static void copy_close(void *state) {
    copy_state *s = state;
    if (!s) return;
    free(s->x);
    free(s->targets);
    free(s->weights);
    free(s);
}

static hth_status check_options(const copy_options *o, const hth_stream_context *context,
                                hth_error *error) {
    const uint64_t steps = length_of((uint64_t)o->pattern, (uint64_t)o->repeats);
    if (context->batch == 0 || context->batch > UINT32_MAX / 3)
        return hth_fail(error, HTH_INVALID,
                        "task copy-repeat: a batch of %zu items cannot be drawn", context->batch);
    if (steps > (uint64_t)o->longest)
        return hth_fail(error, HTH_INVALID,
                        "task.longest is %lld, but task.pattern %lld and task.repeats %lld make "
                        "sequences of %llu steps: it must be at least that",
                        (long long)o->longest, (long long)o->pattern, (long long)o->repeats,
                        (unsigned long long)steps);
    return HTH_OK;
}

static hth_status copy_open(const hth_stream_context *context, void **state, hth_shape *shape,
                            hth_error *error) {
    copy_options o;
    *state = NULL;
    HTH_TRY(hth_options_read(&hth_task_copy_repeat.part.options, context->settings, &o, error));
    HTH_TRY(check_options(&o, context, error));
    if (o.curriculum && context->split != HTH_TRAIN) return HTH_OK;
    const size_t items = hth_times((size_t)o.longest, context->batch);
    copy_state *s = calloc(1, sizeof *s);
    if (!s) return hth_fail(error, HTH_NO_MEMORY, "task copy-repeat: not enough memory");
    *s = (copy_state){.options = o,
                      .batch = context->batch,
                      .seed = hth_draws(context),
                      .split = context->split,
                      .pattern = (uint64_t)o.pattern,
                      .repeats = (uint64_t)o.repeats,
                      .x = calloc(items, CHANNELS * sizeof(hth_real)),
                      .targets = calloc(items, CHANNELS * sizeof(hth_real)),
                      .weights = calloc(items, sizeof(hth_real))};
    if (!s->x || !s->targets || !s->weights) {
        copy_close(s);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task copy-repeat: not enough memory for a sequence of %lld steps x %zu "
                        "items; a smaller task.longest needs less",
                        (long long)o.longest, context->batch);
    }
    *state = s;
    *shape = (hth_shape){.inputs = CHANNELS, .outputs = CHANNELS, .target = HTH_TARGET_VALUES};
    return HTH_OK;
}

/* The position may come from a file. A pattern of at most task.longest steps does not overflow in length_of. */
static hth_status check_position(const copy_state *s, hth_error *error) {
    const uint64_t longest = (uint64_t)s->options.longest;
    const bool counts =
        s->pattern >= 1 && s->pattern <= longest && s->repeats >= 1 && s->repeats <= MOST_REPEATS;
    const uint64_t steps = counts ? length_of(s->pattern, s->repeats) : 0;
    if (counts && steps <= longest && s->step < steps) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "task copy-repeat: its saved position is damaged: step %llu of %llu pattern "
                    "steps and %llu repetitions, which sequences of at most %llu steps do not have",
                    (unsigned long long)s->step, (unsigned long long)s->pattern,
                    (unsigned long long)s->repeats, (unsigned long long)longest);
}

static hth_status copy_next(void *state, size_t max_steps, hth_chunk *chunk,
                            hth_position_flags *flags, hth_error *error) {
    copy_state *s = state;
    HTH_TRY(check_position(s, error));
    const size_t whole = (size_t)length_of(s->pattern, s->repeats), at = (size_t)s->step;
    const size_t left = whole - at, steps = max_steps < left ? max_steps : left;
    draw_sequence(s);
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    *chunk = (hth_chunk){.steps = steps,
                         .batch = s->batch,
                         .x = s->x + at * s->batch * CHANNELS,
                         .targets = s->targets + at * s->batch * CHANNELS,
                         .weights = s->weights + at * s->batch};
    s->step = flags->ends ? 0 : s->step + steps;
    s->sequence += flags->ends;
    return HTH_OK;
}

static size_t copy_fields(void *state, hth_field *fields, size_t capacity) {
    copy_state *s = state;
    const hth_field all[] = {
        {"sequence", HTH_DTYPE_U64, 1, &s->sequence, {0}},
        {"step", HTH_DTYPE_U64, 1, &s->step, {0}},
        {"pattern", HTH_DTYPE_U64, 1, &s->pattern, {0}},
        {"repeats", HTH_DTYPE_U64, 1, &s->repeats, {0}},
        {"grown", HTH_DTYPE_U64, 1, &s->grown, {0}},
        {"solved", HTH_DTYPE_U64, 1, &s->solved, {0}},
        {"loss", HTH_DTYPE_F64, 1, &s->loss, {0}},
    };
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

/* The longest that there may be. */
static void copy_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const copy_state *s = state;
    *sequence_steps =
        s->options.curriculum ? (uint64_t)s->options.longest : length_of(s->pattern, s->repeats);
    *epoch_steps = 0;
}

const hth_stream_kind hth_task_copy_repeat = {
    .part = {.name = "copy-repeat",
             .summary = "say a pattern of bits again, as many times as asked for",
             .source = "Bellec et al. 2019, Methods 3.1; Jaderberg et al. 2016",
             .options = {"task", table, HTH_COUNT(table)}},
    .absent = "while task.curriculum is true: take task.curriculum=false, with task.pattern and "
              "task.repeats",
    .open = copy_open,
    .next = copy_next,
    .judge = copy_judge,
    .reached = copy_reached,
    .state = copy_fields,
    .extent = copy_extent,
    .given = NULL,
    .close = copy_close,
};
