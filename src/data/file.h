/* A whole file in memory, plain or compressed with xz or gzip. */
#ifndef HTH_FILE_H
#define HTH_FILE_H

#include "base/base.h"

typedef struct hth_bytes {
    char *data; /* from malloc; the caller frees it */
    size_t length;
} hth_bytes;

/* Reads PATH or, if there is no such file, PATH.xz or PATH.gz. What begins as an xz or gzip file does is
 * unpacked, whatever its name. HTH_FILE for a file that is missing, cut short or damaged. */
hth_status hth_file_read(const char *path, hth_bytes *out, hth_error *error);

#endif
