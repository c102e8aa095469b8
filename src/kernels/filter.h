/*
 * Filtered outer products: what eligibility traces are made of. Row r of a weight matrix belongs to unit
 * j = r mod n and has e traces eps[k][r], each m numbers, that move together:
 *
 *     g[r]      += sum_k x[k][j] eps[k][r] + delta[r] u
 *     eps[k][r] <- sum_l phi[k][l][j] eps[l][r] + gamma[k][r] u
 */
#ifndef HTH_KERNELS_FILTER_H
#define HTH_KERNELS_FILTER_H

#include "kernels/compute.h"
#include "kernels/linear.h"

enum { HTH_MOST_TRACES = 5 };

typedef struct hth_filter {
    size_t e, rows, n, m;
    const hth_real *x, *phi;       /* [e][n], [e][e][n] */
    const hth_real *delta, *gamma; /* [rows], [e][rows]; NULL: zero */
    const hth_real *u;             /* [m] */
    hth_real *eps, *g;             /* [e][rows][m], [rows][m] */
} hth_filter;

/* Rows from..to-1, in one pass: eps is read and written once, and so is g. Nothing overlaps; e is 0 to
 * HTH_MOST_TRACES. */
HTH_VERB(void, hth_filter_rows, (const hth_filter *filter, size_t from, size_t to));
#define hth_filter_rows HTH_NOW(hth_filter_rows)
/* The same, but sets g[to-from][m], which holds these rows alone. The bits are those of adding to 0. */
HTH_VERB(void, hth_filter_rows_to, (const hth_filter *filter, size_t from, size_t to, hth_real *g));
#define hth_filter_rows_to HTH_NOW(hth_filter_rows_to)
/* The same, but changes the parameters theta[to-from][m] of these rows by the gradient at once. */
HTH_VERB(void, hth_filter_rows_descend,
         (const hth_filter *filter, size_t from, size_t to, hth_linear by, hth_real *theta));
#define hth_filter_rows_descend HTH_NOW(hth_filter_rows_descend)
/* All rows, spread over the threads. */
HTH_VERB(void, hth_filter_run, (hth_compute * compute, const hth_filter *filter));
#define hth_filter_run HTH_NOW(hth_filter_run)

/*
 * The same over the steps of a tape and several items, in one pass over the traces of all:
 *
 *     g[r]         += sum_b sum_k ( x[b][k][j] eps[b][k][r] - end[b][k][j] eps'[b][k][r] )
 *     eps'[b][k][r] = sum_l phi[b][k][l][j] eps[b][l][r] + sum_t gamma[b][t][k][r] u[b][t]
 *
 * Row r of all items comes before the next, so that g and the coefficients stay near.
 */
typedef struct hth_filter_tape {
    size_t e, rows, n, m, steps, items;
    const hth_real *x, *end; /* [items][e][n]; end NULL: zero */
    const hth_real *phi;     /* [items][e][e][n] */
    const hth_real *gamma;   /* [items][steps][e][rows] */
    const hth_real *u;       /* of step t and item b: u + t * u_step + b * u_item */
    size_t u_step, u_item;
    hth_real *eps, *g; /* [items][e][rows][m], [rows][m] */
    /* [rows / n]: true where the n rows of a gate have gamma = 0 at every step, so eps stays 0. NULL: none. */
    const bool *idle;
    bool blank; /* eps counts as 0 and is not read */
    bool last;  /* eps is not wanted any more and not written; then end is NULL */
} hth_filter_tape;

/* Threaded over rows. */
HTH_VERB(void, hth_filter_tape_run, (hth_compute * compute, const hth_filter_tape *filter));
#define hth_filter_tape_run HTH_NOW(hth_filter_tape_run)

#endif
