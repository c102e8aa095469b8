/*
 * Loops over the rows of a matrix: see rows.h. Every number of the matrix is read once, in vectors where the
 * machine has them; the last, partial vector of a row is masked, because rows of an online learner are short.
 * The order of the sums depends on the sizes alone.
 */
#include "kernels/rows.h"

#include "kernels/elementwise.h"
#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

enum {
    TOGETHER = 4, /* rows at a time, so that their sums do not wait for each other */
    MOST = 8      /* vectors of a row at a time */
};

/* Lanes j and j + HTH_LANES/2 are added, then the halves of what that gives, and so on. */
HTH_ALWAYS_INLINE hth_real sum_of(hth_vector v) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    return _mm512_reduce_add_pd((__m512d)v);
#elif defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#else
    for (int half = HTH_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) v[i] += v[i + half];
    return v[0];
#endif
}

/* The sums of the lanes of every vector. A round folds vectors i and i + half into one; the rows end up in
 * their order. */
HTH_ALWAYS_INLINE hth_vector sums_of(hth_vector v[HTH_LANES]) {
#ifdef HTH_TURN_IN_REGISTERS
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
#if HTH_LANES >= 8
    FOLD(4)
#endif
#if HTH_LANES >= 4
    FOLD(2)
#endif
    FOLD(1)
#undef FOLD
    return v[0];
#else
    hth_vector out;
    for (int i = 0; i < HTH_LANES; i++) out[i] = sum_of(v[i]);
    return out;
#endif
}

/* HTH_LANES rows of A times x. A pointer serves three rows: an address can hold a stride and its double. The
 * last part of a row is read even if it is empty: a branch would send the sums to memory and back. */
HTH_ALWAYS_INLINE hth_vector dot_block(size_t N, const hth_real *A, size_t lda, const hth_real *x) {
    enum { GROUP = 3, GROUPS = (HTH_LANES + GROUP - 1) / GROUP };
    const size_t rest = N % HTH_LANES;
    const hth_real *row[GROUPS], *end = x + (N - rest);
    hth_vector sum[HTH_LANES];
    HTH_UNROLL
    for (int g = 0; g < GROUPS; g++) row[g] = A + (size_t)(g * GROUP) * lda;
    HTH_UNROLL
    for (int r = 0; r < HTH_LANES; r++) sum[r] = (hth_vector){0};
    for (; x < end; x += HTH_LANES) {
        const hth_vector v = hth_load(x);
        HTH_UNROLL
        for (int r = 0; r < HTH_LANES; r++)
            sum[r] += hth_load(row[r / GROUP] + (size_t)(r % GROUP) * lda) * v;
        HTH_UNROLL
        for (int g = 0; g < GROUPS; g++) row[g] += HTH_LANES;
    }
    const hth_vector v = hth_load_some(x, rest);
    HTH_UNROLL
    for (int r = 0; r < HTH_LANES; r++)
        sum[r] += hth_load_some(row[r / GROUP] + (size_t)(r % GROUP) * lda, rest) * v;
    return sums_of(sum);
}

HTH_ALWAYS_INLINE void dot_rows(const int rows, size_t N, const hth_real *A, size_t lda,
                                const hth_real *x, bool accumulate, hth_real *y) {
    const size_t wide = N / HTH_LANES * HTH_LANES, rest = N - wide;
    hth_vector sum[TOGETHER];
    HTH_UNROLL
    for (int r = 0; r < rows; r++) sum[r] = (hth_vector){0};
    for (size_t k = 0; k < wide; k += HTH_LANES) {
        const hth_vector v = hth_load(x + k);
        HTH_UNROLL
        for (int r = 0; r < rows; r++) sum[r] += hth_load(A + (size_t)r * lda + k) * v;
    }
    if (rest) {
        const hth_vector v = hth_load_some(x + wide, rest);
        HTH_UNROLL
        for (int r = 0; r < rows; r++)
            sum[r] += hth_load_some(A + (size_t)r * lda + wide, rest) * v;
    }
    HTH_UNROLL
    for (int r = 0; r < rows; r++) y[r] = sum_of(sum[r]) + (accumulate ? y[r] : 0);
}

HTH_NO_SANITIZERS void hth_matrix_vector(size_t M, size_t N, const hth_real *A, size_t lda,
                                         const hth_real *x, bool accumulate, hth_real *y) {
    size_t i = 0;
    for (; i + HTH_LANES <= M; i += HTH_LANES) {
        const hth_vector sum = dot_block(N, A + i * lda, lda, x);
        hth_store(y + i, accumulate ? sum + hth_load(y + i) : sum);
    }
    for (; i + TOGETHER <= M; i += TOGETHER)
        dot_rows(TOGETHER, N, A + i * lda, lda, x, accumulate, y + i);
    for (; i < M; i++) dot_rows(1, N, A + i * lda, lda, x, accumulate, y + i);
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
        for (int v = 0; v < last; v++) sum[v] += c * hth_load(A + v * HTH_LANES);
        sum[last] += c * hth_load_some(A + last * HTH_LANES, rest);
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
    hth_real sum;
    dot_rows(1, n, x, n, y, false, &sum);
    return sum;
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
        const hth_vector end = hth_load_some(c + last, some) + d * y_last;
        for (size_t k = 0; k < last; k += HTH_LANES)
            hth_store(c + k, hth_load(c + k) + d * hth_load(y + k));
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
        for (size_t j = 0; j < N; j++) y[j] += x[k] * A[k * lda + j];
}

hth_real hth_dot(size_t n, const hth_real *x, const hth_real *y) {
    hth_real sum = 0;
    for (size_t k = 0; k < n; k++) sum += x[k] * y[k];
    return sum;
}

void hth_outer_add(size_t M, size_t N, const hth_real *x, const hth_real *y, hth_real *C,
                   size_t ldc) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) C[i * ldc + k] += x[i] * y[k];
}

#endif
