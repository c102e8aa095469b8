/* What a test trial misses after the updates of an episode: of the place, where a task's outputs move one. */
#include "metrics/metrics.h"

static const char *refuses(const hth_metric_case *of) {
    (void)of;
    return "only episodes have test trials (learner.signal = module)";
}

static double value(const hth_scored *of) {
    return of->reached;
}

const hth_metric hth_metric_place = {
    .part = {.name = "place",
             .summary = "mean squared error of the test trials of episodes: of the place that the "
                        "outputs move (task arm), else of the outputs",
             .source = "Bellec et al. 2019, Fig. 3e"},
    .range = "0 and more",
    .refuses = refuses,
    .value = value,
};
