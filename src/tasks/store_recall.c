/*
 * Store-recall (Bellec et al. 2019, task 1.2): keep a bit from one command to the next. A trial is a row of
 * periods, each with at most one command. Waiting for a STORE, one comes in a period with probability p;
 * after it a RECALL comes in a period with probability p; then again a STORE is waited for. Four groups
 * of input neurons, value 0, value 1, STORE, RECALL, fire as Poisson neurons while their period lasts, and
 * are silent else. A value, a fair coin, is shown in every period but those of a RECALL; that of a STORE's
 * period is the bit to keep. In a RECALL's period the class is the bit of the last STORE, with weight 1;
 * a decision ends with it.
 *
 * task.rules says which trials there are:
 *   paper   any
 *   lsnn    those of the code of Bellec et al. 2018: at least one STORE and one RECALL, no RECALL in the
 *           period after a STORE, no STORE without its RECALL (there p = 1/7)
 *   single  a STORE in the first period, and no other command: what does a network keep? (Fig. 2 b)
 * Trials are not drawn until they fit: with c_k(s) the probability that a trial in state s before period k
 * will be one of those that fit, a command that leads from s to s' comes with probability
 * p c_{k+1}(s') / c_k(s), which gives the same distribution.
 *
 * The class is that of the last STORE in all steps after it (0 before), for whoever looks at the bit
 * between commands. A draw is a function of (seed, split, item, trial, place), so that the position is one
 * number. Cost per step and item: a quarter of a Philox block for each neuron of the groups that fire.
 */
#include "base/random.h"
#include "tasks/stream.h"

#include <stdlib.h>
#include <string.h>

enum { RULES_PAPER, RULES_LSNN, RULES_SINGLE };
enum { VALUE_0, VALUE_1, STORE, RECALL, GROUPS };

typedef struct recall_options {
    int64_t periods, period, group;
    double dt, rate, probability;
    int rules;
    bool values;
} recall_options;

/* Where a trial stands before a period. */
enum { WAITS_FIRST, STORED, HOLDS, WAITS, STATES };

enum { NO_COMMAND, COMMAND_STORE, COMMAND_RECALL };
typedef struct period {
    unsigned char command, value, stored; /* stored: the bit of the last STORE */
} period;

typedef struct recall_state {
    recall_options options;
    size_t periods, steps, batch; /* steps: of a trial */
    uint64_t seed, position;      /* position: steps given so far */
    hth_split split;
    double *chances; /* [periods + 1][STATES]: c_k(s) */
    period *script;  /* [batch][periods] of trial */
    uint64_t trial;  /* whose script is at hand; UINT64_MAX: none */
    size_t capacity; /* steps that the buffers hold */
    hth_real *x, *weights;
    int32_t *classes;
    uint8_t *decides;
} recall_state;

