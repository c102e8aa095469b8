/*
 * Products by events against the products that they stand for, bit for bit: sizes around the width of a vector,
 * rows with none, few and all of their numbers, values other than 1, more rows than are taken at a time.
 */
#include "kernels/compute.h"
#include "kernels/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t random_state = 1;

static double uniform(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / (1 << 24);
}

/* In -1..1, with all digits of an hth_real in use. */
static hth_real random_real(void) {
    const double low = uniform();
    return (hth_real)(2 * (uniform() + low / (1 << 24)) - 1);
}

static hth_real *room(size_t count) {
    return calloc(count + 1, sizeof(hth_real));
}

typedef enum value { ONES, REALS } value;

/* Every row has a density of its own, from none to all. Of REALS half are 1, so that lists begin with some. */
static void fill_rows(hth_real *u, size_t rows, size_t K, size_t stride, double density,
                      value kind) {
    for (size_t t = 0; t < rows; t++)
        for (size_t i = 0; i < stride; i++) {
            const double most = t % 7 == 3 ? 1 : t % 7 == 5 ? 0 : density;
            const bool is_event = i < K && uniform() < most;
            u[t * stride + i] = i >= K                            ? HTH_C(7.0)
                                : !is_event                       ? 0
                                : kind == ONES || uniform() < 0.5 ? 1
                                                                  : random_real();
        }
}

static void fill(hth_real *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = random_real();
}

/* Lists in memory of their own. */
static hth_events lists_of(const hth_real *u, size_t rows, size_t K, size_t stride, size_t most) {
    hth_arena arena = {0};
    hth_events events;
    hth_events_lay_out(&arena, rows, most, &events);
    arena = (hth_arena){.base = calloc(1, arena.used)};
    hth_events_lay_out(&arena, rows, most, &events);
    for (size_t t = 0; t < rows; t++) hth_events_list(&events, t, K, u + t * stride);
    return events;
}

static void free_lists(hth_events *events) {
    free(events->count); /* the first of their memory */
}

/* ---- Lists -------------------------------------------------------------------------------- */

static void check_lists(size_t K, size_t most) {
    enum { ROWS = 14, MARGIN = 5 };
    const size_t stride = K + MARGIN;
    hth_real *u = room(ROWS * stride);
    size_t total = 0;
    fill_rows(u, ROWS, K, stride, 0.3, REALS);
    hth_events e = lists_of(u, ROWS, K, stride, most);
    for (size_t t = 0; t < ROWS; t++) {
        size_t found = 0, ones = 0;
        for (size_t i = 0; i < K; i++) {
            if (u[t * stride + i] == 0) continue;
            if (ones == found && u[t * stride + i] == 1) ones++;
            if (e.count[t] <= most) assert_int_equal(e.at[t * e.stride + found], i);
            found++;
        }
        if (found <= most) {
            assert_int_equal(e.count[t], found);
            assert_int_equal(e.ones[t], ones);
        } else
            assert_true(e.count[t] > most);
        total += found <= most ? found : 1000;
    }
    assert_int_equal(hth_events_total(&e, 0, ROWS, 1000), total);
    free_lists(&e);
    free(u);
}

static void test_lists(void **state) {
    static const size_t widths[] = {1, 7, 8, 15, 16, 17, 33, 100, 501};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(widths); i++) {
        check_lists(widths[i], widths[i]);
        check_lists(widths[i], 1);
        check_lists(widths[i], widths[i] / 4 + 1);
    }
}

/* ---- Products ----------------------------------------------------------------------------- */

/* Whether the rows' products have the bits of those that take zeros too. `skip`: leave an event out. */
static bool same_products(size_t rows, size_t N, size_t K, value kind, bool skip) {
    const size_t ldy = N + 3;
    hth_real *u = room(rows * K), *B = room(K * N), *packed = room(hth_packed_size(K, N));
    hth_real *y = room(rows * ldy), *z = room(rows * ldy);
    fill_rows(u, rows, K, K, 0.1, kind);
    fill(B, K * N);
    fill(y, rows * ldy);
    memcpy(z, y, rows * ldy * sizeof *y);
    hth_pack(K, N, hth_rows(B, N), packed);
    hth_product_packed(rows, N, K, hth_rows(u, K), packed, false, y, ldy);
    hth_events e = lists_of(u, rows, K, K, K);
    for (size_t t = 0; t < rows; t++) {
        if (skip && e.count[t] > 1) e.count[t]--;
        hth_events_times(&e, t, N, K, u + t * K, packed, z + t * ldy);
    }
    const bool same = memcmp(y, z, rows * ldy * sizeof *y) == 0;
    free_lists(&e);
    free(u);
    free(B);
    free(packed);
    free(y);
    free(z);
    return same;
}

static void test_products(void **state) {
    static const size_t Ns[] = {1, 3, 8, 15, 16, 17, 31, 32, 33, 100, 127, 128, 129, 270};
    static const size_t Ks[] = {1, 9, 64, 141, 601};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(Ns); i++)
        for (size_t k = 0; k < HTH_COUNT(Ks); k++) {
            assert_true(same_products(9, Ns[i], Ks[k], ONES, false));
            assert_true(same_products(9, Ns[i], Ks[k], REALS, false));
            if (Ks[k] > 1) assert_false(same_products(9, Ns[i], Ks[k], REALS, true));
        }
}

