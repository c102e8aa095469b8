/* FNV-1a, 64 bits (Fowler, Noll, Vo). It detects every change of a single byte, and other changes except one in
 * 2^64. */
#ifndef HTH_DIGEST_H
#define HTH_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define HTH_DIGEST_START UINT64_C(0xcbf29ce484222325)

/* Adds bytes to a digest. */
static inline uint64_t hth_digest_add(uint64_t digest, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
    return digest;
}

#endif
