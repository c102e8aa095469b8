/*
 * The elementwise functions against the C library in double, over all magnitudes of float: largest
 * error in units in the last place of the result, and what happens at the ends of the range.
 */
#include "kernels/elementwise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef double (*exact_function)(double x);
typedef hth_real (*tested_function)(hth_real x);

typedef struct function_case {
    const char *name;
    tested_function tested;
    exact_function exact;
    double bound; /* in ulp of float; the double functions are the C library's */
} function_case;

static double exact_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double exact_softplus(double x) {
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static const function_case cases[] = {
    {"exp", hth_exp, exp, 1.2},
    {"log", hth_log, log, 1.0},
    {"tanh", hth_tanh, tanh, 2.6},
    {"sigmoid", hth_sigmoid, exact_sigmoid, 2.6},
    {"softplus", hth_softplus, exact_softplus, 1.8},
};

/* |y - exact| in steps of hth_real at exact. Below 2e-38 floats cannot or need not follow. */
static double error_in_ulp(double y, double exact) {
    if (isinf((hth_real)exact)) return (double)(hth_real)exact == y ? 0 : INFINITY;
    if (fabs(exact) < 2e-38 && fabs(y - exact) < 2e-38) return 0;
    int exponent;
    frexp(exact, &exponent);
    return fabs(y - exact) / ldexp(HTH_EPSILON, exponent - 1);
}

/* Every 1009th float, of both signs, that the function is defined at. */
static double largest_error(const function_case *c, double wrong_by) {
    double largest = 0;
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += 1009) {
        uint32_t low = (uint32_t)bits;
        float x;
        memcpy(&x, &low, sizeof x);
        double exact = c->exact((double)x);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_as_stated),
        cmocka_unit_test(test_an_error_of_three_ulp_is_seen),
        cmocka_unit_test(test_ends_of_the_range),
        cmocka_unit_test(test_nan_stays_nan),
        cmocka_unit_test(test_loops_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
