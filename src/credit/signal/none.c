/* No error reaches the units: only the readout learns ("fixed W" of Marschall et al. 2019). */
#include "credit/learner.h"

const hth_signal hth_signal_none = {
    .axis = {.part = {.name = "none",
                      .summary = "no error reaches the units; only the readout learns",
                      .source = "Marschall et al. 2019, p. 3"},
             .bias = HTH_BIASED},
};
