/* What a checkpoint asks of a gradient that a sequence under way adds up. */
#ifndef HTH_OPTIM_INSPECT_H
#define HTH_OPTIM_INSPECT_H

#include "base/base.h"

/* As hth_tape_state. After fields have been written to, hth_gradient_settle finds what follows from them. */
size_t hth_gradient_state(hth_gradient *gradient, hth_field *fields, size_t capacity);
/* False, and nothing is done, where they name rows of an embedding of *rows that are not there. */
bool hth_gradient_settle(hth_gradient *gradient, size_t *rows);

#endif
