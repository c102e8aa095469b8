/* Finds where sequences begin and end in the arrays of a file: inputs, lengths, starts. */
#include "data/array_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reading {
    const hth_npz *npz;
    const char *name;
    hth_array_layout *layout;
    bool *begins; /* [rows * steps]: the state is reset before this step */
    size_t last;  /* the last position read, plus 1; positions must rise */
} reading;

void hth_array_layout_free(hth_array_layout *layout) {
    free(layout->ends);
    free(layout->first);
    free(layout->lengths);
    *layout = (hth_array_layout){0};
}

bool hth_array_is_step(const hth_array_layout *l, size_t i) {
    return !l->ends || i % l->steps < l->ends[i / l->steps];
}

static hth_status no_memory(const hth_npz *npz, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for the sequences",
                    hth_npz_path(npz));
}

/* ---- lengths ---- */

static hth_status visit_length(void *arg, const hth_npy *array, size_t index, double value,
                               hth_error *error) {
    const reading *r = arg;
    char right[64];
    if (value >= 1 && value <= (double)r->layout->steps) {
        r->layout->ends[index] = (size_t)value;
        return HTH_OK;
    }
    snprintf(right, sizeof right, "1 to %zu, the steps of inputs", r->layout->steps);
    return hth_array_fail_number(r->npz, r->name, array, index, value, right, error);
}

static hth_status read_ends(hth_npz *npz, hth_array_layout *l, hth_error *error) {
    hth_npy array;
    char right[96];
    reading r = {.npz = npz, .name = "lengths", .layout = l};
    if (!hth_npz_has(npz, r.name)) return HTH_OK;
    /* Check the shape of `lengths`. */
    HTH_TRY(hth_npz_header(npz, r.name, &array, error));
    snprintf(right, sizeof right, "(%zu,) of integers: the steps of each sequence", l->rows);
    if (l->is_flat)
        return hth_array_fail_shape(npz, r.name, &array,
                                    "left out where inputs are one stream, (S, n_in): there starts "
                                    "says where sequences begin",
                                    error);
    if (array.rank != 1 || array.shape[0] != l->rows || !hth_npy_is_integer(&array))
        return hth_array_fail_shape(npz, r.name, &array, right, error);
    /* Read the length of each row. */
    l->ends = calloc(l->rows, sizeof *l->ends);
    if (!l->ends) return no_memory(npz, error);
    return hth_npz_read(npz, r.name, visit_length, &r, error);
}

/* ---- starts ---- */

static hth_status visit_flag(void *arg, const hth_npy *array, size_t index, double value,
                             hth_error *error) {
    reading *r = arg;
    if (value != 0 && value != 1 && hth_array_is_step(r->layout, index))
        return hth_array_fail_number(r->npz, r->name, array, index, value,
                                     "0 or 1: whether the state is reset before the step", error);
    r->begins[index] = value == 1;
    return HTH_OK;
}

static hth_status visit_position(void *arg, const hth_npy *array, size_t index, double value,
                                 hth_error *error) {
    reading *r = arg;
    char right[96];
    if (value >= (double)r->last && value < (double)r->layout->steps) {
        r->begins[(size_t)value] = true;
        r->last = (size_t)value + 1;
        return HTH_OK;
    }
    snprintf(right, sizeof right, "larger than the one before and less than %zu, the steps",
             r->layout->steps);
    return hth_array_fail_number(r->npz, r->name, array, index, value, right, error);
}

/* Reads `starts`: flags of all steps or, for one stream, the positions of the steps before which the state is
 * reset. */
static hth_status read_starts(hth_npz *npz, reading *r, hth_error *error) {
    const hth_array_layout *l = r->layout;
    hth_npy array;
    char right[160];
    r->name = "starts";
    if (!hth_npz_has(npz, r->name)) return HTH_OK;
    HTH_TRY(hth_npz_header(npz, r->name, &array, error));
    /* Read flags if the shape is one flag for each step. */
    const bool is_flags =
        l->is_flat ? array.rank == 1 && array.kind == HTH_NPY_BOOL && array.shape[0] == l->steps
                   : array.rank == 2 && array.shape[0] == l->rows && array.shape[1] == l->steps;
    if (is_flags && hth_npy_is_integer(&array))
        return hth_npz_read(npz, r->name, visit_flag, r, error);
    /* Read positions if there is one stream. */
    if (l->is_flat && array.rank == 1 && array.kind != HTH_NPY_BOOL && hth_npy_is_integer(&array))
        return hth_npz_read(npz, r->name, visit_position, r, error);
    /* Refuse any other shape. */
    if (l->is_flat)
        snprintf(
            right, sizeof right,
            "(%zu,) of bool, or the positions, as integers, of the steps that begin a sequence",
            l->steps);
    else
        snprintf(right, sizeof right, "(%zu, %zu) of 0 and 1: whether the state is reset", l->rows,
                 l->steps);
    return hth_array_fail_shape(npz, r->name, &array, right, error);
}

/* ---- Sequences ---- */

static size_t end_of(const hth_array_layout *l, size_t row) {
    return l->ends ? l->ends[row] : l->steps;
}

/* Cuts the rows into sequences. The first step of a row always begins a sequence. */
static hth_status cut(const hth_npz *npz, hth_array_layout *l, const bool *begins,
                      hth_error *error) {
    size_t count = 0;
    for (size_t n = 0; n < l->rows; n++)
        for (size_t t = 0; t < end_of(l, n); t++) count += t == 0 || begins[n * l->steps + t];
    l->first = calloc(count, sizeof *l->first);
    l->lengths = calloc(count, sizeof *l->lengths);
    if (!l->first || !l->lengths) return no_memory(npz, error);
    for (size_t n = 0; n < l->rows; n++)
        for (size_t t = 0; t < end_of(l, n); t++) {
            const size_t at = n * l->steps + t;
            if (t == 0 || begins[at]) l->first[l->count++] = at;
            l->lengths[l->count - 1]++;
        }
    return HTH_OK;
}

static hth_status read_inputs(hth_npz *npz, hth_array_layout *l, hth_error *error) {
    hth_npy inputs;
    HTH_TRY(hth_npz_header(npz, "inputs", &inputs, error));
    l->is_flat = inputs.rank == 2;
    l->rows = l->is_flat ? 1 : inputs.shape[0];
    l->steps = inputs.shape[l->is_flat ? 0 : 1];
    if ((l->is_flat || inputs.rank == 3) && inputs.count > 0 && l->steps < UINT32_MAX)
        return HTH_OK;
    return hth_array_fail_shape(
        npz, "inputs", &inputs,
        "(N, T, n_in): sequences, steps, inputs; or (S, n_in): the steps of one stream", error);
}

static hth_status read_layout(hth_npz *npz, hth_array_layout *l, hth_error *error) {
    HTH_TRY(read_inputs(npz, l, error));
    HTH_TRY(read_ends(npz, l, error));
    reading r = {.npz = npz, .layout = l};
    r.begins = calloc(l->rows * l->steps, sizeof *r.begins);
    if (!r.begins) return no_memory(npz, error);
    hth_status status = read_starts(npz, &r, error);
    if (status == HTH_OK) status = cut(npz, l, r.begins, error);
    free(r.begins);
    return status;
}

hth_status hth_array_layout_read(hth_npz *npz, hth_array_layout *out, hth_error *error) {
    hth_array_layout layout = {0};
    hth_status status = read_layout(npz, &layout, error);
    if (status == HTH_OK)
        *out = layout;
    else
        hth_array_layout_free(&layout);
    return status;
}
