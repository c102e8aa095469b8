/* The parts of opening a session that come before its model, or need no more than to look at it. */
#ifndef HTH_COURSE_H
#define HTH_COURSE_H

#include "session/session.h"

/* Reads the section train. HTH_INVALID for the precision of the other library. */
hth_status hth_session_read_options(const hth_settings *settings, hth_train_options *options,
                                    hth_error *error);
/* Opens the data of the split; HTH_INVALID if the settings name none. */
hth_status hth_session_open_data(const hth_settings *settings, hth_split split,
                                 hth_session *session, hth_error *error);
/* Chooses the metric and makes the moments of the targets. */
hth_status hth_session_open_metric(const hth_settings *settings, hth_session *session,
                                   hth_error *error);
/* HTH_INVALID where the loss does not take values on both sides of 0, as `targets` are: "standardised targets". Then
 * `remedy` is what helps, beside another loss. */
hth_status hth_check_both_sides(const hth_network *network, const char *targets, const char *remedy,
                                hth_error *error);

#endif
