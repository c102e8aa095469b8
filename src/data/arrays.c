/*
 * Sequences from NumPy arrays: an .npz file with
 *
 *     inputs   (N, T, n_in)    bool, integers or floats
 *     targets  (N, T, n_out)   values, or (N, T) of integers: classes
 *     mask     (N, T)          optional: the weight of each step, at least 0
 *     w_in, w_rec, w_out, b_rec, b_out, feedback   optional: initial values, handed on as they are
 *
 * An epoch is every sequence once, `batch` at a time, in the order of the file or, for training,
 * shuffled: the order is a permutation keyed by seed and epoch. Validation and test sequences are each
 * given exactly once: what a last batch lacks is filled with sequences of weight 0. All of a file is
 * held in memory.
 */
#include "base/random.h"
#include "data/array_set.h"
#include "tasks/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct arrays_options {
    const char *file, *validate_file, *test_file;
    double validation_fraction;
    bool shuffle;
    int64_t classes;
    int incomplete;
} arrays_options;

enum { DROP, WRAP, PAD };
static const char *const incompletes[] = {"drop", "wrap", "pad", NULL};

static const char *const names[] = {"inputs", "targets", "mask",  "w_in",    "w_rec",
                                    "w_out",  "b_rec",   "b_out", "feedback"};
enum { DATA = 3, GIVEN = HTH_COUNT(names) - DATA }; /* data first, then initial values */
static const char *const *const given_names = names + DATA;

typedef struct arrays_state {
    hth_array_set set;
    hth_shape shape;
    size_t first, count; /* sequences of the set that are this split's */
    size_t batch, batches;
    bool shuffle;
    int incomplete;
    uint64_t seed;
    uint64_t epoch, batch_index, step; /* the position: epochs and batches done, step in sequence */
    size_t *order;                     /* [count]: the epoch's order */
    uint64_t ordered_epoch;            /* whose order that is; UINT64_MAX: none */
    size_t capacity;                   /* steps that the buffers hold */
    hth_real *x, *targets, *weights;   /* [capacity][batch][...] */
    int32_t *classes;
    hth_given given[GIVEN];
    size_t given_count;
} arrays_state;

