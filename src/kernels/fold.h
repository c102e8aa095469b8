/*
 * Passes over what an online learner keeps, each number read and written once: decay, addition of an outer product,
 * contraction. On the calling thread; a multiply-add is rounded once, as written here from
 * left to right.
 */
#ifndef HTH_FOLD_H
#define HTH_FOLD_H

#include "kernels/level.h"

/* B[M][N] <- fma(a, B, x y^T). */
HTH_VERB(void, hth_outer_scaled,
         (size_t M, size_t N, hth_real a, const hth_real *x, const hth_real *y, hth_real *B));
#define hth_outer_scaled HTH_NOW(hth_outer_scaled)

/* out (+)= c B, out += e y^T, then B[M][N] <- fma(a, B, x y^T). Returns hth_square of the new B. out and B do not
 * overlap. Without accumulate, the bits of adding to 0. */
HTH_VERB(double, hth_outer_fold,
         (size_t M, size_t N, hth_real c, const hth_real *e, bool accumulate, hth_real *out,
          hth_real a, const hth_real *x, const hth_real *y, hth_real *B));
#define hth_outer_fold HTH_NOW(hth_outer_fold)

/* out[M][N] += x y^T, out += e u^T. */
HTH_VERB(void, hth_outer_add_two,
         (size_t M, size_t N, const hth_real *x, const hth_real *y, const hth_real *e,
          const hth_real *u, hth_real *out));
#define hth_outer_add_two HTH_NOW(hth_outer_add_two)

/* |x|^2: hth_dot(256, x, x) of every 256 numbers, added up in order in double. */
HTH_VERB(double, hth_square, (size_t n, const hth_real *x));
#define hth_square HTH_NOW(hth_square)

/* out[r][n] = sum over i < count of c[i] x[i][r][n]. Rows of x[i] are stride[i] apart, rows of out ldo. out may alias
 * x[0] (then also x[1] and x[2]), and no other. */
HTH_VERB(void, hth_weighted_sums,
         (size_t rows, size_t n, size_t count, const hth_real *const *c, const hth_real *const *x,
          const size_t *stride, hth_real *out, size_t ldo));
#define hth_weighted_sums HTH_NOW(hth_weighted_sums)

#endif
