/*
 * Direct feedback alignment (Nokland 2016): every layer of a stack has a fixed random matrix of its own, so that the
 * error reaches its units from the readout and not through the layers above,
 *
 *     q_t[l] = F_l^T err_t          F_l[outputs][n_l]
 *
 * F of the top layer is that of signal random with the same seed: with one layer the two are the same. Nothing passes
 * down from layer to layer. Not trained, so nothing of it is in the state; o n numbers and multiply-adds a layer.
 */
#include "credit/signal/feedback.h"

#include <math.h>

typedef struct direct_options {
    const char *variance;
} direct_options;

typedef struct direct {
    hth_feedback *top;
    hth_real **F; /* of the layers below those that the readout reads */
} direct;

static const hth_option options[] = {HTH_FEEDBACK_VARIANCE(direct_options)};

static const char *refuses(const hth_learner *plan) {
    return hth_feedback_objection(((const direct_options *)plan->signal.options)->variance);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const char *variance = ((const direct_options *)given)->variance;
    const hth_network *net = plan->network;
    const size_t outputs = net->readout.outputs;
    direct *kept = HTH_TAKE(arena, direct, 1);
    hth_feedback *top = hth_feedback_lay_out(arena, plan, variance);
    hth_real **F = HTH_TAKE(arena, hth_real *, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        if (net->layers[l].is_top) continue;
        const size_t n = net->layers[l].n;
        hth_real *of = HTH_TAKE(arena, hth_real, hth_times(outputs, n));
        if (!kept) continue;
        hth_feedback_normal(plan, 1 + (uint32_t)l, hth_feedback_deviation(variance, outputs, n),
                            outputs * n, of);
        F[l] = of;
    }
    if (!kept) return NULL;
    hth_feedback_draw(plan, top, 0);
    *kept = (direct){top, F};
    return kept;
}

static const hth_real *feedback(hth_learner *learner) {
    return ((const direct *)learner->signal.kept)->top->F;
}

/* Below the top: from the errors that the readout has left, filtered and times its gain. */
static void fill(hth_learner *learner, const hth_real *err) {
    const direct *kept = learner->signal.kept;
    const hth_network *net = learner->network;
    const size_t items = learner->adjoint.tape->steps * learner->batch;
    for (size_t l = 0; l < net->layer_count; l++) {
        if (net->layers[l].is_top) continue;
        hth_product(learner->compute, items, net->layers[l].n, net->readout.outputs,
                    hth_transposed(err, items), hth_rows(kept->F[l], net->layers[l].n), false,
                    learner->adjoint.layers[l].q, net->layers[l].n);
        hth_read_drop_errors(learner->adjoint.tape, l, learner->batch, HTH_EVERY_ITEM,
                             learner->adjoint.layers[l].q);
    }
}

const hth_signal hth_signal_direct = {
    .axis =
        {.part =
             {.name = "direct",
              .summary =
                  "a fixed random matrix for each layer of a stack, of its own: no layer learns "
                  "through another's weights",
              .source = "direct feedback alignment: Nokland 2016",
              .options = {"learner", options, HTH_COUNT(options)}},
         .options_size = sizeof(direct_options),
         .bias = HTH_BIASED,
         .memory = "o*n",
         .operations = "(1 - top)*o*n",
         .refuses = refuses,
         .lay_out = lay_out,
         .needs = hth_feedback_needs},
    .reaches_units = true,
    .feedback = feedback,
    .fill = fill,
};
