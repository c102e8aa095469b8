/*
 * One rounding or two: a multiply-add that is meant is written as one, everywhere. The build forbids the
 * compiler to make others (-ffp-contract=off), so that a result does not hang on the compiler, on its tuning,
 * or on the width of the registers.
 *
 * HTH_UNFUSED is set for the levels of processors that have no such instruction (kernels/level.h): there a
 * product is rounded before it is added, and the bits of a run are those of such processors.
 */
#ifndef HTH_FMA_H
#define HTH_FMA_H

#include "base/base.h"

#include <math.h>

/* a b + c */
static inline double hth_fma64(double a, double b, double c) {
#ifdef HTH_UNFUSED
    return a * b + c;
#else
    return fma(a, b, c);
#endif
}

static inline float hth_fma32(float a, float b, float c) {
#ifdef HTH_UNFUSED
    return a * b + c;
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
