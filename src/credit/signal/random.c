/*
 * Random feedback (Lillicrap et al. 2016; for recurrent networks Murray 2019; Bellec et al. 2019, eqs. 42-53):
 * q_t = F^T err_t with a fixed matrix F in place of the readout's weights, drawn by seed
 * or given with the data. It is not trained, so nothing of it is in the state. The same cost as readout.
 */
#include "credit/signal/feedback.h"

#include <string.h>

typedef struct random_options {
    const char *variance;
} random_options;

static const hth_option options[] = {HTH_FEEDBACK_VARIANCE(random_options)};

static const char *refuses(const hth_learner *plan) {
    return hth_feedback_objection(((const random_options *)plan->signal.options)->variance);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    hth_feedback *kept =
        hth_feedback_lay_out(arena, plan, ((const random_options *)given)->variance);
    if (kept) hth_feedback_draw(plan, kept, 0);
    return kept;
}

static const hth_real *feedback(hth_learner *learner) {
    return ((const hth_feedback *)learner->signal.kept)->F;
}

static void give(hth_learner *learner, const hth_real *values) {
    const hth_readout *r = &learner->network->readout;
    memcpy(((hth_feedback *)learner->signal.kept)->F, values, r->outputs * r->n * sizeof *values);
}

const hth_signal hth_signal_random = {
    .axis =
        {.part =
             {.name = "random",
              .summary =
                  "a fixed random matrix, or one that the data bring along, to the units that the "
                  "readout reads; layers below learn through the true weights (direct: not)",
              .source = "Lillicrap et al. 2016; Murray 2019",
              .options = {"learner", options, HTH_COUNT(options)}},
         .options_size = sizeof(random_options),
         .bias = HTH_BIASED,
         .memory = "o*n",
         .refuses = refuses,
         .lay_out = lay_out,
         .needs = hth_feedback_needs},
    .reaches_units = true,
    .feedback = feedback,
    .give = give,
};
