/*
 * Products with rows that are mostly 0, such as spikes. The nonzero numbers of a row, its events, are listed once, and
 * only they are multiplied. Terms are added in the order of hth_product, and the terms left out are zeros, so for
 * finite numbers the result is that of hth_product, bit for bit. (One exception: the sign of a 0 that is the rounded
 * sum of numbers too small for hth_real.)
 */
#ifndef HTH_EVENTS_H
#define HTH_EVENTS_H

#include "kernels/compute.h"

/* Lists of a matrix's rows. */
typedef struct hth_events {
    uint32_t *count; /* [rows]: events of each; more than `most`: the row is not listed */
    uint32_t *at;    /* [rows][stride]: their columns, in increasing order */
    uint32_t *ones; /* [rows]: so many values of the list's beginning are 1, and need not be read */
    size_t most, stride;
} hth_events;

/* Room for at most `most` events a row. */
HTH_VERB(void, hth_events_lay_out,
         (hth_arena * arena, size_t rows, size_t most, hth_events *events));
#define hth_events_lay_out HTH_NOW(hth_events_lay_out)

/* Lists row x[width]. */
HTH_VERB(void, hth_events_list,
         (const hth_events *events, size_t row, size_t width, const hth_real *x));
#define hth_events_list HTH_NOW(hth_events_list)

/* Forgets the first `rows` rows and moves the `left` rows after them to the front. */
HTH_VERB(void, hth_events_forget, (const hth_events *events, size_t rows, size_t left));
#define hth_events_forget HTH_NOW(hth_events_forget)

/* Sum of the events of some rows; a row that is not listed counts as `unlisted`. */
HTH_VERB(size_t, hth_events_total,
         (const hth_events *events, size_t from, size_t to, size_t unlisted));
#define hth_events_total HTH_NOW(hth_events_total)

/* Number of events among the first K numbers of a row; SIZE_MAX if the row is not listed. */
static inline size_t hth_events_listed(const hth_events *events, size_t row, size_t K) {
    const uint32_t *at = events->at + row * events->stride;
    size_t count = events->count[row];
    if (count > events->most) return SIZE_MAX;
    while (count > 0 && at[count - 1] >= K) count--;
    return count;
}

/* Number of nonzeros among the first `width` numbers of row x[]. Looks at x itself if the row is not listed. */
HTH_VERB(size_t, hth_events_among,
         (const hth_events *events, size_t row, size_t width, const hth_real *x));
#define hth_events_among HTH_NOW(hth_events_among)

/* Largest number of events in a row of K for which a product by events is faster than hth_product. */
HTH_VERB(size_t, hth_events_worth, (size_t K));
#define hth_events_worth HTH_NOW(hth_events_worth)
HTH_VERB(bool, hth_events_pay, (const hth_events *events, size_t from, size_t to, size_t K));
#define hth_events_pay HTH_NOW(hth_events_pay)

/* y[N] = x[K] B, x being the first K numbers of row `row` and B as hth_pack leaves it; by all of x where the row is not
 * listed. On the calling thread. */
HTH_VERB(void, hth_events_times,
         (const hth_events *events, size_t row, size_t N, size_t K, const hth_real *x,
          const hth_real *packed, hth_real *y));
#define hth_events_times HTH_NOW(hth_events_times)

/* C[N][K] += sum over the rows t = 0, 1, ... of d[t][N] u[t][K]^T; rows of C ldc apart, those of d and u by their
 * strides. u[t] is the first K numbers of row `from` + t; where that is not listed it is searched. */
typedef struct hth_events_sum {
    const hth_events *events;
    size_t from, rows, N, K;
    const hth_real *d, *u;
    size_t d_stride, u_stride;
    hth_real *C;
    size_t ldc;
    hth_real *scratch; /* hth_packed_size(K, N) numbers */
} hth_events_sum;

HTH_VERB(size_t, hth_events_widest, (void));
#define hth_events_widest HTH_NOW(hth_events_widest) /* largest K */
HTH_VERB(bool, hth_events_add_pays, (const hth_events_sum *sum));
#define hth_events_add_pays HTH_NOW(hth_events_add_pays) /* against hth_product */
HTH_VERB(void, hth_events_add, (hth_compute * compute, const hth_events_sum *sum));
#define hth_events_add HTH_NOW(hth_events_add)

/* The first K numbers of rows from..from+rows-1, x[rows][stride], and M rows of another matrix: few, where y is [M]. */
typedef struct hth_events_rows {
    const hth_events *events;
    size_t from, rows, K, M, stride;
    const hth_real *x;
} hth_events_rows;

/* y[M][rows] = A[M][K] x^T; rows of y ldy apart. */
HTH_VERB(void, hth_events_outputs,
         (hth_compute * compute, const hth_events_rows *of, const hth_real *A, hth_real *y,
          size_t ldy));
#define hth_events_outputs HTH_NOW(hth_events_outputs)
/* y[rows][M] = x B, B[K][M] as hth_pack leaves it; rows of y ldy apart. events NULL: by all of x. Threaded. */
HTH_VERB(void, hth_events_product,
         (hth_compute * compute, const hth_events_rows *of, const hth_real *packed, hth_real *y,
          size_t ldy));
#define hth_events_product HTH_NOW(hth_events_product)
/* C[M][K] += d[M][rows] x. */
HTH_VERB(void, hth_events_add_few,
         (hth_compute * compute, const hth_events_rows *of, const hth_real *d, hth_real *C));
#define hth_events_add_few HTH_NOW(hth_events_add_few)

#endif
