/* Each vector of columns of a row is loaded, taken over all steps in registers, and stored: time 2 e numbers of
 * memory and e (e + steps + 2) multiply-adds a column and item, so that for a few steps memory is what it waits
 * for. */
#include "base/fma.h"
#include "kernels/elementwise.h"
#include "kernels/filter.h"
#include "kernels/least.h"

#include <assert.h>

/* What is the same for all columns of a row of one item. */
typedef struct row_coefficients {
    hth_real x[HTH_MOST_TRACES], end[HTH_MOST_TRACES], phi[HTH_MOST_TRACES][HTH_MOST_TRACES];
    const hth_real *gamma; /* [steps][e], rows apart */
    const hth_real *u;     /* [steps], u_step apart */
} row_coefficients;

#ifdef HTH_VECTOR_KERNELS

/* `vectors` vectors of columns; or of one vector the first `count` columns. */
HTH_ALWAYS_INLINE void columns(const size_t e, const size_t vectors, const bool whole, size_t count,
                               const hth_filter_tape *f, const row_coefficients *c, size_t at,
                               hth_real *eps, hth_real *g) {
    const size_t stride = f->rows * f->m;
    hth_vector sum[4], next[HTH_MOST_TRACES][4];
    HTH_UNROLL
    for (size_t i = 0; i < vectors; i++) {
        hth_vector old[HTH_MOST_TRACES];
        const size_t from = at + i * HTH_LANES;
        sum[i] = whole ? hth_load(g + from) : hth_load_some(g + from, count);
        HTH_UNROLL
        for (size_t k = 0; k < e; k++) {
            const hth_real *in = eps + k * stride + from;
            old[k] = f->blank ? (hth_vector){0} : whole ? hth_load(in) : hth_load_some(in, count);
            sum[i] = hth_add_scaled_vector(c->x[k], old[k], sum[i]);
        }
        HTH_UNROLL
        for (size_t k = 0; k < e; k++) {
            next[k][i] = c->phi[k][0] * old[0];
            HTH_UNROLL
            for (size_t l = 1; l < e; l++)
                next[k][i] = hth_add_scaled_vector(c->phi[k][l], old[l], next[k][i]);
        }
    }
    for (size_t t = 0; t < f->steps; t++) {
        const hth_real *u = c->u + t * f->u_step + at, *gamma = c->gamma + t * e * f->rows;
        HTH_UNROLL
        for (size_t i = 0; i < vectors; i++) {
            const hth_vector in =
                whole ? hth_load(u + i * HTH_LANES) : hth_load_some(u + i * HTH_LANES, count);
            HTH_UNROLL
            for (size_t k = 0; k < e; k++)
                next[k][i] = hth_add_scaled_vector(gamma[k * f->rows], in, next[k][i]);
        }
    }
    HTH_UNROLL
    for (size_t i = 0; i < vectors; i++) {
        const size_t from = at + i * HTH_LANES;
        HTH_UNROLL
        for (size_t k = 0; k < e; k++) {
            const hth_vector left = hth_without_least(next[k][i]);
            sum[i] = hth_add_scaled_vector(-c->end[k], left, sum[i]);
            if (whole)
                hth_store(eps + k * stride + from, left);
            else
                hth_store_some(eps + k * stride + from, left, count);
        }
        if (whole)
            hth_store(g + from, sum[i]);
        else
            hth_store_some(g + from, sum[i], count);
    }
}

HTH_ALWAYS_INLINE void filter_row(const size_t e, const hth_filter_tape *f,
                                  const row_coefficients *c, hth_real *eps, hth_real *g) {
    const size_t block = e == 1 ? 4 : e == 2 ? 2 : 1, wide = block * HTH_LANES;
    size_t at = 0;
    for (; at + wide <= f->m; at += wide) columns(e, block, true, HTH_LANES, f, c, at, eps, g);
    for (; at + HTH_LANES <= f->m; at += HTH_LANES)
        columns(e, 1, true, HTH_LANES, f, c, at, eps, g);
    if (at < f->m) columns(e, 1, false, f->m - at, f, c, at, eps, g);
}

#else

