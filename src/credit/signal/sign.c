/*
 * Sign-symmetric feedback (Liao, Leibo & Poggio 2016, uniform feedback): q_t = F^T err_t with the signs of the
 * readout's weights, of one size,
 *
 *     F = feedback_scale sign(W_out) mean |W_out|
 *
 * the mean over weights that are not 0. F is read anew for every tape, so nothing of it is in the state. Where all
 * weights have one size it is readout. The same cost as readout, and two passes over W_out a tape.
 */
#include "credit/signal/feedback.h"

#include <math.h>

typedef struct sign_options {
    double scale;
} sign_options;

static const hth_option options[] = {
    {.name = "feedback_scale",
     .help = "scale of the signs that errors go by, in mean sizes of a readout's weight",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(sign_options, scale)},
};

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const hth_readout *r = &plan->network->readout;
    (void)given;
    return HTH_TAKE(arena, hth_real, hth_times(r->outputs, r->n));
}

static const hth_real *feedback(hth_learner *learner) {
    const hth_readout *r = &learner->network->readout;
    const hth_real *w = learner->network->theta + r->weight;
    const size_t count = r->outputs * r->n;
    hth_real *F = learner->signal.kept;
    double sum = 0;
    size_t there = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs((double)w[i]);
        there += w[i] != 0;
    }
    const double scale = ((const sign_options *)learner->signal.options)->scale;
    const hth_real size = there ? (hth_real)(scale * (sum / (double)there)) : 0;
    for (size_t i = 0; i < count; i++) F[i] = w[i] > 0 ? size : w[i] < 0 ? -size : 0;
    return F;
}

const hth_signal hth_signal_sign = {
    .axis = {.part = {.name = "sign",
                      .summary = "the signs of the readout's weights, all of one size",
                      .source = "sign-symmetry: Liao, Leibo & Poggio 2016",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(sign_options),
             .bias = HTH_BIASED,
             .operations = "2*top*o*n/K",
             .lay_out = lay_out,
             .needs = hth_feedback_needs},
    .reaches_units = true,
    .feedback = feedback,
};
