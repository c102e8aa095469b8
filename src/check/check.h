/* Compares the gradients of a user's own settings with the exact ones. */
#ifndef HTH_CHECK_H
#define HTH_CHECK_H

#include "check/report.h"
#include "settings/config.h"

/* Runs all comparisons and reports each as a row: the cells' tables first. Warnings (a silent or saturated network)
 * go to observer->message. run NULL: a fresh network. Otherwise a run folder: parameters, learner state and data
 * position come from its newest checkpoint, with the run's batch; config must hold the run's settings, check.* may
 * differ. out: a file for the gradients (gradients.h), written after the comparisons whether or not they held; NULL:
 * none. HTH_FAILED where a comparison failed. */
hth_status hth_check(const hth_config *config, const char *run, const char *out,
                     const hth_observer *observer,
                     void (*row)(void *context, const hth_check_row *row), void *context,
                     hth_error *error);

#endif