static void filter_row(size_t e, const hth_filter_tape *f, const row_coefficients *c, hth_real *eps,
                       hth_real *g) {
    const size_t stride = f->rows * f->m;
    for (size_t i = 0; i < f->m; i++) {
        hth_real old[HTH_MOST_TRACES];
        for (size_t k = 0; k < e; k++) {
            old[k] = f->blank ? 0 : eps[k * stride + i];
            g[i] = hth_fma(c->x[k], old[k], g[i]);
        }
        for (size_t k = 0; k < e; k++) {
            hth_real next = c->phi[k][0] * old[0];
            for (size_t l = 1; l < e; l++) next = hth_fma(c->phi[k][l], old[l], next);
            for (size_t t = 0; t < f->steps; t++)
                next = hth_fma(c->gamma[(t * e + k) * f->rows], c->u[t * f->u_step + i], next);
            eps[k * stride + i] = hth_without_least(next);
            g[i] = hth_fma(-c->end[k], eps[k * stride + i], g[i]);
        }
    }
}

#endif

/* Contracts traces that end with this tape and are not written back. */
static void contract_row(const hth_filter_tape *f, const row_coefficients *c, const hth_real *eps,
                         hth_real *g) {
    for (size_t k = 0; k < f->e; k++, eps += f->rows * f->m) {
        const hth_real x = c->x[k];
        HTH_SIMD
        for (size_t i = 0; i < f->m; i++) g[i] = hth_fma(x, eps[i], g[i]);
    }
}

HTH_ALWAYS_INLINE void filter_item(const size_t e, const hth_filter_tape *f, size_t row,
                                   size_t item) {
    const size_t n = f->n, j = row % n, first = item * e * n + j;
    row_coefficients c = {.gamma = f->gamma + item * f->steps * e * f->rows + row,
                          .u = f->u + item * f->u_item};
    HTH_UNROLL
    for (size_t k = 0; k < e; k++) {
        c.x[k] = f->x[first + k * n];
        c.end[k] = f->end ? f->end[first + k * n] : 0;
        HTH_UNROLL
        for (size_t l = 0; l < e; l++) c.phi[k][l] = f->phi[((item * e + k) * e + l) * n + j];
    }
    hth_real *eps = f->eps + (item * e * f->rows + row) * f->m, *g = f->g + row * f->m;
    if (f->last)
        contract_row(f, &c, eps, g);
    else
        filter_row(e, f, &c, eps, g);
}

static void filter_one(const hth_filter_tape *f, size_t row, size_t item) {
    switch (f->e) {
    case 1:
        filter_item(1, f, row, item);
        break;
    case 2:
        filter_item(2, f, row, item);
        break;
    case 3:
        filter_item(3, f, row, item);
        break;
    case 4:
        filter_item(4, f, row, item);
        break;
    default:
        filter_item(5, f, row, item);
        break;
    }
}

/* ---- Over the threads ---- */

enum { MOST_DRIVES = 16 };

typedef struct cut {
    const hth_filter_tape *filter;
    size_t parts, rows;         /* rows that are not idle */
    size_t drives[MOST_DRIVES]; /* where those begin, n of them each */
} cut;

static void filter_part(void *argument, size_t part, int worker) {
    const cut *c = argument;
    const size_t n = c->filter->n;
    (void)worker;
    for (size_t i = part * c->rows / c->parts; i < (part + 1) * c->rows / c->parts; i++)
        for (size_t b = 0; b < c->filter->items; b++)
            filter_one(c->filter, c->drives[i / n] + i % n, b);
}

void hth_filter_tape_run(hth_compute *compute, const hth_filter_tape *f) {
    const size_t threads = (size_t)hth_compute_threads(compute), drives = f->rows / f->n;
    cut c = {.filter = f};
    assert(drives <= MOST_DRIVES);
    if (f->last && f->blank) return;
    for (size_t g = 0; g < drives; g++)
        if (!f->idle || !f->idle[g]) c.drives[c.rows++] = g * f->n;
    c.rows *= f->n;
    c.parts = c.rows < threads ? c.rows : threads;
    const double work = (double)(c.rows * f->items) * (double)(f->m * f->e * (f->e + f->steps + 2));
    hth_parallel(compute, c.parts, work, filter_part, &c);
}
