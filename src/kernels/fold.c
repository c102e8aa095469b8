/*
 * Passes over matrices whose rows are short and follow each other without a gap: see fold.h. A vector runs on from
 * the end of a row into the next one, so that all but the last are whole: partial ones would cost as much as whole
 * ones, and a masked store holds up a load of its neighbours.
 */
#include "kernels/fold.h"

#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

enum {
    CHAINS = 4,
    PIECE = 4096
}; /* sums that do not wait for each other; numbers summed as hth_real */

HTH_ALWAYS_INLINE double sum_of(hth_vector v) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    return _mm512_reduce_add_pd((__m512d)v);
#elif defined(__AVX512F__)
    return (double)_mm512_reduce_add_ps((__m512)v);
#else
    double sum = 0;
    for (int i = 0; i < HTH_LANES; i++) sum += (double)v[i];
    return sum;
#endif
}

/* Lanes from `skip` on are p[0], p[1], ..; those before are zero. */
HTH_ALWAYS_INLINE hth_vector load_after(const hth_real *p, size_t skip) {
#if defined(__AVX512F__) && defined(HTH_DOUBLE)
    return (hth_vector)_mm512_maskz_expandloadu_pd((__mmask8)(0xffu << skip), p);
#elif defined(__AVX512F__)
    return (hth_vector)_mm512_maskz_expandloadu_ps((__mmask16)(0xffffu << skip), p);
#else
    hth_vector v = {0};
    for (size_t i = skip; i < HTH_LANES; i++) v[i] = p[i - skip];
    return v;
#endif
}

/* What a pass does to one vector of B and out. */
typedef struct pass {
    bool folds; /* also into out, with |B|^2 */
    hth_real a, c;
} pass;

HTH_ALWAYS_INLINE hth_vector change(const pass p, hth_vector b, hth_vector to_b, hth_vector to_out,
                                    hth_real *out, hth_real *B) {
    const hth_vector next = p.a * b + to_b;
    if (p.folds) hth_store(out, hth_load(out) + p.c * b + to_out);
    hth_store(B, next);
    return next * next;
}

/* N >= HTH_LANES. */
HTH_ALWAYS_INLINE double run(const pass p, size_t M, size_t N, const hth_real *e, hth_real *out,
                             const hth_real *x, const hth_real *y, hth_real *B) {
    hth_vector sum[2] = {{0}, {0}};
    double square = 0;
    size_t k = 0; /* where in the row the next vector begins */
    for (size_t i = 0; i < M; i++) {
        const hth_real d = x[i], f = p.folds ? e[i] : 0;
        for (; k + 2 * HTH_LANES <= N;
             k += 2 * HTH_LANES, out += 2 * HTH_LANES, B += 2 * HTH_LANES) {
            const hth_vector y0 = hth_load(y + k), y1 = hth_load(y + k + HTH_LANES);
            sum[0] += change(p, hth_load(B), d * y0, f * y0, out, B);
            sum[1] +=
                change(p, hth_load(B + HTH_LANES), d * y1, f * y1, out + HTH_LANES, B + HTH_LANES);
        }
        for (; k + HTH_LANES <= N; k += HTH_LANES, out += HTH_LANES, B += HTH_LANES) {
            const hth_vector y0 = hth_load(y + k);
            sum[0] += change(p, hth_load(B), d * y0, f * y0, out, B);
        }
        const size_t rest = N - k;
        if (rest && i + 1 < M) {
            const hth_vector y0 = hth_load_some(y + k, rest), y1 = load_after(y, rest);
            const hth_real next = p.folds ? e[i + 1] : 0;
            sum[1] += change(p, hth_load(B), d * y0 + x[i + 1] * y1, f * y0 + next * y1, out, B);
            k = HTH_LANES - rest;
            out += HTH_LANES;
            B += HTH_LANES;
        } else if (rest) {
            const hth_vector y0 = hth_load_some(y + k, rest), b = hth_load_some(B, rest);
            const hth_vector next = p.a * b + d * y0;
            if (p.folds) hth_store_some(out, hth_load_some(out, rest) + p.c * b + f * y0, rest);
            hth_store_some(B, next, rest);
            sum[1] += next * next;
        } else {
            k = 0;
        }
        if (p.folds && i % 16 == 15) { /* long sums in double */
            square += sum_of(sum[0] + sum[1]);
            sum[0] = sum[1] = (hth_vector){0};
        }
    }
    return p.folds ? square + sum_of(sum[0] + sum[1]) : 0;
}

