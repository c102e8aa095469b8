/*
 * Memory aware synapses (Aljundi et al. 2018): the importance is how much the outputs themselves would change, the mean
 * over sequences of
 *
 *     | d (sum_t w_t |y_t|^2) / d theta_i |
 *
 * which needs no labels: it is what is noted of errors 2 y.
 */
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

#include <math.h>

typedef struct mas_options {
    hth_keep_pull pull;
    hth_keep_pass pass;
} mas_options;

static const hth_option options[] = {
    HTH_KEEP_PULL(mas_options),
    HTH_KEEP_ANCHOR(mas_options),
    HTH_KEEP_PASS(mas_options),
};

static const char *const names[] = {"importance", "anchor", "sum", NULL};
enum { IMPORTANCE, ANCHOR, SUM };

static void note(const hth_keep_piece *p) {
    hth_real *sum = p->kept[SUM];
    for (size_t i = 0; i < p->count; i++)
        sum[i] += p->gradient[i] < 0 ? -p->gradient[i] : p->gradient[i];
}

static void consolidate(const hth_keep_piece *p) {
    const mas_options *o = p->options;
    const hth_real each = (hth_real)(1 / p->sequences);
    for (size_t i = 0; i < p->count; i++) {
        hth_keep_take(&o->pull, p, i, each * p->kept[SUM][i]);
        p->kept[SUM][i] = 0;
    }
}

HTH_PART_OF(const hth_keep, hth_keep_mas) = {
    .part = {.name = "mas",
             .summary = "memory aware synapses: importance is what a parameter does to the outputs",
             .source = "Aljundi et al. 2018, eq. 2 and 3",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(mas_options),
    .pulls = HTH_PULLS_BY_IMPORTANCE,
    .names = names,
    .operations = 3,
    .notes = true,
    .of = HTH_OF_OUTPUTS,
    .note = note,
    .consolidate = consolidate,
};
