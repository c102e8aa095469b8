/* The pass for every e apart, so that its loops over k disappear. Rows of an online learner are short and follow each
 * other without a gap, so a vector runs on from the end of a row into the next one: all but the last are whole, and
 * where the first begins a line of the cache none straddles two. Time: 2 e + 2 rows of memory; e e + 2 e + 1
 * multiply-adds a column. */
#include "kernels/filter.h"

#include "kernels/least.h"

/* What becomes of the gradient: it is added to g, g is set to it, or g is theta and descends by it. */
typedef enum hth_way { ADDS, SETS, DESCENDS } hth_way;

#ifdef HTH_VECTOR_KERNELS

/* What the columns of a row have in common, in every lane; or the one row's and the next one's. */
typedef struct factors {
    hth_vector delta, x[HTH_MOST_TRACES], gamma[HTH_MOST_TRACES];
    hth_vector phi[HTH_MOST_TRACES][HTH_MOST_TRACES];
    hth_linear by;
} factors;

HTH_ALWAYS_INLINE factors factors_of(const size_t e, const hth_way way, hth_linear by,
                                     const hth_filter *f, size_t row, size_t j) {
    const bool has_delta = way != ADDS || f->delta, has_gamma = way != ADDS || f->gamma;
    factors of;
    of.by = by;
    of.delta = hth_all_lanes(has_delta ? f->delta[row] : 0);
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        of.x[k] = hth_all_lanes(f->x[k * f->n + j]);
        of.gamma[k] = hth_all_lanes(has_gamma ? f->gamma[k * f->rows + row] : 0);
        HTH_UNROLL
        for (size_t l = 0; l < e; l++) of.phi[k][l] = hth_all_lanes(f->phi[(k * e + l) * f->n + j]);
    }
    return of;
}

/* The first `count` lanes belong to row a, the others to row b. */
HTH_ALWAYS_INLINE factors factors_across(const size_t e, size_t count, const factors *a,
                                         const factors *b) {
    factors of;
    of.by = a->by;
    of.delta = hth_first_of(count, a->delta, b->delta);
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        of.x[k] = hth_first_of(count, a->x[k], b->x[k]);
        of.gamma[k] = hth_first_of(count, a->gamma[k], b->gamma[k]);
        HTH_UNROLL
        for (size_t l = 0; l < e; l++)
            of.phi[k][l] = hth_first_of(count, a->phi[k][l], b->phi[k][l]);
    }
    return of;
}

/* One vector of numbers, of which the first `count`; `whole` and `way` are constants of each instance. */
HTH_ALWAYS_INLINE void columns(const size_t e, const hth_way way, const bool whole,
                               const factors *f, size_t count, hth_vector in, hth_real *eps,
                               size_t stride, hth_real *g) {
    hth_vector before = {0}, sum = {0}, old[HTH_MOST_TRACES];
    if (way != SETS) before = whole ? hth_load(g) : hth_load_some(g, count);
    if (way == ADDS) sum = before;
    sum = hth_vector_fma(f->delta, in, sum);
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        old[k] = whole ? hth_load(eps + k * stride) : hth_load_some(eps + k * stride, count);
        sum = hth_vector_fma(f->x[k], old[k], sum);
    }
    if (way == DESCENDS) sum = hth_descended_vector(f->by, before, sum);
    if (whole)
        hth_store(g, sum);
    else
        hth_store_some(g, sum, count);
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        hth_vector next = f->gamma[k] * in;
        HTH_UNROLL
        for (size_t l = 0; l < e; l++) next = hth_vector_fma(f->phi[k][l], old[l], next);
        next = hth_without_least(next);
        if (whole)
            hth_store(eps + k * stride, next);
        else
            hth_store_some(eps + k * stride, next, count);
    }
}

/* Rows that are shorter than a vector, each by itself. */
HTH_ALWAYS_INLINE void filter_narrow(const size_t e, const hth_way way, hth_linear by,
                                     const hth_filter *f, size_t from, size_t to, hth_real *g) {
    const size_t m = f->m;
    const hth_vector in = hth_load_some(f->u, m);
    for (size_t row = from; row < to; row++, g += m) {
        const factors of = factors_of(e, way, by, f, row, row % f->n);
        columns(e, way, false, &of, m, in, f->eps + row * m, f->rows * m, g);
    }
}

