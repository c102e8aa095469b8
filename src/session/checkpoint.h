/* Checkpoints: saving a run and continuing it. */
#ifndef HTH_CHECKPOINT_H
#define HTH_CHECKPOINT_H

#include "files/folder.h"
#include "files/observer.h"
#include "session/session.h"
#include "settings/identity.h"

/* The counters of a run. Each is 8 bytes long, and a checkpoint holds all of them. */
typedef struct hth_counters {
    hth_tally walked; /* walked.sums are those since the last line */
    /* HTH_LINE_TRAINING or HTH_LINE_VALIDATION: a line is due at this step; 0: none */
    uint64_t line_due;
    uint64_t line_step;              /* step of the last line */
    uint64_t best_step;              /* step of the best validation loss; 0: no validation yet */
    uint64_t validations;            /* validations since the best one */
    double seconds;                  /* training time, over all processes of the run */
    double train_loss, train_metric; /* of the last line with a judged step */
    double validation_loss, validation_metric, best_loss, best_metric;
    double recent[HTH_STOP_MOST]; /* metrics of the last validations, the newest first; NAN: none */
    /* Of a run with phases: the phase, counted from 0; step and finished epochs at its start; rows of hth_transfer that
     * are known */
    uint64_t phase, phase_step, phase_epochs, rows;
    double places; /* of episodes: what their test trials miss, summed since the last line */
} hth_counters;

/* Writes the newest checkpoint of the run folder: the states of all handles of the session, and the counters. Ranks
 * call it together, and rank 0 writes the states of all. The checkpoint that was the newest becomes the previous one.
 * HTH_FILE when it cannot be written, HTH_NO_MEMORY; the last checkpoint can then still be read. */
hth_status hth_checkpoint_save(const char *run, const hth_session *session, hth_counters *counters,
                               const hth_identity *identity, hth_error *error);

/* Writes only the parameters, as checkpoint.best.safetensors. `step`: the step of the validation. HTH_FILE,
 * HTH_NO_MEMORY. */
hth_status hth_checkpoint_save_best(const char *run, const hth_session *session, uint64_t step,
                                    const hth_identity *identity, hth_error *error);

/* The parameters of the best validation, to be written later. */
typedef struct hth_held_best hth_held_best;

/* Copies the parameters as they are now; *held, if it is not NULL, is replaced. `step`: the step of the validation.
 * HTH_NO_MEMORY; *held is then what it was. The caller calls hth_held_best_free. */
hth_status hth_checkpoint_hold_best(const hth_session *session, uint64_t step, hth_held_best **held,
                                    hth_error *error);
/* Writes what hth_checkpoint_save_best would have written then. HTH_FILE, HTH_NO_MEMORY. */
hth_status hth_checkpoint_save_held(const char *run, const hth_held_best *held,
                                    const hth_identity *identity, hth_error *error);
void hth_held_best_free(hth_held_best *held);

/* Called before a checkpoint is restored, with the phase that it was saved in: makes the session that of this phase. */
typedef struct hth_phase_turn {
    hth_status (*to)(void *context, uint64_t phase, hth_error *error);
    void *context;
} hth_phase_turn;

/* Restores the newest checkpoint of the run folder, and turns the session to its phase (`turn` NULL: a run without
 * phases). If it is damaged (HTH_DAMAGED) and `observer` is not NULL, restores
 * the previous one, renames the damaged file and tells the observer. *found: whether the folder has a checkpoint;
 * without one the status is HTH_OK.
 *
 * HTH_MISMATCH names the setting that differs; nothing has changed then. HTH_DAMAGED: no checkpoint could be used.
 * HTH_FILE: the system could not read a file, which may still be sound. HTH_NO_MEMORY. */
hth_status hth_checkpoint_load(const char *run, const hth_session *session, hth_counters *counters,
                               const hth_identity *identity, const hth_phase_turn *turn,
                               const hth_observer *observer, bool *found, hth_error *error);

/* Renames both checkpoints, so that the run can start over in the same folder, and tells the observer (may be NULL) the
 * reason. HTH_FILE when a file cannot be renamed. */
hth_status hth_checkpoint_set_aside(const char *run, const char *reason,
                                    const hth_observer *observer, hth_error *error);

/* The handles whose states a checkpoint holds; a handle that is NULL is left out. */
typedef struct hth_handles {
    hth_model_parts parts; /* gradient: only if it adds up a sequence that has not ended */
    const hth_source *source;
    const hth_moments *moments;
    const hth_guest *guest;
    struct hth_replayer *replayer;
    const struct hth_outer *outer; /* its module, and that one's optimiser */
    const hth_transfer *transfer;
    const struct hth_shares
        *shares; /* not NULL: their handles in place of tape, learner and gradient */
} hth_handles;

/* Restores the handles `into` to look at a run, not to continue it: from the newest checkpoint of a run folder, or from
 * the checkpoint file `run`. The network of the checkpoint must be that of the settings. Numbers are converted from the
 * other precision. Changes no file. HTH_FILE when there is no readable checkpoint; HTH_MISMATCH, HTH_DAMAGED,
 * HTH_NO_MEMORY. */
hth_status hth_run_restore(const char *run, const hth_settings *settings, const hth_handles *into,
                           hth_error *error);

#endif
