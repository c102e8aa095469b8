/* Checks the arrays of a file against each other and converts them to hth_real, so that later code never meets a
 * wrong shape, a number that is not finite or a class out of range. Values in a folder stay mapped, and are checked
 * when they are used. */
#include "data/array_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a visit of numbers writes, and the facts that it needs to check them. */
typedef struct loading {
    const hth_npz *npz;
    const char *name;
    const hth_array_set *set;
    const hth_shape *shape;
    /* among classes of steps with weight: the two largest, and the smallest */
    double largest, second, least;
    double *values;
} loading;

/* ---- Errors ---- */

hth_status hth_array_fail_shape(const hth_npz *npz, const char *name, const hth_npy *array,
                                const char *right, hth_error *error) {
    return hth_fail(error, HTH_MISMATCH, "%s: array %s has shape %s and dtype %s, but must be %s",
                    hth_npz_path(npz), name, hth_npy_shape_text(array).text, array->dtype, right);
}

hth_status hth_array_fail_number(const hth_npz *npz, const char *name, const hth_npy *array,
                                 size_t index, double value, const char *right, hth_error *error) {
    return hth_fail(error, HTH_INVALID, "%s: %s%s is %.9g, but must be %s", hth_npz_path(npz), name,
                    hth_npy_index_text(array, index).text, value, right);
}

/* The shape of an array with `columns` numbers a step; 0: one number, without an axis of its own. */
static hth_npy shape_of(const hth_array_layout *l, size_t columns) {
    hth_npy right = {.rank = 2, .shape = {l->rows, l->steps}};
    if (l->is_flat) right = (hth_npy){.rank = 1, .shape = {l->steps}};
    if (columns) right.shape[right.rank++] = columns;
    return right;
}

static hth_status fail_size(const hth_npz *npz, const char *name, const hth_npy *array,
                            const hth_array_layout *l, size_t columns, hth_error *error) {
    const hth_npy right = shape_of(l, columns);
    return hth_array_fail_shape(npz, name, array, hth_npy_shape_text(&right).text, error);
}

static hth_status fail_number(const loading *load, const hth_npy *array, size_t index, double value,
                              const char *right, hth_error *error) {
    return hth_array_fail_number(load->npz, load->name, array, index, value, right, error);
}

static hth_status no_memory(const hth_npz *npz, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for the arrays",
                    hth_npz_path(npz));
}

/* ---- One number at a time ---- */

static bool is_step(const loading *load, size_t step) {
    return hth_array_is_step(&load->set->layout, step);
}

static bool counts(const loading *load, size_t step) {
    return is_step(load, step) && (!load->set->weights || load->set->weights[step] > 0);
}

static hth_status visit_input(void *arg, const hth_npy *array, size_t index, double value,
                              hth_error *error) {
    loading *load = arg;
    const hth_real x = (hth_real)value;
    load->set->x[index] = x;
    if (isfinite(x) || !is_step(load, index / load->shape->inputs)) return HTH_OK;
    return fail_number(load, array, index, value, "finite", error);
}

static hth_status visit_weight(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    loading *load = arg;
    hth_real *weight = &load->set->weights[index];
    *weight = is_step(load, index) ? (hth_real)value : 0;
    if (!isfinite(*weight)) return fail_number(load, array, index, value, "finite", error);
    if (*weight >= 0) return HTH_OK;
    return fail_number(load, array, index, value, "a weight of at least 0", error);
}

static hth_status visit_target(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    loading *load = arg;
    bool seen = counts(load, index / load->shape->outputs);
    load->set->targets[index] = (hth_real)(seen ? value : 0);
    if (isfinite(load->set->targets[index])) return HTH_OK;
    return fail_number(load, array, index, value, "finite", error);
}

static hth_status visit_class(void *arg, const hth_npy *array, size_t index, double value,
                              hth_error *error) {
    loading *load = arg;
    bool right = value >= 0 && value < (double)load->shape->outputs;
    load->set->classes[index] = right ? (int32_t)value : 0;
    if (right || !counts(load, index)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: %s%s is class %.9g, but classes are 0 to %zu; where a step has no class, "
                    "the array mask must be 0",
                    hth_npz_path(load->npz), load->name, hth_npy_index_text(array, index).text,
                    value, load->shape->outputs - 1);
}

