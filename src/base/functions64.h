/*
 * Transcendental functions in double: exp, log, tanh, sigmoid, softplus, sine and cosine, power, erf, atan.
 * They are ours because those of the C libraries differ in the last bits, and a run must give the same bits
 * with all of them. They call nothing but fabs, copysign, floor and fma, which IEEE 754 defines exactly.
 *
 * Method (Cody & Waite 1980; Muller, Elementary Functions, 2016): the argument is reduced to a short
 * interval, where a polynomial of least maximal error (Remez exchange) takes over. The inline functions have
 * no branches and no tables, so that a compiler can turn a loop over them into vector code; kernels/functions.h
 * uses the same ones in double precision.
 *
 * Errors are in units in the last place (ulp) of the result, the largest that tests/base/test_functions64.c
 * finds; a second number holds where HTH_UNFUSED is set (base/fma.h). NaN gives NaN.
 */
#ifndef HTH_FUNCTIONS64_H
#define HTH_FUNCTIONS64_H

#include "base/fma.h"

#include <math.h>
#include <string.h>

/* ln 2 in two parts. The first has 32 bits, so that n times it is exact for |n| < 2^21. */
#define HTH_LN2_HIGH 6.93147180369123816490e-01
#define HTH_LN2_LOW 1.90821492927058770002e-10

