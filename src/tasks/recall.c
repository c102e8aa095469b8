/*
 * Recall of a value by its key over a delay: what is to be kept is known only when it is asked for, long after.
 *
 *     pairs     `pairs` symbols, all different, each with a value of `bits` bits, for `shown` steps, store flag
 *     delay     `delay` steps: any symbols with any values, each for `shown` steps, no flag
 *     query     one of the symbols of the pairs, no value, query flag, for `shown` steps
 *
 *     x = [symbol, one of `symbols`; value, bits of -1 and 1; noise of -1 and 1, new at each step; store, query]
 *
 * The target counts at the last step alone: b_0 xor b_1 and b_2 of the value asked for, as one of four classes or
 * (task.answer = bits) as two bits; of fewer than three bits, b_0 xor b_1. So the value has to be worked out, not
 * copied, and whoever writes it down learns what for from an error `delay` steps later.
 *
 * With task.from the delay begins there and is three times as long after every `streak` sequences in a row whose loss,
 * a mean over the batch, is below task.solved, until it is task.delay; in training alone.
 *
 * A draw is a function of (seed, split, item, trial, place). Cost per step and item: one Philox block, and a copy of
 * x; memory: the chunk at hand.
 */
#include "base/random.h"
#include "tasks/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_CLASS, ANSWER_BITS };
enum { MOST_SYMBOLS = 64, MOST_BITS = 16, MOST_NOISE = 64, TIMES = 3 };

typedef struct recall_options {
    int64_t pairs, symbols, bits, noise, shown, delay, from, streak;
    double solved;
    int answer;
} recall_options;

/* What a trial is about, of one item. */
typedef struct script {
    uint32_t symbols[MOST_SYMBOLS], values[MOST_SYMBOLS];
    size_t asked;
} script;

typedef struct recall_state {
    recall_options options;
    size_t batch, inputs, outputs;
    uint64_t seed;
    hth_split split;
    bool grows;
    /* The position. */
    uint64_t trial, step, delay, streak, solved; /* solved: steps of the longest such sequence */
    double loss;                                 /* of the steps of this sequence, of all items */
    script *scripts;                             /* [batch], of trial `drawn` - 1 */
    uint64_t drawn;
    size_t capacity; /* steps that the buffers hold */
    hth_real *x, *targets, *weights;
    int32_t *classes;
} recall_state;

extern const hth_stream_kind hth_task_recall;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(recall_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(pairs, .help = "symbols to be kept, each with its value", .fallback = "4",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = MOST_SYMBOLS),
    OPTION(symbols, .help = "symbols that there are", .fallback = "8", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = MOST_SYMBOLS),
    OPTION(bits, .help = "bits of a value", .fallback = "3", .kind = HTH_KIND_INTEGER, .min = 2,
           .max = MOST_BITS),
    OPTION(noise, .help = "inputs that are new bits at each step", .fallback = "12",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = MOST_NOISE),
    OPTION(shown, .help = "steps that a symbol is shown", .fallback = "5", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e6),
    OPTION(delay, .help = "steps from the last pair to the query", .fallback = "50",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e9),
    OPTION(from,
           .help = "the delay that training begins with; it is three times as long after each "
                   "streak of solved sequences, up to task.delay. 0: task.delay throughout",
           .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e9),
    OPTION(streak, .help = "solved sequences in a row after which the delay grows",
           .fallback = "25", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e9),
    OPTION(solved, .help = "a sequence is solved if its loss, a mean over the batch, is below",
           .fallback = "0.1", .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(answer,
           .help = "target of the last step: class, one of four (two with two bits); bits, two "
                   "outputs (one) that are 0 or 1, for loss sigmoid",
           .fallback = "class", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"class", "bits", NULL}),
};

/* ---- A trial -------------------------------------------------------------------------------- */

static size_t length_of(const recall_state *r) {
    return (size_t)((r->options.pairs + 1) * r->options.shown) + (size_t)r->delay;
}

