/*
 * Loops over the rows of a matrix: see rows.h. Every number of the matrix is read once, in vectors where the
 * machine has them; the last, partial vector of a row is masked, because rows of an online learner are short.
 * The order of the sums is that of the plain loops at the end, which say what each of them means.
 */
#include "kernels/rows.h"

#include "base/fma.h"
#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

enum {
    MOST = 8, /* vectors of a row at a time, in sums over rows */
/* rows at a time in sums along rows: as many chains as hide the latency of an addition, and no more than there are
     * registers for */
#if defined(__AVX512F__)
    TOGETHER = HTH_LANES
#elif defined(__aarch64__)
    TOGETHER = 16 / HTH_SUM_VECTORS
#else
    TOGETHER = 8 / HTH_SUM_VECTORS
#endif
};

#if defined(__AVX512F__) && defined(HTH_TURN_IN_REGISTERS)

/* The sums of TOGETHER rows. A round folds vectors i and i + half into one; the rows end up in their order. */
HTH_ALWAYS_INLINE void put_sums(hth_lanes sum[TOGETHER], bool accumulate, hth_real *y) {
    hth_vector v[TOGETHER];
    HTH_UNROLL
    for (int r = 0; r < TOGETHER; r++) v[r] = hth_join_lanes(sum[r]);
#define FOLD(half)                                                                                 \
    HTH_UNROLL                                                                                     \
    for (int i = 0; i < (half); i++) {                                                             \
        hth_vector low, high;                                                                      \
        hth_interleave(v[i], v[i + (half)], &low, &high);                                          \
        v[i] = low + high;                                                                         \
    }
#if HTH_LANES >= 16
    FOLD(8)
#endif
    FOLD(4)
    FOLD(2)
    FOLD(1)
#undef FOLD
    hth_store(y, accumulate ? v[0] + hth_load(y) : v[0]);
}

#elif defined(__AVX2__) && !defined(HTH_DOUBLE)

