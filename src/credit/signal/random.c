/* Under construction. */
#include "credit/learner.h"

static const char *refuses(const hth_learner *plan) {
    (void)plan;
    return "this choice is not there yet";
}

const hth_signal hth_signal_random = {
    .reaches_units = true,
    .axis = {.part = {.name = "random", .summary = "-", .source = "-"}, .refuses = refuses},
};
