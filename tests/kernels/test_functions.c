/*
 * The elementwise functions against the C library in double, or in long double where they are double themselves: the
 * largest error in units in the last place over all magnitudes of float, what happens at the ends of the range, and a
 * checksum of the bits that loops over them give, which every compiler and processor must reproduce.
 * test_functions_unfused.c runs the same without fused multiply-add, whose bits are others.
 */
#include "kernels/elementwise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef HTH_UNFUSED
#define BY_ROUNDING(fused, unfused) unfused
#else
#define BY_ROUNDING(fused, unfused) fused
#endif

#ifdef HTH_DOUBLE
#define BY_PRECISION(of_float, of_double) of_double
#define WIDER(function) function##l
typedef long double wider;
#else
#define BY_PRECISION(of_float, of_double) of_float
#define WIDER(function) function
typedef double wider;
#endif

#define SUMS(f, unfused_f, d, unfused_d)                                                           \
    BY_PRECISION(BY_ROUNDING(UINT64_C(f), UINT64_C(unfused_f)),                                    \
                 BY_ROUNDING(UINT64_C(d), UINT64_C(unfused_d)))

typedef wider (*exact_function)(wider x);
typedef hth_real (*tested_function)(hth_real x);
typedef void (*loop_function)(size_t count, const hth_real *x, hth_real *y);

typedef struct function_case {
    const char *name;
    tested_function tested;
    loop_function loop;
    exact_function exact;
    double bound;      /* in ulp */
    uint64_t checksum; /* of the bits */
} function_case;

static wider exact_sigmoid(wider x) {
    return 1 / (1 + WIDER(exp)(-x));
}

static wider exact_softplus(wider x) {
    return (x > 0 ? x : 0) + WIDER(log1p)(WIDER(exp)(-WIDER(fabs)(x)));
}

static hth_real cos_turns(hth_real x) {
    hth_real cosine, sine;
    hth_turn(x, &cosine, &sine);
    return cosine;
}

static hth_real sin_turns(hth_real x) {
    hth_real cosine, sine;
    hth_turn(x, &cosine, &sine);
    return sine;
}

static void loop_exp(size_t count, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < count; i++) y[i] = hth_exp(x[i]);
}

static void loop_log(size_t count, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < count; i++) y[i] = hth_log(x[i]);
}

static void loop_tanh(size_t count, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < count; i++) y[i] = hth_tanh(x[i]);
}

static void loop_sigmoid(size_t count, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < count; i++) y[i] = hth_sigmoid(x[i]);
}

static void loop_softplus(size_t count, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < count; i++) y[i] = hth_softplus(x[i]);
}

static const function_case cases[] = {
    {"exp", hth_exp, loop_exp, WIDER(exp), 1.1,
     SUMS(0xC9F5BEF773BA7E81, 0xFC1DCE068937DC42, 0x60713557831E7C93, 0x4698487CB2943C5D)},
    {"log", hth_log, loop_log, WIDER(log), 0.9,
     SUMS(0xB3141D831EBF5D83, 0x71BD62BCD05741E4, 0xFCBCCC8D7B433278, 0xED4FA0D6FDAA2617)},
    {"tanh", hth_tanh, loop_tanh, WIDER(tanh), BY_PRECISION(BY_ROUNDING(2.5, 2.6), 2.6),
     SUMS(0x68B8F1FD3BE9F100, 0xBA167F3C5D9775FF, 0xC3D64053D676F203, 0x19A22306CF94B37B)},
    {"sigmoid", hth_sigmoid, loop_sigmoid, exact_sigmoid, 2.5,
     SUMS(0xC5F3974310F3FE3F, 0xDCB5E1980AB2D799, 0x9AE49966B1D96684, 0x8874BD40098C81B2)},
    {"softplus", hth_softplus, loop_softplus, exact_softplus, BY_PRECISION(1.8, 2.2),
     SUMS(0xF1AA60B65038F0F9, 0x45EA804ABA70B2A6, 0x7ACF0E53336D26CF, 0xD9BE507771B4B125)},
};

/* |y - exact| in steps of hth_real at exact. Below 2e-38 floats cannot or need not follow. */
static double error_in_ulp(double y, wider exact) {
    if (isinf((hth_real)exact)) return (double)(hth_real)exact == y ? 0 : (double)INFINITY;
    const wider difference = WIDER(fabs)((wider)y - exact);
    if (WIDER(fabs)(exact) < (wider)2e-38 && difference < (wider)2e-38) return 0;
    int exponent;
    WIDER(frexp)(exact, &exponent);
    return (double)(difference / WIDER(ldexp)((wider)HTH_EPSILON, exponent - 1));
}

/* Every 1009th float, or ten times fewer, of both signs, that the function is defined at. */
static double largest_error(const function_case *c, double wrong_by) {
    double largest = 0;
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += BY_PRECISION(1009, 10007)) {
        uint32_t low = (uint32_t)bits;
        float x;
        memcpy(&x, &low, sizeof x);
        wider exact = c->exact((wider)x);
        if (isnan(exact)) continue;
        double y = (double)c->tested((hth_real)x) * (1 + wrong_by);
        double error = error_in_ulp(y, exact);
        if (!(error <= largest)) largest = error;
    }
    return largest;
}

static void test_errors_are_as_stated(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        double error = largest_error(&cases[i], 0);
        if (error > cases[i].bound) print_error("%s: %g ulp\n", cases[i].name, error);
        assert_true(error <= cases[i].bound);
    }
}

static void test_an_error_of_three_ulp_is_seen(void **state) {
    (void)state;
    assert_true(largest_error(&cases[0], 3 * HTH_EPSILON) > cases[0].bound);
}

