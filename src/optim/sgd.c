/* Stochastic gradient descent: theta <- theta - rate g. */
#include "kernels/elementwise.h"
#include "optim/method.h"

static void update(const hth_update *u) {
    const hth_real rate = (hth_real)(u->rate * u->factor), decay = (hth_real)(u->rate * u->decay);
    hth_real *theta = u->theta;
    const hth_real *g = u->gradient;
    HTH_SIMD
    for (size_t i = 0; i < u->count; i++) theta[i] -= rate * g[i] + decay * theta[i];
}

HTH_PART_OF(const hth_method, hth_method_sgd) = {
    .part = {.name = "sgd",
             .summary = "stochastic gradient descent",
             .source = "Robbins & Monro 1951",
             .options = {"optimiser", NULL, 0}},
    .update = update,
};
