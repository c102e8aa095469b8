/*
 * Global feedback: every entry of F is 1/sqrt(n), so that all units get the same number, the sum of the
 * errors (Bellec et al. 2019, pattern generation). The same cost as readout.
 */
#include "credit/signal/feedback.h"

#include <math.h>

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    const hth_readout *r = &plan->network->readout;
    hth_real *F = HTH_TAKE(arena, hth_real, hth_times(r->outputs, r->n));
    (void)options;
    for (size_t i = 0; F && i < r->outputs * r->n; i++) F[i] = (hth_real)(1 / sqrt((double)r->n));
    return F;
}

static const hth_real *feedback(hth_learner *learner) {
    return learner->signal.kept;
}

const hth_signal hth_signal_global = {
    .axis = {.part = {.name = "global",
                      .summary = "the same for all units: every feedback weight is 1/sqrt(n)",
                      .source = "Bellec et al. 2019, pattern generation"},
             .bias = HTH_BIASED,
             .lay_out = lay_out,
             .needs = hth_feedback_needs},
    .reaches_units = true,
    .feedback = feedback,
};
