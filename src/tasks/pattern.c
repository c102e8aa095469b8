/*
 * Pattern generation (Bellec et al. 2019, Methods 1.1): the same trial again and again, in which the
 * outputs are to follow fixed curves while an input tells only how far the trial is,
 *
 *     y*_k(t) = sum_f A_kf sin(2 pi f t + theta_kf),   A_kf ~ U[0.5, 2],   theta_kf ~ U[0, 2 pi],
 *
 * f in Hz over `frequencies`, t the time of a step, from 0. The curves are drawn once by the seed: all
 * trials, items and splits have them. The input neurons stand in groups, of which the i-th of n fires
 * during the i-th n-th of the trial: regularly, the first spike of each in the first step of the group's
 * time (the paper does not say where), or as Poisson neurons whose spikes are drawn once, too.
 *
 * The authors' tutorial is smaller and other: outputs 1, input poisson, inputs 100, groups 1, rate 50,
 * from_zero and normalise true.
 *
 * A sequence is a trial; there is no end of them. Cost per step: nothing, the trial is kept; memory:
 * steps x batch x (inputs + outputs) numbers.
 */
#include "base/functions64.h"
#include "base/random.h"
#include "tasks/stream.h"

#include <stdlib.h>

enum { INPUT_REGULAR, INPUT_POISSON };

typedef struct pattern_options {
    int64_t steps, outputs, inputs, groups;
    double dt, amplitude_min, amplitude_max, rate;
    const char *frequencies;
    int input;
    bool from_zero, normalise;
} pattern_options;

enum { MOST_FREQUENCIES = 64 };

typedef struct pattern_state {
    pattern_options options;
    size_t steps, batch, inputs, outputs;
    uint64_t seed, position; /* position: steps given so far */
    size_t frequency_count;
    double frequencies[MOST_FREQUENCIES];
    hth_real *x, *targets; /* the trial: [steps][batch][inputs], [..][outputs] */
} pattern_state;

