/* What losses.c lists: one line per loss. */
#ifndef HTH_LOSSES_H
#define HTH_LOSSES_H

#include "network/loss.h"

extern const hth_loss hth_loss_mse;     /* mse.c */
extern const hth_loss hth_loss_softmax; /* softmax.c */
extern const hth_loss hth_loss_sigmoid; /* sigmoid.c */

#endif
