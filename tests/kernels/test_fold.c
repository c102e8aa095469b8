/* The passes of fold.c against plain loops, for all small sizes and some larger; what lies around is left alone. */
#include "laws.h"

#include "kernels/fold.h"

enum { AROUND = 5 };

static hth_real draw(uint64_t index) {
    const hth_random r = {3, HTH_RANDOM_CHECK, 9};
    return (hth_real)hth_random_normal(&r, index);
}

/* count numbers with a fence on both sides; one array for each `which`. */
static hth_real *fenced(size_t count, uint64_t which) {
    hth_real *x = malloc((count + 2 * AROUND) * sizeof *x);
    for (size_t i = 0; i < count + 2 * AROUND; i++) x[i] = draw(which * 1000000 + i);
    return x + AROUND;
}

static void release(hth_real *x, size_t count, uint64_t which) {
    for (size_t i = 0; i < AROUND; i++) {
        assert_true(x[-1 - (ptrdiff_t)i] == draw(which * 1000000 + AROUND - 1 - i));
        assert_true(x[count + i] == draw(which * 1000000 + AROUND + count + i));
    }
    free(x - AROUND);
}

static void assert_near(const hth_real *x, const double *expected, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)x[i] - expected[i]) <= tolerance(1e-13, 1e-5)))
            fail_msg("number %zu is %g, not %g", i, (double)x[i], expected[i]);
}

/* All of them on matrices M x N; adds: the fold adds to what stands there, which it does not read otherwise. */
static void assert_passes(size_t M, size_t N, bool adds) {
    const size_t count = M * N;
    const hth_real a = (hth_real)0.7, c = (hth_real)-1.3;
    hth_real *B = fenced(count, 1), *out = fenced(count, 2), *x = fenced(M, 3), *y = fenced(N, 4);
    hth_real *e = fenced(M, 5), *u = fenced(N, 6);
    double *to_B = malloc(count * sizeof *to_B), *to_out = malloc(count * sizeof *to_out);
    double square = 0;
    for (size_t i = 0; i < count; i++) {
        const double outer = (double)x[i / N] * (double)y[i % N];
        to_out[i] = (double)c * (double)B[i] + (double)e[i / N] * (double)y[i % N];
        if (adds)
            to_out[i] += (double)out[i];
        else
            out[i] = NAN;
        to_B[i] = (double)a * (double)B[i] + outer;
        square += to_B[i] * to_B[i];
    }
    const double found = hth_outer_fold(M, N, c, e, adds, out, a, x, y, B);
    assert_near(B, to_B, count);
    assert_near(out, to_out, count);
    assert_true(fabs(found / square - 1) < tolerance(1e-12, 1e-5));
    assert_true(fabs(hth_square(count, B) / square - 1) < tolerance(1e-12, 1e-5));
    for (size_t i = 0; i < count; i++) {
        to_B[i] = (double)a * (double)B[i] + (double)x[i / N] * (double)y[i % N];
        to_out[i] = (double)out[i] + (double)x[i / N] * (double)y[i % N] +
                    (double)e[i / N] * (double)u[i % N];
    }
    hth_outer_scaled(M, N, a, x, y, B);
    hth_outer_add_two(M, N, x, y, e, u, out);
    assert_near(B, to_B, count);
    assert_near(out, to_out, count);
    to_B[0] += 1; /* the comparison can fail */
    assert_true(fabs((double)B[0] - to_B[0]) > 0.5);
    free(to_B);
    free(to_out);
    release(B, count, 1);
    release(out, count, 2);
    release(x, M, 3);
    release(y, N, 4);
    release(e, M, 5);
    release(u, N, 6);
}

static void test_outer_products(void **state) {
    (void)state;
    for (size_t N = 1; N <= 70; N++)
        for (size_t M = 1; M <= 6; M++) {
            assert_passes(M, N, true);
            assert_passes(M, N, false);
        }
    assert_passes(40, 35, true);
    assert_passes(40, 35, false);
    assert_passes(1, 20000, true);
}

/* Rows of n numbers, `apart` from each other; the first term in place of the sum, as tangents do it. */
static void assert_sums(size_t n, size_t terms) {
    enum { ROWS = 3, MOST = 8 };
    const size_t apart = n + 3, count = ROWS * apart;
    hth_real *c[MOST], *x[MOST];
    size_t stride[MOST];
    double *expected = malloc(count * sizeof *expected);
    for (size_t i = 0; i < MOST; i++) {
        c[i] = fenced(n, 10 + i);
        x[i] = fenced(count, 20 + i);
        stride[i] = apart;
    }
    for (size_t i = 0; i < count; i++) {
        expected[i] = i % apart < n ? 0 : (double)x[0][i]; /* between the rows: as it was */
        for (size_t k = 0; i % apart < n && k < terms; k++)
            expected[i] += (double)c[k][i % apart] * (double)x[k][i];
    }
    hth_weighted_sums(ROWS, n, terms, (const hth_real *const *)c, (const hth_real *const *)x,
                      stride, x[0], apart);
    assert_near(x[0], expected, count);
    free(expected);
    for (size_t i = 0; i < MOST; i++) {
        release(c[i], n, 10 + i);
        release(x[i], count, 20 + i);
    }
}

static void test_weighted_sums(void **state) {
    (void)state;
    for (size_t n = 1; n <= 50; n++)
        for (size_t terms = 0; terms <= 8; terms++) assert_sums(n, terms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outer_products),
        cmocka_unit_test(test_weighted_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
