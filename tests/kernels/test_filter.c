/* Filtered outer products against their definition, for every number of traces and any length of row, any cut of
 * the rows, and traces that fade. */
#include "laws.h"

#include "kernels/filter.h"

enum { UNITS = 3, ROWS = 2 * UNITS, MOST_M = 67 };

typedef struct filter_case {
    size_t e, m;
    hth_real x[HTH_MOST_TRACES * UNITS], phi[HTH_MOST_TRACES * HTH_MOST_TRACES * UNITS];
    hth_real delta[ROWS], gamma[HTH_MOST_TRACES * ROWS], u[MOST_M];
    hth_real eps[HTH_MOST_TRACES * ROWS * MOST_M + 1], g[ROWS * MOST_M + 1]; /* and one beyond */
} filter_case;

static void fill(hth_real *to, size_t count, uint32_t stream) {
    const hth_random r = {3, HTH_RANDOM_CHECK, stream};
    for (size_t i = 0; i < count; i++) to[i] = (hth_real)hth_random_normal(&r, i);
}

static filter_case *made(size_t e, size_t m) {
    filter_case *c = calloc(1, sizeof *c);
    c->e = e;
    c->m = m;
    fill(c->x, e * UNITS, 1);
    fill(c->phi, e * e * UNITS, 2);
    fill(c->delta, ROWS, 3);
    fill(c->gamma, e * ROWS, 4);
    fill(c->u, m, 5);
    fill(c->eps, e * ROWS * m + 1, 6);
    fill(c->g, ROWS * m + 1, 7);
    return c;
}

static hth_filter filter_of(filter_case *c, bool with_step) {
    return (hth_filter){.e = c->e,
                        .rows = ROWS,
                        .n = UNITS,
                        .m = c->m,
                        .x = c->x,
                        .phi = c->phi,
                        .delta = with_step ? c->delta : NULL,
                        .gamma = with_step ? c->gamma : NULL,
                        .u = c->u,
                        .eps = c->eps,
                        .g = c->g};
}

static void define(filter_case *c, size_t row, bool with_step) {
    const size_t e = c->e, m = c->m, j = row % UNITS;
    for (size_t i = 0; i < m; i++) {
        double old[HTH_MOST_TRACES], sum = (double)c->g[row * m + i];
        if (with_step) sum += (double)c->delta[row] * (double)c->u[i];
        for (size_t k = 0; k < e; k++) {
            old[k] = (double)c->eps[(k * ROWS + row) * m + i];
            sum += (double)c->x[k * UNITS + j] * old[k];
        }
        c->g[row * m + i] = (hth_real)sum;
        for (size_t k = 0; k < e; k++) {
            double next = with_step ? (double)c->gamma[k * ROWS + row] * (double)c->u[i] : 0;
            for (size_t l = 0; l < e; l++) next += (double)c->phi[(k * e + l) * UNITS + j] * old[l];
            c->eps[(k * ROWS + row) * m + i] = (hth_real)next;
        }
    }
}

static double apart(const hth_real *a, const hth_real *b, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static void assert_filter(size_t e, size_t m, bool with_step, size_t from, size_t to) {
    filter_case *ours = made(e, m), *theirs = made(e, m), *before = made(e, m);
    const hth_filter f = filter_of(ours, with_step);
    hth_filter_rows(&f, from, to);
    for (size_t row = from; row < to; row++) define(theirs, row, with_step);
    assert_true(apart(ours->g, theirs->g, ROWS * m + 1) < tolerance(1e-13, 1e-5));
    assert_true(apart(ours->eps, theirs->eps, e * ROWS * m + 1) < tolerance(1e-13, 1e-5));
    assert_true(apart(ours->g, before->g, ROWS * m + 1) > 1e-3);
    assert_true(apart(ours->eps, before->eps, e * ROWS * m + 1) > 1e-3);
    free(ours);
    free(theirs);
    free(before);
}

static void test_definition(void **state) {
    (void)state;
    const size_t lengths[] = {1, 2, 7, 8, 15, 16, 17, 33, MOST_M};
    for (size_t e = 1; e <= HTH_MOST_TRACES; e++)
        for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
            assert_filter(e, lengths[i], true, 0, ROWS);
            assert_filter(e, lengths[i], false, 0, ROWS);
            assert_filter(e, lengths[i], true, 1, 5);
            assert_filter(e, lengths[i], true, 4, ROWS);
        }
}

/* A trace that only decays becomes 0, never subnormal; what is not finite stays so. */
static void test_fading(void **state) {
    (void)state;
    filter_case *c = made(1, 21);
    for (size_t j = 0; j < UNITS; j++) c->phi[j] = HTH_C(0.25);
    c->eps[0] = (hth_real)NAN;
    for (int i = 0; i < 600; i++) {
        const hth_filter f = filter_of(c, false);
        hth_filter_rows(&f, 0, ROWS);
        for (size_t k = 1; k < ROWS * 21; k++) assert_true(c->eps[k] == 0 || isnormal(c->eps[k]));
    }
    assert_true(isnan(c->eps[0]));
    for (size_t k = 1; k < ROWS * 21; k++) assert_true(c->eps[k] == 0);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_fading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
