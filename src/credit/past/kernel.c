/* Under construction. */
#include "credit/learner.h"

static const char *refuses(const hth_learner *plan) {
    (void)plan;
    return "this choice is not there yet";
}

const hth_past hth_past_kernel = {
    .axis = {.part = {.name = "kernel", .summary = "-", .source = "-"}, .refuses = refuses},
};
