/*
 * Importance along the way (keep.importance = drawn): before a tape is learned from, the same learner, with the same
 * past, finds the gradient of targets drawn from its outputs, which is noted. For such targets the products of
 * different steps and items vanish in the mean: tapes and batches of any size have the same mean.
 */
#ifndef HTH_ALONG_H
#define HTH_ALONG_H

#include "session/session.h"

/* Opens it where the settings ask for it; else *out stays NULL. HTH_NO_MEMORY. */
hth_status hth_along_open(const hth_session *session, struct hth_along **out, hth_error *error);
void hth_along_close(struct hth_along *along);

/* Notes the gradient of the walk's tape. along NULL: nothing. Errors are those of hth_learn and hth_optimiser_note. */
hth_status hth_along_note(struct hth_along *along, const hth_walk *walk, hth_error *error);

#endif
