/* Steps of an episode, the mean over those that ended. */
#include "metrics/metrics.h"

#include <math.h>

static const char *refuses(const hth_metric_case *of) {
    if (of->shape.target != HTH_TARGET_ACTIONS) return "only worlds have episodes with rewards";
    return NULL;
}

static double value(const hth_scored *of) {
    const hth_outcomes *o = &of->targets->outcomes;
    return o->episodes > 0 ? o->steps / o->episodes : (double)NAN;
}

const hth_metric hth_metric_duration = {
    .part = {.name = "duration", .summary = "steps of an episode, the mean over those that ended"},
    .range = "1 and more steps",
    .rises = true,
    .of_world = true,
    .refuses = refuses,
    .value = value,
};
