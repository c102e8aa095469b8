/* The update of plain gradient descent, theta - (rate g + decay theta): shared by optim/sgd.c and by passes that form g
 * and change theta at once, so that both have the same bits. */
#ifndef HTH_KERNELS_LINEAR_H
#define HTH_KERNELS_LINEAR_H

#include "kernels/vector.h"

typedef struct hth_linear {
    hth_real rate, decay;
} hth_linear;

static inline hth_real hth_descended(hth_linear by, hth_real theta, hth_real g) {
    return theta - (by.rate * g + by.decay * theta);
}

#ifdef HTH_VECTOR_KERNELS
HTH_ALWAYS_INLINE hth_vector hth_descended_vector(hth_linear by, hth_vector theta, hth_vector g) {
    return theta - (by.rate * g + by.decay * theta);
}
#endif

#endif
