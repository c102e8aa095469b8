/*
 * Dense linear algebra for small matrices, in double precision and row by row: what analyses need of a network's
 * Jacobian. Nothing here takes memory.
 */
#ifndef HTH_DENSE_H
#define HTH_DENSE_H

#include "base/base.h"

/* Cholesky: replaces the lower triangle of A[n][n] by L, where A = L L^T. False if A is not positive definite. */
bool hth_dense_factor(double *A, size_t n);
/* Replaces x[n] by the solution of L L^T y = x. */
void hth_dense_solve(const double *L, size_t n, double *x);

/* Replaces x[n] by the solution of A y = x, by elimination with pivots, and A[n][n] by what is left of it. False where
 * A has no inverse. */
bool hth_dense_eliminate(double *A, size_t n, double *x);
/* log |det A| of A[n][n], which it destroys; -HUGE_VAL where there is no inverse. */
double hth_dense_log_determinant(double *A, size_t n);

/* Makes the `columns` rows of Q[columns][n] orthonormal, the first first (modified Gram-Schmidt, twice), and adds the
 * logarithm of what each was long beyond those before it to sums[columns]. A row that is none, but for rounding, adds
 * -HUGE_VAL and becomes 0. */
void hth_dense_orthonormalise(double *Q, size_t columns, size_t n, double *sums);

/* Eigenvalues of A[n][n], which it destroys, into re[n] and im[n]; the largest first, of a pair that with im > 0.
 * Hessenberg form, then the QR iteration with two shifts (Golub & Van Loan, Matrix Computations, 7.4-7.5). False if it
 * does not converge. */
bool hth_dense_eigenvalues(double *A, size_t n, double *re, double *im);

#endif
