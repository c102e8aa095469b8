/*
 * Passes over matrices whose rows are short: see fold.h. The last vector of a row overlaps the one before it, and is
 * computed before that one changes: a masked store would hold up the next row, whose place it names without writing to
 * it. The plain loops at the end say what each pass means.
 */
#include "kernels/fold.h"

#include "kernels/rows.h"
#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

enum {
    PIECE = 256, /* numbers that are summed as hth_real */
    CHAINS = 4   /* pieces at a time, so that their sums do not wait for each other */
};

/* What a pass does to a row of B, and of out where it folds. */
typedef struct pass {
    bool folds, adds; /* adds: to what stands in out, or to 0 */
    hth_real a, c;
} pass;

HTH_ALWAYS_INLINE hth_vector changed(const pass p, hth_vector b, hth_real d, hth_vector y) {
    return hth_add_scaled_vector(p.a, b, d * y);
}

HTH_ALWAYS_INLINE hth_vector folded(const pass p, hth_vector out, hth_vector b, hth_real e,
                                    hth_vector y) {
    return hth_add_scaled_vector(e, y, hth_add_scaled_vector(p.c, b, out));
}

HTH_ALWAYS_INLINE void fold_row(const pass p, size_t N, hth_real e, hth_real *out, hth_real d,
                                const hth_real *y, hth_real *B) {
    const bool narrow = N < HTH_LANES;
    const size_t last = narrow ? 0 : N - HTH_LANES, some = narrow ? N : HTH_LANES;
    const hth_vector y_last = hth_load_some(y + last, some), b = hth_load_some(B + last, some);
    const hth_vector B_end = changed(p, b, d, y_last);
    hth_vector out_end = {0}, out_k = {0};
    if (p.adds) out_end = hth_load_some(out + last, some);
    out_end = folded(p, out_end, b, e, y_last);
    for (size_t k = 0; k < last; k += HTH_LANES) {
        const hth_vector old = hth_load(B + k), y_k = hth_load(y + k);
        if (p.adds) out_k = hth_load(out + k);
        if (p.folds) hth_store(out + k, folded(p, out_k, old, e, y_k));
        hth_store(B + k, changed(p, old, d, y_k));
    }
    if (narrow) {
        hth_store_some(B, B_end, N);
        if (p.folds) hth_store_some(out, out_end, N);
    } else {
        hth_store(B + last, B_end);
        if (p.folds) hth_store(out + last, out_end);
    }
}

/* The squares of some pieces, added to the total one after the other. */
HTH_ALWAYS_INLINE double add_pieces(const int pieces, const hth_real *x, double total) {
    hth_lanes sum[CHAINS];
    HTH_UNROLL
    for (int i = 0; i < pieces; i++) sum[i] = (hth_lanes){{{0}}};
    for (size_t k = 0; k < PIECE; k += HTH_SUM_LANES) {
        HTH_UNROLL
        for (int i = 0; i < pieces; i++) {
            const hth_real *at = x + (size_t)i * PIECE + k;
            hth_add_all_lanes(&sum[i], at, at);
        }
    }
    HTH_UNROLL
    for (int i = 0; i < pieces; i++) total += (double)hth_sum_lanes(sum[i]);
    return total;
}

/* The whole pieces of x, added to total; how many numbers they are. */
HTH_ALWAYS_INLINE size_t add_whole(size_t n, const hth_real *x, double *total) {
    size_t k = 0;
    for (; k + CHAINS * PIECE <= n; k += CHAINS * PIECE) *total = add_pieces(CHAINS, x + k, *total);
    for (; k + PIECE <= n; k += PIECE) *total = add_pieces(1, x + k, *total);
    return k;
}

HTH_ALWAYS_INLINE double add_rest(size_t n, const hth_real *x, double total) {
    hth_lanes sum = {{{0}}};
    for (size_t k = 0; k < n; k += HTH_SUM_LANES) {
        const size_t left = n - k;
        if (left >= HTH_SUM_LANES)
            hth_add_all_lanes(&sum, x + k, x + k);
        else
            hth_add_lanes(&sum, x + k, x + k, left);
    }
    return n ? total + (double)hth_sum_lanes(sum) : total;
}

HTH_NO_SANITIZERS double hth_square(size_t n, const hth_real *x) {
    double total = 0;
    const size_t whole = add_whole(n, x, &total);
    return add_rest(n - whole, x + whole, total);
}

HTH_NO_SANITIZERS void hth_outer_scaled(size_t M, size_t N, hth_real a, const hth_real *x,
                                        const hth_real *y, hth_real *B) {
    const pass p = {.a = a};
    for (size_t i = 0; i < M; i++, B += N) fold_row(p, N, 0, NULL, x[i], y, B);
}

