/*
 * Metaplasticity (Laborieux et al. 2021; Fusi, Drew & Abbott 2005 in the limit of many states): the further a weight
 * has gone from 0, the less it is brought back. Of a step d of the method that makes |theta| smaller, a part is made:
 *
 *     theta <- theta + f d     f = 1 - tanh(mu theta)^2 where d theta < 0, else 1
 *
 * Nothing is kept, and no task need end.
 */
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

typedef struct metaplastic_options {
    double mu;
} metaplastic_options;

static const hth_option options[] = {
    {.name = "mu",
     .help = "how soon a weight that grows becomes hard to bring back: at 1/mu a step towards 0 is "
             "0.42 of what it would be; 0: never",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(metaplastic_options, mu)},
};

static const char *const names[] = {NULL};

static void after(const hth_keep_piece *p) {
    const metaplastic_options *o = p->options;
    const hth_real mu = (hth_real)o->mu;
    HTH_SIMD
    for (size_t i = 0; i < p->count; i++) {
        const hth_real step = p->theta[i] - p->was[i], held = hth_tanh(mu * p->was[i]);
        p->theta[i] -= step * p->was[i] < 0 ? held * held * step : 0;
    }
}

static bool follows(const void *of) {
    const metaplastic_options *o = of;
    return o->mu > 0;
}

HTH_PART_OF(const hth_keep, hth_keep_metaplastic) = {
    .part = {.name = "metaplastic",
             .summary = "the larger a weight, the less an update brings it back to 0",
             .source = "Laborieux et al. 2021, eq. 2; Fusi, Drew & Abbott 2005",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(metaplastic_options),
    .names = names,
    .operations = 4,
    .after = after,
    .follows = follows,
};