static double run_narrow(const pass p, size_t M, size_t N, const hth_real *e, hth_real *out,
                         const hth_real *x, const hth_real *y, hth_real *B) {
    double square = 0;
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) {
            hth_real *b = B + i * N + k;
            if (p.folds) out[i * N + k] += p.c * *b + e[i] * y[k];
            *b = p.a * *b + x[i] * y[k];
            square += (double)*b * (double)*b;
        }
    return square;
}

HTH_NO_SANITIZERS void hth_outer_scaled(size_t M, size_t N, hth_real a, const hth_real *x,
                                        const hth_real *y, hth_real *B) {
    const pass p = {false, a, 0};
    if (N < HTH_LANES)
        run_narrow(p, M, N, NULL, NULL, x, y, B);
    else
        run(p, M, N, NULL, B, x, y, B);
}

HTH_NO_SANITIZERS double hth_outer_fold(size_t M, size_t N, hth_real c, const hth_real *e,
                                        hth_real *out, hth_real a, const hth_real *x,
                                        const hth_real *y, hth_real *B) {
    const pass p = {true, a, c};
    return N < HTH_LANES ? run_narrow(p, M, N, e, out, x, y, B) : run(p, M, N, e, out, x, y, B);
}

HTH_NO_SANITIZERS void hth_outer_add_two(size_t M, size_t N, const hth_real *x, const hth_real *y,
                                         const hth_real *e, const hth_real *u, hth_real *out) {
    const bool narrow = N < HTH_LANES;
    const size_t last = narrow ? 0 : N - HTH_LANES, some = narrow ? N : HTH_LANES;
    const hth_vector y_last = hth_load_some(y + last, some), u_last = hth_load_some(u + last, some);
    for (size_t i = 0; i < M; i++, out += N) {
        const hth_real d = x[i], f = e[i];
        /* overlaps the vector before it, and is taken before that changes */
        const hth_vector end = hth_load_some(out + last, some) + d * y_last + f * u_last;
        for (size_t k = 0; k < last; k += HTH_LANES)
            hth_store(out + k, hth_load(out + k) + d * hth_load(y + k) + f * hth_load(u + k));
        if (narrow)
            hth_store_some(out, end, N);
        else
            hth_store(out + last, end);
    }
}

HTH_ALWAYS_INLINE double square_of_piece(size_t n, const hth_real *x) {
    const size_t step = CHAINS * HTH_LANES;
    hth_vector sum[CHAINS] = {{0}, {0}, {0}, {0}};
    size_t k = 0;
    for (; k + step <= n; k += step) {
        HTH_UNROLL
        for (int i = 0; i < CHAINS; i++) {
            const hth_vector v = hth_load(x + k + (size_t)i * HTH_LANES);
            sum[i] += v * v;
        }
    }
    for (; k < n; k += HTH_LANES) {
        const hth_vector v = hth_load_some(x + k, n - k < HTH_LANES ? n - k : HTH_LANES);
        sum[0] += v * v;
    }
    return sum_of(sum[0] + sum[1] + (sum[2] + sum[3]));
}

HTH_NO_SANITIZERS double hth_square(size_t n, const hth_real *x) {
    double sum = 0;
    for (size_t i = 0; i < n; i += PIECE)
        sum += square_of_piece(n - i < PIECE ? n - i : PIECE, x + i);
    return sum;
}

