/*
 * Sums over long arrays. The array is cut into a number of pieces that depends on its length alone,
 * each piece is summed in lanes in one order, and the pieces are added in order: so the result has
 * the same bits for any number of threads.
 */
#include "kernels/internal.h"
#include "kernels/largest.h"

enum { LANES = 16, MAX_PIECES = 64, MIN_PIECE = 4096 };

typedef struct sum_job {
    double (*sum)(size_t count, const hth_real *x);
    const hth_real *x;
    size_t count, piece;
    double sums[MAX_PIECES];
} sum_job;

static double sum_of_squares(size_t count, const hth_real *x) {
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t j = 0; j < LANES; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t j = 0; i < count; i++, j++) lane[j] += (double)x[i] * (double)x[i];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static double zero_or_nan(size_t count, const hth_real *x) {
    return (double)hth_largest(count, x) * 0;
}

static void sum_piece(void *arg, size_t index, int worker) {
    sum_job *job = arg;
    size_t begin = index * job->piece;
    size_t left = job->count - begin;
    (void)worker;
    job->sums[index] = job->sum(left < job->piece ? left : job->piece, job->x + begin);
}

static double sum_over(hth_compute *compute, size_t count, const hth_real *x,
                       double (*sum_of)(size_t count, const hth_real *x)) {
    if (count <= MIN_PIECE) return sum_of(count, x);
    sum_job job = {sum_of, x, count, (count + MAX_PIECES - 1) / MAX_PIECES, {0}};
    if (job.piece < MIN_PIECE) job.piece = MIN_PIECE;
    job.piece = (job.piece + LANES - 1) / LANES * LANES;
    size_t pieces = (count + job.piece - 1) / job.piece;
    hth_parallel(compute, pieces, 2.0 * (double)count, sum_piece, &job);
    double sum = 0;
    for (size_t i = 0; i < pieces; i++) sum += job.sums[i];
    return sum;
}

double hth_sum_of_squares(hth_compute *compute, size_t count, const hth_real *x) {
    return sum_over(compute, count, x, sum_of_squares);
}

double hth_zero_or_nan(hth_compute *compute, size_t count, const hth_real *x) {
    return sum_over(compute, count, x, zero_or_nan);
}
