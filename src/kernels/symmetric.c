/*
 * Loops over a triangle of doubles, in either precision: see symmetric.h. Each number of a row is used twice, for the
 * product of its row, a sum in lanes, and for that of its column, a chain of multiply-adds over the rows.
 */
#include "kernels/symmetric.h"

#include "base/fma.h"

#include <string.h>

enum { LANES = 16 };

static inline double sum_of(double lane[LANES]) {
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

double hth_dot64(size_t n, const double *x, const double *y) {
    double lane[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] = hth_fma64(x[j + l], y[j + l], lane[l]);
    for (size_t l = 0; j < n; j++, l++) lane[l] = hth_fma64(x[j], y[j], lane[l]);
    return sum_of(lane);
}

/* One row of n numbers, the first of which is the diagonal: returns its share of out[0], adds to out[1..]. */
static double pass_row(size_t n, double *restrict P, double c, const double *restrict q,
                       double scale, const double *restrict f, double *restrict out) {
    const double by = -c * q[0], first = f[0];
    double lane[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const double p = hth_fma64(by, q[j + l], P[j + l]) * scale;
            P[j + l] = p;
            lane[l] = hth_fma64(p, f[j + l], lane[l]);
            out[j + l] = hth_fma64(p, first, out[j + l]);
        }
    for (size_t l = 0; j < n; j++, l++) {
        const double p = hth_fma64(by, q[j], P[j]) * scale;
        P[j] = p;
        lane[l] = hth_fma64(p, f[j], lane[l]);
        out[j] = hth_fma64(p, first, out[j]);
    }
    return sum_of(lane);
}

void hth_symmetric_pass(size_t n, double *P, double c, const double *q, double scale,
                        const double *f, double *out) {
    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        const double before =
            out[i]; /* of the rows above; the diagonal counts once, in the row's own sum */
        const double sum = pass_row(n - i, P, c, q + i, scale, f + i, out + i);
        out[i] = before + sum;
        P += n - i;
    }
}
