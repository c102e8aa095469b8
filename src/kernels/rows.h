/*
 * Loops over the rows of one matrix with one vector: what an online learner does at a single step of a single
 * item, where products of matrices would spend their time on packing. On the calling thread.
 */
#ifndef HTH_ROWS_H
#define HTH_ROWS_H

#include "kernels/level.h"

/* y[M] (+)= A[M][N] x, rows of A lda apart. The sum of a row is that of hth_dot, made in lanes, and so differs in its
 * last bits from the chain of hth_product. */
HTH_VERB(void, hth_matrix_vector,
         (size_t M, size_t N, const hth_real *A, size_t lda, const hth_real *x, bool accumulate,
          hth_real *y));
#define hth_matrix_vector HTH_NOW(hth_matrix_vector)

/* y[N] (+)= x[M] A[M][N], rows of A lda apart. The bits of hth_product: a chain over the rows. */
HTH_VERB(void, hth_vector_matrix,
         (size_t M, size_t N, const hth_real *x, const hth_real *A, size_t lda, bool accumulate,
          hth_real *y));
#define hth_vector_matrix HTH_NOW(hth_vector_matrix)

/* In 16 lanes, number i in lane i mod 16: lane <- fma(x_i, y_i, lane); then lane j takes up lane j + 8, j + 4, j + 2
 * and j + 1. */
HTH_VERB(hth_real, hth_dot, (size_t n, const hth_real *x, const hth_real *y));
#define hth_dot HTH_NOW(hth_dot)

/* C[M][N] += x y^T, rows of C ldc apart. The bits of hth_product. */
HTH_VERB(void, hth_outer_add,
         (size_t M, size_t N, const hth_real *x, const hth_real *y, hth_real *C, size_t ldc));
#define hth_outer_add HTH_NOW(hth_outer_add)

#endif
