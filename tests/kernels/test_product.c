/*
 * Products against sums in double over one list of shapes, strides and ways to compute, and the law
 * of bits: an element of a product is the same whether it is computed alone, in a tile, by another
 * thread, packed or not.
 */
#include "kernels/compute.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct shape {
    size_t M, N, K;
} shape;

static const shape shapes[] = {
    {1, 1, 1},      {1, 32, 32},    {1, 100, 100},  {1, 5, 70},     {1, 400, 33},  {1, 193, 17},
    {2, 65, 9},     {3, 31, 40},    {4, 16, 16},    {5, 48, 1},     {6, 33, 12},   {7, 17, 3},
    {8, 100, 64},   {9, 15, 30},    {10, 130, 20},  {11, 64, 5},    {12, 47, 90},  {13, 32, 31},
    {14, 29, 14},   {15, 96, 7},    {20, 200, 160}, {29, 50, 33},   {32, 40, 32},  {33, 7, 100},
    {57, 81, 19},   {100, 1, 50},   {100, 101, 1},  {40, 3, 1100},  {30, 70, 600}, {64, 200, 100},
    {150, 300, 65}, {35, 600, 130}, {70, 35, 1030}, {300, 90, 300}, {3, 2, 0},
};

/* How an operand lies in memory. */
typedef enum layout { ROWS, TRANSPOSED, SCATTERED, LAYOUTS } layout;

/* How the product is computed. */
typedef enum way { PLAIN, PACKED, WAYS } way;

enum { MARGIN = 3 }; /* between rows of C, where nothing may be written */

static uint32_t random_state = 1;

/* In -1..1, with all digits of a double in use: products must not be exact. */
static hth_real random_real(void) {
    double x = 0;
    for (int i = 0; i < 2; i++) {
        random_state = random_state * 1664525u + 1013904223u;
        x = x / (1 << 24) + (double)(random_state >> 8) / (1 << 23);
    }
    return (hth_real)(x - 1);
}

