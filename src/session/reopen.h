/* Reopening: looks at a finished or interrupted run with its own settings and newest checkpoint. */
#ifndef HTH_REOPEN_H
#define HTH_REOPEN_H

#include "files/observer.h"
#include "session/confusion.h"
#include "session/session.h"
#include "settings/config.h"

/* Opens the network of a run over a split ("train", "validation" or "test"), as hth_session_open_forward does. The
 * parameters come from the newest checkpoint of the run folder, or from the checkpoint file that `run` names; the
 * settings are the run's, then the overrides (NULL: none). The observer (may be NULL) is told while data are read, and
 * which, if that took long. The caller closes *session, then destroys *config, which holds the texts of the settings.
 * Errors are those of loading settings, data and checkpoint; HTH_INVALID for another split. After an error nothing is
 * left behind. */
hth_status hth_run_open(const char *run, const char *split, const hth_settings *overrides,
                        const hth_observer *observer, hth_config **config, hth_session *session,
                        hth_error *error);
/* The same of a run of episodes, both networks; *session stays without `outer` where the run is none. */
hth_status hth_run_open_episodes(const char *run, const char *split, const hth_settings *overrides,
                                 const hth_observer *observer, hth_config **config,
                                 hth_session *session, hth_error *error);
/* Loss and metric of a checkpoint on a split: the means over one pass, or over train.validation_steps. */
typedef struct hth_score {
    double loss, metric;
    const char *metric_name;
    uint64_t steps;
} hth_score;
/* Opens a run as hth_run_open does and scores it. The observer (may be NULL) can interrupt the pass; the score is then
 * that of the steps done. HTH_INVALID when no step with weight was scored; other errors are those of hth_run_open. */
hth_status hth_evaluate(const char *run, const char *split, const hth_settings *overrides,
                        const hth_observer *observer, hth_score *score, hth_error *error);
/* hth_evaluate that also fills in the confusion matrix (NULL: not wanted), HTH_INVALID when the targets are no classes.
 * The caller frees *confusion with hth_confusion_destroy, unless an error is returned. */
hth_status hth_evaluate_classes(const char *run, const char *split, const hth_settings *overrides,
                                const hth_observer *observer, hth_score *score,
                                hth_confusion *confusion, hth_error *error);

#endif