extern const hth_stream_kind hth_reader_arrays;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(arrays_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(file, .help = "training file, .npz with inputs and targets", .fallback = NULL,
           .kind = HTH_KIND_TEXT),
    OPTION(validate_file, .help = "validation file; \"\" for none", .fallback = "",
           .kind = HTH_KIND_TEXT),
    OPTION(test_file, .help = "test file; \"\" for none", .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(validation_fraction,
           .help = "without a validation file: the share of the training file's sequences, its "
                   "last ones, that validate instead of train",
           .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(shuffle, .help = "training: a new order of the sequences in every epoch",
           .fallback = "true", .kind = HTH_KIND_BOOL),
    OPTION(classes, .help = "outputs for integer targets; 0: the training file's largest plus 1",
           .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 2147483647),
    OPTION(incomplete,
           .help = "training, last batch of an epoch when sequences are too few: drop it, wrap "
                   "around to the epoch's first, or pad with weight 0",
           .fallback = "drop", .kind = HTH_KIND_CHOICE, .choices = incompletes),
};

/* ---- Opening ---------------------------------------------------------------------------- */

static void arrays_close(void *state) {
    arrays_state *a = state;
    if (!a) return;
    hth_array_set_free(&a->set);
    for (size_t i = 0; i < a->given_count; i++) free((double *)a->given[i].values);
    free(a->order);
    free(a->x);
    free(a->targets);
    free(a->weights);
    free(a->classes);
    free(a);
}

static hth_status load_given(arrays_state *a, hth_npz *npz, hth_error *error) {
    for (size_t i = 0; i < GIVEN; i++) {
        if (!hth_npz_has(npz, given_names[i])) continue;
        hth_given given = {.name = given_names[i]};
        double *values = NULL;
        HTH_TRY(hth_array_matrix(npz, given.name, &given.rows, &given.columns, &values, error));
        given.values = values;
        a->given[a->given_count++] = given;
    }
    return HTH_OK;
}

/* The split's file when it is not the training file; "" when there is none. */
static const char *other_file(const arrays_options *options, hth_split split) {
    return split == HTH_VALIDATE ? options->validate_file : options->test_file;
}

static hth_status load_other(arrays_state *a, const char *path, hth_error *error) {
    hth_npz *npz;
    HTH_TRY(hth_npz_open(path, &npz, error));
    hth_status status = hth_array_set_load(npz, &a->shape, &a->set, error);
    hth_npz_close(npz);
    return status;
}

/* The shape and the given values are those of the training file, whatever the split. */
static hth_status load(arrays_state *a, const arrays_options *options, hth_split split,
                       hth_error *error) {
    hth_npz *npz;
    HTH_TRY(hth_npz_open(options->file, &npz, error));
    hth_status status = hth_npz_only(npz, names, HTH_COUNT(names), error);
    if (status == HTH_OK) status = hth_array_shape(npz, (size_t)options->classes, &a->shape, error);
    if (status == HTH_OK) status = load_given(a, npz, error);
    bool own = split == HTH_TRAIN || !*other_file(options, split);
    if (status == HTH_OK && own) status = hth_array_set_load(npz, &a->shape, &a->set, error);
    hth_npz_close(npz);
    HTH_TRY(status);
    return own ? HTH_OK : load_other(a, other_file(options, split), error);
}

/* Which sequences of the file are the split's. */
static hth_status choose_range(arrays_state *a, const arrays_options *options, hth_split split,
                               hth_error *error) {
    a->count = a->set.count;
    bool shared = options->validation_fraction > 0 && !*options->validate_file;
    if (split == HTH_TEST || !shared) return HTH_OK;
    size_t all = a->set.count;
    size_t validate = (size_t)floor(options->validation_fraction * (double)all + 0.5);
    if (validate == 0 || validate >= all)
        return hth_fail(error, HTH_INVALID,
                        "%s: data.validation_fraction %.9g of %zu sequences leaves %s with none",
                        options->file, options->validation_fraction, all,
                        validate ? "training" : "validation");
    a->first = split == HTH_TRAIN ? 0 : all - validate;
    a->count = split == HTH_TRAIN ? all - validate : validate;
    return HTH_OK;
}

static hth_status plan(arrays_state *a, const arrays_options *options,
                       const hth_stream_context *context, hth_error *error) {
    bool train = context->split == HTH_TRAIN;
    a->batch = context->batch;
    a->seed = context->seed;
    a->shuffle = options->shuffle && train;
    a->incomplete = train ? options->incomplete : PAD;
    a->ordered_epoch = UINT64_MAX;
    a->batches = a->count / a->batch;
    if (a->incomplete != DROP) a->batches += a->count % a->batch != 0;
    if (a->batches == 0)
        return hth_fail(error, HTH_INVALID,
                        "%s: there are %zu sequences for a batch of %zu: take a smaller batch, or "
                        "set data.incomplete to wrap or pad",
                        options->file, a->count, a->batch);
    a->order = calloc(a->count, sizeof *a->order);
    return a->order ? HTH_OK : hth_fail(error, HTH_NO_MEMORY, "arrays: not enough memory");
}

static bool has_data(const arrays_options *options, hth_split split) {
    if (split == HTH_TRAIN) return true;
    if (split == HTH_VALIDATE && options->validation_fraction > 0) return true;
    return *other_file(options, split) != '\0';
}

static hth_status arrays_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    arrays_options options;
    HTH_TRY(hth_options_read(&hth_reader_arrays.part.options, context->settings, &options, error));
    *state = NULL;
    if (!has_data(&options, context->split)) return HTH_OK; /* no such split: see stream.h */
    if (context->batch == 0) return hth_fail(error, HTH_INVALID, "arrays: a batch of 0 sequences");
    if (*options.validate_file && options.validation_fraction > 0)
        return hth_fail(error, HTH_INVALID,
                        "data.validate_file and data.validation_fraction are both given: leave one "
                        "of them out");
    arrays_state *a = calloc(1, sizeof *a);
    if (!a) return hth_fail(error, HTH_NO_MEMORY, "arrays: not enough memory");
    hth_status status = load(a, &options, context->split, error);
    if (status == HTH_OK) status = choose_range(a, &options, context->split, error);
    if (status == HTH_OK) status = plan(a, &options, context, error);
    if (status != HTH_OK) {
        arrays_close(a);
        return status;
    }
    *shape = a->shape;
    *state = a;
    return HTH_OK;
}

/* ---- Reading on ------------------------------------------------------------------------- */

/* Fisher & Yates, draws keyed by seed and epoch. */
static void order_epoch(arrays_state *a) {
    if (a->ordered_epoch == a->epoch) return;
    hth_random random = {a->seed, HTH_RANDOM_SHUFFLE, (uint32_t)a->epoch};
    for (size_t i = 0; i < a->count; i++) a->order[i] = a->first + i;
    for (size_t i = a->shuffle ? a->count - 1 : 0; i > 0; i--) {
        size_t j = (size_t)hth_random_below(&random, i, i + 1), swapped = a->order[i];
        a->order[i] = a->order[j];
        a->order[j] = swapped;
    }
    a->ordered_epoch = a->epoch;
}

static void *grow(void *buffer, size_t steps, size_t row, bool *failed) {
    void *grown = row ? realloc(buffer, steps * row) : buffer;
    *failed |= row && !grown;
    return grown || !row ? grown : buffer;
}

/* Some batch has items that only fill it up. */
static bool pads(const arrays_state *a) {
    return a->incomplete == PAD && a->count % a->batch != 0;
}

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(arrays_state *a, size_t steps, hth_error *error) {
    if (steps <= a->capacity) return HTH_OK;
    bool failed =
        steps > SIZE_MAX / sizeof(hth_real) / a->batch / (a->shape.inputs + a->shape.outputs);
    size_t number = failed ? 0 : a->batch * sizeof(hth_real);
    a->x = grow(a->x, steps, a->shape.inputs * number, &failed);
    if (a->set.targets) a->targets = grow(a->targets, steps, a->shape.outputs * number, &failed);
    if (a->set.classes)
        a->classes = grow(a->classes, steps, failed ? 0 : a->batch * sizeof(int32_t), &failed);
    if (a->set.weights || pads(a)) a->weights = grow(a->weights, steps, number, &failed);
    if (failed)
        return hth_fail(error, HTH_NO_MEMORY,
                        "arrays: not enough memory for a chunk of %zu steps x %zu items", steps,
                        a->batch);
    a->capacity = steps;
    return HTH_OK;
}

static void gather_item(arrays_state *a, size_t b, size_t steps) {
    size_t place = (size_t)a->batch_index * a->batch + b;
    bool real = place < a->count || a->incomplete != PAD;
    size_t from = a->order[place % a->count] * a->set.steps + (size_t)a->step;
    size_t inputs = a->shape.inputs, outputs = a->shape.outputs;
    for (size_t t = 0; t < steps; t++) {
        size_t in = from + t, out = t * a->batch + b;
        memcpy(a->x + out * inputs, a->set.x + in * inputs, inputs * sizeof *a->x);
        if (a->targets)
            memcpy(a->targets + out * outputs, a->set.targets + in * outputs,
                   outputs * sizeof *a->targets);
        else
            a->classes[out] = a->set.classes[in];
        if (a->weights) a->weights[out] = !real ? 0 : a->set.weights ? a->set.weights[in] : 1;
    }
}

static void advance(arrays_state *a, size_t steps, hth_position_flags *flags) {
    flags->starts = a->step == 0;
    a->step += steps;
    flags->ends = a->step == a->set.steps;
    if (!flags->ends) return;
    a->step = 0;
    flags->epoch_end = ++a->batch_index == a->batches;
    if (!flags->epoch_end) return;
    a->batch_index = 0;
    a->epoch++;
}

static hth_status arrays_next(void *state, size_t max_steps, hth_chunk *chunk,
                              hth_position_flags *flags, hth_error *error) {
    arrays_state *a = state;
    if (a->batch_index >= a->batches || a->step >= a->set.steps)
        return hth_fail(error, HTH_MISMATCH,
                        "arrays: position batch %llu, step %llu lies beyond the %zu batches of %zu "
                        "steps; has the file been changed?",
                        (unsigned long long)a->batch_index, (unsigned long long)a->step, a->batches,
                        a->set.steps);
    size_t left = a->set.steps - (size_t)a->step, steps = left < max_steps ? left : max_steps;
    HTH_TRY(reserve(a, steps, error));
    order_epoch(a);
    for (size_t b = 0; b < a->batch; b++) gather_item(a, b, steps);
    *chunk = (hth_chunk){.steps = steps,
                         .batch = a->batch,
                         .x = a->x,
                         .targets = a->targets,
                         .classes = a->classes,
                         .weights = a->weights};
    *flags = (hth_position_flags){0};
    advance(a, steps, flags);
    return HTH_OK;
}

static size_t arrays_fields(void *state, hth_field *fields, size_t capacity) {
    arrays_state *a = state;
    const hth_field all[] = {{"epoch", HTH_DTYPE_U64, 1, &a->epoch, {0}},
                             {"batch", HTH_DTYPE_U64, 1, &a->batch_index, {0}},
                             {"step", HTH_DTYPE_U64, 1, &a->step, {0}}};
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

static void arrays_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const arrays_state *a = state;
    *sequence_steps = a->set.steps;
    *epoch_steps = (uint64_t)a->batches * a->set.steps;
}

static size_t arrays_given(const void *state, hth_given *out, size_t capacity) {
    const arrays_state *a = state;
    for (size_t i = 0; i < a->given_count && i < capacity; i++) out[i] = a->given[i];
    return a->given_count;
}

const hth_stream_kind hth_reader_arrays = {
    .part = {.name = "arrays",
             .summary = "sequences from the arrays of an .npz file",
             .source = "NumPy's .npz format",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = arrays_open,
    .next = arrays_next,
    .state = arrays_fields,
    .extent = arrays_extent,
    .given = arrays_given,
    .close = arrays_close,
};
