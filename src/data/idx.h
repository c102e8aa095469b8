/*
 * IDX files, as of MNIST, plain or compressed with gzip or xz:
 *
 *     images   00 00 08 03, N, height, width (32 bits, high byte first), then N height width bytes
 *     labels   00 00 08 01, N, then N bytes
 */
#ifndef HTH_IDX_H
#define HTH_IDX_H

#include "data/file.h"

/* A file in memory; free(file.data) frees it. */
typedef struct hth_idx {
    hth_bytes file;
    size_t shape[3];
    const unsigned char *bytes; /* the first number */
} hth_idx;

/* Reads a file of `rank` axes, 3: images, 1: labels; *out is zero before. HTH_FILE if it is missing, damaged or none.
 * */
hth_status hth_idx_read(const char *path, size_t rank, hth_idx *out, hth_error *error);

/* Writes where the labels beside a file of images are, its name with labels for images and idx1 for idx3, into
 * out[size]; false where the name does not tell, or is too long. */
bool hth_idx_labels(const char *path, char *out, size_t size);

/* HTH_MISMATCH where there are not as many labels as images. */
hth_status hth_idx_check_pair(const hth_idx *images, const hth_idx *labels, const char *path,
                              const char *labels_path, hth_error *error);

#endif
