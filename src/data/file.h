/* Reads a whole file into memory, plain or compressed with xz or gzip. */
#ifndef HTH_FILE_H
#define HTH_FILE_H

#include "base/base.h"

typedef struct hth_bytes {
    char *data; /* from malloc; the caller frees it */
    size_t length;
} hth_bytes;

/* Reads PATH or, if it does not exist, PATH.xz or PATH.gz. The first bytes decide whether the content is unpacked,
 * not the name. HTH_FILE if the file is missing, cut short or damaged. */
hth_status hth_file_read(const char *path, hth_bytes *out, hth_error *error);

/* Writes a number of bytes for a person: "3.7 MB". */
void hth_bytes_text(double bytes, char out[16]);

#endif
