/* Nothing is kept of the steps before the tape. Truncates the gradient unless the tape is the whole
 * sequence; costs nothing. */
#include "credit/learner.h"

const hth_past hth_past_none = {
    .axis = {.part = {.name = "none",
                      .summary = "nothing: the gradient stops at the start of the tape",
                      .source = "Williams & Peng 1990"},
             .bias = HTH_BIASED},
};
