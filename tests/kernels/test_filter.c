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
    assert_true(e == 0 || apart(ours->eps, before->eps, e * ROWS * m + 1) > 1e-3);
    free(ours);
    free(theirs);
    free(before);
}

static void test_definition(void **state) {
    (void)state;
    const size_t lengths[] = {1, 2, 7, 8, 15, 16, 17, 33, MOST_M};
    for (size_t e = 0; e <= HTH_MOST_TRACES; e++)
        for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
            assert_filter(e, lengths[i], true, 0, ROWS);
            if (e) assert_filter(e, lengths[i], false, 0, ROWS);
            assert_filter(e, lengths[i], true, 1, 5);
            assert_filter(e, lengths[i], true, 4, ROWS);
        }
}

/* ---- Over the steps of a tape ---- */

enum { ITEMS = 3, MOST_STEPS = 9, WIDE = MOST_M + 3 };

typedef struct tape_case {
    hth_real x[ITEMS * HTH_MOST_TRACES * UNITS], end[ITEMS * HTH_MOST_TRACES * UNITS];
    hth_real phi[ITEMS * HTH_MOST_TRACES * HTH_MOST_TRACES * UNITS];
    hth_real gamma[ITEMS * MOST_STEPS * HTH_MOST_TRACES * ROWS], u[MOST_STEPS * ITEMS * WIDE];
    hth_real eps[ITEMS * HTH_MOST_TRACES * ROWS * MOST_M + 1], g[ROWS * MOST_M + 1];
} tape_case;

static tape_case *made_tape(void) {
    tape_case *c = calloc(1, sizeof *c);
    fill(c->x, HTH_COUNT(c->x), 11);
    fill(c->end, HTH_COUNT(c->end), 12);
    fill(c->phi, HTH_COUNT(c->phi), 13);
    fill(c->gamma, HTH_COUNT(c->gamma), 14);
    fill(c->u, HTH_COUNT(c->u), 15);
    fill(c->eps, HTH_COUNT(c->eps), 16);
    fill(c->g, HTH_COUNT(c->g), 17);
    return c;
}

static hth_filter_tape tape_filter(tape_case *c, size_t e, size_t m, size_t steps) {
    return (hth_filter_tape){.e = e,
                             .rows = ROWS,
                             .n = UNITS,
                             .m = m,
                             .steps = steps,
                             .items = ITEMS,
                             .x = c->x,
                             .end = c->end,
                             .phi = c->phi,
                             .gamma = c->gamma,
                             .u = c->u,
                             .u_step = ITEMS * WIDE,
                             .u_item = WIDE,
                             .eps = c->eps,
                             .g = c->g};
}

static void define_tape(const hth_filter_tape *f, size_t row, size_t b, size_t i) {
    const size_t e = f->e, j = row % UNITS, first = b * e * UNITS + j;
    double old[HTH_MOST_TRACES], sum = (double)f->g[row * f->m + i];
    hth_real *eps = f->eps + (b * e * ROWS + row) * f->m + i;
    for (size_t k = 0; k < e; k++) {
        old[k] = f->blank ? 0 : (double)eps[k * ROWS * f->m];
        sum += (double)f->x[first + k * UNITS] * old[k];
    }
    for (size_t k = 0; k < e && !f->last; k++) {
        double next = 0;
        for (size_t l = 0; l < e; l++)
            next += (double)f->phi[((b * e + k) * e + l) * UNITS + j] * old[l];
        for (size_t t = 0; t < f->steps; t++)
            next += (double)f->gamma[((b * f->steps + t) * e + k) * ROWS + row] *
                    (double)f->u[t * f->u_step + b * f->u_item + i];
        eps[k * ROWS * f->m] = (hth_real)next;
        if (f->end) sum -= (double)f->end[first + k * UNITS] * next;
    }
    f->g[row * f->m + i] = (hth_real)sum;
}

static void assert_tape(size_t e, size_t m, size_t steps, bool blank, bool last, const bool *idle) {
    tape_case *ours = made_tape(), *theirs = made_tape(), *before = made_tape();
    hth_filter_tape f = tape_filter(ours, e, m, steps), g = tape_filter(theirs, e, m, steps);
    hth_compute *compute;
    hth_error error;
    f.blank = g.blank = blank;
    f.last = g.last = last;
    f.idle = idle;
    if (last) f.end = g.end = NULL;
    for (int threads = 1; threads <= 3; threads += 2) {
        tape_case *again = threads > 1 ? made_tape() : ours;
        f.eps = again->eps;
        f.g = again->g;
        must(hth_compute_create(threads, NULL, &compute, &error), &error);
        hth_filter_tape_run(compute, &f);
        hth_compute_destroy(compute);
        if (threads > 1) assert_memory_equal(again, ours, sizeof *again);
        if (threads > 1) free(again);
    }
    for (size_t row = 0; row < ROWS; row++)
        for (size_t b = 0; b < ITEMS && !(idle && idle[row / UNITS]); b++)
            for (size_t i = 0; i < m; i++) define_tape(&g, row, b, i);
    assert_true(apart(ours->g, theirs->g, HTH_COUNT(ours->g)) < tolerance(1e-12, 2e-4));
    assert_true(apart(ours->eps, theirs->eps, HTH_COUNT(ours->eps)) < tolerance(1e-12, 1e-4));
    assert_true((apart(ours->g, before->g, HTH_COUNT(ours->g)) > 1e-3) != (blank && last));
    assert_true((apart(ours->eps, before->eps, HTH_COUNT(ours->eps)) > 1e-3) != last);
    free(ours);
    free(theirs);
    free(before);
}

static void test_definition_over_a_tape(void **state) {
    (void)state;
    static const bool second[] = {false, true};
    const size_t lengths[] = {1, 7, 16, 17, 33, 64, MOST_M};
    for (size_t e = 1; e <= HTH_MOST_TRACES; e++)
        for (size_t i = 0; i < HTH_COUNT(lengths); i++)
            for (int way = 0; way < 4; way++)
                assert_tape(e, lengths[i], way ? 4 : MOST_STEPS, way % 2, way / 2,
                            i % 2 ? second : NULL);
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
        cmocka_unit_test(test_definition_over_a_tape),
        cmocka_unit_test(test_fading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
