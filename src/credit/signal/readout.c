/* The true transpose: q_t = W_out^T err_t, the derivative itself. */
#include "credit/learner.h"

static const hth_real *feedback(hth_learner *learner) {
    return learner->network->theta + learner->network->readout.weight;
}

const hth_signal hth_signal_readout = {
    .axis = {.part = {.name = "readout",
                      .summary = "the readout's own weights, transposed: the true derivative",
                      .source = "Rumelhart et al. 1986"}},
    .reaches_units = true,
    .feedback = feedback,
};