extern const hth_stream_kind hth_task_pattern;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(pattern_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(steps, .help = "steps of a trial", .fallback = "1000", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e7),
    OPTION(dt, .help = "milliseconds of a step", .fallback = "1", .kind = HTH_KIND_REAL,
           .min = 1e-6, .max = 1e6),
    OPTION(outputs, .help = "curves to follow (tutorial: 1)", .fallback = "3",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(frequencies, .help = "of the sines of a curve, in Hz: numbers with commas between",
           .fallback = "1, 2, 3, 5", .kind = HTH_KIND_TEXT),
    OPTION(amplitude_min, .help = "least amplitude of a sine", .fallback = "0.5",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(amplitude_max, .help = "largest amplitude of a sine", .fallback = "2",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(from_zero, .help = "whether each curve is moved to begin at 0 (tutorial: true)",
           .fallback = "false", .kind = HTH_KIND_BOOL),
    OPTION(normalise,
           .help = "whether each curve is divided by its largest magnitude (tutorial: true)",
           .fallback = "false", .kind = HTH_KIND_BOOL),
    OPTION(input,
           .help = "regular spikes from the first step of a group's time on, or poisson, the same "
                   "in every trial (tutorial)",
           .fallback = "regular", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"regular", "poisson", NULL}),
    OPTION(inputs, .help = "input neurons, a multiple of task.groups (tutorial: 100)",
           .fallback = "20", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(groups, .help = "groups of input neurons, which fire one after the other (tutorial: 1)",
           .fallback = "5", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(rate, .help = "of an input neuron whose group fires, in Hz (tutorial: 50)",
           .fallback = "100", .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
};

/* ---- Drawing the trial ---------------------------------------------------------------------- */

enum { STREAM_AMPLITUDE, STREAM_PHASE, STREAM_SPIKES };

static double drawn(const pattern_state *p, uint32_t stream, uint64_t index) {
    const hth_random random = {p->seed, HTH_RANDOM_TASK, stream};
    return hth_random_uniform(&random, index);
}

static double curve(const pattern_state *p, size_t k, size_t t) {
    const pattern_options *o = &p->options;
    const double seconds = (double)t * o->dt / 1000;
    double sum = 0;
    for (size_t f = 0; f < p->frequency_count; f++) {
        const uint64_t index = k * p->frequency_count + f;
        const double spread = o->amplitude_max - o->amplitude_min;
        const double amplitude = o->amplitude_min + spread * drawn(p, STREAM_AMPLITUDE, index);
        const double phase = drawn(p, STREAM_PHASE, index);
        sum += amplitude * hth_sin_turns64(p->frequencies[f] * seconds + phase);
    }
    return sum;
}

/* The curve of one output over the trial, for every item of the batch. */
static void fill_targets(pattern_state *p, size_t k, double *values) {
    const pattern_options *o = &p->options;
    double largest = 0;
    for (size_t t = 0; t < p->steps; t++) values[t] = curve(p, k, t);
    const double first = o->from_zero ? values[0] : 0;
    for (size_t t = 0; t < p->steps; t++) {
        values[t] -= first;
        largest = fmax(largest, fabs(values[t]));
    }
    const double scale = o->normalise && largest > 0 ? 1 / largest : 1;
    for (size_t t = 0; t < p->steps; t++)
        for (size_t b = 0; b < p->batch; b++)
            p->targets[(t * p->batch + b) * p->outputs + k] = (hth_real)(values[t] * scale);
}

/* Spike k of a regular train is in the step nearest to k periods. */
static bool fires_regularly(double probability, size_t step) {
    if (probability == 0) return false;
    const double period = 1 / probability;
    return floor(floor((double)step / period + 0.5) * period + 0.5) == (double)step;
}

static bool fires(const pattern_state *p, size_t i, size_t t) {
    const pattern_options *o = &p->options;
    const size_t groups = (size_t)o->groups, group = i / (p->inputs / groups);
    const size_t begin = group * p->steps / groups, end = (group + 1) * p->steps / groups;
    const double probability = o->rate * o->dt / 1000;
    if (t < begin || t >= end) return false;
    if (o->input == INPUT_REGULAR) return fires_regularly(probability, t - begin);
    return drawn(p, STREAM_SPIKES, (uint64_t)t * p->inputs + i) < probability;
}

static void fill_inputs(pattern_state *p) {
    for (size_t t = 0; t < p->steps; t++)
        for (size_t i = 0; i < p->inputs; i++) {
            const hth_real x = fires(p, i, t) ? 1 : 0;
            for (size_t b = 0; b < p->batch; b++) p->x[(t * p->batch + b) * p->inputs + i] = x;
        }
}

/* ---- The stream ----------------------------------------------------------------------------- */

static hth_status read_frequencies(pattern_state *p, hth_error *error) {
    const char *at = p->options.frequencies;
    char *end;
    for (p->frequency_count = 0; p->frequency_count < MOST_FREQUENCIES; at = end + 1) {
        const double f = strtod(at, &end);
        if (end == at || !isfinite(f) || f < 0) break;
        p->frequencies[p->frequency_count++] = f;
        while (*end == ' ') end++;
        if (*end == '\0') return HTH_OK;
        if (*end != ',') break;
    }
    return hth_fail(error, HTH_INVALID,
                    "task.frequencies is '%.80s', but must be at most %d numbers of at least 0, "
                    "such as 1, 2, 3, 5",
                    p->options.frequencies, MOST_FREQUENCIES);
}

static hth_status check_options(const pattern_options *o, hth_error *error) {
    if (o->inputs % o->groups)
        return hth_fail(error, HTH_INVALID,
                        "task.inputs is %lld, but must be a multiple of task.groups, %lld",
                        (long long)o->inputs, (long long)o->groups);
    if (o->groups > o->steps)
        return hth_fail(error, HTH_INVALID,
                        "task.groups is %lld, but must be at most task.steps, %lld",
                        (long long)o->groups, (long long)o->steps);
    if (o->amplitude_max < o->amplitude_min)
        return hth_fail(error, HTH_INVALID,
                        "task.amplitude_max is %g, but must be at least task.amplitude_min, %g",
                        o->amplitude_max, o->amplitude_min);
    if (o->rate * o->dt > 1000)
        return hth_fail(error, HTH_INVALID,
                        "task.rate is %g Hz, but must be at most %g: one spike a step of %g ms",
                        o->rate, 1000 / o->dt, o->dt);
    return HTH_OK;
}

static void pattern_close(void *state) {
    pattern_state *p = state;
    if (!p) return;
    free(p->x);
    free(p->targets);
    free(p);
}

static hth_status draw_trial(pattern_state *p, hth_error *error) {
    const size_t items = hth_times(p->steps, p->batch);
    double *values = calloc(p->steps, sizeof *values);
    p->x = calloc(items, hth_times(p->inputs, sizeof *p->x));
    p->targets = calloc(items, hth_times(p->outputs, sizeof *p->targets));
    const bool placed = values && p->x && p->targets;
    if (placed) fill_inputs(p);
    for (size_t k = 0; placed && k < p->outputs; k++) fill_targets(p, k, values);
    free(values);
    if (placed) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY,
                    "task pattern: not enough memory for a trial of %zu steps x %zu items",
                    p->steps, p->batch);
}

static hth_status pattern_open(const hth_stream_context *context, void **state, hth_shape *shape,
                               hth_error *error) {
    pattern_options o;
    HTH_TRY(hth_options_read(&hth_task_pattern.part.options, context->settings, &o, error));
    HTH_TRY(check_options(&o, error));
    pattern_state *p = calloc(1, sizeof *p);
    if (!p) return hth_fail(error, HTH_NO_MEMORY, "task pattern: not enough memory");
    *p = (pattern_state){.options = o,
                         .steps = (size_t)o.steps,
                         .batch = context->batch,
                         .inputs = (size_t)o.inputs,
                         .outputs = (size_t)o.outputs,
                         .seed = context->seed};
    hth_status status = read_frequencies(p, error);
    if (status == HTH_OK) status = draw_trial(p, error);
    if (status != HTH_OK) {
        pattern_close(p);
        return status;
    }
    p->options.frequencies = NULL; /* the settings' own text */
    *state = p;
    *shape = (hth_shape){.inputs = p->inputs, .outputs = p->outputs, .target = HTH_TARGET_VALUES};
    return HTH_OK;
}

static hth_status pattern_next(void *state, size_t max_steps, hth_chunk *chunk,
                               hth_position_flags *flags, hth_error *error) {
    pattern_state *p = state;
    const size_t at = (size_t)(p->position % p->steps), left = p->steps - at;
    const size_t steps = max_steps < left ? max_steps : left;
    (void)error;
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    *chunk = (hth_chunk){.steps = steps,
                         .batch = p->batch,
                         .x = p->x + at * p->batch * p->inputs,
                         .targets = p->targets + at * p->batch * p->outputs};
    p->position += steps;
    return HTH_OK;
}

static size_t pattern_fields(void *state, hth_field *fields, size_t capacity) {
    pattern_state *p = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &p->position, {0}};
    return 1;
}

static void pattern_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const pattern_state *p = state;
    *sequence_steps = p->steps;
    *epoch_steps = 0;
}

static size_t pattern_references(const hth_settings *settings, hth_reference *out) {
    (void)settings;
    out[0] = (hth_reference){"nmse", "a readout at the mean of the targets", 1};
    return 1;
}

const hth_stream_kind hth_task_pattern = {
    .part = {.name = "pattern",
             .summary = "follow fixed curves, sums of sines, while the input tells the time",
             .source = "Bellec et al. 2019, Methods 1.1",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = pattern_open,
    .next = pattern_next,
    .state = pattern_fields,
    .extent = pattern_extent,
    .given = NULL,
    .close = pattern_close,
    .references = pattern_references,
};
