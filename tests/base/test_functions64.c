/*
 * The functions of base/functions64.h against the C library's in long double: largest error in units in the last
 * place, over random arguments of all magnitudes and of the interval where things happen; the ends of the range;
 * and a checksum of their bits, which every compiler and processor must reproduce. test_functions64_unfused.c runs
 * the same without fused multiply-add, whose bits are others.
 */
#include "base/functions64.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#ifdef HTH_UNFUSED
#define BY_ROUNDING(fused, unfused) unfused
#else
#define BY_ROUNDING(fused, unfused) fused
#endif

typedef double (*tested_function)(double x);
typedef long double (*exact_function)(long double x);

typedef struct function_case {
    const char *name;
    tested_function tested;
    exact_function exact;
    double least;      /* below it the function stands still */
    double low, high;  /* where most of the arguments are drawn */
    double bound;      /* in ulp */
    uint64_t checksum; /* of the bits */
} function_case;

static long double exact_sigmoid(long double x) {
    return 1 / (1 + expl(-x));
}

static long double exact_softplus(long double x) {
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

/* cos of x turns: the nearest quarter is taken away first, which is exact. */
static long double exact_cos_turns(long double x) {
    const long double quarters = floorl(4 * x + 0.5L),
                      of_four = quarters - 4 * floorl(quarters / 4);
    const long double r = 6.28318530717958647692528676655900577L * (x - quarters / 4);
    if (of_four == 1) return -sinl(r);
    if (of_four == 2) return -cosl(r);
    return of_four == 3 ? sinl(r) : cosl(r);
}

static long double exact_sin_turns(long double x) {
    const long double quarters = floorl(4 * x + 0.5L),
                      of_four = quarters - 4 * floorl(quarters / 4);
    const long double r = 6.28318530717958647692528676655900577L * (x - quarters / 4);
    if (of_four == 1) return cosl(r);
    if (of_four == 2) return -sinl(r);
    return of_four == 3 ? -cosl(r) : sinl(r);
}

#define NO_LIMIT (-(double)INFINITY)

static const function_case cases[] = {
    {"exp", hth_exp64, expl, NO_LIMIT, -750, 712, 1.1,
     BY_ROUNDING(UINT64_C(0x355DF8965C3368E5), UINT64_C(0x16FD32F4967E1273))},
    {"log", hth_log64, logl, NO_LIMIT, 0, 3, 0.9,
     BY_ROUNDING(UINT64_C(0x6635915E68D2AF0E), UINT64_C(0x10F9E7AA04E1BB98))},
    {"tanh", hth_tanh64, tanhl, NO_LIMIT, -3, 3, 2.6,
     BY_ROUNDING(UINT64_C(0xEAFB907D7676CAEF), UINT64_C(0xE1AB750738A64BA9))},
    {"sigmoid", hth_sigmoid64, exact_sigmoid, -708, -40, 40, 2.5,
     BY_ROUNDING(UINT64_C(0x0A8953F67DEF328D), UINT64_C(0x778D96D3BDB41642))},
    {"softplus", hth_softplus64, exact_softplus, -708, -5, 5, 2.2,
     BY_ROUNDING(UINT64_C(0x16005FEE4FCE44B9), UINT64_C(0x856558D3855CF19B))},
    {"cos of turns", hth_cos_turns64, exact_cos_turns, NO_LIMIT, -1, 1, BY_ROUNDING(1.1, 1.7),
     BY_ROUNDING(UINT64_C(0x461F71753D69474F), UINT64_C(0x0CDA7923A08DFFB6))},
    {"sin of turns", hth_sin_turns64, exact_sin_turns, NO_LIMIT, -1, 1, BY_ROUNDING(1.1, 1.7),
     BY_ROUNDING(UINT64_C(0x4E65743362867410), UINT64_C(0xC2CB2C2EF45F1FA8))},
    {"erf", hth_erf64, erfl, NO_LIMIT, -6.5, 6.5, BY_ROUNDING(1.3, 1.5),
     BY_ROUNDING(UINT64_C(0x97B8B1AABBFE667C), UINT64_C(0x2B02B4A2547B2FA8))},
    {"atan", hth_atan64, atanl, NO_LIMIT, -3, 3, 1.9,
     BY_ROUNDING(UINT64_C(0x0F663ECB52512D72), UINT64_C(0x0DBA63BCABD4810F))},
};

/* Of three numbers one has random bits, one lies in the interval of the case, and one near 1, where log and erf are
 * hardest, or near a quarter turn. */
static double argument(const function_case *c, uint64_t index) {
    const hth_random random = {4, HTH_RANDOM_CHECK, 0};
    uint64_t words[2];
    hth_random_words(&random, index, words);
    const double unit = (double)(words[0] >> 11) * 0x1p-53;
    if (index % 3 == 0) return hth_double_of(words[0]);
    if (index % 3 == 1) return c->low + (c->high - c->low) * unit;
    const double near = (double)(words[1] % 4 + 1) * 0.25;
    return near + (unit - 0.5) * ((words[1] >> 8) % 2 == 0 ? 0.3 : 1e-6);
}

/* |y - exact| in steps of double at exact. */
static double error_in_ulp(double y, long double exact) {
    if (isnan(exact)) return isnan(y) ? 0 : (double)INFINITY;
    const double nearest = (double)exact;
    if (isnan(y) || isinf(y) || isinf(nearest)) return y == nearest ? 0 : (double)INFINITY;
    int exponent;
    frexp(nearest, &exponent);
    if (exponent < -1021) exponent = -1021; /* subnormal */
    return (double)(fabsl((long double)y - exact) / ldexpl(1.0L, exponent - 53));
}

static double largest_error(const function_case *c, double wrong_by) {
    double largest = 0;
    for (uint64_t i = 0; i < 300000; i++) {
        const double x = argument(c, i);
        if (x < c->least) continue;
        const double error = error_in_ulp(c->tested(x) * (1 + wrong_by), c->exact((long double)x));
        if (!(error <= largest)) largest = error;
    }
    return largest;
}

static void test_errors_are_as_stated(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const double error = largest_error(&cases[i], 0);
        if (!(error <= cases[i].bound)) print_error("%s: %g ulp\n", cases[i].name, error);
        assert_true(error <= cases[i].bound);
    }
}