static inline double hth_double_of(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t hth_bits64_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^n for n in -1022..1023, given as the bits of an int64_t. */
static inline double hth_power_of_two64(uint64_t n) {
    return hth_double_of((n + 1023u) << 52);
}

/* ---- Exponential and what is made of it ---------------------------------------------------------- */

/* x = n ln 2 + r: returns r, |r| <= ln(2)/2. n is rounded by adding 1.5 2^52, which leaves it in the low bits: AVX2
 * has no instruction that turns doubles into integers of 64 bits. */
static inline double hth_exp_split64(double x, uint64_t *n) {
    const double magic = 6755399441055744.0;
    double shifted = hth_fma64(x, 1.4426950408889634, magic);
    double k = shifted - magic;
    *n = hth_bits64_of(shifted) - UINT64_C(0x4338000000000000);
    return hth_fma64(-k, HTH_LN2_LOW, hth_fma64(-k, HTH_LN2_HIGH, x));
}

/* exp(r) - 1 for |r| <= ln(2)/2, with an error relative to it. */
static inline double hth_exp_reduced64(double r) {
    double q = 2.5114438612649468e-08;
    q = hth_fma64(q, r, 2.762628072244582e-07);
    q = hth_fma64(q, r, 2.7557228070094249e-06);
    q = hth_fma64(q, r, 2.4801504580444974e-05);
    q = hth_fma64(q, r, 0.00019841269902890984);
    q = hth_fma64(q, r, 0.0013888888932242528);
    q = hth_fma64(q, r, 0.0083333333333146607);
    q = hth_fma64(q, r, 0.041666666666574169);
    q = hth_fma64(q, r, 0.16666666666666685);
    q = hth_fma64(q, r, 0.50000000000000056);
    return hth_fma64(r * r, q, r);
}

/* 2^n (1 + p). The power of two is applied in halves, so that the result over- and underflows where it should. */
static inline double hth_exp_scaled64(double p, uint64_t n) {
    uint64_t half = ((n + 4096u) >> 1) - 2048u;
    double scale = hth_power_of_two64(half);
    return hth_fma64(scale, p, scale) * hth_power_of_two64(n - half);
}

/* Within -708..708 the power of two is a normal number, and so is 1 / (1 + exp(x)): numbers that
 * underflow would be slow. */
static inline double hth_exp_bounded64(double x) {
    uint64_t n;
    x = x > 708.0 ? 708.0 : x;
    x = x < -708.0 ? -708.0 : x;
    double p = hth_exp_reduced64(hth_exp_split64(x, &n));
    double scale = hth_power_of_two64(n);
    return hth_fma64(scale, p, scale);
}

/* 1.1 ulp; 0 below -745.2, infinity above 709.79. */
static inline double hth_exp64(double x) {
    uint64_t n;
    x = x > 710.0 ? 710.0 : x;
    x = x < -746.0 ? -746.0 : x;
    double p = hth_exp_reduced64(hth_exp_split64(x, &n));
    return hth_exp_scaled64(p, n);
}

/* 2.6 ulp. With t = exp(2|x|) - 1: t / (t + 2). From 19.1 on the result rounds to 1. */
static inline double hth_tanh64(double x) {
    uint64_t n;
    double y = 2.0 * fabs(x);
    y = y > 40.0 ? 40.0 : y;
    double p = hth_exp_reduced64(hth_exp_split64(y, &n));
    double scale = hth_power_of_two64(n);
    double t = hth_fma64(scale, p, scale - 1.0);
    return copysign(t / (t + 2.0), x);
}

/* 1 / (1 + exp(-x)): 2.5 ulp; below -708 it stays at 3.3e-308. */
static inline double hth_sigmoid64(double x) {
    return 1.0 / (1.0 + hth_exp_bounded64(-x));
}

/* ---- Logarithm ----------------------------------------------------------------------------------- */

/* log(1 + f) - f for f in sqrt(1/2)-1 .. sqrt(2)-1. With s = f / (2 + f) and z = s^2 (Sun's fdlibm, e_log.c):
 * log(1 + f) = 2 artanh(s) = 2s + s z P(z), and 2s = f - s f = f - f^2/2 + s f^2/2. */
static inline double hth_log1p_rest64(double f) {
    double s = f / (2.0 + f), z = s * s;
    double p = 0.14795305730810204;
    p = hth_fma64(p, z, 0.15314121522453539);
    p = hth_fma64(p, z, 0.18183561232647273);
    p = hth_fma64(p, z, 0.22222198640625512);
    p = hth_fma64(p, z, 0.28571428741625265);
    p = hth_fma64(p, z, 0.39999999999418806);
    p = hth_fma64(p, z, 0.6666666666666734);
    double half = 0.5 * f * f;
    return hth_fma64(s, hth_fma64(z, p, half), -half);
}

/* x = 2^e (1 + f), f as above, for x > 0. The exponent becomes a double by way of its bits. */
static inline double hth_log_split64(double x, double *f) {
    bool tiny = x < 2.2250738585072014e-308; /* subnormal: made normal first */
    uint64_t bits = hth_bits64_of(tiny ? x * 0x1p54 : x) + UINT64_C(0x00095F6200000000);
    double e = hth_double_of((bits >> 52) | UINT64_C(0x4330000000000000));
    *f = hth_double_of((bits & UINT64_C(0x000FFFFFFFFFFFFF)) + UINT64_C(0x3FE6A09E00000000)) - 1.0;
    return e - (tiny ? 0x1p52 + 1077 : 0x1p52 + 1023);
}

/* 0.9 ulp. log(0) is -infinity, of a negative number NaN. e ln 2 + f is kept as two numbers. */
static inline double hth_log64(double x) {
    double f, e = hth_log_split64(x, &f);
    double whole = e * HTH_LN2_HIGH; /* exact */
    double high = whole + f;
    double low = (whole - high) + f;
    double y = high + (low + hth_fma64(e, HTH_LN2_LOW, hth_log1p_rest64(f)));
    double outside = x == 0.0 ? (double)-INFINITY : (double)NAN;
    y = x < (double)INFINITY ? y : x;
    return x > 0.0 ? y : outside;
}

/* log(1 + exp(x)): 2.2 ulp; below -708 it stays at 3.3e-308. For y = exp(-|x|) above sqrt(2) - 1: log(1 + y) =
 * log(2) + log(1 + (y - 1) / 2). The choice is a number, since compilers made a branch of it. */
static inline double hth_softplus64(double x) {
    double y = hth_exp_bounded64(-fabs(x)); /* 0..1 */
    double scale = y > 0.41421356237309503 ? 0.5 : 1.0;
    double f = hth_fma64(scale, y, scale - 1.0);
    double z = f + hth_log1p_rest64(f);
    return (x > 0.0 ? x : 0.0) + hth_fma64(1.0 - scale, 1.3862943611198906, z); /* 2 log(2) */
}

/* ---- Sine and cosine ----------------------------------------------------------------------------- */

/* cos and sin of x turns, that is of 2 pi x: 1.1 ulp; 1.7. Whole turns, and then the nearest quarter, are taken away
 * exactly. Infinity gives NaN. */
static inline void hth_turn64(double x, double *cosine, double *sine) {
    x = fabs(x) < 1.0 ? x : x - floor(x);
    double quarters = floor(hth_fma64(4.0, x, 0.5));
    double r = hth_fma64(-0.25, quarters, x), z = r * r;
    double s = 3.7814764205544908;
    s = hth_fma64(s, z, -15.093834705675318);
    s = hth_fma64(s, z, 42.058685606281934);
    s = hth_fma64(s, z, -76.705859709640009);
    s = hth_fma64(s, z, 81.605249275971559);
    s = hth_fma64(s, z, -41.341702240399677);
    s = hth_fma64(s, z, 2.4492935982947064e-16); /* 2 pi less the double next to it */
    s = hth_fma64(6.283185307179586, r, s * r);
    double c = -1.6970268424426667;
    c = hth_fma64(c, z, 7.9031020340759062);
    c = hth_fma64(c, z, -26.426251149603043);
    c = hth_fma64(c, z, 60.244641331717915);
    c = hth_fma64(c, z, -85.456817206540691);
    c = hth_fma64(c, z, 64.939394022668012);
    c = hth_fma64(c, z, -19.739208802178716);
    c = hth_fma64(c, z, 1.0);
    double quarter = hth_fma64(-4.0, floor(0.25 * quarters), quarters); /* 0..3 */
    bool odd = quarter == 1.0 || quarter == 3.0;
    double first = odd ? s : c, second = odd ? c : s;
    *cosine = quarter == 1.0 || quarter == 2.0 ? -first : first;
    *sine = quarter == 2.0 || quarter == 3.0 ? -second : second;
}

static inline double hth_cos_turns64(double x) {
    double cosine, sine;
    hth_turn64(x, &cosine, &sine);
    return cosine;
}

static inline double hth_sin_turns64(double x) {
    double cosine, sine;
    hth_turn64(x, &cosine, &sine);
    return sine;
}

/* ---- One at a time ------------------------------------------------------------------------------- */

/* x^y for x >= 0, else NaN: 1.3 ulp. x^0 and 1^y are 1. */
double hth_pow64(double x, double y);

double hth_erf64(double x);  /* 1.3 ulp; 1.5 */
double hth_atan64(double x); /* 1.9 ulp */

#endif
