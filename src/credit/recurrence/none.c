/* Each unit knows of its own past alone: no credit crosses a recurrent weight or the reset. */
#include "credit/learner.h"

const hth_crossing hth_crosses_nothing = {.is_local = true};

const hth_recurrence hth_recurrence_none = {
    .axis = {.part = {.name = "none",
                      .summary = "no credit crosses a recurrent weight or the reset",
                      .source = "RFLO: Murray 2019; e-prop 1: Bellec et al. 2019"},
             .bias = HTH_BIASED},
    .crossing = {.is_local = true},
};
