/*
 * Products and parallel loops: the only room that knows SIMD and threads.
 *
 * Bits: every element of a product is one chain of multiply-adds, each rounded once, over k = 0, 1, ..., K-1, starting
 * from 0 or from C. A reduction adds up in 16 lanes and one tree (rows.h). So neither the number of threads, nor the
 * width of the registers, nor the way the work is tiled, nor the compiler changes a result.
 */
#ifndef HTH_COMPUTE_H
#define HTH_COMPUTE_H

#include "kernels/level.h"

/* Matrix operand: element (i, j) is data[i*row + j*column]. A transpose is a swap of the strides. */
typedef struct hth_matrix {
    const hth_real *data;
    size_t row, column;
} hth_matrix;

static inline hth_matrix hth_rows(const hth_real *data, size_t stride) {
    return (hth_matrix){data, stride, 1};
}
static inline hth_matrix hth_transposed(const hth_real *data, size_t stride) {
    return (hth_matrix){data, 1, stride};
}

int hth_compute_threads(const hth_compute *compute);

/* The number of threads that would share a loop of `work` operations now: 1 if it is small. */
int hth_compute_spread(const hth_compute *compute, double work);

/* task(arg, i, worker) for i = 0..count-1, spread over the threads; worker < threads, and no two tasks
 * run at once with the same worker. A result must depend on i alone, not on worker. `work` is a rough
 * number of operations of the whole loop: a small one runs on the calling thread. Calls do not nest. */
typedef void (*hth_task)(void *arg, size_t index, int worker);
void hth_parallel(hth_compute *compute, size_t count, double work, hth_task task, void *arg);

/* C[M][N] (rows ldc apart) = A B, or += A B. C overlaps neither. Threaded. */
HTH_VERB(void, hth_product,
         (hth_compute * compute, size_t M, size_t N, size_t K, hth_matrix A, hth_matrix B,
          bool accumulate, hth_real *C, size_t ldc));
#define hth_product HTH_NOW(hth_product)

/* Number of hth_real that the packed form of B[K][N] takes. Pack an operand that is used many times. */
HTH_VERB(size_t, hth_packed_size, (size_t K, size_t N));
#define hth_packed_size HTH_NOW(hth_packed_size)
HTH_VERB(void, hth_pack, (size_t K, size_t N, hth_matrix B, hth_real *packed));
#define hth_pack HTH_NOW(hth_pack)
/* As hth_product, on the calling thread alone (for use inside a task). */
HTH_VERB(void, hth_product_packed,
         (size_t M, size_t N, size_t K, hth_matrix A, const hth_real *packed, bool accumulate,
          hth_real *C, size_t ldc));
#define hth_product_packed HTH_NOW(hth_product_packed)

/* out[P] += x[N] M, then M[N][P] <- A[N][N] M in place, so that M is read once. Rows of M are ldm apart; N is at most
 * hth_product_in_place_limit(). Threaded over columns. column[N] is scratch of kernels that
 * have none. (RTRL: contracts the influence tensor and advances it.) */
HTH_VERB(size_t, hth_product_in_place_limit, (void));
#define hth_product_in_place_limit HTH_NOW(hth_product_in_place_limit)
HTH_VERB(void, hth_product_in_place,
         (hth_compute * compute, size_t N, size_t P, hth_matrix A, const hth_real *x, hth_real *M,
          size_t ldm, hth_real *out, hth_real *column));
#define hth_product_in_place HTH_NOW(hth_product_in_place)

/* Sum of squares in double, the same for any number of threads. */
HTH_VERB(double, hth_sum_of_squares, (hth_compute * compute, size_t count, const hth_real *x));
#define hth_sum_of_squares HTH_NOW(hth_sum_of_squares)

/* 0 if all numbers are finite, else NaN. Takes a fraction of the time of a sum of squares. */
HTH_VERB(double, hth_zero_or_nan, (hth_compute * compute, size_t count, const hth_real *x));
#define hth_zero_or_nan HTH_NOW(hth_zero_or_nan)

#endif