static hth_status visit_kind(void *arg, const hth_npy *array, size_t index, double value,
                             hth_error *error) {
    loading *load = arg;
    (void)array;
    (void)error;
    if (!counts(load, index)) return HTH_OK;
    if (value < load->least) load->least = value;
    if (value > load->largest) {
        load->second = load->largest;
        load->largest = value;
    } else if (value < load->largest && value > load->second) {
        load->second = value;
    }
    return HTH_OK;
}

static hth_status visit_double(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    loading *load = arg;
    load->values[index] = value;
    if (isfinite((hth_real)value)) return HTH_OK;
    return fail_number(load, array, index, value, "finite", error);
}

/* ---- Shapes ---- */

/* Whether targets are classes: one integer for each step. */
static bool are_classes(const hth_array_layout *l, const hth_npy *targets) {
    return targets->rank == shape_of(l, 0).rank && hth_npy_is_integer(targets);
}

static hth_status check_targets(hth_npz *npz, const hth_array_layout *l, hth_npy *targets,
                                hth_error *error) {
    HTH_TRY(hth_npz_header(npz, "targets", targets, error));
    const bool classes = are_classes(l, targets);
    const size_t axes = shape_of(l, 0).rank, last = targets->shape[axes];
    const bool a_sequence = !l->is_flat && targets->rank == 1 && targets->shape[0] == l->rows;
    if (!classes && targets->rank != axes + 1)
        return hth_array_fail_shape(
            npz, "targets", targets,
            l->is_flat ? "(S, n_out) for values or (S,) of integers for classes"
            : a_sequence
                ? "(N, T) of integers: give the class of a sequence at each of its steps, and "
                  "say in the array mask at which of them it counts"
                : "(N, T, n_out) for values or (N, T) of integers for classes",
            error);
    const hth_npy right = shape_of(l, 0);
    if (targets->count > 0 && memcmp(targets->shape, right.shape, axes * sizeof *right.shape) == 0)
        return HTH_OK;
    return fail_size(npz, "targets", targets, l, classes ? 0 : last ? last : 1, error);
}

/* Reads set->weights from the array mask, if there is one. */
static hth_status load_weights(hth_npz *npz, hth_array_set *set, hth_error *error) {
    hth_npy mask;
    if (!hth_npz_has(npz, "mask")) return HTH_OK;
    HTH_TRY(hth_npz_header(npz, "mask", &mask, error));
    const hth_npy right = shape_of(&set->layout, 0);
    if (mask.rank != right.rank || memcmp(mask.shape, right.shape, right.rank * sizeof *mask.shape))
        return fail_size(npz, "mask", &mask, &set->layout, 0, error);
    set->weights = malloc(mask.count * sizeof *set->weights);
    if (!set->weights) return no_memory(npz, error);
    loading load = {.npz = npz, .name = "mask", .set = set};
    return hth_npz_read(npz, "mask", visit_weight, &load, error);
}

/* Refuses classes that are probably a mistake: counted from 1, or -1 stored as an unsigned byte. */
static hth_status check_kinds(const loading *load, hth_error *error) {
    const char *path = hth_npz_path(load->npz);
    if (load->largest >= INT32_MAX)
        return hth_fail(error, HTH_INVALID, "%s: targets has class %.9g, too large to be one", path,
                        load->largest);
    if (load->largest == 255 && load->second < 254)
        return hth_fail(error, HTH_INVALID,
                        "%s: targets has class 255, and otherwise classes to %.9g: if 255 is -1, a "
                        "step without a class, the array mask must be 0 there; if it is a class, "
                        "set data.classes=256",
                        path, load->second < 0 ? 0 : load->second);
    if (load->least >= 1 && load->largest >= load->least)
        return hth_fail(error, HTH_INVALID,
                        "%s: the classes of targets are %.9g to %.9g, but classes count from 0: "
                        "subtract %.9g, or, if the lower ones are only missing here, set "
                        "data.classes=%.9g",
                        path, load->least, load->largest, load->least, load->largest + 1);
    return HTH_OK;
}

static hth_status count_classes(hth_npz *npz, const hth_array_layout *l, size_t *classes,
                                hth_error *error) {
    hth_array_set set = {.layout = *l};
    loading load = {
        .npz = npz, .name = "targets", .set = &set, .largest = -1, .second = -1, .least = INFINITY};
    hth_status status = load_weights(npz, &set, error);
    if (status == HTH_OK) status = hth_npz_read(npz, "targets", visit_kind, &load, error);
    free(set.weights);
    HTH_TRY(status);
    HTH_TRY(check_kinds(&load, error));
    *classes = load.largest < 0 ? 1 : (size_t)load.largest + 1;
    return HTH_OK;
}

