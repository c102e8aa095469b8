/*
 * Named arrays in a file: the safetensors format (an 8-byte little-endian header length, a JSON header
 * with name, dtype, shape and offsets, then the data), which other tools can open.
 */
#ifndef HTH_SAFETENSORS_H
#define HTH_SAFETENSORS_H

#include "base/base.h"

/* A text beside the tensors (the header's __metadata__). */
typedef struct hth_metadata {
    const char *key, *value;
} hth_metadata;

enum { HTH_TENSOR_RANK = 8 };

/* A tensor that a file holds. Owned by the file. */
typedef struct hth_tensor {
    const char *name, *dtype; /* dtype as the format writes it: "F32", "U64", ... */
    size_t rank;
    uint64_t shape[HTH_TENSOR_RANK];
    uint64_t count;      /* numbers: product of the shape */
    uint64_t begin, end; /* bytes, from the start of the data */
} hth_tensor;

/*
 * Writes the fields, each with its shape, as PATH.tmp, syncs it and renames it to PATH, so that PATH is always either
 * the old file or the new one, whole. The metadata get a digest of all bytes. HTH_FILE with the reason: PATH.tmp is
 * then gone, and the old file is untouched unless it was only the folder that could not be synced. /
 */
hth_status hth_safetensors_write(const char *path, const hth_field *fields, size_t count,
                                 const hth_metadata *metadata, size_t metadata_count,
                                 hth_error *error);

/* An open file whose header has been read and checked against its length, and whose bytes have been checked against the
 * digest, if it has one. HTH_DAMAGED: it has been read, and is wrong. HTH_FILE: the system did not let it be read. */
typedef struct hth_safetensors hth_safetensors;

hth_status hth_safetensors_open(const char *path, hth_safetensors **out, hth_error *error);
void hth_safetensors_close(hth_safetensors *file);

/* Tensors in the order in which their data lies in the file. */
const hth_tensor *hth_safetensors_list(const hth_safetensors *file, size_t *count);
/* The value of a key of the metadata, or NULL. Owned by the file. */
const char *hth_safetensors_metadata(const hth_safetensors *file, const char *key);
/* Entry `index` of the metadata; false past the last. */
bool hth_safetensors_metadata_at(const hth_safetensors *file, size_t index, hth_metadata *out);

typedef enum hth_restore_flags {
    HTH_RESTORE_EXACT = 0,
    HTH_RESTORE_CONVERT = 1, /* take F32 where this build has F64, and the reverse */
    HTH_RESTORE_ALL = 2      /* refuse a file with tensors that no field asks for */
} hth_restore_flags;

/*
 * Copies every field from the tensor of its name. HTH_MISMATCH with the first field that is missing,
 * has another count or another dtype; HTH_FILE when the file cannot be read. After an error no field
 * has been changed.
 */
hth_status hth_safetensors_restore(hth_safetensors *file, const hth_field *fields, size_t count,
                                   unsigned flags, hth_error *error);

#endif