static void test_an_error_of_three_ulp_is_seen(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++)
        assert_true(largest_error(&cases[i], 3 * 0x1p-52) > cases[i].bound);
}

/* ---- Ends of the range --------------------------------------------------------------------------- */

static const double infinity = (double)INFINITY, nan_value = (double)NAN;

static void test_ends_of_exp_and_log(void **state) {
    (void)state;
    assert_true(hth_exp64(infinity) == infinity && hth_exp64(-infinity) == 0);
    assert_true(hth_exp64(0) == 1 && hth_exp64(-0.0) == 1);
    assert_true(hth_exp64(709.78) < infinity && hth_exp64(709.79) == infinity);
    assert_true(hth_exp64(-745) == 0x1p-1074 && hth_exp64(-745.2) == 0);
    assert_true(hth_log64(0) == -infinity && hth_log64(-0.0) == -infinity);
    assert_true(hth_log64(infinity) == infinity && hth_log64(1) == 0 && !signbit(hth_log64(1)));
    assert_true(isnan(hth_log64(-1)) && isnan(hth_log64(-infinity)));
    assert_true(error_in_ulp(hth_log64(0x1p-1074), logl(0x1p-1074L)) < 1);
    assert_true(error_in_ulp(hth_log64(0x1.fffffffffffffp1023), logl(0x1.fffffffffffffp1023L)) < 1);
}

static void test_ends_of_the_bounded(void **state) {
    (void)state;
    assert_true(hth_tanh64(infinity) == 1 && hth_tanh64(-infinity) == -1 && hth_tanh64(20) == 1);
    assert_true(hth_tanh64(0x1p-1074) == 0x1p-1074 && signbit(hth_tanh64(-0.0)));
    assert_true(hth_sigmoid64(infinity) == 1 && hth_sigmoid64(0) == 0.5);
    assert_true(hth_sigmoid64(-infinity) < 3.4e-308 && hth_sigmoid64(-infinity) > 0);
    assert_true(hth_softplus64(infinity) == infinity && hth_softplus64(-infinity) < 3.4e-308);
    assert_true(hth_erf64(infinity) == 1 && hth_erf64(-6.1) == -1 && signbit(hth_erf64(-0.0)));
    assert_true(hth_atan64(infinity) == 1.5707963267948966 && signbit(hth_atan64(-0.0)));
}

static void test_turns_are_exact_at_quarters(void **state) {
    (void)state;
    const double one[4] = {1, 0, -1, 0};
    for (int k = -8; k < 8; k++) {
        double cosine, sine;
        hth_turn64(0.25 * k, &cosine, &sine);
        assert_true(cosine == one[k & 3] && sine == one[(k + 3) & 3]);
        hth_turn64(0x1p50 + 0.25 * k, &cosine, &sine);
        assert_true(cosine == one[k & 3] && sine == one[(k + 3) & 3]);
    }
    assert_true(hth_cos_turns64(1e300) == 1 && hth_sin_turns64(-1e300) == 0);
    assert_true(isnan(hth_cos_turns64(infinity)) && isnan(hth_sin_turns64(-infinity)));
}

static void test_nan_stays_nan(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) assert_true(isnan(cases[i].tested(nan_value)));
    assert_true(isnan(hth_pow64(nan_value, 2)) && isnan(hth_pow64(2, nan_value)));
}