hth_status hth_array_shape(hth_npz *npz, const hth_array_layout *l, size_t classes,
                           hth_shape *shape, hth_error *error) {
    hth_npy inputs, targets;
    HTH_TRY(hth_npz_header(npz, "inputs", &inputs, error));
    HTH_TRY(check_targets(npz, l, &targets, error));
    hth_shape found = {.inputs = inputs.shape[inputs.rank - 1],
                       .outputs = targets.shape[targets.rank - 1]};
    if (are_classes(l, &targets)) {
        found.target = HTH_TARGET_CLASSES;
        found.outputs = classes;
        if (!classes) HTH_TRY(count_classes(npz, l, &found.outputs, error));
    }
    *shape = found;
    return HTH_OK;
}

/* ---- Loading ---- */

static hth_status check_inputs(const hth_npz *npz, const hth_shape *shape,
                               const hth_array_layout *l, const hth_npy *inputs, hth_error *error) {
    if (inputs->shape[inputs->rank - 1] == shape->inputs) return HTH_OK;
    return fail_size(npz, "inputs", inputs, l, shape->inputs, error);
}

/* Refuses a file that differs from the training file in the number of inputs or outputs, or in the kind of targets. */
static hth_status check_like(const hth_npz *npz, const hth_shape *shape, const hth_array_layout *l,
                             const hth_npy *inputs, const hth_npy *targets, hth_error *error) {
    const bool classes = shape->target == HTH_TARGET_CLASSES, found = are_classes(l, targets);
    HTH_TRY(check_inputs(npz, shape, l, inputs, error));
    if (classes && !found)
        return hth_array_fail_shape(npz, "targets", targets,
                                    l->is_flat ? "(S,) of integers, as in the training file"
                                               : "(N, T) of integers, as in the training file",
                                    error);
    if (!classes && (found || targets->shape[targets->rank - 1] != shape->outputs))
        return fail_size(npz, "targets", targets, l, shape->outputs, error);
    return HTH_OK;
}

/* Loads the values of an array: mapped if the array is a file in C order, otherwise converted. */
static hth_status load_values(hth_npz *npz, const loading *from, hth_npy_visit visit, size_t count,
                              hth_real **values, hth_map *map, hth_error *error) {
    loading load = *from;
    if (hth_npz_is_folder(npz)) {
        HTH_TRY(hth_npz_map(npz, load.name, map, error));
        if (!map->array.fortran) return HTH_OK;
        hth_map_close(map); /* Fortran order: convert instead */
    }
    *values = malloc(hth_times(count, sizeof **values));
    if (!*values) return no_memory(npz, error);
    return hth_npz_read(npz, load.name, visit, &load, error);
}

static hth_status check_weights(const hth_npz *npz, const hth_array_set *set, hth_error *error) {
    const size_t count = set->layout.rows * set->layout.steps;
    for (size_t i = 0; set->weights && i < count; i++)
        if (set->weights[i] > 0) return HTH_OK;
    if (!set->weights) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: mask is 0 at every step, so that nothing counts: it must be 1 (or another "
                    "weight) where targets are to be learned",
                    hth_npz_path(npz));
}

static hth_status load_inputs(hth_npz *npz, const hth_npy *inputs, hth_array_set *set,
                              hth_error *error) {
    const loading load = {.npz = npz, .name = "inputs", .set = set, .shape = &set->shape};
    return load_values(npz, &load, visit_input, inputs->count, &set->x, &set->mapped_x, error);
}

/* Inputs alone, for predictions: targets of 0 that do not count. */
static hth_status load_without_targets(hth_npz *npz, hth_array_set *set, hth_error *error) {
    const size_t steps = set->layout.rows * set->layout.steps;
    const bool values = set->shape.target == HTH_TARGET_VALUES;
    hth_npy inputs;
    HTH_TRY(hth_npz_header(npz, "inputs", &inputs, error));
    HTH_TRY(check_inputs(npz, &set->shape, &set->layout, &inputs, error));
    set->lacks_targets = true;
    set->weights = calloc(steps, sizeof *set->weights);
    if (values)
        set->targets = calloc(steps, hth_times(set->shape.outputs, sizeof *set->targets));
    else
        set->classes = calloc(steps, sizeof *set->classes);
    if (!set->weights || (!set->targets && !set->classes)) return no_memory(npz, error);
    return load_inputs(npz, &inputs, set, error);
}

