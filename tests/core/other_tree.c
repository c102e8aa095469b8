/*
 * A negative control: sums along rows that are added up in order, in place of those of src/kernels/rows.c at level
 * plain, which the linker then leaves out. Fingerprints must tell.
 */
#define HTH_LEVEL plain
#include "base/fma.h"
#include "kernels/rows.h"

hth_real hth_dot(size_t n, const hth_real *x, const hth_real *y) {
    hth_real sum = 0;
    for (size_t k = 0; k < n; k++) sum = hth_fma(x[k], y[k], sum);
    return sum;
}

void hth_matrix_vector(size_t M, size_t N, const hth_real *A, size_t lda, const hth_real *x,
                       bool accumulate, hth_real *y) {
    for (size_t i = 0; i < M; i++) y[i] = hth_dot(N, A + i * lda, x) + (accumulate ? y[i] : 0);
}

void hth_vector_matrix(size_t M, size_t N, const hth_real *x, const hth_real *A, size_t lda,
                       bool accumulate, hth_real *y) {
    for (size_t j = 0; j < N && !accumulate; j++) y[j] = 0;
    for (size_t k = 0; k < M; k++)
        for (size_t j = 0; j < N; j++) y[j] = hth_fma(x[k], A[k * lda + j], y[j]);
}

void hth_outer_add(size_t M, size_t N, const hth_real *x, const hth_real *y, hth_real *C,
                   size_t ldc) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) C[i * ldc + k] = hth_fma(x[i], y[k], C[i * ldc + k]);
}
