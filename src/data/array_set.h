/* The arrays of a file, checked and converted. The reader `arrays` cuts batches from them. */
#ifndef HTH_ARRAY_SET_H
#define HTH_ARRAY_SET_H

#include "data/archive.h"
#include "data/sequences.h"

/*
 * How steps lie in the arrays: `rows` rows of `steps` steps each, one after the other. `starts` cuts a row into
 * pieces, and `lengths` ends it; each piece is a sequence.
 */
typedef struct hth_array_layout {
    size_t rows, steps;      /* N and T; rows is 1 if inputs have two axes */
    bool is_flat;            /* inputs have two axes: (S, n_in) */
    size_t *ends;            /* [rows]: number of steps of each row; NULL: all have `steps` */
    size_t count;            /* number of sequences */
    size_t *first, *lengths; /* [count] */
} hth_array_layout;

/* Reads the layout from inputs, lengths and starts. On an error nothing is left. */
hth_status hth_array_layout_read(hth_npz *npz, hth_array_layout *out, hth_error *error);
void hth_array_layout_free(hth_array_layout *layout);
/* Whether step i of all steps belongs to a sequence and is not padding. */
bool hth_array_is_step(const hth_array_layout *layout, size_t i);

typedef struct hth_array_set {
    hth_array_layout layout;
    hth_shape shape;
    /* [rows * steps][...]; inputs, and targets that are values, may be mapped instead */
    hth_real *x, *targets;
    hth_map mapped_x, mapped_targets;
    int32_t *classes;
    hth_real *weights;  /* NULL: every step counts 1 */
    bool lacks_targets; /* they are 0, and so are all weights */
} hth_array_set;

/* Finds the shape of the data: inputs are (N, T, n_in) or (S, n_in), targets are values for as many steps, or
 * integers for classes. `classes`: number of outputs for classes. 0: the largest class of a step with weight, plus
 * 1; then classes that do not begin at 0, or that have a gap before 255, are refused. */
hth_status hth_array_shape(hth_npz *npz, const hth_array_layout *layout, size_t classes,
                           hth_shape *shape, hth_error *error);

/*
 * Reads inputs, targets and, if present, mask. HTH_MISMATCH names the array, its shape and the right shape.
 * HTH_INVALID names the position of a number that is not finite, of a class out of range, or a mask that is 0
 * everywhere. Padding, and targets of steps whose mask is 0, are not checked. Takes over the layout's memory.
 * needs_targets: a file without them is refused; else no step of it counts.
 */
hth_status hth_array_set_load(hth_npz *npz, const hth_shape *shape, hth_array_layout *layout,
                              bool needs_targets, hth_array_set *out, hth_error *error);
void hth_array_set_free(hth_array_set *set);

/* Writes a warning to `out` if there are no targets, or if masks end in zeros as padding does, although there are no
 * lengths; otherwise "". */
void hth_array_set_doubt(const hth_array_set *set, const char *path, bool has_lengths,
                         char out[HTH_DOUBT_LENGTH]);

/* Reads an array of one or two axes as a matrix; one axis becomes one row. *values is from malloc. */
hth_status hth_array_matrix(hth_npz *npz, const char *name, size_t *rows, size_t *columns,
                            double **values, hth_error *error);

/* Fail with a message about an array's shape, or about one of its numbers. `right` says what would be right. */
hth_status hth_array_fail_shape(const hth_npz *npz, const char *name, const hth_npy *array,
                                const char *right, hth_error *error);
hth_status hth_array_fail_number(const hth_npz *npz, const char *name, const hth_npy *array,
                                 size_t index, double value, const char *right, hth_error *error);

#endif
