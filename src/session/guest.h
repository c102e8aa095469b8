/* A guest watches a run while it trains. It is a table of functions, so that a session need not know the guest. */
#ifndef HTH_GUEST_H
#define HTH_GUEST_H

#include "base/options.h"

#include <stdio.h>

struct hth_session;

typedef struct hth_guest_kind {
    const char *name; /* prefix of its state fields in a checkpoint; its lines go to NAME.jsonl */
    /* Makes a guest; the session closes it. *guest stays NULL if the settings do not ask for one. The session is open
     * except for its guest, and outlives the guest. After an error nothing is left behind. */
    hth_status (*open)(const hth_settings *settings, const struct hth_session *session,
                       void **guest, hth_error *error);
    void (*begin)(void *guest); /* called at the start of each sequence */
    /* Called after the run's own learner and before the weights change. `step`: the last step of the tape. May write to
     * `lines`. An error ends the run. */
    hth_status (*after_tape)(void *guest, hth_tape *tape, uint64_t step, FILE *lines,
                             hth_error *error);
    /* Lists the state fields of the guest, as hth_network_state does. */
    size_t (*state)(void *guest, hth_field *fields, size_t capacity);
    /* Of a run with phases: the phase `label` of the settings `all` is over, and the next begins; after a restart, one
     * call for each that is over. `all` outlives the guest. NULL: nothing happens. */
    hth_status (*phase_over)(void *guest, const struct hth_session *session,
                             const hth_settings *all, const char *label, hth_error *error);
    void (*close)(void *guest);
    const struct hth_guest_kind
        *next; /* the kind to try where the settings do not ask for this one; NULL: none */
} hth_guest_kind;

typedef struct hth_guest {
    const hth_guest_kind *kind; /* NULL: no guest */
    void *state;
    FILE *lines; /* NAME.jsonl; the run owns it */
} hth_guest;

#endif
