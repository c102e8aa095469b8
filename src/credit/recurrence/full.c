/* The derivative itself: credit crosses all recurrent weights, and the reset of spiking units. */
#include "credit/learner.h"

const hth_recurrence hth_recurrence_full = {
    .axis = {.part = {.name = "full",
                      .summary = "credit crosses all recurrent weights (W^T)",
                      .source = "backpropagation through time: Werbos 1990"},
             .operations = "g*n*n"},
    .crossing = HTH_CROSS_FULL,
};
