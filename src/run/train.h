/* One run: from settings to a run directory. */
#ifndef HTH_TRAIN_H
#define HTH_TRAIN_H

#include "files/observer.h"
#include "metrics/metric.h"
#include "session/guest.h"
#include "session/ranks.h"
#include "session/transfer.h"
#include "settings/config.h"

/* The outcome of a run; also filled in when the run ended with an error. NAN: not known. */
typedef struct hth_outcome {
    hth_ending ending;
    uint64_t step, steps_total; /* steps done, and steps asked for (0: the data decide) */
    double seconds;             /* of all processes of a resumed run together */
    /* number of parameters; bytes of the learner's state; peak memory of the process in bytes */
    uint64_t parameters, learner_bytes, memory_bytes;
    double test_loss, test_metric;
    hth_transfer_facts transfer; /* of a run with phases */
    /* the error that ended the run, without the advice in the returned sentence */
    hth_error cause;
    /* the checkpoint alone prevents going on: data and settings are in order, but it is damaged or of other settings */
    bool is_useless;
} hth_outcome;

/* Trains in the run directory `out` and writes settings.yaml, metrics.jsonl, checkpoint files and summary.json there.
 * *outcome is filled in in any case. The guest watches the run if the settings ask for one; with guest NULL they must
 * not ask.
 *
 * HTH_INVALID or HTH_MISMATCH for settings without meaning, and for a directory that holds a run unless resume is true;
 * HTH_FILE for a file that cannot be read or written; HTH_NOT_FINITE when training diverges; HTH_NO_MEMORY. */
hth_status hth_train(const hth_config *config, const char *out, bool resume,
                     const hth_guest_kind *guest, const hth_observer *observer,
                     hth_outcome *outcome, hth_error *error);

/* The same of a run whose folder is removed as soon as it has ended, as those of a comparison are. It writes its lines,
 * and otherwise no more than going on needs: settings.yaml and checkpoints, also the one of the best validation, when
 * train.checkpoint_every seconds have passed or the run is interrupted; no summary.json. The settings must be those that
 * hth_train_check has accepted, but for the seed. */
hth_status hth_train_passing(const hth_config *config, const char *out, bool resume,
                             const hth_guest_kind *guest, const hth_observer *observer,
                             hth_outcome *outcome, hth_error *error);

/* The same for one of several ranks, which all call it: each learns from its shares of the batch (train.shares), and
 * rank 0 alone writes files. An error or an interruption of one is that of all. Ranks but 0 need nothing of the
 * observer but `interrupted`. */
hth_status hth_train_among(const hth_config *config, const char *out, bool resume,
                           const hth_guest_kind *guest, const hth_ranks *ranks,
                           const hth_observer *observer, hth_outcome *outcome, hth_error *error);

/* What hth_train_check finds out about a run. The texts and the metric are static. */
typedef struct hth_prospect {
    const hth_metric *metric;
    const char *loss; /* "softmax", ... */
    const char *unit; /* of the loss: "nats", ... */
    bool has_validation;
    uint64_t update_steps;   /* steps between updates; 0: one update at the end of each sequence */
    uint64_t sequence_steps; /* steps of a sequence; 0: endless, or of different lengths */
} hth_prospect;

/* Checks that a run with these settings can begin: opens everything a run needs, fills in *prospect and closes all.
 * Writes no file. Errors are those of hth_train before its first step. */
hth_status hth_train_check(const hth_config *config, const hth_guest_kind *guest,
                           hth_prospect *prospect, hth_error *error);

#endif
