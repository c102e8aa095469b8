/*
 * One rounding or two: a multiply-add that is meant is written as one, everywhere. The build forbids the
 * compiler to make others (-ffp-contract=off), so that a result does not hang on the compiler, on its tuning,
 * or on the width of the registers.
 *
 * HTH_UNFUSED is set for the levels of processors that have no such instruction (kernels/level.h): there a
 * product is rounded before it is added, and the bits of a run are those of such processors.
 *
 * WebAssembly has no such instruction either. There a multiply-add of floats is made of operations on doubles, with the
 * same bits.
 */
#ifndef HTH_FMA_H
#define HTH_FMA_H

#include "base/base.h"

#include <math.h>
#include <string.h>

/* a b + c */
static inline double hth_fma64(double a, double b, double c) {
#ifdef HTH_UNFUSED
    return a * b + c;
#else
    return fma(a, b, c);
#endif
}

/* a b + c, rounded once, without an instruction for it. The product is exact in double, so only the sum is rounded
 * there. Rounding it again, to float, goes wrong only where the first rounding hit the middle of two floats. There the
 * error e of the sum (Knuth's TwoSum) tells the side, and the sum is moved to its odd neighbour on that side, from which
 * the second rounding is right (Boldo & Melquiond 2008). Below 2^-126 middles lie elsewhere: every sum is looked at. */
static inline float hth_fma32_by_double(float a, float b, float c) {
    const uint64_t dropped = 0x1fffffff, middle = 0x10000000; /* the 29 bits that a float has not */
    double p = (double)a * (double)b, s = p + (double)c;
    uint64_t bits, side;
    memcpy(&bits, &s, sizeof bits);
    if ((bits & dropped) != middle && fabs(s) >= 0x1p-126) return (float)s;
    double t = s - p, e = (p - (s - t)) + ((double)c - t);
    if (e != 0 && e == e && !(bits & 1)) { /* e is not a number where s is infinite */
        memcpy(&side, &e, sizeof side);
        bits += (side ^ bits) >> 63 ? (uint64_t)-1 : 1;
        memcpy(&s, &bits, sizeof s);
    }
    return (float)s;
}

static inline float hth_fma32(float a, float b, float c) {
#ifdef HTH_UNFUSED
    return a * b + c;
#elif defined(__wasm__)
    return hth_fma32_by_double(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

#ifdef HTH_DOUBLE
#define hth_fma hth_fma64
#else
#define hth_fma hth_fma32
#endif

#endif
