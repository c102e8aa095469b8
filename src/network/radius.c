/*
 * The spectral radius of a matrix by Gelfand's formula, with powers of two as powers:
 *
 *     rho(W) = lim |W^(2^k)|^(1/2^k)
 *
 * Each square is divided by its norm, so that nothing overflows, and the logarithms of the norms add up. The error is
 * about log(c)/2^k, where |W^N| <= c rho^N, whether the leading eigenvalues are real, a complex pair or many of one
 * size. (The growth of one vector, the power iteration, turns round and round with a complex pair.)
 *
 * Cost: n^3 multiply-adds a square, and about 30 squares.
 */
#include "base/functions64.h"
#include "network/network.h"

#include <math.h>
#include <string.h>

enum { MOST_SQUARES = 50 };
/* Change of the logarithm from one square to the next, at which it is found, once the power is above n: only then has
 * a matrix whose eigenvalues are all 0 become 0. */
static const double near_enough = 1e-10;

/* Divides a[count] by its largest number in size, which is returned. */
static double normalise(size_t count, double *a) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(a[i]));
    for (size_t i = 0; i < count && largest > 0; i++) a[i] /= largest;
    return largest;
}

/* out = a a, four rows at a time. */
static void square(size_t n, const double *a, double *out) {
    enum { ROWS = 4 };
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i += ROWS) {
        const size_t rows = n - i < ROWS ? n - i : ROWS;
        for (size_t k = 0; k < n; k++)
            for (size_t r = i; r < i + rows; r++) {
                const double factor = a[r * n + k];
                double *to = out + r * n;
                for (size_t j = 0; factor != 0 && j < n; j++) to[j] = to[j] + factor * a[k * n + j];
            }
    }
}

hth_status hth_spectral_radius(size_t n, const hth_real *w, size_t stride, double *out,
                               hth_error *error) {
    const size_t count = hth_times(n, n);
    double *a = hth_allocate(NULL, hth_times(2 * sizeof *a, count)), *next = a ? a + count : NULL;
    if (!a)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for init.spectral_radius of %zu units", n);
    double *const memory = a;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) a[i * n + j] = (double)w[i * stride + j];
    /* After k squares, a = W^(2^k) exp(-2^k sum). */
    double sum = 0, change = 1, weight = 1, norm = normalise(count, a);
    for (int k = 0; norm > 0 && k < MOST_SQUARES; k++) {
        if (fabs(change) < near_enough && weight * (double)n < 0.25) break;
        change = weight * hth_log64(norm);
        sum += change;
        square(n, a, next);
        double *const kept = a;
        a = next;
        next = kept;
        norm = normalise(count, a);
        weight /= 2;
    }
    *out = norm > 0 ? hth_exp64(sum) : 0;
    hth_release(memory);
    return HTH_OK;
}
