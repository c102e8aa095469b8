/* Checks the arrays of an .npz file against each other and converts them to hth_real, so that no later
 * step meets a wrong shape, a number that is not finite or a class that is none. */
#include "data/array_set.h"

#include <math.h>
#include <stdlib.h>

/* What a visit of numbers writes to, and what it needs to judge them. */
typedef struct loading {
    const char *path, *name;
    const hth_array_set *set;
    const hth_shape *shape;
    double largest;
    double *values;
} loading;

/* ---- Complaints ------------------------------------------------------------------------- */

static hth_status fail_shape(const hth_npz *npz, const char *name, const hth_npy *array,
                             const char *right, hth_error *error) {
    return hth_fail(error, HTH_MISMATCH, "%s: array %s has shape %s and dtype %s, but must be %s",
                    hth_npz_path(npz), name, hth_npy_shape_text(array).text, array->dtype, right);
}

/* As fail_shape, for a shape of known numbers; columns 0: two axes. */
static hth_status fail_size(const hth_npz *npz, const char *name, const hth_npy *array,
                            const size_t right[3], hth_error *error) {
    hth_npy wanted = {.rank = right[2] ? 3 : 2, .shape = {right[0], right[1], right[2]}};
    return fail_shape(npz, name, array, hth_npy_shape_text(&wanted).text, error);
}

static hth_status fail_number(const loading *load, hth_status status, const hth_npy *array,
                              size_t index, double value, const char *right, hth_error *error) {
    return hth_fail(error, status, "%s: %s%s is %.9g, but must be %s", load->path, load->name,
                    hth_npy_index_text(array, index).text, value, right);
}

/* ---- One number at a time --------------------------------------------------------------- */

static hth_status visit_input(void *arg, const hth_npy *array, size_t index, double value,
                              hth_error *error) {
    loading *load = arg;
    load->set->x[index] = (hth_real)value;
    if (isfinite(load->set->x[index])) return HTH_OK;
    return fail_number(load, HTH_INVALID, array, index, value, "finite", error);
}

static hth_status visit_weight(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    loading *load = arg;
    load->set->weights[index] = (hth_real)value;
    if (!isfinite(load->set->weights[index]))
        return fail_number(load, HTH_INVALID, array, index, value, "finite", error);
    if (value >= 0) return HTH_OK;
    return fail_number(load, HTH_INVALID, array, index, value, "a weight of at least 0", error);
}

static bool counts(const loading *load, size_t step) {
    return !load->set->weights || load->set->weights[step] > 0;
}

static hth_status visit_target(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    loading *load = arg;
    bool seen = counts(load, index / load->shape->outputs);
    load->set->targets[index] = (hth_real)(seen ? value : 0);
    if (isfinite(load->set->targets[index])) return HTH_OK;
    return fail_number(load, HTH_INVALID, array, index, value, "finite", error);
}

static hth_status visit_class(void *arg, const hth_npy *array, size_t index, double value,
                              hth_error *error) {
    loading *load = arg;
    bool right = value >= 0 && value < (double)load->shape->outputs;
    load->set->classes[index] = right ? (int32_t)value : 0;
    if (right || !counts(load, index)) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%s: %s%s is class %.9g, but classes are 0 to %zu",
                    load->path, load->name, hth_npy_index_text(array, index).text, value,
                    load->shape->outputs - 1);
}

static hth_status visit_largest(void *arg, const hth_npy *array, size_t index, double value,
                                hth_error *error) {
    loading *load = arg;
    (void)array;
    (void)error;
    if (counts(load, index) && value > load->largest) load->largest = value;
    return HTH_OK;
}

static hth_status visit_double(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    loading *load = arg;
    load->values[index] = value;
    if (isfinite((hth_real)value)) return HTH_OK;
    return fail_number(load, HTH_INVALID, array, index, value, "finite", error);
}

/* ---- Shapes ----------------------------------------------------------------------------- */

static hth_status check_inputs(hth_npz *npz, hth_npy *inputs, hth_error *error) {
    HTH_TRY(hth_npz_header(npz, "inputs", inputs, error));
    if (inputs->rank == 3 && inputs->count > 0) return HTH_OK;
    return fail_shape(npz, "inputs", inputs, "(N, T, n_in): sequences, steps, inputs", error);
}

static hth_status check_targets(hth_npz *npz, const hth_npy *inputs, hth_npy *targets,
                                hth_error *error) {
    HTH_TRY(hth_npz_header(npz, "targets", targets, error));
    bool classes = targets->rank == 2 && hth_npy_is_integer(targets);
    if (!classes && targets->rank != 3)
        return fail_shape(npz, "targets", targets,
                          "(N, T, n_out) for values or (N, T) of integers for classes", error);
    if (targets->count > 0 && targets->shape[0] == inputs->shape[0] &&
        targets->shape[1] == inputs->shape[1])
        return HTH_OK;
    size_t columns = targets->shape[2] ? targets->shape[2] : 1;
    size_t right[3] = {inputs->shape[0], inputs->shape[1], classes ? 0 : columns};
    return fail_size(npz, "targets", targets, right, error);
}

static hth_status no_memory(const hth_npz *npz, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for the arrays",
                    hth_npz_path(npz));
}

