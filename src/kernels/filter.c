/* The pass for every e apart, so that its loops over k disappear; the last, partial vector of a row is masked,
 * because rows of an online learner are short. Time: 2 e + 2 rows of memory; e e + 2 e + 1 multiply-adds a
 * column. */
#include "kernels/filter.h"

#include "kernels/least.h"

/* What is the same for all columns of a row. */
typedef struct row_filter {
    hth_real x[HTH_MOST_TRACES], phi[HTH_MOST_TRACES][HTH_MOST_TRACES], gamma[HTH_MOST_TRACES];
    hth_real delta;
} row_filter;

#ifdef HTH_VECTOR_KERNELS

/* One vector of columns, of which the first `count`. */
HTH_ALWAYS_INLINE void columns(const size_t e, const bool sets, const row_filter *f,
                               const bool whole, size_t count, const hth_real *u, hth_real *eps,
                               size_t stride, hth_real *g) {
    const hth_vector in = whole ? hth_load(u) : hth_load_some(u, count);
    hth_vector sum = {0}, old[HTH_MOST_TRACES];
    if (!sets) sum = whole ? hth_load(g) : hth_load_some(g, count);
    sum = hth_add_scaled_vector(f->delta, in, sum);
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        old[k] = whole ? hth_load(eps + k * stride) : hth_load_some(eps + k * stride, count);
        sum = hth_add_scaled_vector(f->x[k], old[k], sum);
    }
    if (whole)
        hth_store(g, sum);
    else
        hth_store_some(g, sum, count);
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        hth_vector next = f->gamma[k] * in;
        HTH_UNROLL
        for (size_t l = 0; l < e; l++) next = hth_add_scaled_vector(f->phi[k][l], old[l], next);
        next = hth_without_least(next);
        if (whole)
            hth_store(eps + k * stride, next);
        else
            hth_store_some(eps + k * stride, next, count);
    }
}

HTH_ALWAYS_INLINE void filter_row(const size_t e, const bool sets, size_t m, const row_filter *f,
                                  const hth_real *u, hth_real *eps, size_t stride, hth_real *g) {
    const size_t rest = m % HTH_LANES;
    size_t i = 0;
    for (; i < m - rest; i += HTH_LANES)
        columns(e, sets, f, true, HTH_LANES, u + i, eps + i, stride, g + i);
    if (rest) columns(e, sets, f, false, rest, u + i, eps + i, stride, g + i);
}

#else

static void filter_row(size_t e, bool sets, size_t m, const row_filter *f, const hth_real *u,
                       hth_real *eps, size_t stride, hth_real *g) {
    for (size_t i = 0; i < m; i++) {
        hth_real old[HTH_MOST_TRACES];
        g[i] = hth_fma(f->delta, u[i], sets ? 0 : g[i]);
        for (size_t k = 0; k < e; k++) {
            old[k] = eps[k * stride + i];
            g[i] = hth_fma(f->x[k], old[k], g[i]);
        }
        for (size_t k = 0; k < e; k++) {
            hth_real next = f->gamma[k] * u[i];
            for (size_t l = 0; l < e; l++) next = hth_fma(f->phi[k][l], old[l], next);
            eps[k * stride + i] = hth_without_least(next);
        }
    }
}

#endif

/* From the last row to the first: a masked store holds up loads of what lies behind it, which is then done. */
HTH_ALWAYS_INLINE void filter_rows(const size_t e, const bool sets, const hth_filter *f,
                                   size_t from, size_t to, hth_real *g) {
    const size_t n = f->n, m = f->m, stride = f->rows * m;
    size_t j = to % n;
    for (size_t row = to; row-- > from;) {
        row_filter own;
        j = j ? j - 1 : n - 1;
        own.delta = f->delta ? f->delta[row] : 0;
        HTH_UNROLL
        for (size_t k = 0; k < e; k++) {
            own.x[k] = f->x[k * n + j];
            own.gamma[k] = f->gamma ? f->gamma[k * f->rows + row] : 0;
            HTH_UNROLL
            for (size_t l = 0; l < e; l++) own.phi[k][l] = f->phi[(k * e + l) * n + j];
        }
        filter_row(e, sets, m, &own, f->u, f->eps + row * m, stride, g + (row - from) * m);
    }
}

/* `sets` is a constant of each instance, and so is e. */
HTH_ALWAYS_INLINE void filter_any(const bool sets, const hth_filter *f, size_t from, size_t to,
                                  hth_real *g) {
    switch (f->e) {
    case 1:
        filter_rows(1, sets, f, from, to, g);
        break;
    case 2:
        filter_rows(2, sets, f, from, to, g);
        break;
    case 3:
        filter_rows(3, sets, f, from, to, g);
        break;
    case 4:
        filter_rows(4, sets, f, from, to, g);
        break;
    default:
        filter_rows(5, sets, f, from, to, g);
        break;
    }
}

HTH_NO_SANITIZERS void hth_filter_rows(const hth_filter *f, size_t from, size_t to) {
    filter_any(false, f, from, to, f->g + from * f->m);
}

HTH_NO_SANITIZERS void hth_filter_rows_to(const hth_filter *f, size_t from, size_t to,
                                          hth_real *g) {
    filter_any(true, f, from, to, g);
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