/* Many rows, which come after others and have numbers after the K that count; rows with more than `most` events have no
 * list. `skip`: begin a row too early. No lists: the product itself. */
static bool same_rows(size_t rows, size_t M, size_t K, size_t most, bool skip, int threads) {
    enum { FIRST = 2, MORE = 3 };
    const size_t stride = K + MORE, ldy = M + 1;
    hth_real *u = room((FIRST + rows) * stride), *B = room(K * M);
    hth_real *packed = room(hth_packed_size(K, M)), *y[3];
    hth_compute *compute;
    hth_error error;
    assert_int_equal(hth_compute_create(threads, NULL, &compute, &error), HTH_OK);
    for (int i = 0; i < 3; i++) y[i] = room(rows * ldy);
    fill_rows(u, FIRST + rows, K, stride, 0.1, REALS);
    fill(B, K * M);
    hth_pack(K, M, hth_rows(B, M), packed);
    hth_events e = lists_of(u, FIRST + rows, stride, stride, most + MORE);
    const hth_events_rows of = {.events = &e,
                                .from = FIRST - skip,
                                .rows = rows,
                                .K = K,
                                .M = M,
                                .stride = stride,
                                .x = u + FIRST * stride};
    hth_events_rows densely = of;
    densely.events = NULL;
    hth_product(compute, rows, M, K, hth_rows(of.x, stride), hth_rows(B, M), false, y[0], ldy);
    hth_events_product(compute, &of, packed, y[1], ldy);
    hth_events_product(compute, &densely, packed, y[2], ldy);
    const size_t bytes = rows * ldy * sizeof(hth_real);
    assert_memory_equal(y[0], y[2], bytes);
    const bool same = memcmp(y[0], y[1], bytes) == 0;
    hth_compute_destroy(compute);
    free_lists(&e);
    free(u), free(B), free(packed);
    for (int i = 0; i < 3; i++) free(y[i]);
    return same;
}

static void test_products_of_rows(void **state) {
    static const size_t Ms[] = {1, 17, 100, 270}, Ks[] = {1, 16, 60, 141};
    (void)state;
    for (size_t m = 0; m < HTH_COUNT(Ms); m++)
        for (size_t k = 0; k < HTH_COUNT(Ks); k++)
            for (int threads = 1; threads <= 3; threads++) {
                assert_true(same_rows(30, Ms[m], Ks[k], Ks[k], false, threads));
                assert_true(same_rows(30, Ms[m], Ks[k], Ks[k] / 8, false, threads));
            }
    assert_false(same_rows(30, 17, 60, 60, true, 1));
}

/* ---- Sums of outer products ---------------------------------------------------------------- */

/* The rows that count come after others, and have numbers after the K that count: lists know those too. */
enum { BEFORE = 2, AFTER = 2 };

typedef struct sums {
    size_t rows, N, K, stride, d_stride, ldc, most;
    hth_real *all, *u, *d, *start, *expected, *found, *scratch;
} sums;

static sums make_sums(size_t rows, size_t N, size_t K, double density, size_t most) {
    sums s = {.rows = rows,
              .N = N,
              .K = K,
              .stride = K + AFTER,
              .d_stride = N + 3,
              .ldc = K + 5,
              .most = most + AFTER};
    s.all = room((BEFORE + rows) * s.stride);
    s.u = s.all + BEFORE * s.stride;
    /* to the last number: nothing beyond may be read */
    s.d = malloc(((rows - 1) * s.d_stride + N) * sizeof *s.d);
    s.start = room(N * s.ldc);
    s.expected = room(N * s.ldc);
    s.found = room(N * s.ldc);
    s.scratch = room(hth_packed_size(K, N));
    fill_rows(s.all, BEFORE + rows, K, s.stride, density, REALS);
    fill(s.d, (rows - 1) * s.d_stride + N);
    fill(s.start, N * s.ldc);
    return s;
}

static void free_sums(sums *s) {
    free(s->all);
    free(s->d);
    free(s->start);
    free(s->expected);
    free(s->found);
    free(s->scratch);
}

static void add_densely(hth_compute *compute, sums *s) {
    memcpy(s->expected, s->start, s->N * s->ldc * sizeof *s->start);
    hth_product(compute, s->N, s->K, s->rows, hth_transposed(s->d, s->d_stride),
                hth_rows(s->u, s->stride), true, s->expected, s->ldc);
}

static void add_by_events(hth_compute *compute, sums *s, const hth_events *events) {
    memcpy(s->found, s->start, s->N * s->ldc * sizeof *s->start);
    const hth_events_sum sum = {.events = events,
                                .from = BEFORE,
                                .rows = s->rows,
                                .N = s->N,
                                .K = s->K,
                                .d = s->d,
                                .d_stride = s->d_stride,
                                .u = s->u,
                                .u_stride = s->stride,
                                .C = s->found,
                                .ldc = s->ldc,
                                .scratch = s->scratch};
    hth_events_add(compute, &sum);
}

