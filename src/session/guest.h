/* Who looks on while a run trains: a table of verbs, so that a session need not know who it is. */
#ifndef HTH_GUEST_H
#define HTH_GUEST_H

#include "base/options.h"

#include <stdio.h>

struct hth_session;

typedef struct hth_guest_kind {
    const char
        *name; /* begins the names of its state in a checkpoint; its lines go to NAME.jsonl */
    /* *guest stays NULL where the settings do not ask for it. All of the session but its guest is open, and outlives
     * the guest. On error nothing is left behind. */
    hth_status (*open)(const hth_settings *settings, const struct hth_session *session,
                       void **guest, hth_error *error);
    void (*begin)(void *guest); /* a sequence begins */
    /* After the run's own learner, before the weights change; `step` is the tape's last. */
    hth_status (*after_tape)(void *guest, hth_tape *tape, uint64_t step, FILE *lines,
                             hth_error *error);
    size_t (*state)(void *guest, hth_field *fields, size_t capacity);
    void (*close)(void *guest);
} hth_guest_kind;

typedef struct hth_guest {
    const hth_guest_kind *kind; /* NULL: nobody looks on */
    void *state;
    FILE *lines; /* NAME.jsonl of the run; the run's */
} hth_guest;

#endif
