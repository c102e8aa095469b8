/*
 * Vectors of hth_real as wide as the machine's registers, through the vector types that gcc and clang
 * share. Multiply-adds are hth_vector_fma; a * b + c is rounded twice.
 */
#ifndef HTH_KERNELS_VECTOR_H
#define HTH_KERNELS_VECTOR_H

#include "base/fma.h"
#include "kernels/internal.h"

#ifdef HTH_VECTOR_KERNELS

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
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
#ifdef HTH_DOUBLE
typedef int64_t hth_mask __attribute__((vector_size(HTH_VECTOR_BYTES))); /* what comparisons give */
#else
typedef int32_t hth_mask __attribute__((vector_size(HTH_VECTOR_BYTES)));
#endif
typedef hth_real hth_unaligned
    __attribute__((vector_size(HTH_VECTOR_BYTES), aligned(sizeof(hth_real)), may_alias));

HTH_ALWAYS_INLINE hth_vector hth_load(const hth_real *p) {
    return *(const hth_unaligned *)p;
}

HTH_ALWAYS_INLINE void hth_store(hth_real *p, hth_vector v) {
    *(hth_unaligned *)p = v;
}

/* a b + c in every lane, rounded once where the level fuses (base/fma.h). */
HTH_ALWAYS_INLINE hth_vector hth_vector_fma(hth_vector a, hth_vector b, hth_vector c) {
#if defined(HTH_UNFUSED)
    return a * b + c;
#elif defined(__AVX512F__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX512F__)
    return (hth_vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__FMA__)
    return (hth_vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__) && defined(HTH_DOUBLE)
    return (hth_vector)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__aarch64__)
    return (hth_vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    for (int i = 0; i < HTH_LANES; i++) c[i] = hth_fma(a[i], b[i], c[i]);
    return c;
#endif
}

/* a x + y */
HTH_ALWAYS_INLINE hth_vector hth_add_scaled_vector(hth_real a, hth_vector x, hth_vector y) {
    return hth_vector_fma(a - (hth_vector){0}, x, y);
}

/* The same number in every lane. */
HTH_ALWAYS_INLINE hth_vector hth_all_lanes(hth_real x) {
    return x - (hth_vector){0};
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/* All bits of the first `count` lanes. */
HTH_ALWAYS_INLINE __m256i hth_first_lanes(size_t count) {
#ifdef HTH_DOUBLE
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)count), _mm256_setr_epi64x(0, 1, 2, 3));
#else
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
#endif
}
#endif

/* The first `count` lanes, 0 <= count <= HTH_LANES; the others are zero, or not written. */
HTH_ALWAYS_INLINE hth_vector hth_load_some(const hth_real *p, size_t count) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
#elif defined(__AVX512F__)
    return (hth_vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif defined(__AVX2__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm256_maskload_pd(p, hth_first_lanes(count));
#elif defined(__AVX2__)
    return (hth_vector)_mm256_maskload_ps(p, hth_first_lanes(count));
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
#elif defined(__AVX2__) && defined(HTH_DOUBLE)
    _mm256_maskstore_pd(p, hth_first_lanes(count), (__m256d)v);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(p, hth_first_lanes(count), (__m256)v);
#else
    for (size_t i = 0; i < count; i++) p[i] = v[i];
#endif
}

/* The first `count` lanes of a, the others of b. */
HTH_ALWAYS_INLINE hth_vector hth_first_of(size_t count, hth_vector a, hth_vector b) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm512_mask_mov_pd((__m512d)b, (__mmask8)((1u << count) - 1), (__m512d)a);
#elif defined(__AVX512F__)
    return (hth_vector)_mm512_mask_mov_ps((__m512)b, (__mmask16)((1u << count) - 1), (__m512)a);
#elif defined(__AVX2__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)hth_first_lanes(count));
#elif defined(__AVX2__)
    return (hth_vector)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)hth_first_lanes(count));
#else
    for (size_t i = 0; i < count; i++) b[i] = a[i];
    return b;
