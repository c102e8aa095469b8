/* Activation functions of rate units: one loop each, so that each becomes vector code. */
#include "network/cells/activation.h"

static void activate_tanh(size_t n, const hth_real *a, hth_real *value, hth_real *slope) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        hth_real y = hth_tanh(a[j]);
        value[j] = y;
        slope[j] = 1 - y * y;
    }
}

static void activate_relu(size_t n, const hth_real *a, hth_real *value, hth_real *slope) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        hth_real on = a[j] > 0 ? HTH_C(1.0) : HTH_C(0.0);
        value[j] = on * a[j];
        slope[j] = on;
    }
}

static void activate_sigmoid(size_t n, const hth_real *a, hth_real *value, hth_real *slope) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        hth_real y = hth_sigmoid(a[j]);
        value[j] = y;
        slope[j] = y * (1 - y);
    }
}

static void activate_softplus(size_t n, const hth_real *a, hth_real *value, hth_real *slope) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        value[j] = hth_softplus(a[j]);
        slope[j] = hth_sigmoid(a[j]);
    }
}

static void activate_identity(size_t n, const hth_real *a, hth_real *value, hth_real *slope) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        value[j] = a[j];
        slope[j] = 1;
    }
}

void hth_activate(hth_activation phi, size_t n, const hth_real *a, hth_real *value,
                  hth_real *slope) {
    switch (phi) {
    case HTH_ACTIVATION_TANH:
        activate_tanh(n, a, value, slope);
        break;
    case HTH_ACTIVATION_RELU:
        activate_relu(n, a, value, slope);
        break;
    case HTH_ACTIVATION_SIGMOID:
        activate_sigmoid(n, a, value, slope);
        break;
    case HTH_ACTIVATION_SOFTPLUS:
        activate_softplus(n, a, value, slope);
        break;
    case HTH_ACTIVATION_IDENTITY:
        activate_identity(n, a, value, slope);
        break;
    }
}