static hth_real *random_numbers(size_t count) {
    hth_real *x = malloc((count + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < count; i++) x[i] = random_real();
    return x;
}

static hth_real *copy_of(const hth_real *x, size_t count) {
    hth_real *copy = malloc((count + 1) * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, x, count * sizeof *copy);
    return copy;
}

/* An operand of rows x columns; the caller frees data. */
static hth_matrix random_matrix(size_t rows, size_t columns, layout how) {
    hth_matrix m = {NULL, columns + 2, 1};
    if (how == TRANSPOSED) m = (hth_matrix){NULL, 1, rows + 1};
    if (how == SCATTERED) m = (hth_matrix){NULL, 2 * columns + 1, 2};
    m.data = random_numbers((rows + 1) * m.row + (columns + 1) * m.column);
    return m;
}

static hth_real at(hth_matrix m, size_t i, size_t j) {
    return m.data[i * m.row + j * m.column];
}

static hth_matrix from(hth_matrix m, size_t i, size_t j) {
    m.data += i * m.row + j * m.column;
    return m;
}

static hth_compute *compute_with(int threads) {
    hth_compute *compute = NULL;
    hth_error error;
    assert_int_equal(hth_compute_create(threads, NULL, &compute, &error), HTH_OK);
    return compute;
}

static void multiply(hth_compute *compute, way how, size_t M, size_t N, size_t K, hth_matrix A,
                     hth_matrix B, bool accumulate, hth_real *C, size_t ldc) {
    if (how == PLAIN) {
        hth_product(compute, M, N, K, A, B, accumulate, C, ldc);
        return;
    }
    hth_real *packed = random_numbers(hth_packed_size(K, N));
    hth_pack(K, N, B, packed);
    hth_product_packed(M, N, K, A, packed, accumulate, C, ldc);
    free(packed);
}

/* Largest error of C = A B (+ before), in units of its bound; untouched margins are part of it. */
static double largest_error(shape s, hth_matrix A, hth_matrix B, const hth_real *before,
                            bool accumulate, const hth_real *C) {
    double largest = 0;
    for (size_t i = 0; i < s.M; i++) {
        for (size_t j = 0; j < s.N + MARGIN; j++) {
            size_t here = i * (s.N + MARGIN) + j;
            double sum = accumulate || j >= s.N ? (double)before[here] : 0, size = fabs(sum);
            for (size_t k = 0; k < s.K && j < s.N; k++) {
                double term = (double)at(A, i, k) * (double)at(B, k, j);
                sum += term;
                size += fabs(term);
            }
            double bound = j < s.N ? HTH_EPSILON * (double)(s.K + 1) * size : 0;
            double error = fabs((double)C[here] - sum);
            if (error > bound)
                error = bound > 0 ? error / bound : INFINITY;
            else
                error = 0;
            if (!(error <= largest)) largest = error;
        }
    }
    return largest;
}

static double error_of_case(hth_compute *compute, shape s, layout a, layout b, way how,
                            bool accumulate, hth_real spoil) {
    hth_matrix A = random_matrix(s.M, s.K, a), B = random_matrix(s.K, s.N, b);
    size_t count = s.M * (s.N + MARGIN);
    hth_real *before = random_numbers(count), *C = copy_of(before, count);
    multiply(compute, how, s.M, s.N, s.K, A, B, accumulate, C, s.N + MARGIN);
    C[count - MARGIN - 1] += spoil;
    double error = largest_error(s, A, B, before, accumulate, C);
    free((void *)A.data);
    free((void *)B.data);
    free(before);
    free(C);
    return error;
}

static void test_products(void **state) {
    (void)state;
    hth_compute *compute = compute_with(2);
    for (size_t i = 0; i < HTH_COUNT(shapes); i++)
        for (int how = 0; how < LAYOUTS * LAYOUTS * WAYS * 2; how++) {
            layout a = (layout)(how % LAYOUTS), b = (layout)(how / LAYOUTS % LAYOUTS);
            way w = (way)(how / LAYOUTS / LAYOUTS % WAYS);
            bool accumulate = how / LAYOUTS / LAYOUTS / WAYS;
            double error = error_of_case(compute, shapes[i], a, b, w, accumulate, 0);
            if (error > 0)
                print_error("%zu x %zu x %zu, layouts %d %d, way %d, accumulate %d: %g\n",
                            shapes[i].M, shapes[i].N, shapes[i].K, (int)a, (int)b, (int)w,
                            accumulate, error);
            assert_true(error == 0);
        }
    hth_compute_destroy(compute);
}

static void test_a_spoilt_element_is_seen(void **state) {
    (void)state;
    hth_compute *compute = compute_with(1);
    shape s = {20, 50, 30};
    assert_true(error_of_case(compute, s, ROWS, ROWS, PLAIN, false, 0) == 0);
    assert_true(error_of_case(compute, s, ROWS, ROWS, PLAIN, false, HTH_C(1e-3)) > 0);
    hth_compute_destroy(compute);
}

/* C[i][j] by a product of one element each: the chain that all others must follow. */
static hth_real *element_by_element(shape s, hth_matrix A, hth_matrix B, const hth_real *before) {
    hth_compute *compute = compute_with(1);
    hth_real *C = copy_of(before, s.M * s.N);
    for (size_t i = 0; i < s.M; i++)
        for (size_t j = 0; j < s.N; j++)
            hth_product(compute, 1, 1, s.K, from(A, i, 0), from(B, 0, j), true, C + i * s.N + j, 1);
    hth_compute_destroy(compute);
    return C;
}

/* In four pieces: rows below and from m, columns below and from n. */
static void multiply_in_pieces(hth_compute *compute, way how, shape s, size_t m, size_t n,
                               hth_matrix A, hth_matrix B, hth_real *C) {
    for (int piece = 0; piece < 4; piece++) {
        size_t i = piece % 2 ? m : 0, j = piece / 2 ? n : 0;
        size_t rows = piece % 2 ? s.M - m : m, columns = piece / 2 ? s.N - n : n;
        multiply(compute, how, rows, columns, s.K, from(A, i, 0), from(B, 0, j), true,
                 C + i * s.N + j, s.N);
    }
}

static void test_bits_do_not_depend_on_the_way(void **state) {
    static const shape some[] = {{1, 100, 50},  {20, 203, 70}, {33, 90, 520},
                                 {64, 200, 90}, {8, 700, 40},  {250, 33, 60}};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(some); c++) {
        shape s = some[c];
        hth_matrix A = random_matrix(s.M, s.K, c % LAYOUTS);
        hth_matrix B = random_matrix(s.K, s.N, c / 2 % LAYOUTS);
        hth_real *before = random_numbers(s.M * s.N);
        hth_real *expected = element_by_element(s, A, B, before);
        for (int threads = 1; threads <= 3; threads++)
            for (int how = 0; how < WAYS * 2; how++) {
                hth_compute *compute = compute_with(threads);
                hth_real *C = copy_of(before, s.M * s.N);
                if (how / WAYS)
                    multiply_in_pieces(compute, (way)(how % WAYS), s, s.M / 3, s.N / 3, A, B, C);
                else
                    multiply(compute, (way)(how % WAYS), s.M, s.N, s.K, A, B, true, C, s.N);
                assert_memory_equal(C, expected, s.M * s.N * sizeof *C);
                free(C);
                hth_compute_destroy(compute);
            }
        free((void *)A.data);
        free((void *)B.data);
        free(before);
        free(expected);
    }
}

