/*
 * Products with what a layer read and what it showed, rows of u (tape.h) of all items and steps at once. Where the
 * lists of the tape make it faster only the events are multiplied; the bits are those of hth_product either way.
 */
#ifndef HTH_PRODUCTS_H
#define HTH_PRODUCTS_H

#include "network/tape.h"

/* The first K numbers of `rows` rows of u, from row `from` on: row i is item i % batch of slot i / batch. With K = n
 * and `from` = batch they are z of all steps; with K = m, from 0, what was read. */
typedef struct hth_tape_rows {
    hth_compute *compute;
    const hth_tape *tape;
    size_t layer, from, rows, K;
} hth_tape_rows;

/* y[rows][N] = u B, B[K][N] as hth_pack leaves it; rows of y ldy apart. */
void hth_tape_times(const hth_tape_rows *u, size_t N, const hth_real *packed, hth_real *y,
                    size_t ldy);

/* C[N][K] += sum over the rows of d[N] u^T; rows of d and C by their strides; scratch[hth_packed_size(K, N)]. */
void hth_tape_add_outer(const hth_tape_rows *u, size_t N, const hth_real *d, size_t d_stride,
                        hth_real *scratch, hth_real *C, size_t ldc);

#endif
