/*
 * Elementwise functions and loops that a compiler can turn into vector code. The transcendental functions are
 * branch-free approximations of our own, in either precision (error stated at each): none of the C library's.
 */
#ifndef HTH_ELEMENTWISE_H
#define HTH_ELEMENTWISE_H

#include "base/base.h"

#include <math.h>

/* Iterations of the loop that follows are independent. */
#if defined(__GNUC__)
#define HTH_SIMD _Pragma("omp simd")
#else
#define HTH_SIMD
#endif

/* clang warns when a loop that was asked for in vectors stays scalar. On some processors it must. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#include "kernels/functions.h" /* hth_exp, hth_log, hth_tanh, hth_sigmoid, hth_softplus, hth_turn */

#endif
