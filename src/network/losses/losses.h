/* The losses: a new one is a file in this folder and a name in this list. */
#ifndef HTH_LOSSES_H
#define HTH_LOSSES_H

#include "kernels/level.h"
#include "network/loss.h"

/* <name>.c */
#ifndef HTH_LOSSES
#define HTH_LOSSES(X) X(mse) X(softmax) X(sigmoid) X(actor_critic)
#endif

#define HTH_DECLARE_LOSS(name) HTH_DECLARE_PARTS(const hth_loss, hth_loss_##name)
HTH_LOSSES(HTH_DECLARE_LOSS)

#endif
