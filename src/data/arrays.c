/*
 * Reads sequences from NumPy arrays: an .npz file, or a folder of .npy files, with
 *
 *     inputs   (N, T, n_in)    bool, integers or floats; or (S, n_in): the steps of one stream
 *     targets  (N, T, n_out)   values, or (N, T) of integers: classes; or (S, n_out), (S);
 *                              a test file may have none, and is then predicted, not scored
 *     mask     (N, T)          optional: the weight of each step, at least 0; or (S)
 *     lengths  (N)             optional: the number of steps of each sequence; the rest is padding
 *     starts   (N, T)          optional: 1 where the state is reset before a step; for a stream (S) of bool, or the
 *                              positions of these steps
 *     w_in, w_rec, w_out, b_rec, b_out, feedback, class_weights, w_in_mask, w_rec_mask, w_in_delay, w_rec_delay, and
 *     module_w_in, module_w_rec, module_w_out (episodes)      optional: passed on unchanged
 *
 * At a reset the state, the traces and all else that a learner carries start anew. So a sequence with resets is
 * several sequences, and is cut into them here. An .npz file is held in memory as a whole; of a folder, inputs and
 * targets that are values are mapped.
 */
#include "data/array_set.h"

#include <stdlib.h>
#include <string.h>

typedef struct arrays_options {
    hth_sequence_options sequences;
    int64_t classes;
} arrays_options;

static const char *const names[] = {
    "inputs",  "targets",     "mask",         "lengths",     "starts",     "w_in",
    "w_rec",   "w_out",       "b_rec",        "b_out",       "feedback",   "class_weights",
    "w_store", "b_store",     "w_in_mask",    "w_rec_mask",  "w_in_delay", "w_rec_delay",
    "w_fb",    "module_w_in", "module_w_rec", "module_w_out"};
/* names: first the DATA arrays, then those that are passed on */
enum { DATA = 5, GIVEN = HTH_COUNT(names) - DATA };
static const char *const *const given_names = names + DATA;

typedef struct arrays {
    hth_array_set set;
    hth_given given[GIVEN];
    size_t given_count;
} arrays;

extern const hth_stream_kind hth_reader_arrays;

static const hth_option table[] = {
    HTH_SEQUENCE_OPTIONS(arrays_options,
                         "an .npz file with inputs and targets, or a folder of .npy files"),
    {.name = "classes",
     .offset = offsetof(arrays_options, classes),
     .help = "outputs for integer targets; 0: the training file's largest plus 1",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 2147483647},
};

static void arrays_close(void *held) {
    arrays *a = held;
    hth_array_set_free(&a->set);
    for (size_t i = 0; i < a->given_count; i++) free((double *)a->given[i].values);
    free(a);
}

/* Copies numbers from..from+width-1 of an array, loaded or mapped. */
static void take(const hth_real *values, const hth_map *map, size_t from, size_t width,
                 hth_real *out) {
    if (values)
        memcpy(out, values + from, width * sizeof *out);
    else
        hth_npy_convert(&map->array, map->numbers, from, width, out);
}

static void arrays_copy(const void *held, size_t sequence, size_t step, const hth_row *to) {
    const hth_array_set *set = &((const arrays *)held)->set;
    const size_t at = set->layout.first[sequence] + step;
    const size_t inputs = set->shape.inputs, outputs = set->shape.outputs;
    take(set->x, &set->mapped_x, at * inputs, inputs, to->x);
    if (to->class) *to->class = set->classes[at];
    if (set->weights) *to->weight = set->weights[at];
    if (!to->targets) return;
    if (set->weights && set->weights[at] == 0) /* targets without weight need not be finite */
        memset(to->targets, 0, outputs * sizeof *to->targets);
    else
        take(set->targets, &set->mapped_targets, at * outputs, outputs, to->targets);
}

static size_t arrays_given(const void *held, hth_given *out, size_t capacity) {
    const arrays *a = held;
    for (size_t i = 0; i < a->given_count && i < capacity; i++) out[i] = a->given[i];
    return a->given_count;
}

/* ---- Loading ---- */