HTH_ALWAYS_INLINE void filter_rows(const size_t e, const hth_way way, hth_linear by,
                                   const hth_filter *filter, size_t from, size_t to, hth_real *g) {
    const hth_filter own_filter = *filter, *f = &own_filter; /* so that nothing is read again */
    const size_t n = f->n, m = f->m, stride = f->rows * m;
    const hth_real *u = f->u;
    hth_real *eps = f->eps + from * m;
    size_t i = 0, j = from % n; /* column of the row, unit */
    if (from == to) return;
    if (m < HTH_LANES) {
        filter_narrow(e, way, by, f, from, to, g);
        return;
    }
    hth_real round[2 * HTH_LANES]; /* u from its end on to its beginning */
    hth_store(round, hth_load(u + m - HTH_LANES));
    hth_store(round + HTH_LANES, hth_load(u));
    factors own = factors_of(e, way, by, f, from, j);
    for (size_t row = from; row + 1 < to; row++, eps += m, g += m, i -= m) {
        for (; i + HTH_LANES <= m; i += HTH_LANES)
            columns(e, way, true, &own, HTH_LANES, hth_load(u + i), eps + i, stride, g + i);
        const size_t rest = m - i;
        j = j + 1 == n ? 0 : j + 1;
        const factors next = factors_of(e, way, by, f, row + 1, j);
        if (rest) {
            const factors both = factors_across(e, rest, &own, &next);
            const hth_vector in = hth_load(round + HTH_LANES - rest);
            columns(e, way, true, &both, HTH_LANES, in, eps + i, stride, g + i);
            i += HTH_LANES;
        }
        own = next;
    }
    for (; i + HTH_LANES <= m; i += HTH_LANES)
        columns(e, way, true, &own, HTH_LANES, hth_load(u + i), eps + i, stride, g + i);
    if (i < m)
        columns(e, way, false, &own, m - i, hth_load_some(u + i, m - i), eps + i, stride, g + i);
}

#else

/* What is the same for all columns of a row. */
typedef struct row_filter {
    hth_real x[HTH_MOST_TRACES], phi[HTH_MOST_TRACES][HTH_MOST_TRACES], gamma[HTH_MOST_TRACES];
    hth_real delta;
} row_filter;

static void filter_row(size_t e, hth_way way, hth_linear by, size_t m, const row_filter *f,
                       const hth_real *u, hth_real *eps, size_t stride, hth_real *g) {
    for (size_t i = 0; i < m; i++) {
        hth_real old[HTH_MOST_TRACES];
        hth_real sum = hth_fma(f->delta, u[i], way == ADDS ? g[i] : 0);
        for (size_t k = 0; k < e; k++) {
            old[k] = eps[k * stride + i];
            sum = hth_fma(f->x[k], old[k], sum);
        }
        g[i] = way == DESCENDS ? hth_descended(by, g[i], sum) : sum;
        for (size_t k = 0; k < e; k++) {
            hth_real next = f->gamma[k] * u[i];
            for (size_t l = 0; l < e; l++) next = hth_fma(f->phi[k][l], old[l], next);
            eps[k * stride + i] = hth_without_least(next);
        }
    }
}

static void filter_rows(size_t e, hth_way way, hth_linear by, const hth_filter *f, size_t from,
                        size_t to, hth_real *g) {
    const size_t n = f->n, m = f->m;
    for (size_t row = from; row < to; row++, g += m) {
        const size_t j = row % n;
        row_filter own = {.delta = f->delta ? f->delta[row] : 0};
        for (size_t k = 0; k < e; k++) {
            own.x[k] = f->x[k * n + j];
            own.gamma[k] = f->gamma ? f->gamma[k * f->rows + row] : 0;
            for (size_t l = 0; l < e; l++) own.phi[k][l] = f->phi[(k * e + l) * n + j];
        }
        filter_row(e, way, by, m, &own, f->u, f->eps + row * m, f->rows * m, g);
    }
}

#endif

/* `way` is a constant of each instance, and so is e. */
HTH_ALWAYS_INLINE void filter_any(const hth_way way, hth_linear by, const hth_filter *f,
                                  size_t from, size_t to, hth_real *g) {
    switch (f->e) {
    case 0:
        filter_rows(0, way, by, f, from, to, g);
        break;
    case 1:
        filter_rows(1, way, by, f, from, to, g);
        break;
    case 2:
        filter_rows(2, way, by, f, from, to, g);
        break;
    case 3:
        filter_rows(3, way, by, f, from, to, g);
        break;
    case 4:
        filter_rows(4, way, by, f, from, to, g);
        break;
    default:
        filter_rows(5, way, by, f, from, to, g);
        break;
    }
}

HTH_NO_SANITIZERS void hth_filter_rows(const hth_filter *f, size_t from, size_t to) {
    filter_any(ADDS, (hth_linear){0}, f, from, to, f->g + from * f->m);
}

HTH_NO_SANITIZERS void hth_filter_rows_to(const hth_filter *f, size_t from, size_t to,
                                          hth_real *g) {
    filter_any(SETS, (hth_linear){0}, f, from, to, g);
}

HTH_NO_SANITIZERS void hth_filter_rows_descend(const hth_filter *f, size_t from, size_t to,
                                               hth_linear by, hth_real *theta) {
    filter_any(DESCENDS, by, f, from, to, theta);
}

/* ---- Over the threads ---- */

typedef struct cut {
    const hth_filter *filter;
    size_t parts;
} cut;

static void filter_part(void *argument, size_t part, int worker) {
    const cut *c = argument;
    const size_t rows = c->filter->rows;
    (void)worker;
    hth_filter_rows(c->filter, part * rows / c->parts, (part + 1) * rows / c->parts);
}

void hth_filter_run(hth_compute *compute, const hth_filter *filter) {
    const size_t threads = (size_t)hth_compute_threads(compute);
    cut c = {filter, filter->rows < threads ? filter->rows : threads};
    hth_parallel(compute, c.parts, (double)(2 * filter->e * filter->rows) * (double)filter->m,
                 filter_part, &c);
}
