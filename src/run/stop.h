/* Early stopping: when the validation metric is good enough (train.stop_at, train.stop_over), or stops improving
 * (train.patience). */
#ifndef HTH_STOP_H
#define HTH_STOP_H

#include "session/checkpoint.h"

/* HTH_INVALID when train.patience or train.stop_at is set but the run has no validation, or no metric. has_validation:
 * the run validates. */
hth_status hth_stop_check(const hth_session *session, bool has_validation, hth_error *error);
/* Adds the metric of a validation, as the newest, to counters->recent. */
void hth_stop_note(hth_counters *counters, double metric);
/* Whether the mean metric of the last train.stop_over validations has reached train.stop_at. */
bool hth_stop_reached(const hth_session *session, const hth_counters *counters);
/* Whether train.patience validations in a row had no lower loss than the best one. */
bool hth_stop_waited(const hth_session *session, const hth_counters *counters);

#endif