static hth_status load_given(hth_npz *npz, arrays *a, hth_error *error) {
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

/* Reads the training file: the shape and the passed-on arrays, and the sequences if it is the split's own file. */
static hth_status load_train(const arrays_options *options, const char *path, bool is_split,
                             arrays *a, hth_shape *shape, hth_error *error) {
    hth_npz *npz;
    hth_array_layout layout = {0};
    HTH_TRY(hth_npz_open(path, &npz, error));
    hth_status status = hth_npz_only(npz, names, HTH_COUNT(names), error);
    if (status == HTH_OK) status = hth_array_layout_read(npz, &layout, error);
    if (status == HTH_OK)
        status = hth_array_shape(npz, &layout, (size_t)options->classes, shape, error);
    if (status == HTH_OK) status = load_given(npz, a, error);
    if (status == HTH_OK && is_split)
        status = hth_array_set_load(npz, shape, &layout, true, &a->set, error);
    hth_array_layout_free(&layout);
    hth_npz_close(npz);
    return status;
}

/* needs_targets: not for a test file, whose outputs may be what is wanted. */
static hth_status load_other(const char *path, const hth_shape *shape, bool needs_targets,
                             arrays *a, hth_error *error) {
    hth_npz *npz;
    hth_array_layout layout;
    HTH_TRY(hth_npz_open(path, &npz, error));
    hth_status status = hth_npz_only(npz, names, HTH_COUNT(names), error);
    if (status == HTH_OK) status = hth_array_layout_read(npz, &layout, error);
    if (status == HTH_OK)
        status = hth_array_set_load(npz, shape, &layout, needs_targets, &a->set, error);
    hth_npz_close(npz);
    return status;
}

/* Sets the class of each sequence: the class of its last step with weight. */
static void find_classes(const hth_array_set *set, hth_sequence_set *out) {
    const hth_array_layout *l = &set->layout;
    for (size_t s = 0; s < l->count; s++) {
        size_t t = l->lengths[s];
        while (t > 1 && set->weights && set->weights[l->first[s] + t - 1] == 0) t--;
        out->classes[s] = set->classes[l->first[s] + t - 1];
    }
}

static hth_status list_sequences(const arrays *a, hth_sequence_set *out, hth_error *error) {
    const hth_array_layout *l = &a->set.layout;
    const bool classes = a->set.classes != NULL;
    out->count = l->count;
    out->lengths = calloc(l->count, sizeof *out->lengths);
    if (classes) out->classes = calloc(l->count, sizeof *out->classes);
    if (!out->lengths || (classes && !out->classes))
        return hth_fail(error, HTH_NO_MEMORY, "arrays: not enough memory");
    memcpy(out->lengths, l->lengths, l->count * sizeof *out->lengths);
    if (classes) find_classes(&a->set, out);
    return HTH_OK;
}

static hth_status arrays_load(const void *options, const char *train, const char *path,
                              hth_sequence_set *out, hth_error *error) {
    const arrays_options *given = options;
    const bool is_split = path == train;
    hth_shape shape;
    /* Read the training file, then the split's own if it is another. */
    arrays *a = calloc(1, sizeof *a);
    if (!a) return hth_fail(error, HTH_NO_MEMORY, "arrays: not enough memory");
    hth_status status = load_train(options, train, is_split, a, &shape, error);
    if (status == HTH_OK && !is_split)
        status = load_other(path, &shape, path != given->sequences.test_file, a, error);
    if (status != HTH_OK) {
        arrays_close(a);
        return status;
    }
    /* Describe the loaded set. */
    const hth_array_layout *l = &a->set.layout;
    *out = (hth_sequence_set){.shape = shape,
                              .is_weighted = a->set.weights != NULL,
                              .has_resets = l->count > l->rows,
                              .held = a,
                              .copy = arrays_copy,
                              .close = arrays_close,
                              .given = arrays_given};
    hth_array_set_doubt(&a->set, path, l->ends != NULL, out->doubt);
    return list_sequences(a, out, error); /* after an error the caller closes the set */
}

static hth_status arrays_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    arrays_options options;
    HTH_TRY(hth_options_read(&hth_reader_arrays.part.options, context->settings, &options, error));
    return hth_sequences_open(context, &options.sequences, arrays_load, state, shape, error);
}

const hth_stream_kind hth_reader_arrays = {
    .part = {.name = "arrays",
             .summary = "sequences from the arrays of an .npz file or of a folder of .npy files",
             .source = "NumPy's .npz and .npy formats",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = arrays_open,
    HTH_SEQUENCES_VERBS,
};
