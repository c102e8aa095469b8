/* What writing and reading safetensors files share: see safetensors.c. */
#ifndef HTH_TENSORS_H
#define HTH_TENSORS_H

#include "files/digest.h"
#include "files/draft.h"
#include "files/safetensors.h"

/* "F32", ...: as the format writes it. */
const char *hth_dtype_name(hth_dtype dtype);
/* Bytes of a number; 0 for a name that the format does not have. */
size_t hth_dtype_size(const char *name);

/* The digest of a file is of all its bytes, those of the length first. In the header its own 16 digits count as
 * zeros. */
#define HTH_DIGEST_KEY "digest"
#define HTH_DIGEST_ZERO "fnv1a64:0000000000000000"
enum { HTH_DIGEST_DIGITS = 16 };
void hth_digest_text(uint64_t digest, char out[HTH_DIGEST_DIGITS + 1]);
/* Where the digits of the digest are in a header's text; NULL: it has none. */
char *hth_digest_digits(char *header);

#endif