/* No two of (split, item, use) share a stream of random numbers. */
enum { USE_SCRIPT, USE_DELAY, USE_NOISE, USES };
static hth_random random_of(const recall_state *r, size_t b, uint32_t use) {
    return (hth_random){r->seed, HTH_RANDOM_TASK,
                        ((uint32_t)b * 3 + (uint32_t)r->split) * USES + use};
}

/* A place in a trial of any length up to 2^32 steps. */
static uint64_t place(uint64_t trial, size_t at) {
    return (trial << 32) + at;
}

/* The first symbols of a shuffle, their values, and which of them is asked for. */
static void write_script(const recall_state *r, size_t b, script *out) {
    const hth_random random = random_of(r, b, USE_SCRIPT);
    const size_t symbols = (size_t)r->options.symbols, pairs = (size_t)r->options.pairs;
    const uint64_t values = (uint64_t)1 << r->options.bits;
    for (size_t i = 0; i < symbols; i++) out->symbols[i] = (uint32_t)i;
    for (size_t i = 0; i < pairs; i++) {
        const size_t with = i + hth_random_below(&random, place(r->trial, 2 * i), symbols - i);
        const uint32_t moved = out->symbols[i];
        out->symbols[i] = out->symbols[with];
        out->symbols[with] = moved;
        out->values[i] = (uint32_t)hth_random_below(&random, place(r->trial, 2 * i + 1), values);
    }
    out->asked = hth_random_below(&random, place(r->trial, 2 * pairs), pairs);
}

/* The position may have been changed from outside. */
static void find_scripts(recall_state *r) {
    if (r->drawn == r->trial + 1) return;
    for (size_t b = 0; b < r->batch; b++) write_script(r, b, &r->scripts[b]);
    r->drawn = r->trial + 1;
}

/* ---- Steps ---------------------------------------------------------------------------------- */

static void show(const recall_state *r, size_t symbol, size_t value, hth_real *x) {
    x[symbol] = 1;
    x += r->options.symbols;
    for (int64_t i = 0; i < r->options.bits; i++) x[i] = value >> i & 1 ? 1 : -1;
}

/* Symbol and value number `at` of the delay. */
static void show_other(const recall_state *r, size_t b, size_t at, hth_real *x) {
    const hth_random random = random_of(r, b, USE_DELAY);
    const uint64_t where = place(r->trial, 2 * at);
    show(r, hth_random_below(&random, where, (uint64_t)r->options.symbols),
         hth_random_below(&random, where + 1, (uint64_t)1 << r->options.bits), x);
}

static void fill_noise(const recall_state *r, size_t b, size_t at, hth_real *x) {
    const hth_random random = random_of(r, b, USE_NOISE);
    uint64_t words[2];
    hth_random_words(&random, place(r->trial, at), words);
    for (int64_t i = 0; i < r->options.noise; i++) x[i] = words[0] >> i & 1 ? 1 : -1;
}

/* b_0 xor b_1, and b_2 where there is one. */
static void fill_target(recall_state *r, size_t b, size_t to) {
    const script *s = &r->scripts[b];
    const uint32_t value = s->values[s->asked], mixed = (value ^ value >> 1) & 1;
    const uint32_t last = r->options.bits > 2 ? value >> 2 & 1 : 0;
    if (r->classes) r->classes[to] = (int32_t)(mixed + 2 * last);
    for (size_t k = 0; r->targets && k < r->outputs; k++)
        r->targets[to * r->outputs + k] = (hth_real)(k ? last : mixed);
}

