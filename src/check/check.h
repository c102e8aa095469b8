/* The gradients of a user's own settings against the exact ones. */
#ifndef HTH_CHECK_H
#define HTH_CHECK_H

#include "check/report.h"
#include "settings/config.h"

/* Reports rows as they come, those of the cells' tables first; warnings (silent or saturated network) through observer->message. `run` NULL: the network
 * as it is at first. Else a run directory, whose settings, and perhaps others of check., are the config's: parameters,
 * what the learner has learned, and the place in the data are those of its newest checkpoint, and the batch is its own. */
hth_status hth_check(const hth_config *config, const char *run, const hth_observer *observer,
                     void (*row)(void *context, const hth_check_row *row), void *context,
                     hth_error *error);

#endif
