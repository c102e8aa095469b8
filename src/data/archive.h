/*
 * NumPy arrays by name: an .npz file, which is a zip archive of .npy members, stored or deflated; or a folder of .npy
 * files, which is the same unpacked. Files of a folder are mapped into memory: the system reads what is looked at, and
 * forgets it when memory is short. They must not be cut short while they are in use.
 */
#ifndef HTH_ARCHIVE_H
#define HTH_ARCHIVE_H

#include "data/npy.h"

typedef struct hth_npz hth_npz;

/* HTH_FILE for a path that is missing or neither a zip archive nor a folder; HTH_INVALID for an archive with two members
 * of one name; HTH_NO_MEMORY for one that says of itself that it unpacks to more than the machine's memory. */
hth_status hth_npz_open(const char *path, hth_npz **out, hth_error *error);
void hth_npz_close(hth_npz *npz);
const char *hth_npz_path(const hth_npz *npz);
bool hth_npz_has(const hth_npz *npz, const char *name); /* name without .npy */
/* HTH_INVALID for an array that is none of the names: the sentence lists them, or the one that may have been meant. Of a
 * folder other files than .npy do not matter. */
hth_status hth_npz_only(const hth_npz *npz, const char *const *names, size_t count,
                        hth_error *error);

/* The header alone. HTH_FILE when there is no such array, HTH_INVALID for a header or dtype that cannot be read. */
hth_status hth_npz_header(hth_npz *npz, const char *name, hth_npy *out, hth_error *error);

/* Visits every number once, in the order of the file. HTH_FILE for an array that is cut short or damaged; visits may
 * then have been made. */
hth_status hth_npz_read(hth_npz *npz, const char *name, hth_npy_visit visit, void *arg,
                        hth_error *error);

/* A file in memory. */
typedef struct hth_map {
    void *start; /* NULL: none */
    size_t length;
    const unsigned char *numbers; /* the first, in the order of `array` */
    hth_npy array;
} hth_map;

bool hth_npz_is_folder(const hth_npz *npz);
/* Maps an array of a folder; the map outlives the folder's handle. */
hth_status hth_npz_map(hth_npz *npz, const char *name, hth_map *out, hth_error *error);
void hth_map_close(hth_map *map);

#endif
