/*
 * Synaptic intelligence (Zenke et al. 2017): how much of the loss each parameter took away along its path.
 *
 *     omega <- omega - g dtheta                                     at each update: g the task's gradient, before it is
 *                                                                   clipped; dtheta the whole step
 *     Omega <- decay Omega + max(0, omega) / ((theta - a)^2 + xi)   at the end of a task, which began at a; then a is
 *                                                                   theta and omega is 0
 *
 * The paper's penalty is c Omega (theta - a)^2 without 1/2: keep.strength is twice its c.
 */
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

#include <string.h>

typedef struct si_options {
    hth_keep_pull pull;
    double xi;
    bool clip;
} si_options;

static const hth_option options[] = {
    HTH_KEEP_PULL(si_options),
    {.name = "xi",
     .help =
         "added to the squared way of a parameter, so that one that did not move does not count "
         "without bounds (Zenke et al. 2017: 0.1)",
     .fallback = "0.1",
     .kind = HTH_KIND_REAL,
     .min = 1e-12,
     .max = 1e6,
     .offset = offsetof(si_options, xi)},
    {.name = "clip",
     .help = "a parameter that added to the loss has no importance; false: a negative one",
     .fallback = "true",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(si_options, clip)},
};

static const char *const names[] = {"importance", "anchor", "path", NULL};
enum { IMPORTANCE, ANCHOR, PATH };

static void begin(const hth_keep_piece *p) {
    memcpy(p->kept[ANCHOR], p->theta, p->count * sizeof *p->theta);
}

static void after(const hth_keep_piece *p) {
    hth_real *path = p->kept[PATH];
    HTH_SIMD
    for (size_t i = 0; i < p->count; i++)
        path[i] -= p->scale * p->gradient[i] * (p->theta[i] - p->was[i]);
}

static void consolidate(const hth_keep_piece *p) {
    const si_options *o = p->options;
    const hth_real xi = (hth_real)o->xi;
    for (size_t i = 0; i < p->count; i++) {
        const hth_real way = p->theta[i] - p->kept[ANCHOR][i], path = p->kept[PATH][i];
        const hth_real counts = o->clip && path < 0 ? 0 : path;
        hth_keep_take(&o->pull, p, i, counts / (way * way + xi));
        p->kept[PATH][i] = 0;
    }
}

HTH_PART_OF(const hth_keep, hth_keep_si) = {
    .part = {.name = "si",
             .summary = "synaptic intelligence: importance is what a parameter took off the loss",
             .source = "Zenke et al. 2017, eq. 3-5",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(si_options),
    .pulls = HTH_PULLS_BY_IMPORTANCE,
    .names = names,
    .operations = 5,
    .begin = begin,
    .after = after,
    .consolidate = consolidate,
};
