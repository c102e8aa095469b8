/*
 * Named NumPy arrays: an .npz file, which is a zip archive of .npy members, stored or deflated; or a folder of .npy
 * files, which is the same unpacked. Files of a folder are mapped into memory: the system reads the parts that are
 * used and drops them when memory is short. They must not be shortened while they are in use.
 */
#ifndef HTH_ARCHIVE_H
#define HTH_ARCHIVE_H

#include "data/npy.h"

typedef struct hth_npz hth_npz;

/* HTH_FILE if the path is missing or neither a zip archive nor a folder; HTH_INVALID if the archive has two members
 * of the same name; HTH_NO_MEMORY if, by its directory, it unpacks to more than the machine's memory. */
hth_status hth_npz_open(const char *path, hth_npz **out, hth_error *error);
void hth_npz_close(hth_npz *npz);
const char *hth_npz_path(const hth_npz *npz);
bool hth_npz_has(const hth_npz *npz, const char *name); /* name without .npy */
/* HTH_INVALID if there is an array that is not in `names`: the message lists them, or gives the nearest one. In a
 * folder, other files than .npy are ignored. */
hth_status hth_npz_only(const hth_npz *npz, const char *const *names, size_t count,
                        hth_error *error);

/* Reads the header alone. HTH_FILE if there is no such array, HTH_INVALID if its header or dtype cannot be read. */
hth_status hth_npz_header(hth_npz *npz, const char *name, hth_npy *out, hth_error *error);

/* Visits every number once, in the order of the file. HTH_FILE if the array is cut short or damaged; some visits
 * may have been made by then. */
hth_status hth_npz_read(hth_npz *npz, const char *name, hth_npy_visit visit, void *arg,
                        hth_error *error);

/* A file mapped into memory. */
typedef struct hth_map {
    void *start; /* NULL: no file */
    size_t length;
    const unsigned char *numbers; /* the first number, in the order of `array` */
    hth_npy array;
} hth_map;

bool hth_npz_is_folder(const hth_npz *npz);
/* Maps an array of a folder. The map stays valid after the folder's handle is closed. */
hth_status hth_npz_map(hth_npz *npz, const char *name, hth_map *out, hth_error *error);
void hth_map_close(hth_map *map);

#endif
