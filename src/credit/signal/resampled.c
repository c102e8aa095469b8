/* Under construction. */
#include "credit/learner.h"

static const char *refuses(const hth_learner *plan) {
    (void)plan;
    return "this choice is not there yet";
}

const hth_signal hth_signal_resampled = {
    .reaches_units = true,
    .axis = {.part = {.name = "resampled", .summary = "-", .source = "-"}, .refuses = refuses},
};
