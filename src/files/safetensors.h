/*
 * Named arrays in a file: the safetensors format (8 bytes with the header's length, little-endian; a JSON header
 * with name, dtype, shape and offsets; then the data), which other tools can open.
 */
#ifndef HTH_SAFETENSORS_H
#define HTH_SAFETENSORS_H

#include "base/base.h"

/* A text beside the tensors (the header's __metadata__). */
typedef struct hth_metadata {
    const char *key, *value;
} hth_metadata;

enum { HTH_TENSOR_RANK = 8 };

/* A tensor of a file. The file owns it. */
typedef struct hth_tensor {
    const char *name, *dtype; /* dtype as in the file: "F32", "U64", ... */
    size_t rank;
    uint64_t shape[HTH_TENSOR_RANK];
    uint64_t count;      /* number of numbers: product of the shape */
    uint64_t begin, end; /* byte offsets, from the start of the data */
} hth_tensor;

/*
 * Writes the fields, each with its shape, to PATH.tmp, syncs it and renames it to PATH: so PATH is always either
 * the old file or the new one, whole. The metadata get a digest of all bytes. HTH_FILE with the reason: PATH.tmp is
 * then removed and the old file unchanged, unless only the sync of the folder failed.
 */
hth_status hth_safetensors_write(const char *path, const hth_field *fields, size_t count,
                                 const hth_metadata *metadata, size_t metadata_count,
                                 hth_error *error);

/* An open file. Its header has been checked against its length, and its bytes against the digest if there is one.
 * HTH_DAMAGED: it was read and is wrong. HTH_FILE: the system could not read it. */
typedef struct hth_safetensors hth_safetensors;

hth_status hth_safetensors_open(const char *path, hth_safetensors **out, hth_error *error);
void hth_safetensors_close(hth_safetensors *file);

/* The tensors, in the order of their data. */
const hth_tensor *hth_safetensors_list(const hth_safetensors *file, size_t *count);
/* The value of a metadata key, or NULL. The file owns it. */
const char *hth_safetensors_metadata(const hth_safetensors *file, const char *key);
/* Entry `index` of the metadata; false past the last. */
bool hth_safetensors_metadata_at(const hth_safetensors *file, size_t index, hth_metadata *out);

typedef enum hth_restore_flags {
    HTH_RESTORE_EXACT = 0,
    HTH_RESTORE_CONVERT = 1, /* accept F32 where this build has F64, and the reverse */
    HTH_RESTORE_ALL = 2      /* refuse a file with tensors that no field uses */
} hth_restore_flags;

/*
 * Copies to every field the tensor of the same name. HTH_MISMATCH names the first field whose tensor is missing or
 * has another count or dtype; HTH_FILE: the file could not be read. After an error no field has changed.
 */
hth_status hth_safetensors_restore(hth_safetensors *file, const hth_field *fields, size_t count,
                                   unsigned flags, hth_error *error);

#endif
