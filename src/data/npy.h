/* NumPy's .npy format: the header and the numbers of one array. */
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

/* The content of an array's header. */
typedef struct hth_npy {
    char dtype[16]; /* as in the file, "<f4" */
    hth_npy_kind kind;
    size_t size; /* bytes of one number */
    bool big_endian, fortran;
    size_t rank, shape[HTH_NPY_RANK]; /* lengths beyond the rank are 1 */
    size_t count;                     /* number of numbers */
} hth_npy;

/* Whether the numbers can count or name a class: bool or integers. */
bool hth_npy_is_integer(const hth_npy *array);

typedef struct hth_npy_text {
    char text[112];
} hth_npy_text;
hth_npy_text hth_npy_shape_text(const hth_npy *array); /* "(3, 4)", as in Python */
/* "[1, 2]", for an index in C order */
hth_npy_text hth_npy_index_text(const hth_npy *array, size_t index);

/* A source of an array's bytes, one after the other. */
typedef struct hth_npy_source {
    const char *path, *name; /* for messages: the file, and the array in it */
    uint64_t length;         /* length of all bytes, with the header */
    void *context;
    hth_status (*read)(const struct hth_npy_source *source, void *out, size_t length,
                       hth_error *error);
} hth_npy_source;

/* Reads the header; the numbers come next. HTH_INVALID if it cannot be read, HTH_FILE if there are too few bytes
 * for the shape. */
hth_status hth_npy_header(const hth_npy_source *source, hth_npy *out, hth_error *error);

/* Receives number `index` (in C order) of an array. A status other than HTH_OK ends the reading. */
typedef hth_status (*hth_npy_visit)(void *arg, const hth_npy *array, size_t index, double value,
                                    hth_error *error);

/* Visits every number once, in the order of the file. Integers above 2^53 are rounded. */
hth_status hth_npy_numbers(const hth_npy_source *source, const hth_npy *array, hth_npy_visit visit,
                           void *arg, hth_error *error);

/* The number whose bytes begin at `bytes`. */
double hth_npy_number(const hth_npy *array, const unsigned char *bytes);
/* Converts numbers from..from+count-1 in the order of the file; `numbers` points to number 0. */
void hth_npy_convert(const hth_npy *array, const unsigned char *numbers, size_t from, size_t count,
                     hth_real *out);

#endif
