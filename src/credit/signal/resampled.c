/*
 * Feedback that is drawn anew (Bellec et al. 2019, Methods 1.1): an independent matrix
 * F_w for each window w of feedback_steps steps, the same sequence of matrices in every sequence of the
 * data. An error goes by the matrix of its own time, so that with a leaky readout
 *
 *     q_t = gain F_{w(t)}^T dE/dy_t + kappa q_{t+1}.
 *
 * The matrix of window 0 is that of signal random with the same seed. One matrix is held at a time and drawn
 * when its window comes: o n normal deviates a window.
 */
#include "credit/signal/feedback.h"

typedef struct resampled_options {
    const char *variance;
    int64_t steps;
} resampled_options;

static const hth_option options[] = {
    HTH_FEEDBACK_VARIANCE(resampled_options),
    {.name = "feedback_steps",
     .help =
         "steps after which the feedback weights are drawn anew (1 and 20 in Bellec et al. 2019)",
     .fallback = "20",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e12,
     .offset = offsetof(resampled_options, steps)},
};

static const char *refuses(const hth_learner *plan) {
    return hth_feedback_objection(((const resampled_options *)plan->signal.options)->variance);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    return hth_feedback_lay_out(arena, plan, ((const resampled_options *)given)->variance);
}

static const hth_real *feedback_at(void *context, size_t t, size_t *steps) {
    hth_learner *learner = context;
    hth_feedback *kept = learner->signal.kept;
    const uint64_t window = (uint64_t)((const resampled_options *)learner->signal.options)->steps;
    const uint64_t time = learner->time + t;
    hth_feedback_draw(learner, kept, time / window);
    *steps = (size_t)(window - time % window);
    return kept->F;
}

static const hth_real *feedback(hth_learner *learner) {
    size_t steps;
    return feedback_at(learner, 0, &steps);
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    if (capacity > 0)
        fields[0] = (hth_field){
            .name = "signal.time", .dtype = HTH_DTYPE_U64, .count = 1, .data = &learner->time};
    return 1;
}

const hth_signal hth_signal_resampled = {
    .axis = {.part = {.name = "resampled",
                      .summary =
                          "a new random matrix every feedback_steps steps, the same sequence "
                          "of matrices in every sequence of the data",
                      .source = "Bellec et al. 2019, Methods 1.1",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(resampled_options),
             .bias = HTH_BIASED,
             .memory = "o*n",
             .operations = "o*n/feedback_steps",
             .refuses = refuses,
             .lay_out = lay_out,
             .state = state,
             .needs = hth_feedback_needs},
    .reaches_units = true,
    .feedback = feedback,
    .feedback_at = feedback_at,
};
