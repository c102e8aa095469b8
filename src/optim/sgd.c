/* Stochastic gradient descent: theta <- theta - rate g. */
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "optim/method.h"

enum { RATE, DECAY };

static void prepare(hth_update *u) {
    u->number[RATE] = (hth_real)(u->rate * u->factor);
    u->number[DECAY] = (hth_real)(u->rate * u->decay);
}

static void update(const hth_update *u) {
    const hth_linear by = {u->number[RATE], u->number[DECAY]};
    hth_real *theta = u->theta;
    const hth_real *g = u->gradient;
    HTH_SIMD
    for (size_t i = 0; i < u->count; i++) theta[i] = hth_descended(by, theta[i], g[i]);
}

HTH_PART_OF(const hth_method, hth_method_sgd) = {
    .part = {.name = "sgd",
             .summary = "stochastic gradient descent",
             .source = "Robbins & Monro 1951",
             .options = {"optimiser", NULL, 0}},
    .is_linear = true,
    .prepare = prepare,
    .update = update,
};