/* ---- Powers -------------------------------------------------------------------------------------- */

/* Bases of all magnitudes, and those just below 1 that means forget by; exponents up to 2^30, of either sign. */
static void power_arguments(uint64_t index, double *x, double *y) {
    const hth_random random = {4, HTH_RANDOM_CHECK, 1};
    uint64_t words[2];
    hth_random_words(&random, index, words);
    const double unit = (double)(words[0] >> 11) * 0x1p-53;
    *x = index % 3 == 0   ? fabs(hth_double_of(words[0]))
         : index % 3 == 1 ? unit
                          : 1 - unit * ldexp(1, -(int)(words[0] % 40));
    *y = ldexp((double)(words[1] >> 11) * 0x1p-53, (int)(words[1] % 36) - 5);
    if (index % 4 == 0) *y = floor(*y);
    if (index % 5 == 0) *y = -*y;
}

static void test_powers(void **state) {
    double largest = 0;
    (void)state;
    for (uint64_t i = 0; i < 300000; i++) {
        double x, y;
        power_arguments(i, &x, &y);
        if (isnan(x)) continue;
        const double error = error_in_ulp(hth_pow64(x, y), powl((long double)x, (long double)y));
        if (!(error <= largest)) largest = error;
    }
    if (!(largest <= 1.3)) print_error("power: %g ulp\n", largest);
    assert_true(largest <= 1.3);
}

static void test_ends_of_powers(void **state) {
    (void)state;
    for (int k = 0; k < 1074; k++) assert_true(hth_pow64(0.5, k) == ldexp(1, -k));
    assert_true(hth_pow64(0.5, 1080) == 0 && hth_pow64(2, 1024) == infinity);
    assert_true(hth_pow64(0, 0) == 1 && hth_pow64(nan_value, 0) == 1 &&
                hth_pow64(1, nan_value) == 1);
    assert_true(hth_pow64(0, 2) == 0 && hth_pow64(0, -2) == infinity);
    assert_true(hth_pow64(infinity, 2) == infinity && hth_pow64(infinity, -2) == 0);
    assert_true(hth_pow64(0.5, infinity) == 0 && hth_pow64(0.5, -infinity) == infinity);
    assert_true(hth_pow64(0.999, 1e300) == 0 && hth_pow64(1.001, 1e300) == infinity);
    assert_true(isnan(hth_pow64(-2, 2)));
}

/* ---- The bits ------------------------------------------------------------------------------------ */

/* One more number into an FNV-1a checksum; every NaN counts as the same. */
static uint64_t add_bits(uint64_t sum, double y) {
    const uint64_t bits = isnan(y) ? UINT64_C(0x7FF8000000000000) : hth_bits64_of(y);
    for (int i = 0; i < 64; i += 8) sum = (sum ^ (bits >> i & 255)) * UINT64_C(0x100000001B3);
    return sum;
}

static const uint64_t FNV_START = UINT64_C(0xCBF29CE484222325);

static void expect_checksum(const char *name, uint64_t sum, uint64_t expected) {
    if (sum != expected) print_error("%s: 0x%016llX\n", name, (unsigned long long)sum);
}

static void test_bits_are_the_same_everywhere(void **state) {
    bool same = true;
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        uint64_t sum = FNV_START;
        for (uint64_t k = 0; k < 4096; k++)
            sum = add_bits(sum, cases[i].tested(argument(&cases[i], k)));
        expect_checksum(cases[i].name, sum, cases[i].checksum);
        same = same && sum == cases[i].checksum;
    }
    uint64_t sum = FNV_START;
    for (uint64_t k = 0; k < 4096; k++) {
        double x, y;
        power_arguments(k, &x, &y);
        sum = add_bits(sum, hth_pow64(x, y));
    }
    const uint64_t powers = BY_ROUNDING(UINT64_C(0x75165DCF8785C1BA), UINT64_C(0x743A5A35EBDD64D7));
    expect_checksum("power", sum, powers);
    assert_true(same && sum == powers);
}

static void test_one_other_bit_is_seen(void **state) {
    (void)state;
    assert_true(add_bits(FNV_START, 1) != add_bits(FNV_START, 1 + 0x1p-52));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_as_stated),
        cmocka_unit_test(test_an_error_of_three_ulp_is_seen),
        cmocka_unit_test(test_ends_of_exp_and_log),
        cmocka_unit_test(test_ends_of_the_bounded),
        cmocka_unit_test(test_turns_are_exact_at_quarters),
        cmocka_unit_test(test_nan_stays_nan),
        cmocka_unit_test(test_powers),
        cmocka_unit_test(test_ends_of_powers),
        cmocka_unit_test(test_bits_are_the_same_everywhere),
        cmocka_unit_test(test_one_other_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
