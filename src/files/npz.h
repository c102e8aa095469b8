/* Writes NumPy's .npz: named arrays in a zip archive. data/archive.h reads them. */
#ifndef HTH_NPZ_H
#define HTH_NPZ_H

#include "base/base.h"

enum { HTH_NPZ_RANK = 3 };

/* An array in C order. Owns nothing. */
typedef struct hth_npz_array {
    const char *name;
    hth_dtype dtype;
    size_t rank, shape[HTH_NPZ_RANK];
    const void *data;
} hth_npz_array;

/* Writes the archive, whole or not at all. The bytes depend on the arrays alone. HTH_FILE with the system's reason. */
hth_status hth_npz_write(const char *path, const hth_npz_array *arrays, size_t count,
                         hth_error *error);

#endif
