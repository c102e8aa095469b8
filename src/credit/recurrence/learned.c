/* Under construction. */
#include "credit/learner.h"

static const char *refuses(const hth_learner *plan) {
    (void)plan;
    return "this choice is not there yet";
}

const hth_recurrence hth_recurrence_learned = {
    .axis = {.part = {.name = "learned", .summary = "-", .source = "-"}, .refuses = refuses},
};
