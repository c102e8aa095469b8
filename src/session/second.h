/* A second learner beside the run's own, as keep.learner and replay.learner name one. */
#ifndef HTH_SECOND_H
#define HTH_SECOND_H

#include "session/session.h"

/* The settings with that learner in the place of the run's own, and its own number of steps (0: what it takes by
 * itself); the same where it is "". The caller frees out->items, and keeps the texts. HTH_NO_MEMORY. */
typedef struct hth_second {
    hth_settings settings;
    char steps[24];
} hth_second;
hth_status hth_second_settings(const hth_settings *settings, const char *learner, int64_t steps,
                               hth_second *out, hth_error *error);
void hth_second_free(hth_second *second);

/* HTH_INVALID where it has no gradients of whole sequences to give. who: "keep.name = ewc notes"; where: the setting
 * that names another. `source` is what it takes sequences from. */
hth_status hth_second_check(const hth_settings *settings, const hth_session *session,
                            const hth_source *source, const char *who, const char *where,
                            hth_error *error);

#endif
