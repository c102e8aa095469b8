/* The arrays of one .npz file, checked and converted: what the reader `arrays` cuts batches from. */
#ifndef HTH_ARRAY_SET_H
#define HTH_ARRAY_SET_H

#include "data/npy.h"

/* N sequences of T steps. */
typedef struct hth_array_set {
    size_t count, steps; /* N, T */
    hth_real *x;         /* [N][T][inputs] */
    hth_real *targets;   /* [N][T][outputs], or NULL */
    int32_t *classes;    /* [N][T], or NULL */
    hth_real *weights;   /* [N][T], or NULL: every step counts 1 */
} hth_array_set;

/* The shape that `inputs` and `targets` of a file give: (N, T, n_in), and (N, T, n_out) for values or
 * (N, T) of integers for classes. `classes` is the number of outputs for classes; 0: the largest class
 * that a step with weight has, plus 1. */
hth_status hth_array_shape(hth_npz *npz, size_t classes, hth_shape *shape, hth_error *error);

/*
 * Reads inputs, targets and, if present, mask. HTH_MISMATCH with the array, its shape and the shape
 * that would be right; HTH_NOT_FINITE with the position of a number that is not; HTH_INVALID for a
 * class out of range. Targets of steps whose mask is 0 are not looked at.
 */
hth_status hth_array_set_load(hth_npz *npz, const hth_shape *shape, hth_array_set *out,
                              hth_error *error);
void hth_array_set_free(hth_array_set *set);

/* An array of one or two axes as a matrix; one axis is one row. *values is from malloc. */
hth_status hth_array_matrix(hth_npz *npz, const char *name, size_t *rows, size_t *columns,
                            double **values, hth_error *error);

#endif
