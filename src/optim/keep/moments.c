/*
 * Importance for free: Adam's mean squared gradient v-hat at the end of a task is near the Fisher information, divided
 * by the items of a batch, for the square of a mean over a batch is so much smaller. No pass, and no array beside
 * importance and anchor.
 *
 *     Omega <- decay Omega + batch v / (1 - beta2^k)
 *
 * With keep.step = gradient the moments are of the sum that Adam sees, the penalty's gradient included.
 */
#include "optim/keep/keep.h"

typedef struct moments_options {
    hth_keep_pull pull;
    double batch;
} moments_options;

static const hth_option options[] = {
    HTH_KEEP_PULL(moments_options),
    HTH_KEEP_ANCHOR(moments_options),
    {.name = "batch",
     .help = "factor of the mean squared gradient: with the items of a batch (train.batch, for "
             "loss.batch = mean) it is near the Fisher information, and keep.strength near that "
             "of ewc",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e9,
     .offset = offsetof(moments_options, batch)},
};

static const char *const names[] = {"importance", "anchor", NULL};

static void consolidate(const hth_keep_piece *p) {
    const moments_options *o = p->options;
    const hth_real factor = (hth_real)o->batch * p->correction;
    for (size_t i = 0; i < p->count; i++) hth_keep_take(&o->pull, p, i, factor * p->squares[i]);
}

HTH_PART_OF(const hth_keep, hth_keep_moments) = {
    .part = {.name = "moments",
             .summary = "importance is Adam's mean squared gradient, which is there already",
             .source = "-",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(moments_options),
    .pulls = HTH_PULLS_BY_IMPORTANCE,
    .names = names,
    .operations = 3,
    .of_squares = true,
    .consolidate = consolidate,
};