/* Step `at` of the trial, for one item; to: its place in the buffers. */
static void fill_step(recall_state *r, size_t b, size_t at, size_t to) {
    const recall_options *o = &r->options;
    const script *s = &r->scripts[b];
    const size_t shown = (size_t)o->shown, pairs = (size_t)o->pairs, first = pairs * shown;
    hth_real *x = r->x + to * r->inputs, *flags = x + r->inputs - 2;
    memset(x, 0, r->inputs * sizeof *x);
    fill_noise(r, b, at, x + o->symbols + o->bits);
    if (at < first) {
        show(r, s->symbols[at / shown], s->values[at / shown], x);
        flags[0] = 1;
    } else if (at < first + r->delay) {
        show_other(r, b, (at - first) / shown, x);
    } else {
        x[s->symbols[s->asked]] = 1;
        flags[1] = 1;
    }
    fill_target(r, b, to);
    r->weights[to] = at + 1 == length_of(r);
}

/* ---- The delay grows ------------------------------------------------------------------------ */

/* At the end of a sequence the position is at the start of the next one. */
static void recall_judge(void *state, double loss) {
    recall_state *r = state;
    const uint64_t longest = (uint64_t)r->options.delay;
    r->loss += loss;
    if (r->step > 0) return;
    const double mean = r->loss / (double)r->batch;
    r->loss = 0;
    if (!r->grows) return;
    r->streak = mean < r->options.solved ? r->streak + 1 : 0;
    if (r->streak < (uint64_t)r->options.streak) return;
    r->streak = 0;
    if (length_of(r) > r->solved) r->solved = length_of(r);
    r->delay = r->delay * TIMES < longest ? r->delay * TIMES : longest;
}

static double recall_reached(const void *state) {
    const recall_state *r = state;
    return r->grows ? (double)r->solved : (double)NAN;
}

/* ---- The stream ----------------------------------------------------------------------------- */

static void free_buffers(recall_state *r) {
    free(r->x);
    free(r->targets);
    free(r->weights);
    free(r->classes);
    r->x = r->targets = r->weights = NULL;
    r->classes = NULL;
    r->capacity = 0;
}

static void recall_close(void *state) {
    recall_state *r = state;
    if (!r) return;
    free_buffers(r);
    free(r->scripts);
    free(r);
}

static hth_status check_options(const recall_options *o, size_t batch, hth_error *error) {
    if (batch == 0 || batch > UINT32_MAX / 3 / USES)
        return hth_fail(error, HTH_INVALID, "task recall: a batch of %zu items cannot be drawn",
                        batch);
    if (o->pairs > o->symbols)
        return hth_fail(error, HTH_INVALID,
                        "task.pairs is %d, but there are %d symbols (task.symbols), and those of a "
                        "trial differ",
                        (int)o->pairs, (int)o->symbols);
    if (o->from > o->delay)
        return hth_fail(error, HTH_INVALID,
                        "task.from is %lld, but the delay grows to %lld (task.delay)",
                        (long long)o->from, (long long)o->delay);
    return HTH_OK;
}

static hth_status recall_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    recall_options o;
    HTH_TRY(hth_options_read(&hth_task_recall.part.options, context->settings, &o, error));
    HTH_TRY(check_options(&o, context->batch, error));
    recall_state *r = calloc(1, sizeof *r);
    script *scripts = calloc(context->batch, sizeof *scripts);
    if (!r || !scripts) {
        free(r);
        free(scripts);
        return hth_fail(error, HTH_NO_MEMORY, "task recall: not enough memory");
    }
    const bool grows = o.from > 0 && context->split == HTH_TRAIN;
    const bool classes = o.answer == ANSWER_CLASS;
    const size_t answers = o.bits > 2 ? 2 : 1;
    *r = (recall_state){.options = o,
                        .batch = context->batch,
                        .inputs = (size_t)(o.symbols + o.bits + o.noise) + 2,
                        .outputs = classes ? 2 * answers : answers,
                        .seed = hth_draws(context),
                        .split = context->split,
                        .grows = grows,
                        .delay = (uint64_t)(grows ? o.from : o.delay),
                        .scripts = scripts};
    *state = r;
    *shape = (hth_shape){.inputs = r->inputs,
                         .outputs = r->outputs,
                         .target = classes ? HTH_TARGET_CLASSES : HTH_TARGET_VALUES};
    return HTH_OK;
}

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(recall_state *r, size_t steps, hth_error *error) {
    const bool classes = r->options.answer == ANSWER_CLASS;
    const size_t items = hth_times(steps, r->batch);
    if (steps <= r->capacity) return HTH_OK;
    free_buffers(r);
    r->x = calloc(items, r->inputs * sizeof *r->x);
    r->weights = calloc(items, sizeof *r->weights);
    if (classes)
        r->classes = calloc(items, sizeof *r->classes);
    else
        r->targets = calloc(items, r->outputs * sizeof *r->targets);
    if (!r->x || !r->weights || (!r->classes && !r->targets)) {
        free_buffers(r);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task recall: not enough memory for a chunk of %zu steps x %zu items",
                        steps, r->batch);
    }
    r->capacity = steps;
    return HTH_OK;
}

