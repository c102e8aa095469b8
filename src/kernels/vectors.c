/* Passes over vectors: see vectors.h. */
#include "kernels/vectors.h"

#include "base/fma.h"
#include "kernels/elementwise.h"

void hth_add(size_t n, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void hth_add_scaled(size_t n, hth_real a, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) y[i] = hth_fma(a, x[i], y[i]);
}

void hth_multiply(size_t n, const hth_real *a, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) y[i] = a[i] * x[i];
}

void hth_add_product(size_t n, const hth_real *a, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) y[i] = hth_fma(a[i], x[i], y[i]);
}

void hth_scale(size_t n, hth_real a, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) y[i] *= a;
}

void hth_scale_and_add(size_t n, hth_real a, hth_real b, const hth_real *x, hth_real *y) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) y[i] = hth_fma(a, y[i], b * x[i]);
}
