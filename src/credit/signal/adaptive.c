/*
 * Adaptive feedback (Kolen & Pollack 1994; Akrout et al. 2019; adaptive e-prop: Bellec et al. 2020): F is drawn as for
 * signal random and then gets the same updates as the readout's weights W, and the same decay, so that it comes to be
 * W without ever being copied. With the part d = feedback_decay that W loses an update, D being the update itself,
 *
 *     W <- (1-d) W + D     F <- (1-d) F + D     so     F - W <- (1-d) (F - W)
 *
 * D is what is seen of W: the change since the last tape, plus d W of then. The decay of W is the optimiser's
 * (optimiser.weight_decay, times its learning rate): the rule is local where d is that number. With d = 0 F keeps its
 * distance from W. A tape without an update before it changes nothing. State: F, and W of the last tape; 2 o n numbers
 * and multiply-adds an update.
 */
#include "credit/signal/feedback.h"

#include <string.h>

typedef struct adaptive_options {
    const char *variance;
    double decay;
} adaptive_options;

typedef struct adaptive {
    hth_feedback *feedback;
    hth_real *W; /* of the last tape */
} adaptive;

static const hth_option options[] = {
    HTH_FEEDBACK_VARIANCE(adaptive_options),
    {.name = "feedback_decay",
     .help = "the part of itself that a feedback weight loses with an update of the readout; the "
             "rule is local where the readout's weights lose the same (the learning rate times "
             "optimiser.weight_decay)",
     .fallback = "0.001",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(adaptive_options, decay)},
};

static size_t size_of(const hth_learner *learner) {
    return learner->network->readout.outputs * learner->network->readout.n;
}

static const hth_real *weights_of(const hth_learner *learner) {
    return learner->network->theta + learner->network->readout.weight;
}

static const char *refuses(const hth_learner *plan) {
    return hth_feedback_objection(((const adaptive_options *)plan->signal.options)->variance);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const adaptive_options *o = given;
    adaptive *kept = HTH_TAKE(arena, adaptive, 1);
    hth_feedback *feedback = hth_feedback_lay_out(arena, plan, o->variance);
    hth_real *W = HTH_TAKE(arena, hth_real, size_of(plan));
    if (!kept) return NULL;
    hth_feedback_draw(plan, feedback, 0);
    memcpy(W, weights_of(plan), size_of(plan) * sizeof *W);
    *kept = (adaptive){feedback, W};
    return kept;
}

static const hth_real *feedback(hth_learner *learner) {
    const adaptive_options *o = learner->signal.options;
    const adaptive *kept = learner->signal.kept;
    const hth_real *W = weights_of(learner), d = (hth_real)o->decay;
    const size_t count = size_of(learner);
    hth_real *F = kept->feedback->F, *before = kept->W;
    if (memcmp(before, W, count * sizeof *W) == 0) return F;
    for (size_t i = 0; i < count; i++) {
        const hth_real update = W[i] - before[i] + d * before[i];
        F[i] = F[i] - d * F[i] + update;
        before[i] = W[i];
    }
    return F;
}

static void give(hth_learner *learner, const hth_real *values) {
    const adaptive *kept = learner->signal.kept;
    memcpy(kept->feedback->F, values, size_of(learner) * sizeof *values);
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    const adaptive *kept = learner->signal.kept;
    const hth_field all[] = {
        {"signal.feedback", HTH_DTYPE_REAL, size_of(learner), kept->feedback->F, {0}},
        {"signal.weights", HTH_DTYPE_REAL, size_of(learner), kept->W, {0}},
    };
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    hth_feedback_needs(learner, out);
    out[1] = (hth_need){"ii", true, "the feedback weights, which change as the readout's do"};
    return 2;
}

const hth_signal hth_signal_adaptive = {
    .axis = {.part = {.name = "adaptive",
                      .summary = "a random matrix that gets the readout's own updates, and decays",
                      .source = "Kolen & Pollack 1994; Akrout et al. 2019; Bellec et al. 2020",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(adaptive_options),
             .bias = HTH_BIASED,
             .joins_items = true,
             .memory = "2*top*o*n",
             .operations = "2*top*o*n/K",
             .refuses = refuses,
             .lay_out = lay_out,
             .state = state,
             .needs = needs},
    .reaches_units = true,
    .feedback = feedback,
    .give = give,
};