/* Sum of a[k] b[k]; backwards: the same terms in the opposite order. */
static hth_real dot(size_t count, const hth_real *a, const hth_real *b, bool backwards) {
    hth_compute *compute = compute_with(1);
    hth_real *A = copy_of(a, count), *B = copy_of(b, count), sum;
    for (size_t k = 0; k < count && backwards; k++) {
        A[k] = a[count - 1 - k];
        B[k] = b[count - 1 - k];
    }
    hth_product(compute, 1, 1, count, hth_rows(A, count), hth_rows(B, 1), false, &sum, 1);
    hth_compute_destroy(compute);
    free(A);
    free(B);
    return sum;
}

/* The control of the test above. */
static void test_bits_show_the_order_of_additions(void **state) {
    enum { COUNT = 200, TIMES = 10 };
    int differ = 0;
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        hth_real *a = random_numbers(COUNT), *b = random_numbers(COUNT);
        hth_real there = dot(COUNT, a, b, false), back = dot(COUNT, a, b, true);
        assert_true(fabs((double)(there - back)) < 100 * HTH_EPSILON);
        differ += there != back;
        free(a);
        free(b);
    }
    assert_true(differ > TIMES / 3);
}

static void test_in_place_is_the_product(void **state) {
    static const shape some[] = {{1, 5, 1},       {7, 129, 7},  {32, 1120, 32}, {32, 65, 32},
                                 {100, 301, 100}, {33, 16, 33}, {530, 40, 530}};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(some); c++)
        for (int threads = 1; threads <= 3; threads++) {
            shape s = some[c];
            size_t ldm = s.N + MARGIN;
            hth_compute *compute = compute_with(threads);
            hth_matrix A = random_matrix(s.M, s.M, c % LAYOUTS);
            hth_real *M = random_numbers(s.M * ldm), *expected = copy_of(M, s.M * ldm);
            hth_product(compute, s.M, s.N, s.M, A, hth_rows(M, ldm), false, expected, ldm);
            hth_real *x = random_numbers(s.M), *out = random_numbers(s.N);
            hth_real *row = copy_of(out, s.N);
            hth_product(compute, 1, s.N, s.M, hth_rows(x, s.M), hth_rows(M, ldm), true, row, s.N);
            hth_real *column = random_numbers(s.M);
            hth_product_in_place(compute, s.M, s.N, A, x, M, ldm, out, column);
            free(column);
            assert_memory_equal(out, row, s.N * sizeof *row);
            free(x);
            free(out);
            free(row);
            assert_memory_equal(M, expected, s.M * ldm * sizeof *M);
            free((void *)A.data);
            free(M);
            free(expected);
            hth_compute_destroy(compute);
        }
}

/* More rows than scratch holds panels of. */
static void test_in_place_with_many_rows(void **state) {
    enum { ROWS_OF_M = 8200, COLUMNS = 2 };
    hth_real *a = random_numbers(ROWS_OF_M);
    hth_real *M = random_numbers(ROWS_OF_M * COLUMNS);
    hth_real expected[COLUMNS];
    hth_compute *compute = compute_with(1);
    (void)state;
    /* every row of A is the same, so every row of the product is */
    hth_matrix A = {a, 0, 1};
    hth_product(compute, 1, COLUMNS, ROWS_OF_M, A, hth_rows(M, COLUMNS), false, expected, COLUMNS);
    hth_real out[COLUMNS] = {0};
    hth_real *column = random_numbers(ROWS_OF_M);
    hth_product_in_place(compute, ROWS_OF_M, COLUMNS, A, a, M, COLUMNS, out, column);
    free(column);
    assert_memory_equal(out, expected, sizeof expected);
    for (size_t i = 0; i < ROWS_OF_M; i++)
        assert_memory_equal(M + i * COLUMNS, expected, sizeof expected);
    hth_compute_destroy(compute);
    free(a);
    free(M);
}