#endif
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HTH_TURN_IN_REGISTERS /* lanes can be moved between vectors: hth_interleave */
#endif
#endif

#ifdef HTH_TURN_IN_REGISTERS

/* low = a0 b0 a1 b1 ..., high = the same of the upper halves. */
HTH_ALWAYS_INLINE void hth_interleave(hth_vector a, hth_vector b, hth_vector *low,
                                      hth_vector *high) {
#if HTH_LANES == 16
    *low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *high =
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif HTH_LANES == 8
    *low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    *high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif HTH_LANES == 4
    *low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    *high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
    *low = __builtin_shufflevector(a, b, 0, 2);
    *high = __builtin_shufflevector(a, b, 1, 3);
#endif
}

#endif

/* ---- Sums ---- */

/* A reduction adds up in 16 virtual lanes, number i of a row in lane i mod 16, whatever the width of the registers:
 * then lane j takes up lane j + 8, j + 4, j + 2 and j + 1. */
enum { HTH_SUM_LANES = 16, HTH_SUM_VECTORS = HTH_SUM_LANES / HTH_LANES };

typedef struct hth_lanes {
    hth_vector part[HTH_SUM_VECTORS];
} hth_lanes;

/* The tree within a vector. */
HTH_ALWAYS_INLINE hth_real hth_sum_vector(hth_vector v) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    const __m256d four =
        _mm256_add_pd(_mm512_castpd512_pd256((__m512d)v), _mm512_extractf64x4_pd((__m512d)v, 1));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return two[0] + two[1];
#elif defined(__AVX512F__)
    const __m256 eight =
        _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return two[0] + two[1];
#elif defined(__AVX2__) && defined(HTH_DOUBLE)
    const __m128d two =
        _mm_add_pd(_mm256_castpd256_pd128((__m256d)v), _mm256_extractf128_pd((__m256d)v, 1));
    return two[0] + two[1];
#elif defined(__AVX2__)
    const __m128 four =
        _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return two[0] + two[1];
#else
    for (int half = HTH_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) v[i] += v[i + half];
    return v[0];
#endif
}

/* The first rounds of the tree, which add whole vectors. */
HTH_ALWAYS_INLINE hth_vector hth_join_lanes(hth_lanes sum) {
    HTH_UNROLL
    for (int half = HTH_SUM_VECTORS / 2; half > 0; half /= 2) {
        HTH_UNROLL
        for (int i = 0; i < half; i++) sum.part[i] += sum.part[i + half];
    }
    return sum.part[0];
}

HTH_ALWAYS_INLINE hth_real hth_sum_lanes(hth_lanes sum) {
    return hth_sum_vector(hth_join_lanes(sum));
}

/* sum += x y, of the first `count` of 16 numbers; the others count as 0. */
HTH_ALWAYS_INLINE void hth_add_lanes(hth_lanes *sum, const hth_real *x, const hth_real *y,
                                     size_t count) {
    HTH_UNROLL
    for (int i = 0; i < HTH_SUM_VECTORS; i++) {
        const size_t at = (size_t)i * HTH_LANES;
        const size_t some = count < at ? 0 : count - at < HTH_LANES ? count - at : HTH_LANES;
        sum->part[i] =
            hth_vector_fma(hth_load_some(x + at, some), hth_load_some(y + at, some), sum->part[i]);
    }
}

/* Of 16 numbers. */
HTH_ALWAYS_INLINE void hth_add_all_lanes(hth_lanes *sum, const hth_real *x, const hth_real *y) {
    HTH_UNROLL
    for (int i = 0; i < HTH_SUM_VECTORS; i++)
        sum->part[i] =
            hth_vector_fma(hth_load(x + i * HTH_LANES), hth_load(y + i * HTH_LANES), sum->part[i]);
}

#else

#define HTH_ALWAYS_INLINE static
#define HTH_NO_SANITIZERS
#define HTH_UNROLL

#endif

#endif
