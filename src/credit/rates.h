/* Learning rates that parts of a learner have of their own. */
#ifndef HTH_RATES_H
#define HTH_RATES_H

#include "credit/learner.h"

/* The setting of the rate by which a part of the learner learns weights of its own ("learner.sg_lr"), written to
 * out[size]; false: no part does. *sound: whether these weights are finite, and below 1000 or the network's
 * largest parameter in size. */
bool hth_learner_rate(hth_learner *learner, char *out, size_t size, bool *sound);

#endif
