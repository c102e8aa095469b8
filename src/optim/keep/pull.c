/* The two ways of pulling parameters to their anchors: see keep.h. */
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

void hth_keep_pull_gradient(size_t count, hth_real c, const hth_real *importance,
                            const hth_real *anchor, const hth_real *theta, hth_real *g) {
    if (!importance) {
        HTH_SIMD
        for (size_t i = 0; i < count; i++) g[i] += c * (theta[i] - anchor[i]);
        return;
    }
    HTH_SIMD
    for (size_t i = 0; i < count; i++) g[i] += c * importance[i] * (theta[i] - anchor[i]);
}

/* theta + k (a - theta) with k = s / (1 + s): the formula of keep.h, which moves nothing where s is 0, and reaches a
 * where s is as large as it gets. */
static hth_real share(hth_real stiffness) {
    return stiffness < HTH_C(1e30) ? stiffness / (1 + stiffness) : 1;
}

void hth_keep_pull_proximal(size_t count, hth_real stiffness, const hth_real *importance,
                            const hth_real *anchor, hth_real *theta) {
    if (!importance) {
        const hth_real k = share(stiffness);
        HTH_SIMD
        for (size_t i = 0; i < count; i++) theta[i] += k * (anchor[i] - theta[i]);
        return;
    }
    HTH_SIMD
    for (size_t i = 0; i < count; i++)
        theta[i] += share(stiffness * importance[i]) * (anchor[i] - theta[i]);
}
