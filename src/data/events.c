/*
 * Reads sequences from lists of events, as event cameras and artificial cochleas give them (SHD, SSC, N-MNIST,
 * DVS): an .npz file, or a folder of .npy files, with
 *
 *     times    (E)     the time of each event: floats or integers, in any unit, one recording after the other
 *     units    (E)     the input that it came from, from 0
 *     starts   (N)     the index of each recording's first event, in order; or (N+1), the last one being E
 *     labels   (N)     the class of each recording
 *
 * Step t of a recording has the events in [t dt, (t+1) dt):
 *
 *     step of event e = floor((times[e] - origin) / data.dt)
 *
 * The input of a unit is 1 if it has an event in the step (data.bin=any), or its number of events (count). origin
 * is 0, or with data.align=true the time of the recording's first event. A recording ends with its last event, or
 * after data.steps steps. Events are kept sorted by recording and step, 8 bytes each; the steps are filled in when
 * they are read.
 */
#include "data/array_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct events_options {
    hth_sequence_options sequences;
    double dt;
    int64_t steps, channels, classes;
    int bin, weight;
    bool align;
} events_options;

enum { ANY, COUNT };
enum { ALL, LAST };
static const char *const bins[] = {"any", "count", NULL};
static const char *const weights[] = {"all", "last", NULL};
static const char *const names[] = {"times", "units", "starts", "labels"};

extern const hth_stream_kind hth_reader_events;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(events_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    HTH_SEQUENCE_OPTIONS(
        events_options,
        "an .npz file with times, units, starts and labels, or a folder of .npy files"),
    OPTION(dt,
           .help =
               "length of a step, in the unit of times; cell.dt is the same in ms, and set apart",
           .fallback = NULL, .kind = HTH_KIND_REAL, .min = 1e-12, .max = 1e12),
    OPTION(steps,
           .help = "steps of every recording, whose later events are left out; 0: each has as many "
                   "as its last event asks for",
           .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e7),
    OPTION(channels, .help = "inputs; 0: the training file's largest unit plus 1", .fallback = "0",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e7),
    OPTION(classes, .help = "outputs; 0: the training file's largest label plus 1", .fallback = "0",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 2147483647),
    OPTION(bin, .help = "input of a step: 1 where a unit has any event, or the count of its events",
           .fallback = "any", .kind = HTH_KIND_CHOICE, .choices = bins),
    OPTION(align, .help = "whether time 0 of a recording is its first event", .fallback = "false",
           .kind = HTH_KIND_BOOL),
    OPTION(weight, .help = "steps that count in loss and metric: all, or the last of a recording",
           .fallback = "all", .kind = HTH_KIND_CHOICE, .choices = weights),
};

/* An event with its step. */
typedef struct event {
    uint32_t step, unit;
} event;

typedef struct events {
    hth_shape shape;
    size_t count, recordings;
    event *list;     /* [count], by recording, then by step */
    size_t *starts;  /* [recordings + 1] */
    int32_t *labels; /* [recordings] */
    size_t *lengths; /* [recordings] */
    int bin, weight;
} events;

/* The state while a file is read. */
typedef struct reading {
    const hth_npz *npz;
    const char *name;
    const events_options *options;
    double *times; /* [count] */
    events *into;
    size_t size; /* number of entries in starts */
    double largest, least;
} reading;

static hth_status no_memory(const hth_npz *npz, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for the events",
                    hth_npz_path(npz));
}

static void events_close(void *held) {
    events *e = held;
    free(e->list);
    free(e->starts);
    free(e->labels);
    free(e->lengths);
    free(e);
}

/* ---- One step ---- */

