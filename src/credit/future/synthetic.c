/* Under construction. */
#include "credit/learner.h"

static const char *refuses(const hth_learner *plan) {
    (void)plan;
    return "this choice is not there yet";
}

const hth_future hth_future_synthetic = {
    .axis = {.part = {.name = "synthetic", .summary = "-", .source = "-"}, .refuses = refuses},
};
