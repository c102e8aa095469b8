/*
 * x^y, erf and atan, one number at a time. A power costs about 40 ns, as log(x) is needed to more digits than a double
 * has: 64 bits of it, in pairs of doubles (Dekker 1971). erf and atan are polynomials on intervals.
 */
#include "base/functions64.h"

/* A number as the unevaluated sum of two: about 106 bits. */
typedef struct pair {
    double high, low;
} pair;

/* x as two halves of 26 bits. */
static pair halves(double x) {
    const double shifted = 134217729.0 * x, high = shifted - (shifted - x);
    return (pair){high, x - high};
}

/* a b exactly: the same bits with and without fused multiply-add. */
static pair product(double a, double b) {
    const double p = a * b;
    const pair x = halves(a), y = halves(b);
    const double low = ((x.high * y.high - p) + x.high * y.low + x.low * y.high) + x.low * y.low;
    return (pair){p, low};
}

/* a + b exactly, |a| >= |b| or a = 0. */
static pair sum(double a, double b) {
    const double s = a + b;
    return (pair){s, (a - s) + b};
}

/* The sum of two pairs, |a| >= |b| or a = 0. */
static pair plus(pair a, pair b) {
    const pair s = sum(a.high, b.high);
    return sum(s.high, s.low + (a.low + b.low));
}

/* The product of two pairs to about 100 bits. */
static pair times(pair a, pair b) {
    const pair p = product(a.high, b.high);
    return sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

/* log(x) to 2^-64 of itself, for finite x > 0: as in hth_log64, but 2s + s z (2/3 + z Q(z)) in pairs, and
 * only z Q(z), which is small, in double. */
static pair long_log(double x) {
    double f, e = hth_log_split64(x, &f);
    const pair below = sum(2.0, f);
    const double quotient = f / below.high;
    const pair back = product(quotient, below.high);
    const pair s = {quotient, (((f - back.high) - back.low) - quotient * below.low) / below.high};
    const pair z = times(s, s);
    double q = 0.13162513814800969;
    q = hth_fma64(q, z.high, 0.13260742987900176);
    q = hth_fma64(q, z.high, 0.15386574080817217);
    q = hth_fma64(q, z.high, 0.18181788741903532);
    q = hth_fma64(q, z.high, 0.22222222464089442);
    q = hth_fma64(q, z.high, 0.28571428570456442);
    q = hth_fma64(q, z.high, 0.40000000000001379);
    const pair p = sum(0.66666666666666663, 0x1.5555555555555p-55 + z.high * q); /* 2/3 + ... */
    const pair rest = times(times(s, z), p);
    const pair near = plus((pair){2.0 * s.high, 2.0 * s.low}, rest);
    const pair low = product(e, HTH_LN2_LOW);
    return plus(plus((pair){e * HTH_LN2_HIGH, 0.0}, near), low);
}

/* ---- Power --------------------------------------------------------------------------------------- */

/* exp(y log x), where y log x is a pair: rounded to one double it would lose as many bits as it has before the
 * point. */
double hth_pow64(double x, double y) {
    if (x == 1 || y == 0) return 1;
    const double about = y * hth_log64(x);
    if (!(about > -750)) return isnan(about) ? about : 0;
    if (about > 710) return (double)INFINITY;
    const pair l = long_log(x), p = product(y, l.high);
    const pair exponent = sum(p.high, p.low + y * l.low);
    uint64_t n;
    const double r = hth_exp_split64(exponent.high, &n) + exponent.low;
    return hth_exp_scaled64(hth_exp_reduced64(r), n);
}

/* ---- Error function ------------------------------------------------------------------------------ */

/* (erf(x) - x) / x for |x| <= 1, z = x^2 */
static double erf_near(double z) {
    double p = 5.9604153650141763e-11;
    p = hth_fma64(p, z, -1.1374800605825065e-09);
    p = hth_fma64(p, z, 1.4660289800414611e-08);
    p = hth_fma64(p, z, -1.6350390624991793e-07);
    p = hth_fma64(p, z, 1.6461007968459027e-06);
    p = hth_fma64(p, z, -1.4925595741651189e-05);
    p = hth_fma64(p, z, 0.00012055331131738689);
    p = hth_fma64(p, z, -0.00085483269813937056);
    p = hth_fma64(p, z, 0.005223977624827905);
    p = hth_fma64(p, z, -0.026866170645077823);
    p = hth_fma64(p, z, 0.11283791670954885);
    p = hth_fma64(p, z, -0.37612638903183748);
    return hth_fma64(p, z, 0.12837916709551259);
}

/* exp(x^2) (1 - erf(x)) for x in 1..6, u = (x - 2.5) / (x + 3) (the mapping of Shepherd & Laframboise 1981) */
static double erf_far(double u) {
    double p = -2.2424833914426141e-05;
    p = hth_fma64(p, u, -5.1898724212630561e-06);
    p = hth_fma64(p, u, 0.00017231294654165231);
    p = hth_fma64(p, u, -3.8699186446309858e-05);
    p = hth_fma64(p, u, -0.0012216677201708809);
    p = hth_fma64(p, u, 0.0021134817754022285);
    p = hth_fma64(p, u, 0.0062004724014044516);
    p = hth_fma64(p, u, -0.041056451778979264);
    p = hth_fma64(p, u, 0.11792238666505479);
    p = hth_fma64(p, u, -0.23142268956386294);
    p = hth_fma64(p, u, 0.34546400452602644);
    p = hth_fma64(p, u, -0.40891040734389555);
    return hth_fma64(p, u, 0.21080636406114417);
}

double hth_erf64(double x) {
    const double a = fabs(x);
    if (a < 1) return hth_fma64(x, erf_near(x * x), x);
    if (a > 6) return copysign(1.0, x);
    return copysign(1.0 - hth_exp64(-a * a) * erf_far((a - 2.5) / (a + 3.0)), x);
}

/* ---- Arc tangent --------------------------------------------------------------------------------- */

/* atan(x) - x for |x| <= tan(pi/8) */
static double atan_rest(double x) {
    const double z = x * x;
    double p = -0.017928734558286096;
    p = hth_fma64(p, z, 0.038084716129982724);
    p = hth_fma64(p, z, -0.050401201217500378);
    p = hth_fma64(p, z, 0.05848075861114161);
    p = hth_fma64(p, z, -0.066631305759426676);
    p = hth_fma64(p, z, 0.07692062641126815);
    p = hth_fma64(p, z, -0.090908979005487958);
    p = hth_fma64(p, z, 0.11111110788718447);
    p = hth_fma64(p, z, -0.14285714280309939);
    p = hth_fma64(p, z, 0.1999999999995484);
    p = hth_fma64(p, z, -0.33333333333333204);
    return x * z * p;
}

/* atan(x) = pi/4 + atan((x - 1) / (x + 1)) = pi/2 + atan(-1 / x), pi in two parts */
double hth_atan64(double x) {
    const double a = fabs(x);
    double t = a, high = 0, low = 0;
    if (a > 2.414213562373095) {
        t = -1.0 / a, high = 1.5707963267948966, low = 6.123233995736766e-17;
    } else if (a > 0.41421356237309503) {
        t = (a - 1.0) / (a + 1.0), high = 0.7853981633974483, low = 3.061616997868383e-17;
    }
    return copysign(high + (t + (low + atan_rest(t))), x);
}