static hth_status recall_next(void *state, size_t max_steps, hth_chunk *chunk,
                              hth_position_flags *flags, hth_error *error) {
    recall_state *r = state;
    const size_t at = (size_t)r->step, left = length_of(r) - at;
    const size_t steps = max_steps < left ? max_steps : left;
    if (r->delay > (uint64_t)r->options.delay || at >= length_of(r))
        return hth_fail(error, HTH_INVALID,
                        "task recall: its saved position is damaged: step %llu after a delay of "
                        "%llu of at most %lld",
                        (unsigned long long)r->step, (unsigned long long)r->delay,
                        (long long)r->options.delay);
    HTH_TRY(reserve(r, steps, error));
    find_scripts(r);
    for (size_t t = 0; t < steps; t++)
        for (size_t b = 0; b < r->batch; b++) fill_step(r, b, at + t, t * r->batch + b);
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    *chunk = (hth_chunk){.steps = steps,
                         .batch = r->batch,
                         .x = r->x,
                         .targets = r->targets,
                         .classes = r->classes,
                         .weights = r->weights};
    r->step = steps == left ? 0 : r->step + steps;
    r->trial += steps == left;
    return HTH_OK;
}

static size_t recall_fields(void *state, hth_field *fields, size_t capacity) {
    recall_state *r = state;
    const hth_field all[] = {
        {"trial", HTH_DTYPE_U64, 1, &r->trial, {0}},
        {"step", HTH_DTYPE_U64, 1, &r->step, {0}},
        {"delay", HTH_DTYPE_U64, 1, &r->delay, {0}},
        {"streak", HTH_DTYPE_U64, 1, &r->streak, {0}},
        {"solved", HTH_DTYPE_U64, 1, &r->solved, {0}},
        {"loss", HTH_DTYPE_F64, 1, &r->loss, {0}},
    };
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

static void recall_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const recall_state *r = state;
    *sequence_steps = (uint64_t)((r->options.pairs + 1) * r->options.shown + r->options.delay);
    *epoch_steps = 0;
}

static size_t recall_references(const hth_settings *settings, hth_reference *out) {
    recall_options o;
    if (hth_options_read(&hth_task_recall.part.options, settings, &o, NULL) != HTH_OK) return 0;
    if (o.answer != ANSWER_CLASS) return 0;
    out[0] = (hth_reference){"accuracy", "guessing", o.bits > 2 ? 0.25 : 0.5};
    return 1;
}

const hth_stream_kind hth_task_recall = {
    .part = {.name = "recall",
             .summary = "recall of a value by its key over a delay, for networks with a memory",
             .source = "after Lillicrap & Santoro 2019",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = recall_open,
    .next = recall_next,
    .judge = recall_judge,
    .reached = recall_reached,
    .state = recall_fields,
    .extent = recall_extent,
    .close = recall_close,
    .references = recall_references,
};
