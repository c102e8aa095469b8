/*
 * exp, tanh, sigmoid, softplus, log and turns (sine and cosine) for loops over many numbers, without branches or
 * tables, so that a compiler can turn a loop into vector code: a reduction of the argument and a polynomial of
 * least maximal error (found by Remez exchange). In double precision they are those of base/functions64.h; those
 * in float are here. The errors stated are the largest over all floats, in units in the last place (ulp), and are
 * tested; a second number holds where HTH_UNFUSED is set (base/fma.h). NaN gives NaN.
 *
 * Reached through kernels/elementwise.h.
 */
#ifndef HTH_KERNELS_FUNCTIONS_H
#define HTH_KERNELS_FUNCTIONS_H

#include "base/functions64.h"

#ifdef HTH_DOUBLE

#define hth_exp hth_exp64
#define hth_log hth_log64
#define hth_tanh hth_tanh64
#define hth_sigmoid hth_sigmoid64
#define hth_softplus hth_softplus64
#define hth_turn hth_turn64

#else

static inline float hth_float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t hth_bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^n for n in -126..127, given as the bits of an int32_t. */
static inline float hth_power_of_two(uint32_t n) {
    return hth_float_of((n + 127u) << 23);
}

/* exp(x) = 2^n (1 + p): returns p = exp(r) - 1 for r = x - n ln 2, |r| <= ln(2)/2, with an error
 * relative to p. n is rounded by adding 1.5 2^23, which leaves it in the low bits. */
static inline float hth_exp_reduced(float x, uint32_t *n) {
    const float magic = 12582912.0f;
    float shifted = hth_fma(x, 1.44269504f, magic);
    float k = shifted - magic;
    float r = hth_fma(k, 2.12194440e-4f, hth_fma(-k, 0.693359375f, x));
    float q = 1.3947365e-3f;
    q = hth_fma(q, r, 8.3671235e-3f);
    q = hth_fma(q, r, 4.1666271e-2f);
    q = hth_fma(q, r, 1.6666539e-1f);
    q = hth_fma(q, r, 5.0000001e-1f);
    *n = hth_bits_of(shifted) - 0x4B400000u;
    return hth_fma(r * r, q, r);
}

/* Within -87..87 the power of two is a normal number, and so is 1 / (1 + exp(x)): numbers that
 * underflow would be slow. */
static inline float hth_exp_bounded(float x) {
    uint32_t n;
    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float p = hth_exp_reduced(x, &n);
    float scale = hth_power_of_two(n);
    return hth_fma(scale, p, scale);
}

/* 1.1 ulp; 0 below -104, infinity above 88.73. The power of two is applied in halves, so that the
 * result over- and underflows where it should. */
static inline float hth_exp(float x) {
    uint32_t n;
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float p = hth_exp_reduced(x, &n);
    uint32_t half = ((n + 512u) >> 1) - 256u;
    float scale = hth_power_of_two(half);
    return hth_fma(scale, p, scale) * hth_power_of_two(n - half);
}

/* log(1 + f) for f in sqrt(1/2)-1 .. sqrt(2)-1, relative. */
static inline float hth_log1p_reduced(float f) {
    float p = -7.8726907e-2f;
    p = hth_fma(p, f, 1.2897825e-1f);
    p = hth_fma(p, f, -1.3130423e-1f);
    p = hth_fma(p, f, 1.4179193e-1f);
    p = hth_fma(p, f, -1.6624349e-1f);
    p = hth_fma(p, f, 2.0002360e-1f);
    p = hth_fma(p, f, -2.5000811e-1f);
    p = hth_fma(p, f, 3.3333316e-1f);
    float square = f * f;
    return f + hth_fma(square * f, p, -0.5f * square);
}

/* 0.9 ulp. log(0) is -infinity, of a negative number NaN. x = 2^e (1 + f). */
static inline float hth_log(float x) {
    bool tiny = x < 1.17549435e-38f; /* subnormal: made normal first */
    uint32_t bits = hth_bits_of(tiny ? x * 8388608.0f : x) + (0x3F800000u - 0x3F3504F3u);
    float e = (float)((int32_t)(bits >> 23) - (tiny ? 150 : 127));
    float f = hth_float_of((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    float y = hth_fma(e, 0.693359375f, hth_fma(-e, 2.12194440e-4f, hth_log1p_reduced(f)));
    float outside = x == 0.0f ? -INFINITY : NAN;
    y = x < INFINITY ? y : x;
    return x > 0.0f ? y : outside;
}

/* 2.5 ulp; 2.6. With t = exp(2|x|) - 1: t / (t + 2). From 9.1 on the result rounds to 1. */
static inline float hth_tanh(float x) {
    uint32_t n;
    float y = 2.0f * fabsf(x);
    y = y > 18.4f ? 18.4f : y;
    float p = hth_exp_reduced(y, &n);
    float scale = hth_power_of_two(n);
    float t = hth_fma(scale, p, scale - 1.0f);
    return copysignf(t / (t + 2.0f), x);
}

/* 2.5 ulp; below -87 it stays at 1.6e-38. */
static inline float hth_sigmoid(float x) {
    return 1.0f / (1.0f + hth_exp_bounded(-x));
}

/* log(1 + exp(x)): 1.7 ulp; below -87 it stays at 1.6e-38. For y = exp(-|x|) above sqrt(2) - 1: log(1 + y) =
 * log(2) + log(1 + (y - 1) / 2). The choice is a number, since compilers made a branch of it. */
static inline float hth_softplus(float x) {
    float y = hth_exp_bounded(-fabsf(x)); /* 0..1 */
    float scale = y > 0.41421356f ? 0.5f : 1.0f;
    float z = hth_log1p_reduced(hth_fma(scale, y, scale - 1.0f));
    return (x > 0.0f ? x : 0.0f) + hth_fma(1.0f - scale, 1.38629436f, z); /* 2 log(2) */
}

/* cos and sin of x turns, x in 0..1, to 1e-7: x less the nearest quarter, and then the quarters. */
static inline void hth_turn(float x, float *cosine, float *sine) {
    const float quarters = (float)(int32_t)hth_fma(4.0f, x, 0.5f);
    const float r = hth_fma(-0.25f, quarters, x), z = r * r;
    float s = 4.1488986e+1f;
    s = hth_fma(s, z, -7.6698425e+1f);
    s = hth_fma(s, z, 8.1605211e+1f);
    s = hth_fma(s, z, -4.1341702e+1f);
    s = hth_fma(s, z, -1.7484556e-7f); /* 2 pi less the float next to it */
    s = hth_fma(6.28318548f, r, s * r);
    float c = 5.9246273e+1f;
    c = hth_fma(c, z, -8.5443752e+1f);
    c = hth_fma(c, z, 6.4939327e+1f);
    c = hth_fma(c, z, -1.9739209e+1f);
    c = hth_fma(c, z, 1.0f);
    const bool odd = quarters == 1.0f || quarters == 3.0f;
    const float first = odd ? s : c, second = odd ? c : s;
    *cosine = quarters == 1.0f || quarters == 2.0f ? -first : first;
    *sine = quarters == 2.0f || quarters == 3.0f ? -second : second;
}

#endif

#endif
