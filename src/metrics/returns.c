/* Rewards of an episode, the mean over those that ended. */
#include "metrics/metrics.h"

#include <math.h>

static bool suits(const hth_metric_case *of) {
    return of->shape.target == HTH_TARGET_ACTIONS;
}

static const char *refuses(const hth_metric_case *of) {
    if (of->shape.target != HTH_TARGET_ACTIONS) return "only worlds have episodes with rewards";
    return NULL;
}

static double value(const hth_scored *of) {
    const hth_outcomes *o = &of->targets->outcomes;
    return o->episodes > 0 ? o->rewards / o->episodes : (double)NAN;
}

const hth_metric hth_metric_returns = {
    .part = {.name = "return",
             .summary = "rewards of an episode, the mean over those that ended",
             .source = "Sutton & Barto 2018, section 3.3"},
    .range = "any number",
    .rises = true,
    .suits = suits,
    .of_world = true,
    .refuses = refuses,
    .value = value,
};
