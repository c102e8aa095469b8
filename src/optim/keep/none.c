/* Nothing: an update is the method's alone. */
#include "optim/keep/keep.h"

static const char *const names[] = {NULL};

HTH_PART_OF(const hth_keep, hth_keep_none) = {
    .part = {.name = "none",
             .summary = "nothing: a new task may undo what was learned before",
             .source = "-",
             .options = {"keep", NULL, 0}},
    .names = names,
};
