/* Stopping when the validation is good enough (train.stop_at, train.stop_over), or gets no better (train.patience). */
#ifndef HTH_STOP_H
#define HTH_STOP_H

#include "session/checkpoint.h"

/* Whether the settings can be met at all; has_validation: the run validates. */
hth_status hth_stop_check(const hth_session *session, bool has_validation, hth_error *error);
/* A validation came to this metric. */
void hth_stop_note(hth_counters *counters, double metric);
bool hth_stop_reached(const hth_session *session, const hth_counters *counters);
bool hth_stop_waited(const hth_session *session, const hth_counters *counters);

#endif
