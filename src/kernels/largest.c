/* The largest magnitude: see largest.h. Without their sign, numbers have the order of their bits, and infinity and NaN
 * are above all others. So one pass finds both the largest and whether all are finite. */
#include "kernels/largest.h"

#include <string.h>

#ifdef HTH_DOUBLE
typedef uint64_t number_bits;
#else
typedef uint32_t number_bits;
#endif

hth_real hth_largest(size_t n, const hth_real *x) {
    number_bits largest = 0;
    hth_real found;
#if defined(__GNUC__)
    _Pragma("omp simd reduction(max : largest)")
#endif
        for (size_t i = 0; i < n; i++) {
        number_bits bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= (number_bits)-1 >> 1;
        largest = bits > largest ? bits : largest;
    }
    memcpy(&found, &largest, sizeof found);
    return found;
}
