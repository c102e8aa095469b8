/*
 * Vectors of hth_real as wide as the machine's registers, through the vector types that gcc and clang
 * share. Multiply-adds are written a * b + c and contracted by the compiler (-ffp-contract=fast).
 */
#ifndef HTH_KERNELS_VECTOR_H
#define HTH_KERNELS_VECTOR_H

#include "kernels/internal.h"

#ifdef HTH_VECTOR_KERNELS

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define HTH_VECTOR_BYTES 64
#elif defined(__AVX__)
#define HTH_VECTOR_BYTES 32
#else
#define HTH_VECTOR_BYTES 16
#endif

#ifdef HTH_DOUBLE
#define HTH_LANES (HTH_VECTOR_BYTES / 8)
#else
#define HTH_LANES (HTH_VECTOR_BYTES / 4)
#endif

#define HTH_PANEL (2 * HTH_LANES) /* columns of a packed panel of B */

/* Registers limit the rows of a tile: 2 sums a row, 2 vectors of B and one element of A. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define HTH_TILE_ROWS 14 /* of 32 registers */
#else
#define HTH_TILE_ROWS 6 /* of 16 */
#endif

/* Unrolled tiles would take sanitizers minutes to compile. */
#define HTH_NO_SANITIZERS __attribute__((no_sanitize("address", "undefined")))
#define HTH_ALWAYS_INLINE HTH_NO_SANITIZERS static inline __attribute__((always_inline))

/* Loops over registers: they must disappear. */
#if defined(__clang__)
#define HTH_UNROLL _Pragma("clang loop unroll(full)")
#else
#define HTH_UNROLL _Pragma("GCC unroll 16")
#endif

typedef hth_real hth_vector __attribute__((vector_size(HTH_VECTOR_BYTES)));
typedef hth_real hth_unaligned
    __attribute__((vector_size(HTH_VECTOR_BYTES), aligned(sizeof(hth_real)), may_alias));

HTH_ALWAYS_INLINE hth_vector hth_load(const hth_real *p) {
    return *(const hth_unaligned *)p;
}

HTH_ALWAYS_INLINE void hth_store(hth_real *p, hth_vector v) {
    *(hth_unaligned *)p = v;
}

/* The first `count` lanes, 0 <= count <= HTH_LANES; the others are zero, or not written. */
HTH_ALWAYS_INLINE hth_vector hth_load_some(const hth_real *p, size_t count) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
#elif defined(__AVX512F__)
    return (hth_vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
    hth_vector v = {0};
    for (size_t i = 0; i < count; i++) v[i] = p[i];
    return v;
#endif
}

HTH_ALWAYS_INLINE void hth_store_some(hth_real *p, hth_vector v, size_t count) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)v);
#elif defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#else
    for (size_t i = 0; i < count; i++) p[i] = v[i];
#endif
}

#endif

#endif
