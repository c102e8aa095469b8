/* A trace that only decays ends among the subnormal numbers, where arithmetic is slow: it is 0 before that. */
#ifndef HTH_KERNELS_LEAST_H
#define HTH_KERNELS_LEAST_H

#include "kernels/vector.h"

#ifdef HTH_DOUBLE
#define HTH_LEAST 1e-290
#else
#define HTH_LEAST 1e-30f
#endif

#ifdef HTH_VECTOR_KERNELS

HTH_ALWAYS_INLINE hth_vector hth_without_least(hth_vector v) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    const __m512d x = (__m512d)v, least = _mm512_set1_pd(HTH_LEAST);
    return (hth_vector)_mm512_maskz_mov_pd(_mm512_cmp_pd_mask(_mm512_abs_pd(x), least, _CMP_NLT_UQ),
                                           x);
#elif defined(__AVX512F__)
    const __m512 x = (__m512)v, least = _mm512_set1_ps(HTH_LEAST);
    return (hth_vector)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_abs_ps(x), least, _CMP_NLT_UQ),
                                           x);
#else
    /* as bits: compilers would go lane by lane */
    const hth_mask sign = (hth_mask)hth_all_lanes(-HTH_C(0.0));
    const hth_vector size = (hth_vector)((hth_mask)v & ~sign);
    return (hth_vector)((hth_mask)v & ~(size < hth_all_lanes(HTH_LEAST)));
#endif
}

#else

static inline hth_real hth_without_least(hth_real x) {
    return x < HTH_LEAST && x > -HTH_LEAST ? 0 : x;
}

#endif

#endif