static void test_sum_of_squares(void **state) {
    static const size_t counts[] = {0, 1, 15, 17, 4096, 4097, 300001};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(counts); c++) {
        hth_real *x = random_numbers(counts[c]);
        double sum = 0, first = 0;
        for (size_t i = 0; i < counts[c]; i++) sum += (double)x[i] * (double)x[i];
        for (int threads = 1; threads <= 3; threads++) {
            hth_compute *compute = compute_with(threads);
            double found = hth_sum_of_squares(compute, counts[c], x);
            if (threads == 1) first = found;
            assert_true(fabs(found - sum) <= 1e-12 * sum);
            assert_memory_equal(&found, &first, sizeof found);
            hth_compute_destroy(compute);
        }
        free(x);
    }
}

static void test_zero_or_nan(void **state) {
    static const size_t counts[] = {1, 63, 64, 65, 200, 4096, 4099};
    static const double bad[] = {INFINITY, -INFINITY, NAN};
    (void)state;
    hth_compute *compute = compute_with(2);
    assert_true(hth_zero_or_nan(compute, 0, NULL) == 0);
    for (size_t c = 0; c < HTH_COUNT(counts); c++) {
        hth_real *x = random_numbers(counts[c]);
        x[0] = HTH_C(3e38); /* its square is no float */
        assert_true(hth_zero_or_nan(compute, counts[c], x) == 0);
        for (size_t i = 0; i < counts[c]; i += i < 300 ? 1 : 97) {
            const hth_real keep = x[i];
            x[i] = (hth_real)bad[i % 3];
            assert_true(isnan(hth_zero_or_nan(compute, counts[c], x)));
            x[i] = keep;
        }
        assert_true(hth_zero_or_nan(compute, counts[c], x) == 0);
        free(x);
    }
    hth_compute_destroy(compute);
}

typedef struct tally {
    int times[1000], threads;
    bool worker_in_range[1000];
} tally;

static void count_task(void *arg, size_t index, int worker) {
    tally *t = arg;
    t->times[index]++;
    t->worker_in_range[index] = worker >= 0 && worker < t->threads;
}

static void test_parallel_runs_every_task_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        hth_compute *compute = compute_with(threads);
        tally t = {.threads = hth_compute_threads(compute)};
        assert_true(t.threads >= 1 && t.threads <= threads);
        hth_parallel(compute, 999, 1e9, count_task, &t);
        hth_parallel(compute, 10, 1, count_task, &t); /* small work */
        for (size_t i = 0; i < 999; i++) {
            assert_int_equal(t.times[i], i < 10 ? 2 : 1);
            assert_true(t.worker_in_range[i]);
        }
        assert_int_equal(t.times[999], 0);
        hth_compute_destroy(compute);
    }
}

static void *refuse(void *context, size_t bytes) {
    (void)context;
    (void)bytes;
    return NULL;
}

static void test_creation_fails_with_a_sentence(void **state) {
    const hth_allocator none = {refuse, NULL, NULL};
    hth_compute *compute = NULL;
    hth_error error;
    (void)state;
    assert_int_equal(hth_compute_create(-1, NULL, &compute, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "threads is -1"));
    assert_int_equal(hth_compute_create(1, &none, &compute, &error), HTH_NO_MEMORY);
    assert_null(compute);
    hth_compute_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_a_spoilt_element_is_seen),
        cmocka_unit_test(test_bits_do_not_depend_on_the_way),
        cmocka_unit_test(test_bits_show_the_order_of_additions),
        cmocka_unit_test(test_in_place_is_the_product),
        cmocka_unit_test(test_in_place_with_many_rows),
        cmocka_unit_test(test_sum_of_squares),
        cmocka_unit_test(test_zero_or_nan),
        cmocka_unit_test(test_parallel_runs_every_task_once),
        cmocka_unit_test(test_creation_fails_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
