/* The activation functions of rate units and their derivatives, as values of the function itself
 * where that is possible. */
#ifndef HTH_ACTIVATION_H
#define HTH_ACTIVATION_H

#include "kernels/elementwise.h"
#include "kernels/level.h"

typedef enum hth_activation {
    HTH_ACTIVATION_TANH,
    HTH_ACTIVATION_RELU,
    HTH_ACTIVATION_SIGMOID,
    HTH_ACTIVATION_SOFTPLUS,
    HTH_ACTIVATION_IDENTITY
} hth_activation;

#define HTH_ACTIVATION_NAMES                                                                       \
    (const char *const[]) {                                                                        \
        "tanh", "relu", "sigmoid", "softplus", "identity", NULL                                    \
    }

/* value[j] = phi(a[j]), slope[j] = phi'(a[j]). */
HTH_VERB(void, hth_activate,
         (hth_activation phi, size_t n, const hth_real *a, hth_real *value, hth_real *slope));
#define hth_activate HTH_NOW(hth_activate)

#endif
