/* One run: from settings to a run directory. */
#ifndef HTH_TRAIN_H
#define HTH_TRAIN_H

#include "files/observer.h"
#include "metrics/metric.h"
#include "session/guest.h"
#include "settings/config.h"

/* What came of a run, also of one that an error ended. NAN: not known. */
typedef struct hth_outcome {
    hth_ending ending;
    uint64_t step, steps_total; /* reached, and wanted; total 0: given by the data */
    double seconds;             /* those before a resume included */
    uint64_t parameters, learner_bytes, memory_bytes;
    double test_loss, test_metric;
    hth_error cause; /* why it ended early, without the advice that the returned sentence has */
} hth_outcome;

/* Trains in the run directory `out`: settings.yaml, metrics.jsonl, checkpoint files, summary.json. A
 * directory that holds a run is refused unless resume is true. The guest comes if the settings ask for it; guest NULL:
 * then they must not. */
hth_status hth_train(const hth_config *config, const char *out, bool resume,
                     const hth_guest_kind *guest, const hth_observer *observer,
                     hth_outcome *outcome, hth_error *error);

/* What a run will have to show. */
typedef struct hth_prospect {
    const hth_metric *metric;
    const char *loss; /* "softmax", ... */
    const char *unit; /* of the loss: "nats", ... */
    bool has_validation;
    uint64_t update_steps;   /* from one update to the next; 0: one at the end of each sequence */
    uint64_t sequence_steps; /* 0: no end, or no one length */
} hth_prospect;

/* Whether a run of these settings can begin: everything is opened, and closed again. */
hth_status hth_train_check(const hth_config *config, const hth_guest_kind *guest,
                           hth_prospect *prospect, hth_error *error);

#endif
