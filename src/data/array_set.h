/* The arrays of a file, checked and converted: what the reader `arrays` cuts batches from. */
#ifndef HTH_ARRAY_SET_H
#define HTH_ARRAY_SET_H

#include "data/archive.h"
#include "data/sequences.h"

/*
 * How steps lie in the arrays: in `rows` rows of T steps each, one after the other. A row is cut where `starts` says so,
 * and ends where `lengths` says so; each piece is a sequence.
 */
typedef struct hth_array_layout {
    size_t rows, steps;      /* N, T; one row where inputs have two axes */
    bool is_flat;            /* they have: (S, n_in) */
    size_t *ends;            /* [rows]: the steps of each row; NULL: all have T */
    size_t count;            /* of sequences */
    size_t *first, *lengths; /* [count] */
} hth_array_layout;

/* Reads the layout from inputs, lengths and starts. On error nothing is left behind. */
hth_status hth_array_layout_read(hth_npz *npz, hth_array_layout *out, hth_error *error);
void hth_array_layout_free(hth_array_layout *layout);
/* Whether step i of all steps is one of a sequence, and no padding. */
bool hth_array_is_step(const hth_array_layout *layout, size_t i);

typedef struct hth_array_set {
    hth_array_layout layout;
    hth_shape shape;
    /* [rows * steps][...]; inputs and targets that are values may be mapped instead */
    hth_real *x, *targets;
    hth_map mapped_x, mapped_targets;
    int32_t *classes;
    hth_real *weights; /* NULL: every step counts 1 */
} hth_array_set;

/* The shape that `inputs` and `targets` of a file give: (N, T, n_in) or (S, n_in), and as many steps of values, or
 * integers for classes. `classes` is the number of outputs for classes; 0: the largest class that a step with weight
 * has, plus 1; then classes that do not begin at 0 or have a gap before 255 are refused. */
hth_status hth_array_shape(hth_npz *npz, const hth_array_layout *layout, size_t classes,
                           hth_shape *shape, hth_error *error);

/*
 * Reads inputs, targets and, if present, mask. HTH_MISMATCH with the array, its shape and the shape that would be right;
 * HTH_INVALID with the position of a number that is not finite, a class out of range, or a mask of zeros alone. What
 * lies in padding, and targets of steps whose mask is 0, are not looked at. Takes the layout's memory.
 */
hth_status hth_array_set_load(hth_npz *npz, const hth_shape *shape, hth_array_layout *layout,
                              hth_array_set *out, hth_error *error);
void hth_array_set_free(hth_array_set *set);

/* Whether masks end in zeros as padding does though no lengths are given: then the sentence that says so. */
void hth_array_set_doubt(const hth_array_set *set, const char *path, bool has_lengths,
                         char out[HTH_DOUBT_LENGTH]);

/* An array of one or two axes as a matrix; one axis is one row. *values is from malloc. */
hth_status hth_array_matrix(hth_npz *npz, const char *name, size_t *rows, size_t *columns,
                            double **values, hth_error *error);

/* What is wrong with an array's shape, or with a number of it: for messages. */
hth_status hth_array_fail_shape(const hth_npz *npz, const char *name, const hth_npy *array,
                                const char *right, hth_error *error);
hth_status hth_array_fail_number(const hth_npz *npz, const char *name, const hth_npy *array,
                                 size_t index, double value, const char *right, hth_error *error);

#endif
