/* What a model takes on a chip, asked on another machine; and a model that learns no more. */
#ifndef HTH_MODEL_INSPECT_H
#define HTH_MODEL_INSPECT_H

#include "base/base.h"

/* Computes the sizes that hth_model_place would find on the chip, in a build of the core alone in single precision.
 * *parameters: their number. While it counts, with the kernels of a chip, no other thread may use the library. Errors
 * are those of hth_model_bytes. */
hth_status hth_model_bytes_on(hth_chip chip, const hth_model_plan *plan, hth_model_sizes *out,
                              size_t *parameters, hth_error *error);

/* From now on the model learns from no step. Unlike hth_model_freeze it goes on in its sequence: the state stays, steps
 * wait for late answers, and a gradient waits for its update. Once steps have passed that it would have learned from,
 * the learner keeps nothing of the steps before, as at the start of a sequence. The rest itself is not saved. */
void hth_model_rest(hth_model *model);

#endif