static void test_ends_of_the_range(void **state) {
    const hth_real infinity = (hth_real)INFINITY;
    (void)state;
    assert_true(hth_exp(infinity) == infinity && hth_exp(-infinity) == 0 && hth_exp(0) == 1);
    assert_true(hth_exp(1000) == infinity && hth_exp(-1000) == 0);
    assert_true(hth_tanh(infinity) == 1 && hth_tanh(-infinity) == -1);
    assert_true(hth_tanh(HTH_C(1e30)) == 1 && hth_tanh(HTH_C(-1e30)) == -1);
    assert_true(hth_tanh(HTH_C(-0.0)) == 0 && signbit(hth_tanh(HTH_C(-0.0))));
    assert_true(hth_sigmoid(infinity) == 1 && hth_sigmoid(-infinity) < HTH_C(2e-38));
    assert_true(hth_sigmoid(0) == HTH_C(0.5));
    assert_true(hth_softplus(infinity) == infinity && hth_softplus(-infinity) < HTH_C(2e-38));
    assert_true(hth_log(0) == -infinity && hth_log(infinity) == infinity && hth_log(1) == 0);
    assert_true(isnan(hth_log(-1)) && isnan(hth_log(-infinity)));
}

static void test_nan_stays_nan(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++)
        assert_true(isnan(cases[i].tested((hth_real)NAN)));
}

/* The same bits one by one and in vector code, where a tail is computed apart. */
static void test_loops_give_the_same_bits(void **state) {
    hth_real x[101], y[101];
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(x); i++) x[i] = (hth_real)i * HTH_C(0.37) - 18;
    HTH_SIMD
    for (size_t i = 0; i < HTH_COUNT(x); i++) y[i] = hth_tanh(x[i]) + hth_sigmoid(x[i]);
    for (size_t i = 0; i < HTH_COUNT(x); i++) {
        hth_real t = cases[2].tested(x[i]), s = cases[3].tested(x[i]);
        assert_true(y[i] == t + s);
    }
}

/* cos and sin of turns, in steps of 1: relative errors where they vanish are the business of base/functions64.h. */
static void test_turns(void **state) {
    const double tau = 6.283185307179586476925;
    double largest = 0;
    (void)state;
    for (int i = 0; i <= 1 << 20; i++) {
        const hth_real x = (hth_real)i * HTH_C(0x1p-20);
        const double cosine = fabs((double)cos_turns(x) - cos(tau * (double)x));
        const double sine = fabs((double)sin_turns(x) - sin(tau * (double)x));
        largest = fmax(largest, fmax(cosine, sine));
    }
    assert_true(largest < BY_PRECISION(1e-7, 1e-15));
    assert_true(sin_turns(HTH_C(0.5)) == 0 && cos_turns(HTH_C(0.25)) == 0);
    assert_true(sin_turns(HTH_C(0.25)) == 1 && cos_turns(HTH_C(1.0)) == 1);
}

/* ---- The bits ------------------------------------------------------------------------------------ */

enum { CHECKED = 16384 };

/* FNV-1a over the bits; every NaN counts as the same. */
static uint64_t checksum(size_t count, const hth_real *y) {
    uint64_t sum = UINT64_C(0xCBF29CE484222325);
    for (size_t k = 0; k < count; k++) {
        const uint64_t bits =
            isnan(y[k]) ? UINT64_MAX : hth_bits64_of((double)y[k]); /* float is exact in double */
        for (int i = 0; i < 64; i += 8) sum = (sum ^ (bits >> i & 255)) * UINT64_C(0x100000001B3);
    }
    return sum;
}

/* Half of the arguments are floats of all magnitudes, the others lie in -8..8; each differs a little from a
 * float in double precision. */
static void fill_arguments(hth_real *x) {
    for (uint32_t k = 0; k < CHECKED; k++) {
        const uint32_t bits = k * UINT32_C(262147);
        float any;
        memcpy(&any, &bits, sizeof any);
        const hth_real even = ((hth_real)k - CHECKED / 2) * HTH_C(0.00097656);
        x[k] = (k & 1 ? even : (hth_real)any) * (1 + 3 * (hth_real)HTH_EPSILON);
    }
}

static void test_bits_are_the_same_everywhere(void **state) {
    static hth_real x[CHECKED], y[CHECKED];
    bool same = true;
    (void)state;
    fill_arguments(x);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        cases[i].loop(CHECKED, x, y);
        const uint64_t sum = checksum(CHECKED, y);
        if (sum != cases[i].checksum)
            print_error("%s: 0x%016llX\n", cases[i].name, (unsigned long long)sum);
        same = same && sum == cases[i].checksum;
    }
    for (size_t k = 0; k < CHECKED; k += 2) {
        const hth_real turns = (hth_real)k * HTH_C(0.000061);
        hth_turn(turns + HTH_C(0.0001), &y[k], &y[k + 1]);
    }
    const uint64_t sum = checksum(CHECKED, y), turns = SUMS(0xEA43DC9671B9C88E, 0x4232F595AAEB4643,
                                                            0xAB8CF749B71029AA, 0xAD85AFF7B3FE4C48);
    if (sum != turns) print_error("turn: 0x%016llX\n", (unsigned long long)sum);
    assert_true(same && sum == turns);
}

static void test_one_other_bit_is_seen(void **state) {
    const hth_real one = 1, other = 1 + (hth_real)HTH_EPSILON;
    (void)state;
    assert_true(checksum(1, &one) != checksum(1, &other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_as_stated),
        cmocka_unit_test(test_an_error_of_three_ulp_is_seen),
        cmocka_unit_test(test_ends_of_the_range),
        cmocka_unit_test(test_nan_stays_nan),
        cmocka_unit_test(test_loops_give_the_same_bits),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_bits_are_the_same_everywhere),
        cmocka_unit_test(test_one_other_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