/* Four rows. A round adds the halves of what is left of each, two rows in a vector, then four. */
HTH_ALWAYS_INLINE void put_sums(hth_lanes sum[TOGETHER], bool accumulate, hth_real *y) {
    const __m256 a = (__m256)hth_join_lanes(sum[0]), b = (__m256)hth_join_lanes(sum[1]);
    const __m256 c = (__m256)hth_join_lanes(sum[2]), d = (__m256)hth_join_lanes(sum[3]);
    const __m256 ab =
        _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
    const __m256 cd =
        _mm256_add_ps(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
    const __m256 acbd =
        _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
    const __m256 sums = _mm256_hadd_ps(acbd, acbd); /* a c a c, b d b d */
    __m128 all = _mm_unpacklo_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    if (accumulate) all = _mm_add_ps(all, _mm_loadu_ps(y));
    _mm_storeu_ps(y, all);
}

#else

HTH_ALWAYS_INLINE void put_sums(hth_lanes sum[TOGETHER], bool accumulate, hth_real *y) {
    HTH_UNROLL
    for (int r = 0; r < TOGETHER; r++) y[r] = hth_sum_lanes(sum[r]) + (accumulate ? y[r] : 0);
}

#endif

/* Some rows of A times x. A pointer serves three of them: an address can hold a stride and its double. The last part
 * of a row is read even if it is empty: a branch would send the sums to memory and back. */
HTH_ALWAYS_INLINE void dot_rows(const int rows, size_t N, const hth_real *A, size_t lda,
                                const hth_real *x, hth_lanes *sum) {
    enum { GROUP = 3, GROUPS = (TOGETHER + GROUP - 1) / GROUP };
    const size_t rest = N % HTH_SUM_LANES;
    const hth_real *row[GROUPS], *end = x + (N - rest);
    HTH_UNROLL
    for (int g = 0; g * GROUP < rows; g++) row[g] = A + (size_t)(g * GROUP) * lda;
    HTH_UNROLL
    for (int r = 0; r < rows; r++) sum[r] = (hth_lanes){{{0}}};
    for (; x < end; x += HTH_SUM_LANES) {
        HTH_UNROLL
        for (int r = 0; r < rows; r++)
            hth_add_all_lanes(&sum[r], row[r / GROUP] + (size_t)(r % GROUP) * lda, x);
        HTH_UNROLL
        for (int g = 0; g * GROUP < rows; g++) row[g] += HTH_SUM_LANES;
    }
    HTH_UNROLL
    for (int r = 0; r < rows; r++)
        hth_add_lanes(&sum[r], row[r / GROUP] + (size_t)(r % GROUP) * lda, x, rest);
}

/* From the last row to the first: an update of A goes the other way (filter.c), and its last rows are still in the
 * nearest cache. */
HTH_NO_SANITIZERS void hth_matrix_vector(size_t M, size_t N, const hth_real *A, size_t lda,
                                         const hth_real *x, bool accumulate, hth_real *y) {
    hth_lanes sum[TOGETHER];
    size_t i = M;
    for (; i % TOGETHER > 0; i--) {
        dot_rows(1, N, A + (i - 1) * lda, lda, x, sum);
        y[i - 1] = hth_sum_lanes(sum[0]) + (accumulate ? y[i - 1] : 0);
    }
    for (; i > 0; i -= TOGETHER) {
        dot_rows(TOGETHER, N, A + (i - TOGETHER) * lda, lda, x, sum);
        put_sums(sum, accumulate, y + i - TOGETHER);
    }
}

/* Columns of y, in at most `vectors` vectors, of which the last may be a part of one. */
HTH_ALWAYS_INLINE void add_rows(const int vectors, size_t columns, size_t M, const hth_real *x,
                                const hth_real *A, size_t lda, bool accumulate, hth_real *y) {
    const int last = vectors - 1;
    const size_t rest = columns - (size_t)last * HTH_LANES;
    hth_vector sum[MOST];
    HTH_UNROLL
    for (int v = 0; v < last; v++)
        sum[v] = accumulate ? hth_load(y + v * HTH_LANES) : (hth_vector){0};
    sum[last] = accumulate ? hth_load_some(y + last * HTH_LANES, rest) : (hth_vector){0};
    for (size_t k = 0; k < M; k++, A += lda) {
        const hth_real c = x[k];
        HTH_UNROLL
        for (int v = 0; v < last; v++)
            sum[v] = hth_add_scaled_vector(c, hth_load(A + v * HTH_LANES), sum[v]);
        sum[last] = hth_add_scaled_vector(c, hth_load_some(A + last * HTH_LANES, rest), sum[last]);
    }
    HTH_UNROLL
    for (int v = 0; v < last; v++) hth_store(y + v * HTH_LANES, sum[v]);
    hth_store_some(y + last * HTH_LANES, sum[last], rest);
}

HTH_NO_SANITIZERS void hth_vector_matrix(size_t M, size_t N, const hth_real *x, const hth_real *A,
                                         size_t lda, bool accumulate, hth_real *y) {
    for (size_t j = 0; j < N; j += MOST * HTH_LANES) {
        const size_t left = N - j, columns = left < MOST * HTH_LANES ? left : MOST * HTH_LANES;
        switch ((columns + HTH_LANES - 1) / HTH_LANES) {
#define CASE(vectors)                                                                              \
    case vectors:                                                                                  \
        add_rows(vectors, columns, M, x, A + j, lda, accumulate, y + j);                           \
        break;
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
#undef CASE
        default:
            break;
        }
    }
}

HTH_NO_SANITIZERS hth_real hth_dot(size_t n, const hth_real *x, const hth_real *y) {
    hth_lanes sum;
    dot_rows(1, n, x, n, y, &sum);
    return hth_sum_lanes(sum);
}

/* Of N numbers, N >= HTH_LANES: the last vector overlaps the one before it, and is taken before that one changes.
 * A masked store would hold up the next row, whose place it names without writing to it. */
HTH_NO_SANITIZERS void hth_outer_add(size_t M, size_t N, const hth_real *x, const hth_real *y,
                                     hth_real *C, size_t ldc) {
    const bool narrow = N < HTH_LANES;
    const size_t last = narrow ? 0 : N - HTH_LANES, some = narrow ? N : HTH_LANES;
    const hth_vector y_last = hth_load_some(y + last, some);
    for (size_t i = 0; i < M; i++) {
        hth_real *c = C + i * ldc;
        const hth_real d = x[i];
        const hth_vector end = hth_add_scaled_vector(d, y_last, hth_load_some(c + last, some));
        for (size_t k = 0; k < last; k += HTH_LANES)
            hth_store(c + k, hth_add_scaled_vector(d, hth_load(y + k), hth_load(c + k)));
        if (narrow)
            hth_store_some(c, end, N);
        else
            hth_store(c + last, end);
    }
}

#else

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

/* A last group of lanes, which may be empty, is filled up with zeros: adding 0 makes 0 of a lane that is -0. */
hth_real hth_dot(size_t n, const hth_real *x, const hth_real *y) {
    enum { LANES = 16 };
    hth_real lane[LANES] = {0};
    for (size_t k = 0; k < (n / LANES + 1) * LANES; k++)
        lane[k % LANES] = hth_fma(k < n ? x[k] : 0, k < n ? y[k] : 0, lane[k % LANES]);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

void hth_outer_add(size_t M, size_t N, const hth_real *x, const hth_real *y, hth_real *C,
                   size_t ldc) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) C[i * ldc + k] = hth_fma(x[i], y[k], C[i * ldc + k]);
}

#endif
