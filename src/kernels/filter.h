/*
 * Filtered outer products: what eligibility traces are made of. Row r of a weight matrix belongs to unit
 * j = r mod n and has e traces eps[k][r], each m numbers, that move together:
 *
 *     g[r]      += sum_k x[k][j] eps[k][r] + delta[r] u
 *     eps[k][r] <- sum_l phi[k][l][j] eps[l][r] + gamma[k][r] u
 */
#ifndef HTH_KERNELS_FILTER_H
#define HTH_KERNELS_FILTER_H

#include "base/base.h"

enum { HTH_MOST_TRACES = 5 };

typedef struct hth_filter {
    size_t e, rows, n, m;
    const hth_real *x, *phi;       /* [e][n], [e][e][n] */
    const hth_real *delta, *gamma; /* [rows], [e][rows]; NULL: zero */
    const hth_real *u;             /* [m] */
    hth_real *eps, *g;             /* [e][rows][m], [rows][m] */
} hth_filter;

/* Rows from..to-1, in one pass: eps is read and written once, and so is g. Nothing overlaps; e is 1 to
 * HTH_MOST_TRACES. */
void hth_filter_rows(const hth_filter *filter, size_t from, size_t to);

#endif
