/* All parameters alike are pulled to where they were at the end of the last task: Omega_i = 1 for all i. */
#include "optim/keep/keep.h"

#include <string.h>

typedef struct anchor_options {
    hth_keep_pull pull;
} anchor_options;

static const hth_option options[] = {
    HTH_KEEP_STRENGTH(anchor_options),
    HTH_KEEP_STEP(anchor_options),
    HTH_KEEP_EVERY(anchor_options),
};

static const char *const names[] = {"anchor", NULL};

static void consolidate(const hth_keep_piece *p) {
    memcpy(p->kept[0], p->theta, p->count * sizeof *p->theta);
}

HTH_PART_OF(const hth_keep, hth_keep_anchor) = {
    .part = {.name = "anchor",
             .summary = "pulls all parameters alike to where they were at the end of the last task",
             .source = "Kirkpatrick et al. 2017, the L2 penalty of fig. 2",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(anchor_options),
    .pulls = HTH_PULLS_ALIKE,
    .names = names,
    .operations = 2,
    .consolidate = consolidate,
};
