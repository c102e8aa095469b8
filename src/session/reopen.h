/* A run that is looked at again: its newest checkpoint, by its own settings. */
#ifndef HTH_REOPEN_H
#define HTH_REOPEN_H

#include "files/observer.h"
#include "session/confusion.h"
#include "session/session.h"
#include "settings/config.h"

/* The network of a run's newest checkpoint, or of the checkpoint file that `run` names, over a split ("train",
 * "validation", "test"), by its own settings and the overrides (NULL: none): what hth_session_open_forward opens.
 * *config holds the texts of the settings and must outlive the session. On error nothing is left behind. */
hth_status hth_run_open(const char *run, const char *split, const hth_settings *overrides,
                        hth_config **config, hth_session *session, hth_error *error);
/* Loss and metric of a checkpoint on a split, one pass (or train.validation_steps). */
typedef struct hth_score {
    double loss, metric;
    const char *metric_name;
    uint64_t steps;
} hth_score;
hth_status hth_evaluate(const char *run, const char *split, const hth_settings *overrides,
                        const hth_observer *observer, hth_score *score, hth_error *error);
/* The same, and which classes were taken for which. hth_confusion_destroy frees *confusion, unless an error is returned. */
hth_status hth_evaluate_classes(const char *run, const char *split, const hth_settings *overrides,
                                const hth_observer *observer, hth_score *score,
                                hth_confusion *confusion, hth_error *error);

#endif
