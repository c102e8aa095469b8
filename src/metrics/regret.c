/* What the best actions would have earned beyond those taken, in expectation, in an episode. */
#include "metrics/metrics.h"

#include <math.h>

static const char *refuses(const hth_metric_case *of) {
    if (of->shape.target != HTH_TARGET_ACTIONS) return "only worlds have episodes with rewards";
    return of->knows_best ? NULL
                          : "this world does not know what the best actions would have earned";
}

static double value(const hth_scored *of) {
    const hth_outcomes *o = &of->targets->outcomes;
    return o->episodes > 0 ? o->missed / o->episodes : (double)NAN;
}

const hth_metric hth_metric_regret = {
    .part = {.name = "regret",
             .summary = "what the best actions would have earned beyond those taken, in "
                        "expectation, in an episode",
             .source = "Lai & Robbins 1985"},
    .range = "0 and more",
    .rises = false,
    .of_world = true,
    .refuses = refuses,
    .value = value,
};
