/* Under construction. */
#include "credit/learner.h"

static const char *refuses(const hth_learner *plan) {
    (void)plan;
    return "this choice is not there yet";
}

const hth_past hth_past_trace = {
    .axis = {.part = {.name = "trace", .summary = "-", .source = "-"}, .refuses = refuses},
};
