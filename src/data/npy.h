/* NumPy arrays in an .npz file: a zip archive of .npy members, stored or deflated. */
#ifndef HTH_NPY_H
#define HTH_NPY_H

#include "base/base.h"

enum { HTH_NPY_RANK = 4 };

typedef enum hth_npy_kind {
    HTH_NPY_BOOL,
    HTH_NPY_SIGNED,
    HTH_NPY_UNSIGNED,
    HTH_NPY_FLOAT
} hth_npy_kind;

/* What the header of a member says. */
typedef struct hth_npy {
    char dtype[16]; /* as in the file, "<f4" */
    hth_npy_kind kind;
    size_t size; /* bytes of one number */
    bool big_endian, fortran;
    size_t rank, shape[HTH_NPY_RANK]; /* 1 beyond the rank */
    size_t count;                     /* numbers */
} hth_npy;

/* bool and integers; numbers that can count or name a class. */
bool hth_npy_is_integer(const hth_npy *array);

typedef struct hth_npy_text {
    char text[112];
} hth_npy_text;
hth_npy_text hth_npy_shape_text(const hth_npy *array);               /* "(3, 4)", as in Python */
hth_npy_text hth_npy_index_text(const hth_npy *array, size_t index); /* "[1, 2]", of a C index */

typedef struct hth_npz hth_npz;

/* HTH_FILE for a file that is missing or is no zip archive. */
hth_status hth_npz_open(const char *path, hth_npz **out, hth_error *error);
void hth_npz_close(hth_npz *npz);
const char *hth_npz_path(const hth_npz *npz);
bool hth_npz_has(const hth_npz *npz, const char *name); /* name without .npy */
/* HTH_INVALID for an array of the file that is none of the names ("did you mean"). */
hth_status hth_npz_only(const hth_npz *npz, const char *const *names, size_t count,
                        hth_error *error);

/* The header alone. HTH_FILE when there is no such array, HTH_INVALID for a header or dtype that
 * cannot be read. */
hth_status hth_npz_header(hth_npz *npz, const char *name, hth_npy *out, hth_error *error);

/* Gets number `index` (in C order) of an array. Not HTH_OK ends the reading. */
typedef hth_status (*hth_npy_visit)(void *arg, const hth_npy *array, size_t index, double value,
                                    hth_error *error);

/* Visits every number once, in the order of the file. Integers beyond 2^53 are rounded. HTH_FILE for
 * an array that is cut short or damaged; visits may then have been made. */
hth_status hth_npz_read(hth_npz *npz, const char *name, hth_npy_visit visit, void *arg,
                        hth_error *error);

#endif
