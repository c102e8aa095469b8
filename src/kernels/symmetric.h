/*
 * A symmetric matrix of doubles, of which the upper triangle is kept: row i has its n - i numbers from the diagonal on,
 * and row i + 1 follows.
 */
#ifndef HTH_KERNELS_SYMMETRIC_H
#define HTH_KERNELS_SYMMETRIC_H

#include "kernels/level.h"

/* Numbers of the triangle. */
static inline size_t hth_triangle(size_t n) {
    return n % 2 ? hth_times((n + 1) / 2, n) : hth_times(n / 2, n + 1);
}

/* P <- (P - c q q^T) * scale, then out = P f, in one pass over P: recursive least squares downdates P where it next
 * needs a product with it. */
HTH_VERB(void, hth_symmetric_pass,
         (size_t n, double *P, double c, const double *q, double scale, const double *f,
          double *out));
#define hth_symmetric_pass HTH_NOW(hth_symmetric_pass)

/* The sum of x_i y_i, in 16 lanes and one tree. */
HTH_VERB(double, hth_dot64, (size_t n, const double *x, const double *y));
#define hth_dot64 HTH_NOW(hth_dot64)

#endif