extern const hth_stream_kind hth_task_store_recall;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(recall_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(periods, .help = "periods of a trial", .fallback = "12", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e6),
    OPTION(period, .help = "steps of a period", .fallback = "200", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e6),
    OPTION(dt, .help = "milliseconds of a step", .fallback = "1", .kind = HTH_KIND_REAL,
           .min = 1e-6, .max = 1e6),
    OPTION(group, .help = "input neurons of each of the four groups", .fallback = "25",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(rate, .help = "of an input neuron whose group fires, in Hz", .fallback = "50",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(probability,
           .help = "that the command that is waited for comes in a period (paper: 1/6; lsnn: 1/7)",
           .fallback = "0.16666666666666667", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(rules,
           .help =
               "which rows of commands there are: paper, any; lsnn, a RECALL for each STORE, at "
               "least one, and not in the next period; single, one STORE at the start (Fig. 2 b)",
           .fallback = "paper", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"paper", "lsnn", "single", NULL}),
    OPTION(values,
           .help = "whether values are shown also in periods without a command, to be ignored",
           .fallback = "true", .kind = HTH_KIND_BOOL),
};

/* ---- The script of a trial ------------------------------------------------------------------ */

/* Where a command leads, or its absence. */
static int after(int state, bool command) {
    if (state == WAITS_FIRST || state == WAITS) return command ? STORED : state;
    return command ? WAITS : HOLDS;
}

/* The chance of a command in a period, rules aside. */
static double chance_of_command(const recall_options *o, int state, size_t k) {
    if (o->rules == RULES_SINGLE) return state == WAITS_FIRST && k == 0 ? 1 : 0;
    return o->probability;
}

/* Whether a command that leads on from here breaks a rule. */
static bool is_forbidden(const recall_options *o, int state) {
    return o->rules == RULES_LSNN && state == STORED;
}

/* c_k(s), backwards from the end. */
static void find_chances(recall_state *r) {
    const recall_options *o = &r->options;
    for (int s = 0; s < STATES; s++)
        r->chances[r->periods * STATES + (size_t)s] = o->rules != RULES_LSNN || s == WAITS;
    for (size_t k = r->periods; k-- > 0;)
        for (int s = 0; s < STATES; s++) {
            const double *next = r->chances + (k + 1) * STATES;
            const double p = chance_of_command(o, s, k);
            const double with = is_forbidden(o, s) ? 0 : p * next[after(s, true)];
            r->chances[k * STATES + (size_t)s] = with + (1 - p) * next[after(s, false)];
        }
}

/* Whether the command comes, u uniform in [0, 1). */
static bool comes(const recall_state *r, int state, size_t k, double u) {
    const double p = chance_of_command(&r->options, state, k);
    if (is_forbidden(&r->options, state)) return false;
    return u * r->chances[k * STATES + (size_t)state] <
           p * r->chances[(k + 1) * STATES + (size_t)after(state, true)];
}

/* No two of (split, item, use) share a stream of random numbers. */
enum { USE_SPIKES, USE_SCRIPT, USES };
static hth_random random_of(const recall_state *r, size_t b, uint32_t use) {
    return (hth_random){r->seed, HTH_RANDOM_TASK,
                        ((uint32_t)b * 3 + (uint32_t)r->split) * USES + use};
}

static void write_script(recall_state *r, size_t b, uint64_t trial) {
    const hth_random random = random_of(r, b, USE_SCRIPT);
    int state = WAITS_FIRST;
    unsigned char stored = 0;
    for (size_t k = 0; k < r->periods; k++) {
        uint64_t words[2];
        hth_random_words(&random, trial * r->periods + k, words);
        const bool command = comes(r, state, k, (double)(words[0] >> 11) * 0x1p-53);
        const bool recalls = state == STORED || state == HOLDS;
        period *now = &r->script[b * r->periods + k];
        now->command = !command ? NO_COMMAND : recalls ? COMMAND_RECALL : COMMAND_STORE;
        now->value = (unsigned char)(words[1] >> 63);
        if (now->command == COMMAND_STORE) stored = now->value;
        now->stored = stored;
        state = after(state, command);
    }
}

/* The position may have been changed from outside. */
static void find_script(recall_state *r) {
    const uint64_t trial = r->position / r->steps;
    if (trial == r->trial) return;
    for (size_t b = 0; b < r->batch; b++) write_script(r, b, trial);
    r->trial = trial;
}

/* ---- Steps ---------------------------------------------------------------------------------- */

static bool fires(const recall_state *r, const period *now, int group) {
    if (group == STORE) return now->command == COMMAND_STORE;
    if (group == RECALL) return now->command == COMMAND_RECALL;
    if (now->command == COMMAND_RECALL || now->value != group) return false;
    return r->options.values || now->command == COMMAND_STORE;
}

/* Four neurons to a draw, 32 bits each. */
static void fill_group(const recall_state *r, const hth_random *random, uint64_t first,
                       hth_real *x) {
    const size_t count = (size_t)r->options.group;
    const double bound = r->options.rate * r->options.dt / 1000 * 0x1p32;
    uint64_t words[2];
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 0) hth_random_words(random, first + i / 4, words);
        const uint32_t draw = (uint32_t)(words[i / 2 % 2] >> (i % 2 ? 32 : 0));
        x[i] = (double)draw < bound ? 1 : 0;
    }
}

/* Step `at` of the trial, for one item; to: its place in the buffers. */
static void fill_step(recall_state *r, size_t b, size_t at, size_t to) {
    const size_t group = (size_t)r->options.group, length = (size_t)r->options.period;
    const period *now = &r->script[b * r->periods + at / length];
    const hth_random random = random_of(r, b, USE_SPIKES);
    const uint64_t draws = (group + 3) / 4, step = r->trial * r->steps + at;
    hth_real *x = r->x + to * GROUPS * group;
    const bool recalls = now->command == COMMAND_RECALL;
    for (int g = 0; g < GROUPS; g++)
        if (fires(r, now, g))
            fill_group(r, &random, (step * GROUPS + (uint64_t)g) * draws, x + (size_t)g * group);
        else
            memset(x + (size_t)g * group, 0, group * sizeof *x);
    r->classes[to] = now->stored;
    r->weights[to] = recalls ? 1 : 0;
    r->decides[to] = recalls && (at + 1) % length == 0;
}

/* ---- The stream ----------------------------------------------------------------------------- */

static void recall_close(void *state) {
    recall_state *r = state;
    if (!r) return;
    free(r->chances);
    free(r->script);
    free(r->x);
    free(r->weights);
    free(r->classes);
    free(r->decides);
    free(r);
}

