/* The largest magnitude in an array: of numbers without their sign, the order is that of their bits. Infinity and NaN
 * are above all others. */
#ifndef HTH_KERNELS_LARGEST_H
#define HTH_KERNELS_LARGEST_H

#include "base/base.h"

#include <string.h>

#ifdef HTH_DOUBLE
typedef uint64_t hth_bits;
#else
typedef uint32_t hth_bits;
#endif

/* Not finite where a number is not; 0 of none. */
static inline hth_real hth_largest(size_t n, const hth_real *x) {
    hth_bits largest = 0;
    hth_real found;
#if defined(__GNUC__)
    _Pragma("omp simd reduction(max : largest)")
#endif
        for (size_t i = 0; i < n; i++) {
        hth_bits bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= (hth_bits)-1 >> 1;
        largest = bits > largest ? bits : largest;
    }
    memcpy(&found, &largest, sizeof found);
    return found;
}

#endif
