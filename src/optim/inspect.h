/* What the rooms above ask of gradients and optimisers, without a look at their inside. */
#ifndef HTH_OPTIM_INSPECT_H
#define HTH_OPTIM_INSPECT_H

#include "base/base.h"

/* As hth_tape_state. After fields have been written to, hth_gradient_settle finds what follows from them. */
size_t hth_gradient_state(hth_gradient *gradient, hth_field *fields, size_t capacity);
/* False, and nothing is done, where they name rows of an embedding of *rows that are not there. */
bool hth_gradient_settle(hth_gradient *gradient, size_t *rows);
/* Forgets moments and the number of steps, as if the optimiser were new. */
void hth_optimiser_reset(hth_optimiser *optimiser);

/* What a part of `keep` keeps of each parameter, and its multiply-adds for each in an update. */
typedef struct hth_keep_cost {
    const char *name;
    size_t numbers, operations;
} hth_keep_cost;
/* The cost of part `index` of hth_keeps, with the options that settings give it. HTH_INVALID for those without meaning.
 */
hth_status hth_keep_cost_of(const hth_settings *settings, size_t index, hth_keep_cost *out,
                            hth_error *error);

#endif
