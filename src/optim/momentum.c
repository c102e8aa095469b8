/* Gradient descent with momentum: v <- mu v + g, theta <- theta - rate v (or rate (g + mu v)). */
#include "kernels/elementwise.h"
#include "optim/method.h"

typedef struct momentum_options {
    double momentum;
    bool nesterov;
} momentum_options;

static const hth_option options[] = {
    {.name = "momentum",
     .help = "what is kept of the last step, in 0..1",
     .fallback = "0.9",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(momentum_options, momentum)},
    {.name = "nesterov",
     .help = "look ahead along the last step",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(momentum_options, nesterov)},
};

enum { RATE, DECAY, FACTOR, MU, AHEAD, DIRECT };

static void prepare(hth_update *u) {
    const momentum_options *o = u->options;
    u->number[RATE] = (hth_real)u->rate;
    u->number[DECAY] = (hth_real)u->decay;
    u->number[FACTOR] = (hth_real)u->factor;
    u->number[MU] = (hth_real)o->momentum;
    u->number[AHEAD] = o->nesterov ? u->number[MU] : 1;
    u->number[DIRECT] = o->nesterov ? HTH_C(1.0) : HTH_C(0.0);
}

static void update(const hth_update *u) {
    const hth_real rate = u->number[RATE], decay = u->number[DECAY], factor = u->number[FACTOR];
    const hth_real mu = u->number[MU], ahead = u->number[AHEAD], direct = u->number[DIRECT];
    hth_real *theta = u->theta, *v = u->moment[0];
    const hth_real *gradient = u->gradient;
    HTH_SIMD
    for (size_t i = 0; i < u->count; i++) {
        hth_real g = factor * gradient[i] + decay * theta[i];
        v[i] = mu * v[i] + g;
        theta[i] -= rate * (direct * g + ahead * v[i]);
    }
}

HTH_PART_OF(const hth_method, hth_method_momentum) = {
    .part = {.name = "momentum",
             .summary = "gradient descent with momentum",
             .source = "Polyak 1964; Nesterov 1983",
             .options = {"optimiser", options, HTH_COUNT(options)}},
    .options_size = sizeof(momentum_options),
    .moments = 1,
    .prepare = prepare,
    .update = update,
};
