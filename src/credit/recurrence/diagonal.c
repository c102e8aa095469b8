/* A unit's own weight and reset only, so that units are decoupled: the recurrence of SnAp-1. */
#include "credit/learner.h"

const hth_recurrence hth_recurrence_diagonal = {
    .axis = {.part = {.name = "diagonal",
                      .summary = "a unit's own weight and reset only",
                      .source = "SnAp-1: Menick et al. 2020"},
             .bias = HTH_BIASED,
             .operations = "g*n"},
    .crossing = HTH_CROSS_DIAGONAL,
};