/* Some terms of weighted sums. The last vector of a row overlaps the one before it, and is taken before that
 * changes. */
HTH_ALWAYS_INLINE void weigh(const int count, bool adds, size_t rows, size_t n,
                             const hth_real *const *c, const hth_real *const *x,
                             const size_t *stride, hth_real *out, size_t ldo) {
    const bool narrow = n < HTH_LANES;
    const size_t last = narrow ? 0 : n - HTH_LANES, some = narrow ? n : HTH_LANES;
    const hth_real *from[3];
    HTH_UNROLL
    for (int i = 0; i < count; i++) from[i] = x[i];
    for (size_t row = 0; row < rows; row++, out += ldo) {
        hth_vector end = adds ? hth_load_some(out + last, some) : (hth_vector){0};
        HTH_UNROLL
        for (int i = 0; i < count; i++)
            end += hth_load_some(c[i] + last, some) * hth_load_some(from[i] + last, some);
        for (size_t k = 0; k < last; k += HTH_LANES) {
            hth_vector sum = adds ? hth_load(out + k) : (hth_vector){0};
            HTH_UNROLL
            for (int i = 0; i < count; i++) sum += hth_load(c[i] + k) * hth_load(from[i] + k);
            hth_store(out + k, sum);
        }
        if (narrow)
            hth_store_some(out, end, n);
        else
            hth_store(out + last, end);
        HTH_UNROLL
        for (int i = 0; i < count; i++) from[i] += stride[i];
    }
}

HTH_NO_SANITIZERS void hth_weighted_sums(size_t rows, size_t n, size_t count,
                                         const hth_real *const *c, const hth_real *const *x,
                                         const size_t *stride, hth_real *out, size_t ldo) {
    switch (count) {
    case 0:
        weigh(0, false, rows, n, c, x, stride, out, ldo);
        return;
    case 1:
        weigh(1, false, rows, n, c, x, stride, out, ldo);
        return;
    case 2:
        weigh(2, false, rows, n, c, x, stride, out, ldo);
        return;
    default:
        weigh(3, false, rows, n, c, x, stride, out, ldo);
    }
    size_t i = 3;
    for (; i + 2 <= count; i += 2) weigh(2, true, rows, n, c + i, x + i, stride + i, out, ldo);
    if (i < count) weigh(1, true, rows, n, c + i, x + i, stride + i, out, ldo);
}

#else

void hth_outer_scaled(size_t M, size_t N, hth_real a, const hth_real *x, const hth_real *y,
                      hth_real *B) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) B[i * N + k] = a * B[i * N + k] + x[i] * y[k];
}

double hth_outer_fold(size_t M, size_t N, hth_real c, const hth_real *e, hth_real *out, hth_real a,
                      const hth_real *x, const hth_real *y, hth_real *B) {
    double square = 0;
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) {
            hth_real *b = B + i * N + k;
            out[i * N + k] += c * *b + e[i] * y[k];
            *b = a * *b + x[i] * y[k];
            square += (double)*b * (double)*b;
        }
    return square;
}

void hth_outer_add_two(size_t M, size_t N, const hth_real *x, const hth_real *y, const hth_real *e,
                       const hth_real *u, hth_real *out) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) out[i * N + k] += x[i] * y[k] + e[i] * u[k];
}

double hth_square(size_t n, const hth_real *x) {
    double sum = 0;
    for (size_t k = 0; k < n; k++) sum += (double)x[k] * (double)x[k];
    return sum;
}

void hth_weighted_sums(size_t rows, size_t n, size_t count, const hth_real *const *c,
                       const hth_real *const *x, const size_t *stride, hth_real *out, size_t ldo) {
    for (size_t row = 0; row < rows; row++)
        for (size_t j = 0; j < n; j++) {
            hth_real sum = 0;
            for (size_t i = 0; i < count; i++) sum += c[i][j] * x[i][row * stride[i] + j];
            out[row * ldo + j] = sum;
        }
}

#endif