static hth_status load_arrays(hth_npz *npz, hth_array_set *set, hth_error *error) {
    /* Check the shapes, then read the mask. */
    const hth_shape *shape = &set->shape;
    hth_npy inputs, targets;
    HTH_TRY(hth_npz_header(npz, "inputs", &inputs, error));
    HTH_TRY(check_targets(npz, &set->layout, &targets, error));
    HTH_TRY(check_like(npz, shape, &set->layout, &inputs, &targets, error));
    HTH_TRY(load_weights(npz, set, error));
    HTH_TRY(check_weights(npz, set, error));
    HTH_TRY(load_inputs(npz, &inputs, set, error));
    /* Load the targets: values or classes. */
    loading load = {.npz = npz, .name = "targets", .set = set, .shape = shape};
    if (shape->target == HTH_TARGET_VALUES)
        return load_values(npz, &load, visit_target, targets.count, &set->targets,
                           &set->mapped_targets, error);
    set->classes = malloc(hth_times(targets.count, sizeof *set->classes));
    if (!set->classes) return no_memory(npz, error);
    return hth_npz_read(npz, "targets", visit_class, &load, error);
}

hth_status hth_array_set_load(hth_npz *npz, const hth_shape *shape, hth_array_layout *layout,
                              bool needs_targets, hth_array_set *out, hth_error *error) {
    hth_array_set set = {.layout = *layout, .shape = *shape};
    *layout = (hth_array_layout){0};
    hth_status status = needs_targets || hth_npz_has(npz, "targets")
                            ? load_arrays(npz, &set, error)
                            : load_without_targets(npz, &set, error);
    if (status == HTH_OK)
        *out = set;
    else
        hth_array_set_free(&set);
    return status;
}

void hth_array_set_free(hth_array_set *set) {
    hth_array_layout_free(&set->layout);
    hth_map_close(&set->mapped_x);
    hth_map_close(&set->mapped_targets);
    free(set->x);
    free(set->targets);
    free(set->classes);
    free(set->weights);
    *set = (hth_array_set){0};
}

hth_status hth_array_matrix(hth_npz *npz, const char *name, size_t *rows, size_t *columns,
                            double **values, hth_error *error) {
    hth_npy array;
    HTH_TRY(hth_npz_header(npz, name, &array, error));
    if (array.rank < 1 || array.rank > 2 || array.count == 0)
        return hth_array_fail_shape(npz, name, &array, "a vector or a matrix", error);
    loading load = {.npz = npz, .name = name};
    load.values = malloc(array.count * sizeof *load.values);
    if (!load.values) return no_memory(npz, error);
    hth_status status = hth_npz_read(npz, name, visit_double, &load, error);
    if (status != HTH_OK) {
        free(load.values);
        return status;
    }
    *rows = array.rank == 1 ? 1 : array.shape[0];
    *columns = array.rank == 1 ? array.shape[0] : array.shape[1];
    *values = load.values;
    return HTH_OK;
}

/* ---- Doubts ---- */

void hth_array_set_doubt(const hth_array_set *set, const char *path, bool has_lengths,
                         char out[HTH_DOUBT_LENGTH]) {
    const hth_array_layout *l = &set->layout;
    size_t padded = 0, first = 0;
    bool differ = false;
    out[0] = '\0';
    if (set->lacks_targets) {
        snprintf(out, HTH_DOUBT_LENGTH,
                 "%.200s has no targets: outputs can be predicted, but not scored", path);
        return;
    }
    for (size_t n = 0; n < l->rows && set->weights && !has_lengths && !l->is_flat; n++) {
        size_t end = l->steps; /* the last step with weight, plus 1 */
        while (end > 0 && set->weights[n * l->steps + end - 1] == 0) end--;
        padded += end < l->steps;
        if (n == 0) first = end;
        differ = differ || end != first;
    }
    if (padded && differ)
        snprintf(out, HTH_DOUBT_LENGTH,
                 "%.200s: in %zu of %zu sequences the mask ends in zeros: if what they hide is "
                 "padding, give the array lengths, or the network runs through it",
                 path, padded, l->rows);
}
