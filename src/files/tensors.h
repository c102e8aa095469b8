/* What writing and reading safetensors files share: see safetensors.c. */
#ifndef HTH_TENSORS_H
#define HTH_TENSORS_H

#include "files/draft.h"
#include "files/safetensors.h"

/* "F32", ...: as the format writes it. */
const char *hth_dtype_name(hth_dtype dtype);
/* Bytes of a number; 0 for a name that the format does not have. */
size_t hth_dtype_size(const char *name);

/* The digest is FNV-1a, 64 bits (Fowler, Noll, Vo), of all bytes of a file, those of the length first. In the header its
 * own 16 digits count as zeros. It tells any change of a single byte, and others but for one in 2^64. */
#define HTH_DIGEST_KEY "digest"
#define HTH_DIGEST_ZERO "fnv1a64:0000000000000000"
#define HTH_DIGEST_START UINT64_C(0xcbf29ce484222325)
uint64_t hth_digest_add(uint64_t digest, const void *bytes, size_t count);
enum { HTH_DIGEST_DIGITS = 16 };
void hth_digest_text(uint64_t digest, char out[HTH_DIGEST_DIGITS + 1]);
/* Where the digits of the digest are in a header's text; NULL: it has none. */
char *hth_digest_digits(char *header);

#endif