static bool same_sums(const sums *s) {
    return memcmp(s->expected, s->found, s->N * s->ldc * sizeof *s->found) == 0;
}

static void check_sums(size_t rows, size_t N, size_t K, double density, size_t most) {
    sums s = make_sums(rows, N, K, density, most);
    hth_events e = lists_of(s.all, BEFORE + rows, s.stride, s.stride, s.most);
    for (int threads = 1; threads <= 3; threads++) {
        hth_compute *compute;
        hth_error error;
        assert_int_equal(hth_compute_create(threads, NULL, &compute, &error), HTH_OK);
        add_densely(compute, &s);
        add_by_events(compute, &s, &e);
        if (!same_sums(&s)) fail_msg("%zu rows, %zu x %zu, %d threads", rows, N, K, threads);
        hth_compute_destroy(compute);
    }
    free_lists(&e);
    free_sums(&s);
}

static void test_sums(void **state) {
    static const size_t Ns[] = {1, 15, 16, 33, 70, 130};
    static const size_t Ks[] = {1, 17, 101};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(Ns); i++)
        for (size_t k = 0; k < HTH_COUNT(Ks); k++) {
            check_sums(2, Ns[i], Ks[k], 0.5, Ks[k]); /* of one, to rounding: see test_rows */
            check_sums(50, Ns[i], Ks[k], 0.1, Ks[k]);
            check_sums(50, Ns[i], Ks[k], 0.1, Ks[k] / 8 + 1); /* rows that are not listed */
        }
}

/* Many rows, several blocks of them, shared out among threads; and blocks that end because their lists are full. */
static void test_blocks_of_sums(void **state) {
    (void)state;
    check_sums(2500, 40, 150, 0.05, 20);
    check_sums(700, 400, 120, 0.03, 15);
    check_sums(1000, 20, 600, 0.9, 600);
}

static void test_sums_can_differ(void **state) {
    sums s = make_sums(60, 20, 30, 0.2, 30);
    hth_events e = lists_of(s.all, BEFORE + 60, s.stride, s.stride, s.most);
    hth_compute *compute;
    hth_error error;
    (void)state;
    assert_int_equal(hth_compute_create(1, NULL, &compute, &error), HTH_OK);
    add_densely(compute, &s);
    /* One event less. */
    uint32_t *at = e.at + BEFORE * e.stride;
    assert_true(e.count[BEFORE] > AFTER);
    memmove(at, at + 1, --e.count[BEFORE] * sizeof *at);
    add_by_events(compute, &s, &e);
    assert_false(same_sums(&s));
    hth_compute_destroy(compute);
    free_lists(&e);
    free_sums(&s);
}

/* ---- Few rows ----------------------------------------------------------------------------- */

/* Whether a readout of M rows and its gradient have the bits of the products. Of rows with more than `most` events
 * there is no list. `skip`: leave an event out. */
static bool same_few(size_t rows, size_t M, size_t K, size_t most, bool skip) {
    hth_compute *compute;
    hth_error error;
    hth_real *u = room(rows * K), *A = room(M * K), *d = room(M * rows);
    hth_real *y = room(M * rows), *z = room(M * rows), *C = room(M * K), *D = room(M * K);
    assert_int_equal(hth_compute_create(1, NULL, &compute, &error), HTH_OK);
    fill_rows(u, rows, K, K, 0.1, ONES);
    fill(A, M * K);
    fill(d, M * rows);
    fill(C, M * K);
    memcpy(D, C, M * K * sizeof *C);
    hth_events e = lists_of(u, rows, K, K, most);
    for (size_t t = 0; skip && t < rows; t++)
        if (e.count[t] > 1 && e.count[t] <= most) e.count[t]--;
    const hth_events_rows of = {.events = &e, .rows = rows, .K = K, .M = M, .stride = K, .x = u};
    hth_product(compute, M, rows, K, hth_rows(A, K), hth_transposed(u, K), false, y, rows);
    hth_events_outputs(compute, &of, A, z, of.rows);
    hth_product(compute, M, K, rows, hth_rows(d, rows), hth_rows(u, K), true, C, K);
    hth_events_add_few(compute, &of, d, D);
    const bool same =
        memcmp(y, z, M * rows * sizeof *y) == 0 && memcmp(C, D, M * K * sizeof *C) == 0;
    hth_compute_destroy(compute);
    free_lists(&e);
    hth_real *const all[] = {u, A, d, y, z, C, D};
    for (size_t i = 0; i < HTH_COUNT(all); i++) free(all[i]);
    return same;
}

static void test_few_rows(void **state) {
    static const size_t Ks[] = {5, 16, 40, 129};
    (void)state;
    for (size_t k = 0; k < HTH_COUNT(Ks); k++)
        for (size_t M = 1; M <= 16; M += 5) {
            assert_true(same_few(30, M, Ks[k], Ks[k], false));
            assert_true(same_few(30, M, Ks[k], Ks[k] / 3, false));
        }
    assert_false(same_few(30, 3, 40, 40, true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_products_of_rows),
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_blocks_of_sums),
        cmocka_unit_test(test_sums_can_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
