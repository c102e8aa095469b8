/*
 * Loops over the rows of a matrix against sums in double, over sizes around the width of a vector, and
 * the bits of those that promise the bits of a product.
 */
#include "kernels/compute.h"
#include "kernels/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    MOST = 320,
    MARGIN = 3,
    SIZES = 18
}; /* margin: between rows, where nothing may be written */

static const size_t sizes[SIZES] = {1,  2,  3,  4,  5,  7,  8,  9,   15,
                                    16, 17, 31, 32, 33, 35, 47, 128, 273};

static uint32_t random_state = 1;

/* In -1..1, with all digits of a double in use. */
static hth_real random_real(void) {
    double x = 0;
    for (int i = 0; i < 2; i++) {
        random_state = random_state * 1664525u + 1013904223u;
        x = x / (1 << 24) + (double)(random_state >> 8) / (1 << 23);
    }
    return (hth_real)(x - 1);
}

static void fill(hth_real *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = random_real();
}

static hth_real A[MOST * MOST], C[MOST * MOST], before[MOST * MOST];
static hth_real x[MOST], y[MOST], out[MOST], expected[MOST];

static hth_compute *one_thread(void) {
    hth_compute *compute;
    hth_error error;
    assert_int_equal(hth_compute_create(1, NULL, &compute, &error), HTH_OK);
    return compute;
}

/* Whether `found` is start + the sum of count terms a b, up to rounding. */
static bool is_sum(hth_real found, hth_real start, size_t count, const hth_real *a, size_t a_step,
                   const hth_real *b) {
    double sum = (double)start, size = fabs(sum);
    for (size_t k = 0; k < count; k++) {
        double term = (double)a[k * a_step] * (double)b[k];
        sum += term;
        size += fabs(term);
    }
    return fabs((double)found - sum) <= HTH_EPSILON * (double)(count + 1) * size;
}

static void draw(void) {
    fill(A, MOST * MOST);
    fill(before, MOST * MOST);
    fill(x, MOST);
    fill(y, MOST);
    memcpy(C, before, sizeof C);
}

static void check_matrix_vector(size_t M, size_t N, bool accumulate) {
    const size_t lda = N + MARGIN;
    draw();
    memcpy(out, before, sizeof out);
    hth_matrix_vector(M, N, A, lda, x, accumulate, out);
    for (size_t i = 0; i < M; i++) {
        const hth_real start = accumulate ? before[i] : 0;
        assert_true(is_sum(out[i], start, N, A + i * lda, 1, x));
        assert_false(is_sum(out[i] + HTH_C(0.01), start, N, A + i * lda, 1, x));
    }
    assert_memory_equal(out + M, before + M, (MOST - M) * sizeof *out);
    if (!accumulate) assert_true(is_sum(hth_dot(N, A, x), 0, N, A, 1, x));
}

static void check_vector_matrix(size_t M, size_t N, bool accumulate) {
    const size_t lda = N + MARGIN;
    draw();
    memcpy(out, before, sizeof out);
    hth_vector_matrix(M, N, x, A, lda, accumulate, out);
    for (size_t j = 0; j < N; j++) {
        const hth_real start = accumulate ? before[j] : 0;
        assert_true(is_sum(out[j], start, M, A + j, lda, x));
        assert_false(is_sum(out[j] + HTH_C(0.01), start, M, A + j, lda, x));
    }
    assert_memory_equal(out + N, before + N, (MOST - N) * sizeof *out);
}

static void test_sums(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < SIZES; j++)
            for (int accumulate = 0; accumulate < 2; accumulate++) {
                check_matrix_vector(sizes[i], sizes[j], accumulate);
                check_vector_matrix(sizes[i], sizes[j], accumulate);
            }
}

static void test_outer(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < SIZES; j++) {
            const size_t M = sizes[i], N = sizes[j], ldc = N + MARGIN;
            draw();
            hth_outer_add(M, N, x, y, C, ldc);
            for (size_t at = 0; at < M * ldc; at++) {
                const hth_real *u = x + at / ldc, *v = y + at % ldc;
                if (at % ldc < N)
                    assert_true(is_sum(C[at], before[at], 1, u, 1, v));
                else
                    assert_memory_equal(C + at, before + at, sizeof *C);
                if (at % ldc < N) assert_false(is_sum(C[at] + HTH_C(0.01), before[at], 1, u, 1, v));
            }
            assert_memory_equal(C + M * ldc, before + M * ldc, (MOST * MOST - M * ldc) * sizeof *C);
        }
}

/* A compiler may or may not fuse the one multiplication and addition of a step, in either of two loops. */
static double largest_difference(const hth_real *a, const hth_real *b, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double scale = 1 + fabs((double)b[i]);
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]) / scale);
    }
    return largest;
}

/* One row of a product, packed: the chain over k, bit for bit. One step of k: to rounding. */
static void test_bits_of_a_product(void **state) {
    (void)state;
    hth_compute *compute = one_thread();
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < SIZES; j++) {
            const size_t K = sizes[i], N = sizes[j];
            hth_real *packed = malloc(hth_packed_size(K, N) * sizeof *packed);
            assert_non_null(packed);
            draw();
            memcpy(out, before, sizeof out);
            memcpy(expected, before, sizeof expected);
            hth_pack(K, N, hth_rows(A, N), packed);
            hth_product_packed(1, N, K, hth_rows(x, K), packed, true, expected, N);
            hth_vector_matrix(K, N, x, A, N, true, out);
            assert_memory_equal(out, expected, N * sizeof *out);
            hth_product(compute, K, N, 1, hth_transposed(x, K), hth_rows(y, N), true, C, N);
            for (size_t row = 0; row < K; row++) {
                hth_pack(1, N, hth_rows(y, N), packed);
                hth_product_packed(1, N, 1, hth_rows(x + row, 1), packed, true, before + row * N,
                                   N);
            }
            assert_true(largest_difference(C, before, K * N) <= 4 * HTH_EPSILON);
            free(packed);
        }
    hth_compute_destroy(compute);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_outer),
        cmocka_unit_test(test_bits_of_a_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