/* set->weights from the array mask, if there is one. */
static hth_status load_weights(hth_npz *npz, const hth_npy *inputs, hth_array_set *set,
                               hth_error *error) {
    hth_npy mask;
    if (!hth_npz_has(npz, "mask")) return HTH_OK;
    HTH_TRY(hth_npz_header(npz, "mask", &mask, error));
    if (mask.rank != 2 || mask.shape[0] != inputs->shape[0] || mask.shape[1] != inputs->shape[1]) {
        size_t right[3] = {inputs->shape[0], inputs->shape[1], 0};
        return fail_size(npz, "mask", &mask, right, error);
    }
    set->weights = malloc(mask.count * sizeof *set->weights);
    if (!set->weights) return no_memory(npz, error);
    loading load = {.path = hth_npz_path(npz), .name = "mask", .set = set};
    return hth_npz_read(npz, "mask", visit_weight, &load, error);
}

static hth_status count_classes(hth_npz *npz, const hth_npy *inputs, size_t *classes,
                                hth_error *error) {
    hth_array_set set = {0};
    loading load = {.path = hth_npz_path(npz), .name = "targets", .set = &set, .largest = 0};
    hth_status status = load_weights(npz, inputs, &set, error);
    if (status == HTH_OK) status = hth_npz_read(npz, "targets", visit_largest, &load, error);
    free(set.weights);
    HTH_TRY(status);
    if (load.largest >= INT32_MAX)
        return hth_fail(error, HTH_INVALID, "%s: targets has class %.9g, too large to be one",
                        load.path, load.largest);
    *classes = (size_t)load.largest + 1;
    return HTH_OK;
}

hth_status hth_array_shape(hth_npz *npz, size_t classes, hth_shape *shape, hth_error *error) {
    hth_npy inputs, targets;
    HTH_TRY(check_inputs(npz, &inputs, error));
    HTH_TRY(check_targets(npz, &inputs, &targets, error));
    hth_shape found = {.inputs = inputs.shape[2], .outputs = targets.shape[2]};
    if (targets.rank == 2) {
        found.target = HTH_TARGET_CLASSES;
        found.outputs = classes;
        if (!classes) HTH_TRY(count_classes(npz, &inputs, &found.outputs, error));
    }
    *shape = found;
    return HTH_OK;
}

/* ---- Loading ---------------------------------------------------------------------------- */

/* The file must give what the training file gave: as many inputs and outputs, of the same kind. */
static hth_status check_like(const hth_npz *npz, const hth_shape *shape, const hth_npy *inputs,
                             const hth_npy *targets, hth_error *error) {
    size_t n = inputs->shape[0], steps = inputs->shape[1];
    bool classes = shape->target == HTH_TARGET_CLASSES;
    if (inputs->shape[2] != shape->inputs)
        return fail_size(npz, "inputs", inputs, (size_t[3]){n, steps, shape->inputs}, error);
    if (classes && targets->rank != 2)
        return fail_shape(npz, "targets", targets, "(N, T) of integers, as in the training file",
                          error);
    if (!classes && targets->shape[2] != shape->outputs)
        return fail_size(npz, "targets", targets, (size_t[3]){n, steps, shape->outputs}, error);
    if (!classes && targets->rank != 3)
        return fail_shape(npz, "targets", targets, "(N, T, n_out), as in the training file", error);
    return HTH_OK;
}

static hth_status load_arrays(hth_npz *npz, const hth_shape *shape, hth_array_set *set,
                              hth_error *error) {
    hth_npy inputs, targets;
    HTH_TRY(check_inputs(npz, &inputs, error));
    HTH_TRY(check_targets(npz, &inputs, &targets, error));
    HTH_TRY(check_like(npz, shape, &inputs, &targets, error));
    set->count = inputs.shape[0];
    set->steps = inputs.shape[1];
    HTH_TRY(load_weights(npz, &inputs, set, error));
    bool classes = shape->target == HTH_TARGET_CLASSES;
    set->x = malloc(inputs.count * sizeof *set->x);
    if (classes)
        set->classes = malloc(targets.count * sizeof *set->classes);
    else
        set->targets = malloc(targets.count * sizeof *set->targets);
    if (!set->x || !(classes ? (void *)set->classes : (void *)set->targets))
        return no_memory(npz, error);
    loading load = {.path = hth_npz_path(npz), .name = "inputs", .set = set, .shape = shape};
    HTH_TRY(hth_npz_read(npz, "inputs", visit_input, &load, error));
    load.name = "targets";
    return hth_npz_read(npz, "targets", classes ? visit_class : visit_target, &load, error);
}

hth_status hth_array_set_load(hth_npz *npz, const hth_shape *shape, hth_array_set *out,
                              hth_error *error) {
    hth_array_set set = {0};
    hth_status status = load_arrays(npz, shape, &set, error);
    if (status == HTH_OK)
        *out = set;
    else
        hth_array_set_free(&set);
    return status;
}

void hth_array_set_free(hth_array_set *set) {
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
        return fail_shape(npz, name, &array, "a vector or a matrix", error);
    loading load = {.path = hth_npz_path(npz), .name = name};
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
