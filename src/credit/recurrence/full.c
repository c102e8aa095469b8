/* The derivative itself: credit crosses all recurrent weights, and the reset of spiking units. */
#include "credit/window.h"

/* Of one step alone, with nothing before or after it, no credit crosses. */
static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    const hth_axes *axes = &learner->axes;
    if (hth_window_length(learner) == 1 && !axes->past->carry && !axes->future->predicts) return 0;
    out[0] =
        (hth_need){"ii", false, "the Jacobian, which synapses cannot follow from step to step"};
    return 1;
}

#define FULLY                                                                                      \
    { .resets = true, .multiplies = true }

const hth_crossing hth_crosses_fully = FULLY;

const hth_recurrence hth_recurrence_full = {
    .axis = {.part = {.name = "full",
                      .summary = "credit crosses all recurrent weights (W^T)",
                      .source = "backpropagation through time: Werbos 1990"},
             .operations = "g*n*n",
             .needs = needs},
    .crossing = FULLY,
};