static hth_status check_options(const recall_options *o, size_t batch, hth_error *error) {
    if (batch == 0 || batch > UINT32_MAX / 3 / USES)
        return hth_fail(error, HTH_INVALID,
                        "task store-recall: a batch of %zu items cannot be drawn", batch);
    if (o->rate * o->dt > 1000)
        return hth_fail(error, HTH_INVALID,
                        "task.rate is %g Hz, but must be at most %g: one spike a step of %g ms",
                        o->rate, 1000 / o->dt, o->dt);
    return HTH_OK;
}

static hth_status prepare(recall_state *r, hth_error *error) {
    r->chances = calloc(r->periods + 1, STATES * sizeof *r->chances);
    r->script = calloc(hth_times(r->batch, r->periods), sizeof *r->script);
    if (!r->chances || !r->script)
        return hth_fail(error, HTH_NO_MEMORY, "task store-recall: not enough memory");
    find_chances(r);
    if (r->chances[WAITS_FIRST] > 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "with task.rules lsnn, task.periods %zu and task.probability %g there is no "
                    "trial: it takes at least 3 periods and a probability between 0 and 1",
                    r->periods, r->options.probability);
}

static hth_status recall_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    recall_options o;
    HTH_TRY(hth_options_read(&hth_task_store_recall.part.options, context->settings, &o, error));
    HTH_TRY(check_options(&o, context->batch, error));
    recall_state *r = calloc(1, sizeof *r);
    if (!r) return hth_fail(error, HTH_NO_MEMORY, "task store-recall: not enough memory");
    *r = (recall_state){.options = o,
                        .periods = (size_t)o.periods,
                        .steps = (size_t)(o.periods * o.period),
                        .batch = context->batch,
                        .seed = hth_draws(context),
                        .split = context->split,
                        .trial = UINT64_MAX};
    hth_status status = prepare(r, error);
    if (status != HTH_OK) {
        recall_close(r);
        return status;
    }
    *state = r;
    *shape = (hth_shape){.inputs = GROUPS * (size_t)o.group,
                         .outputs = 2,
                         .target = HTH_TARGET_CLASSES,
                         .decides = true};
    return HTH_OK;
}

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(recall_state *r, size_t steps, hth_error *error) {
    if (steps <= r->capacity) return HTH_OK;
    /* All of the new buffers, or none. */
    const size_t items = hth_times(steps, r->batch);
    hth_real *x = calloc(items, GROUPS * (size_t)r->options.group * sizeof *x);
    hth_real *weights = calloc(items, sizeof *weights);
    int32_t *classes = calloc(items, sizeof *classes);
    uint8_t *decides = calloc(items, sizeof *decides);
    if (!x || !weights || !classes || !decides) {
        free(x);
        free(weights);
        free(classes);
        free(decides);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task store-recall: not enough memory for a chunk of %zu steps x %zu items",
                        steps, r->batch);
    }
    /* They take the places of the old ones. */
    free(r->x);
    free(r->weights);
    free(r->classes);
    free(r->decides);
    r->x = x;
    r->weights = weights;
    r->classes = classes;
    r->decides = decides;
    r->capacity = steps;
    return HTH_OK;
}

static hth_status recall_next(void *state, size_t max_steps, hth_chunk *chunk,
                              hth_position_flags *flags, hth_error *error) {
    recall_state *r = state;
    const size_t at = (size_t)(r->position % r->steps), left = r->steps - at;
    const size_t steps = max_steps < left ? max_steps : left;
    HTH_TRY(reserve(r, steps, error));
    find_script(r);
    for (size_t t = 0; t < steps; t++)
        for (size_t b = 0; b < r->batch; b++) fill_step(r, b, at + t, t * r->batch + b);
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    *chunk = (hth_chunk){.steps = steps,
                         .batch = r->batch,
                         .x = r->x,
                         .classes = r->classes,
                         .weights = r->weights,
                         .decides = r->decides};
    r->position += steps;
    return HTH_OK;
}

static size_t recall_fields(void *state, hth_field *fields, size_t capacity) {
    recall_state *r = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &r->position, {0}};
    return 1;
}

static void recall_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const recall_state *r = state;
    *sequence_steps = r->steps;
    *epoch_steps = 0;
}

static size_t recall_references(const hth_settings *settings, hth_reference *out) {
    (void)settings;
    out[0] = (hth_reference){"decisions", "guessing", 0.5};
    return 1;
}

const hth_stream_kind hth_task_store_recall = {
    .part = {.name = "store-recall",
             .summary = "keep a bit from a STORE command until a RECALL",
             .source = "Bellec et al. 2019, task 1.2",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = recall_open,
    .next = recall_next,
    .state = recall_fields,
    .extent = recall_extent,
    .given = NULL,
    .close = recall_close,
    .references = recall_references,
};
