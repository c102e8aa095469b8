/* Shared by the reader and the writer of safetensors files: see safetensors.c. */
#ifndef HTH_TENSORS_H
#define HTH_TENSORS_H

#include "files/digest.h"
#include "files/draft.h"
#include "files/safetensors.h"

/* The format's name of a dtype: "F32", ... */
const char *hth_dtype_name(hth_dtype dtype);
/* Bytes of one number; 0 if the format has no such dtype. */
size_t hth_dtype_size(const char *name);

/* The digest covers all bytes of the file, those of the header's length first. Its own 16 digits in the header
 * count as zeros. */
#define HTH_DIGEST_KEY "digest"
#define HTH_DIGEST_ZERO "fnv1a64:0000000000000000"
enum { HTH_DIGEST_DIGITS = 16 };
void hth_digest_text(uint64_t digest, char out[HTH_DIGEST_DIGITS + 1]);
/* The place of the digest's digits in a header; NULL: there are none. */
char *hth_digest_digits(char *header);

#endif
