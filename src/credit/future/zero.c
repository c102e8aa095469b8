/* Nothing after the tape counts: the adjoint at its end is zero. */
#include "credit/learner.h"

static void boundary(hth_learner *learner) {
    hth_adjoint_clear_boundary(&learner->adjoint);
}

const hth_future hth_future_zero = {
    .axis = {.part = {.name = "zero",
                      .summary = "losses after the tape are left out",
                      .source = "truncated backpropagation: Williams & Peng 1990"}},
    .boundary = boundary,
};
