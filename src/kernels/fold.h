/*
 * Passes over what an online learner keeps, each number read and written once: decay, addition of an outer product,
 * contraction. On the calling thread; the order of the sums depends on the sizes alone.
 */
#ifndef HTH_FOLD_H
#define HTH_FOLD_H

#include "base/base.h"

/* B[M][N] <- a B + x y^T. */
void hth_outer_scaled(size_t M, size_t N, hth_real a, const hth_real *x, const hth_real *y,
                      hth_real *B);

/* out += c B + e y^T, then B[M][N] <- a B + x y^T. Returns |B|^2, the new one. out and B do not overlap. */
double hth_outer_fold(size_t M, size_t N, hth_real c, const hth_real *e, hth_real *out, hth_real a,
                      const hth_real *x, const hth_real *y, hth_real *B);

/* out[M][N] += x y^T + e u^T. */
void hth_outer_add_two(size_t M, size_t N, const hth_real *x, const hth_real *y, const hth_real *e,
                       const hth_real *u, hth_real *out);

/* |x|^2; long sums are in double. */
double hth_square(size_t n, const hth_real *x);

/* Of so many rows: out[n] = sum over i < count of c[i] x[i], elementwise; rows of x[i] stride[i] apart, of out ldo.
 * out may be x[0], and then x[1] and x[2], but no other. */
void hth_weighted_sums(size_t rows, size_t n, size_t count, const hth_real *const *c,
                       const hth_real *const *x, const size_t *stride, hth_real *out, size_t ldo);

#endif