/* The squares follow the rows at a distance, while these are still in the cache. */
HTH_ALWAYS_INLINE double fold_rows(const pass p, size_t M, size_t N, const hth_real *e,
                                   hth_real *out, const hth_real *x, const hth_real *y,
                                   hth_real *B) {
    double total = 0;
    size_t summed = 0;
    for (size_t i = 0; i < M; i++) {
        fold_row(p, N, e[i], out + i * N, x[i], y, B + i * N);
        const size_t left = (i + 1) * N - summed;
        if (left >= CHAINS * PIECE) summed += add_whole(left, B + summed, &total);
    }
    summed += add_whole(M * N - summed, B + summed, &total);
    return add_rest(M * N - summed, B + summed, total);
}

HTH_NO_SANITIZERS double hth_outer_fold(size_t M, size_t N, hth_real c, const hth_real *e,
                                        bool accumulate, hth_real *out, hth_real a,
                                        const hth_real *x, const hth_real *y, hth_real *B) {
    if (accumulate) return fold_rows((pass){true, true, a, c}, M, N, e, out, x, y, B);
    return fold_rows((pass){true, false, a, c}, M, N, e, out, x, y, B);
}

HTH_NO_SANITIZERS void hth_outer_add_two(size_t M, size_t N, const hth_real *x, const hth_real *y,
                                         const hth_real *e, const hth_real *u, hth_real *out) {
    const bool narrow = N < HTH_LANES;
    const size_t last = narrow ? 0 : N - HTH_LANES, some = narrow ? N : HTH_LANES;
    const hth_vector y_last = hth_load_some(y + last, some), u_last = hth_load_some(u + last, some);
    for (size_t i = 0; i < M; i++, out += N) {
        const hth_real d = x[i], f = e[i];
        /* overlaps the vector before it, and is taken before that changes */
        const hth_vector end = hth_add_scaled_vector(
            f, u_last, hth_add_scaled_vector(d, y_last, hth_load_some(out + last, some)));
        for (size_t k = 0; k < last; k += HTH_LANES) {
            const hth_vector first = hth_add_scaled_vector(d, hth_load(y + k), hth_load(out + k));
            hth_store(out + k, hth_add_scaled_vector(f, hth_load(u + k), first));
        }
        if (narrow)
            hth_store_some(out, end, N);
        else
            hth_store(out + last, end);
    }
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
            end = hth_vector_fma(hth_load_some(c[i] + last, some),
                                 hth_load_some(from[i] + last, some), end);
        for (size_t k = 0; k < last; k += HTH_LANES) {
            hth_vector sum = adds ? hth_load(out + k) : (hth_vector){0};
            HTH_UNROLL
            for (int i = 0; i < count; i++)
                sum = hth_vector_fma(hth_load(c[i] + k), hth_load(from[i] + k), sum);
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
        for (size_t k = 0; k < N; k++) B[i * N + k] = hth_fma(a, B[i * N + k], x[i] * y[k]);
}

double hth_outer_fold(size_t M, size_t N, hth_real c, const hth_real *e, bool accumulate,
                      hth_real *out, hth_real a, const hth_real *x, const hth_real *y,
                      hth_real *B) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++) {
            hth_real *b = B + i * N + k, *o = out + i * N + k;
            *o = hth_fma(e[i], y[k], hth_fma(c, *b, accumulate ? *o : 0));
            *b = hth_fma(a, *b, x[i] * y[k]);
        }
    return hth_square(M * N, B);
}

void hth_outer_add_two(size_t M, size_t N, const hth_real *x, const hth_real *y, const hth_real *e,
                       const hth_real *u, hth_real *out) {
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < N; k++)
            out[i * N + k] = hth_fma(e[i], u[k], hth_fma(x[i], y[k], out[i * N + k]));
}

double hth_square(size_t n, const hth_real *x) {
    double sum = 0;
    enum { PIECE = 256 };
    for (size_t k = 0; k < n; k += PIECE)
        sum += (double)hth_dot(n - k < PIECE ? n - k : PIECE, x + k, x + k);
    return sum;
}

void hth_weighted_sums(size_t rows, size_t n, size_t count, const hth_real *const *c,
                       const hth_real *const *x, const size_t *stride, hth_real *out, size_t ldo) {
    for (size_t row = 0; row < rows; row++)
        for (size_t j = 0; j < n; j++) {
            hth_real sum = 0;
            for (size_t i = 0; i < count; i++)
                sum = hth_fma(c[i][j], x[i][row * stride[i] + j], sum);
            out[row * ldo + j] = sum;
        }
}

#endif
