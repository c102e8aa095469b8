/*
 * The end of a task (section keep): some parts need the gradients of sequences, one by one, to find how important each
 * parameter is. This makes the pass over them: with a stream, a tape and a learner of its own for batches of one, so
 * that training goes on as if it had not been.
 */
#ifndef HTH_IMPORTANCE_H
#define HTH_IMPORTANCE_H

#include "session/session.h"

/* HTH_INVALID when a pass has no meaning for this session. */
hth_status hth_importance_check(const hth_settings *settings, const hth_session *session,
                                hth_error *error);

/* HTH_INVALID when a run of episodes, which has no ends of tasks and makes no pass, would never consolidate. */
hth_status hth_importance_check_episodes(const hth_session *session, hth_error *error);

/* Makes the pass, if there is one, and consolidates. Errors are those of hth_session_open. */
hth_status hth_session_consolidate(const hth_settings *settings, hth_session *session,
                                   hth_error *error);

/* After a tape: consolidates where keep.every says so and a pass is needed. updated: the tape changed the weights. */
hth_status hth_session_keep(const hth_settings *settings, hth_session *session, bool updated,
                            hth_error *error);

#endif
