/*
 * Products in plain loops: what a product means, and what is used where the compiler has no vector
 * types. Time 2 M N K operations; memory none.
 */
#include "base/fma.h"
#include "kernels/internal.h"

#ifndef HTH_VECTOR_KERNELS

#include <string.h>

/* C_ij <- fma(A_ik, B_kj, C_ij) for k = 0, 1, ..., from 0 or from C_ij. */
static void multiply(size_t M, size_t N, size_t K, hth_matrix A, hth_matrix B, bool accumulate,
                     hth_real *C, size_t ldc) {
    for (size_t i = 0; i < M; i++) {
        hth_real *restrict c = C + i * ldc;
        if (!accumulate) memset(c, 0, N * sizeof *c);
        for (size_t k = 0; k < K; k++) {
            hth_real a = A.data[i * A.row + k * A.column];
            const hth_real *b = B.data + k * B.row;
            for (size_t j = 0; j < N; j++) c[j] = hth_fma(a, b[j * B.column], c[j]);
        }
    }
}

void hth_product(hth_compute *compute, size_t M, size_t N, size_t K, hth_matrix A, hth_matrix B,
                 bool accumulate, hth_real *C, size_t ldc) {
    (void)compute;
    multiply(M, N, K, A, B, accumulate, C, ldc);
}

size_t hth_packed_size(size_t K, size_t N) {
    return K * N;
}

void hth_pack(size_t K, size_t N, hth_matrix B, hth_real *packed) {
    for (size_t k = 0; k < K; k++)
        for (size_t j = 0; j < N; j++) packed[k * N + j] = B.data[k * B.row + j * B.column];
}

void hth_product_packed(size_t M, size_t N, size_t K, hth_matrix A, const hth_real *packed,
                        bool accumulate, hth_real *C, size_t ldc) {
    multiply(M, N, K, A, hth_rows(packed, N), accumulate, C, ldc);
}

size_t hth_product_in_place_limit(void) {
    return SIZE_MAX;
}

void hth_product_in_place(hth_compute *compute, size_t N, size_t P, hth_matrix A, const hth_real *x,
                          hth_real *M, size_t ldm, hth_real *out, hth_real *column) {
    (void)compute;
    for (size_t p = 0; p < P; p++) {
        for (size_t k = 0; k < N; k++) column[k] = M[k * ldm + p];
        multiply(1, 1, N, hth_rows(x, N), hth_rows(column, 1), true, out + p, 1);
        multiply(N, 1, N, A, hth_rows(column, 1), false, M + p, ldm);
    }
}

#endif
