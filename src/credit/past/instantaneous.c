/*
 * Truncated eligibility traces (Bellec et al. 2019, "e-prop 3 with truncated traces"): a
 * synapse remembers nothing but the step at hand, eps_t = ds_t/dW = B_t u_t^T, so that
 *
 *     g = sum_t zeta_t (Z_t B_t + Q_t) u_t^T.
 *
 * zeta_t = dE/dz_t is that of the scan, with all that recurrence and future put into it: only the way from a
 * weight to a unit's output is cut short, not the way back of the error. It belongs to a tape of any length, so
 * that nothing is carried; unlike past = none, where the steps of a tape still add up in a unit's state.
 *
 * A predicted adjoint of a cell whose z is its state is one number for both; here it counts as the state's, so that
 * it has no part in zeta of the tape's last step.
 *
 * With recurrence = none this is past = trace with learner.trace = instantaneous. Token vectors and learned
 * initial states learn as by past = none. Memory: none that is carried, K n numbers an item at work.
 */
#include "credit/learner.h"

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    (void)options;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        const size_t each = hth_times(plan->batch, plan->network->layers[l].n);
        hth_real *zetas = HTH_TAKE(arena, hth_real, hth_times(plan->steps, each));
        if (zetas) plan->adjoint.layers[l].zetas = zetas;
    }
    return NULL;
}

static void weigh(hth_learner *learner) {
    for (size_t l = 0; l < learner->network->layer_count; l++) hth_scan_apart(&learner->adjoint, l);
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"i", true, "each unit's adjoint, a vector"};
    return 1;
}

const hth_past hth_past_instantaneous = {
    .axis = {.part = {.name = "instantaneous",
                      .summary = "nothing, not even within the tape: each step's own term alone",
                      .source = "truncated traces: Bellec et al. 2019, tasks 3.1 and 3.2"},
             .bias = HTH_BIASED,
             .lay_out = lay_out,
             .needs = needs},
    .weigh = weigh,
};
