/*
 * Elastic weight consolidation (Kirkpatrick et al. 2017; the online form of Schwarz et al. 2018): the importance is the
 * diagonal of the Fisher information. Of a sequence with weights w_t on its steps and p_t = softmax(y_t),
 *
 *     F_i = E sum_t w_t sum_c p_tc (d -log p_tc / d theta_i)^2                              expected
 *         = E_{labels ~ p} (sum_t w_t d -log p_{t,label} / d theta_i)^2,   w_t 0 or 1       sampled, of a sequence
 *         = E sum_t E_{label ~ p_t} (g_t)^2,   g_t the gradient of step t alone             sampled, of steps
 *
 * so that the squares of what is noted add up to it either way: for labels drawn from the outputs the cross terms
 * vanish. For the labels of the data (empirical, updates) they do not, and the two ways differ.
 *
 *     Omega <- decay Omega + F
 */
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

typedef struct ewc_options {
    hth_keep_pull pull;
    hth_keep_pass pass;
} ewc_options;

static const hth_option options[] = {
    HTH_KEEP_PULL(ewc_options),
    HTH_KEEP_ANCHOR(ewc_options),
    {.name = "importance",
     .help =
         "whose squared gradients are summed: of labels drawn from the outputs (sampled), of all "
         "labels by their probability (expected: a pass over the sequence for every output of "
         "every step that counts), of the data's labels (empirical), or of the updates "
         "themselves, along the way and without a pass (updates: the data's labels too, so that it "
         "is the empirical Fisher information whatever the learner, and with train.batch above 1 "
         "the square of a batch's gradient), or, of a run, of labels drawn along the way (drawn: "
         "tapes are learned from twice, so that with rtrl and learner.steps=1 it is exact)",
     .fallback = "sampled",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"sampled", "expected", "empirical", "updates", "drawn", NULL},
     .offset = offsetof(ewc_options, pass.importance)},
    HTH_KEEP_PASS(ewc_options),
};

static const char *const names[] = {"importance", "anchor", "sum", NULL};
enum { IMPORTANCE, ANCHOR, SUM };

static bool of_updates(const void *of) {
    const ewc_options *o = of;
    return HTH_OF_SAMPLED + o->pass.importance == HTH_OF_UPDATES;
}

/* Adds the squares of scale times the gradient. */
static void note(const hth_keep_piece *p) {
    hth_real *sum = p->kept[SUM];
    HTH_SIMD
    for (size_t i = 0; i < p->count; i++) {
        const hth_real g = p->scale * p->gradient[i];
        sum[i] += g * g;
    }
}

static void consolidate(const hth_keep_piece *p) {
    const ewc_options *o = p->options;
    const hth_real each = (hth_real)(1 / p->sequences);
    for (size_t i = 0; i < p->count; i++) {
        hth_keep_take(&o->pull, p, i, each * p->kept[SUM][i]);
        p->kept[SUM][i] = 0;
    }
}

HTH_PART_OF(const hth_keep, hth_keep_ewc) = {
    .part = {.name = "ewc",
             .summary = "elastic weight consolidation: importance is Fisher information",
             .source = "Kirkpatrick et al. 2017, eq. 3; Schwarz et al. 2018; Huszar 2018",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(ewc_options),
    .pulls = HTH_PULLS_BY_IMPORTANCE,
    .names = names,
    .operations = 3,
    .notes = true,
    .of = HTH_OF_SAMPLED,
    .follows = of_updates,
    .after = note,
    .note = note,
    .consolidate = consolidate,
};
