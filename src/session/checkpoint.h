/* Saving a run and taking it up again. */
#ifndef HTH_CHECKPOINT_H
#define HTH_CHECKPOINT_H

#include "files/folder.h"
#include "files/observer.h"
#include "session/session.h"
#include "settings/identity.h"

/* What a run counts, in numbers of 8 bytes each; all of it is in a checkpoint. */
typedef struct hth_counters {
    hth_tally walked;     /* the sums are those since the last line */
    uint64_t line_due;    /* a line was due at this step; 2: with validation */
    uint64_t line_step;   /* step of the last line */
    uint64_t best_step;   /* of the best validation loss; 0: none yet */
    uint64_t validations; /* since the best one */
    double seconds;
    double train_loss, train_metric; /* of the last line */
    double validation_loss, validation_metric, best_loss, best_metric;
    double recent[HTH_STOP_MOST]; /* metrics of the last validations, the newest first; NAN: none */
} hth_counters;

/* Writes the newest checkpoint of the directory: all state of the session's handles, and the counters.
 * The one that was the newest is kept beside it. */
hth_status hth_checkpoint_save(const char *run, const hth_session *session, hth_counters *counters,
                               const hth_identity *identity, hth_error *error);

/* Writes the parameters alone, as those of the best validation. */
hth_status hth_checkpoint_save_best(const char *run, const hth_session *session, uint64_t step,
                                    const hth_identity *identity, hth_error *error);

/* Restores the newest checkpoint or, when that one is damaged (HTH_DAMAGED) and `observer` is not NULL, the one
 * before; the damaged file is then renamed, and the observer told. *found false, and HTH_OK: there is none.
 * HTH_MISMATCH names the setting that differs; then nothing has been changed. HTH_FILE: the system did not let a file
 * be read, which says nothing of what is in it. */
hth_status hth_checkpoint_load(const char *run, const hth_session *session, hth_counters *counters,
                               const hth_identity *identity, const hth_observer *observer,
                               bool *found, hth_error *error);

/* Renames both checkpoints, so that the run can begin anew beside them, and tells the observer (may be NULL) why. */
hth_status hth_checkpoint_set_aside(const char *run, const char *reason,
                                    const hth_observer *observer, hth_error *error);

/* The handles whose states are in a checkpoint; NULL: none. */
typedef struct hth_handles {
    hth_model_parts parts; /* the gradient where a sequence under way adds it up */
    const hth_source *source;
    const hth_moments *moments;
    const hth_guest *guest;
} hth_handles;

/* To look at a run without going on with it: restores these handles from its newest checkpoint, or from the checkpoint
 * file that `run` names, whose network has to be
 * that of the settings. Numbers of the other precision are converted. */
hth_status hth_run_restore(const char *run, const hth_settings *settings, const hth_handles *into,
                           hth_error *error);

#endif