/* Finds the recording's first event whose step is at least `step`, by bisection. */
static size_t find_step(const events *e, size_t from, size_t to, size_t step) {
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (e->list[middle].step < step)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void events_copy(const void *held, size_t recording, size_t step, const hth_row *to) {
    const events *e = held;
    const size_t end = e->starts[recording + 1];
    memset(to->x, 0, e->shape.inputs * sizeof *to->x);
    for (size_t i = find_step(e, e->starts[recording], end, step);
         i < end && e->list[i].step == step; i++) {
        hth_real *x = &to->x[e->list[i].unit];
        *x = e->bin == COUNT ? *x + 1 : 1;
    }
    *to->class = e->labels[recording];
    if (e->weight == LAST) *to->weight = step + 1 == e->lengths[recording] ? 1 : 0;
}

/* ---- Reading the arrays ---- */

static hth_status fail_number(const reading *r, const hth_npy *array, size_t index, double value,
                              const char *right, hth_error *error) {
    return hth_array_fail_number(r->npz, r->name, array, index, value, right, error);
}

static hth_status visit_start(void *arg, const hth_npy *array, size_t index, double value,
                              hth_error *error) {
    reading *r = arg;
    size_t *starts = r->into->starts;
    /* The entry must lie between the one before and the number of events. */
    const double least = index ? (double)starts[index - 1] : 0, most = (double)r->into->count;
    char right[96];
    starts[index] = 0;
    if (index == 0 && value != 0) return fail_number(r, array, index, value, "0", error);
    snprintf(right, sizeof right, "%.0f to %.0f: recordings lie one after the other", least, most);
    if (!(value >= least && value <= most))
        return fail_number(r, array, index, value, right, error);
    /* The optional last entry must be the number of events. */
    if (r->size > r->into->recordings && index == r->into->recordings && value != most)
        return fail_number(r, array, index, value, "the number of events, the end of the last",
                           error);
    starts[index] = (size_t)value;
    return HTH_OK;
}

static hth_status visit_label(void *arg, const hth_npy *array, size_t index, double value,
                              hth_error *error) {
    reading *r = arg;
    const size_t outputs = r->into->shape.outputs;
    char right[64];
    snprintf(right, sizeof right, "a class, 0 to %zu", outputs - 1);
    if (!(value >= 0 && value < (double)outputs))
        return fail_number(r, array, index, value, right, error);
    r->into->labels[index] = (int32_t)value;
    return HTH_OK;
}

static hth_status visit_time(void *arg, const hth_npy *array, size_t index, double value,
                             hth_error *error) {
    reading *r = arg;
    r->times[index] = value;
    if (isfinite(value)) return HTH_OK;
    return fail_number(r, array, index, value, "finite", error);
}

static hth_status visit_unit(void *arg, const hth_npy *array, size_t index, double value,
                             hth_error *error) {
    reading *r = arg;
    const size_t inputs = r->into->shape.inputs;
    char right[64];
    snprintf(right, sizeof right, "a unit, 0 to %zu", inputs - 1);
    if (!(value >= 0 && value < (double)inputs))
        return fail_number(r, array, index, value, right, error);
    r->into->list[index].unit = (uint32_t)value;
    return HTH_OK;
}

static hth_status visit_largest(void *arg, const hth_npy *array, size_t index, double value,
                                hth_error *error) {
    reading *r = arg;
    (void)array;
    (void)index;
    (void)error;
    if (value > r->largest) r->largest = value;
    if (value < r->least) r->least = value;
    return HTH_OK;
}

/* Requires an array of one axis with least..most entries, and of integers if asked. */
static hth_status check_array(hth_npz *npz, const char *name, size_t least, size_t most,
                              bool integers, const char *right, size_t *count, hth_error *error) {
    hth_npy array;
    HTH_TRY(hth_npz_header(npz, name, &array, error));
    *count = array.count;
    if (array.rank == 1 && array.count >= least && array.count <= most &&
        (!integers || hth_npy_is_integer(&array)))
        return HTH_OK;
    return hth_array_fail_shape(npz, name, &array, right, error);
}

/* Checks the sizes of the arrays against each other. */
static hth_status check_arrays(hth_npz *npz, reading *r, hth_error *error) {
    events *e = r->into;
    size_t units;
    char right[120];
    HTH_TRY(check_array(npz, "labels", 1, SIZE_MAX, true, "(N,) of integers: a class a recording",
                        &e->recordings, error));
    HTH_TRY(
        check_array(npz, "times", 1, UINT32_MAX, false, "(E,): a time an event", &e->count, error));
    snprintf(right, sizeof right, "(%zu,) of integers: a unit an event", e->count);
    HTH_TRY(check_array(npz, "units", e->count, e->count, true, right, &units, error));
    snprintf(right, sizeof right, "(%zu,) or (%zu,) of integers: where each recording begins",
             e->recordings, e->recordings + 1);
    return check_array(npz, "starts", e->recordings, e->recordings + 1, true, right, &r->size,
                       error);
}

static hth_status allocate(const hth_npz *npz, reading *r, hth_error *error) {
    events *e = r->into;
    e->list = calloc(e->count, sizeof *e->list);
    e->starts = calloc(e->recordings + 1, sizeof *e->starts);
    e->labels = calloc(e->recordings, sizeof *e->labels);
    e->lengths = calloc(e->recordings, sizeof *e->lengths);
    r->times = malloc(hth_times(e->count, sizeof *r->times));
    if (e->list && e->starts && e->labels && e->lengths && r->times) return HTH_OK;
    return no_memory(npz, error);
}

static hth_status read_array(hth_npz *npz, reading *r, const char *name, hth_npy_visit visit,
                             hth_error *error) {
    r->name = name;
    r->largest = -1;
    r->least = INFINITY;
    return hth_npz_read(npz, name, visit, r, error);
}

/* ---- Steps ---- */

/* Computes the steps of a recording's events and its length. Events beyond data.steps get a step that is never
 * read. */
static hth_status bin_recording(const reading *r, size_t recording, hth_error *error) {
    enum { LONGEST = 1 << 28 };
    events *e = r->into;
    const size_t from = e->starts[recording], to = e->starts[recording + 1];
    const size_t given = (size_t)r->options->steps;
    double origin = 0;
    size_t length = 1;
    /* Find the recording's time 0. */
    for (size_t i = from; i < to && r->options->align; i++)
        origin = i == from || r->times[i] < origin ? r->times[i] : origin;
    /* Compute the step of each event. */
    for (size_t i = from; i < to; i++) {
        const double step = floor((r->times[i] - origin) / r->options->dt);
        if (step < 0)
            return hth_fail(error, HTH_INVALID,
                            "%s: times[%zu] is %.9g, before the recording's time 0: set "
                            "data.align=true if it begins with its first event",
                            hth_npz_path(r->npz), i, r->times[i]);
        if (step >= LONGEST && !given)
            return hth_fail(
                error, HTH_INVALID,
                "%s: times[%zu] is %.9g, step %.9g with data.dt %.9g: is data.dt in the "
                "unit of times?",
                hth_npz_path(r->npz), i, r->times[i], step, r->options->dt);
        e->list[i].step = step < LONGEST ? (uint32_t)step : UINT32_MAX;
        if (step + 1 > (double)length && !given) length = (size_t)step + 1;
    }
    e->lengths[recording] = given ? given : length;
    return HTH_OK;
}

static int by_step(const void *left, const void *right) {
    const event *a = left, *b = right;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static hth_status bin_all(const reading *r, hth_error *error) {
    events *e = r->into;
    e->starts[e->recordings] = e->count;
    for (size_t n = 0; n < e->recordings; n++) {
        const size_t from = e->starts[n], to = e->starts[n + 1];
        HTH_TRY(bin_recording(r, n, error));
        bool sorted = true;
        for (size_t i = from + 1; i < to; i++)
            sorted = sorted && by_step(&e->list[i - 1], &e->list[i]) <= 0;
        if (!sorted && to > from) qsort(e->list + from, to - from, sizeof *e->list, by_step);
    }
    return HTH_OK;
}

/* ---- Loading ---- */

/* *count: the largest number in an array, plus 1. */
static hth_status count_kinds(hth_npz *npz, reading *r, const char *name, double most,
                              size_t *count, hth_error *error) {
    HTH_TRY(read_array(npz, r, name, visit_largest, error));
    if (r->largest >= most)
        return hth_fail(error, HTH_INVALID,
                        "%s: %s reach %.9g, more than the %.9g that there can be",
                        hth_npz_path(npz), name, r->largest, most);
    *count = r->largest < 0 ? 1 : (size_t)r->largest + 1;
    return HTH_OK;
}

static hth_status check_labels(const hth_npz *npz, const reading *r, hth_error *error) {
    if (!(r->least >= 1)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: labels are %.9g to %.9g, but classes count from 0: subtract %.9g, or, "
                    "if the lower ones are only missing here, set data.classes=%.9g",
                    hth_npz_path(npz), r->least, r->largest, r->least, r->largest + 1);
}

/* Finds the number of inputs and classes, from the settings or from the training file. */
static hth_status find_shape(hth_npz *npz, reading *r, hth_shape *shape, hth_error *error) {
    const events_options *o = r->options;
    *shape = (hth_shape){
        .inputs = (size_t)o->channels, .outputs = (size_t)o->classes, .target = HTH_TARGET_CLASSES};
    HTH_TRY(check_arrays(npz, r, error));
    if (!o->channels) HTH_TRY(count_kinds(npz, r, "units", 1e7, &shape->inputs, error));
    if (o->classes) return HTH_OK;
    HTH_TRY(count_kinds(npz, r, "labels", INT32_MAX, &shape->outputs, error));
    return check_labels(npz, r, error);
}

static hth_status read_all(hth_npz *npz, reading *r, hth_error *error) {
    HTH_TRY(check_arrays(npz, r, error));
    HTH_TRY(allocate(npz, r, error));
    HTH_TRY(read_array(npz, r, "starts", visit_start, error));
    HTH_TRY(read_array(npz, r, "labels", visit_label, error));
    HTH_TRY(read_array(npz, r, "units", visit_unit, error));
    HTH_TRY(read_array(npz, r, "times", visit_time, error));
    return bin_all(r, error);
}

/* Reads one file: the shape if it is the training file, the events if it is the split's. */
static hth_status read_file(const events_options *options, const char *path, bool is_train,
                            bool is_split, events *into, hth_error *error) {
    hth_npz *npz;
    HTH_TRY(hth_npz_open(path, &npz, error));
    reading r = {.npz = npz, .options = options, .into = into};
    hth_status status = hth_npz_only(npz, names, HTH_COUNT(names), error);
    if (status == HTH_OK && is_train) status = find_shape(npz, &r, &into->shape, error);
    if (status == HTH_OK && is_split) status = read_all(npz, &r, error);
    free(r.times);
    hth_npz_close(npz);
    return status;
}

/* Warns if data.dt is so long that every recording has one step. */
static void doubt_dt(const events *e, const events_options *options, const char *path,
                     char out[HTH_DOUBT_LENGTH]) {
    for (size_t n = 0; n < e->recordings; n++)
        if (e->lengths[n] > 1) return;
    snprintf(out, HTH_DOUBT_LENGTH,
             "%.200s: with data.dt %.9g every recording has one step: is it in the unit of times?",
             path, options->dt);
}

/* Copies lengths and classes for the set, which owns its own. */
static hth_status list_recordings(const events *e, hth_sequence_set *out, hth_error *error) {
    out->lengths = calloc(e->recordings, sizeof *out->lengths);
    out->classes = calloc(e->recordings, sizeof *out->classes);
    if (!out->lengths || !out->classes)
        return hth_fail(error, HTH_NO_MEMORY, "events: not enough memory");
    memcpy(out->lengths, e->lengths, e->recordings * sizeof *out->lengths);
    memcpy(out->classes, e->labels, e->recordings * sizeof *out->classes);
    return HTH_OK;
}

static hth_status events_load(const void *settings, const char *train, const char *path,
                              hth_sequence_set *out, hth_error *error) {
    const events_options *options = settings;
    events *e = calloc(1, sizeof *e);
    if (!e) return hth_fail(error, HTH_NO_MEMORY, "events: not enough memory");
    /* Read the training file, then the split's own if it is another. */
    e->bin = options->bin;
    e->weight = options->weight;
    hth_status status = read_file(options, train, true, path == train, e, error);
    if (status == HTH_OK && path != train) status = read_file(options, path, false, true, e, error);
    if (status != HTH_OK) {
        events_close(e);
        return status;
    }
    /* Describe the loaded set. */
    *out = (hth_sequence_set){.shape = e->shape,
                              .count = e->recordings,
                              .is_weighted = e->weight == LAST,
                              .held = e,
                              .copy = events_copy,
                              .close = events_close};
    doubt_dt(e, options, path, out->doubt);
    return list_recordings(e, out, error);
}

static hth_status events_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    events_options options;
    HTH_TRY(hth_options_read(&hth_reader_events.part.options, context->settings, &options, error));
    return hth_sequences_open(context, &options.sequences, events_load, state, shape, error);
}

const hth_stream_kind hth_reader_events = {
    .part = {.name = "events",
             .summary = "spikes or other events of many inputs, binned into steps, and a class for "
                        "each recording",
             .source = "layout of SHD and SSC (Cramer et al. 2020), flattened",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = events_open,
    HTH_SEQUENCES_VERBS,
};
