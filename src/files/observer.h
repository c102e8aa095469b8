/* Who is told how a run goes on, and what it is told. */
#ifndef HTH_OBSERVER_H
#define HTH_OBSERVER_H

#include "base/base.h"

#include <signal.h>

typedef struct hth_progress {
    uint64_t step, steps_total;                /* time steps per item so far; 0: no end known */
    uint64_t epoch, epochs_total;              /* from 1; 0: no epochs */
    uint64_t updates;                          /* of the parameters so far */
    double train_loss, train_metric;           /* since the last report; NAN: none yet */
    double validation_loss, validation_metric; /* NAN: none yet */
    const char *metric; /* what the metric is: "perplexity", "accuracy", ... */
    double spike_rate; /* spikes per unit and step since the last report; NAN: units do not spike */
    double regulariser; /* E_reg of a tape, mean since the last report; NAN: no such term */
    double learning_rate;
    double seconds, steps_per_second, eta_seconds; /* seconds include those before a resume */
    size_t memory_bytes;                           /* peak resident set */
} hth_progress;

/* Called from the training thread. Each may be NULL. */
typedef struct hth_observer {
    void (*progress)(void *context, const hth_progress *progress); /* at least every second */
    void (*message)(void *context, const char *sentence);
    void *context;
    const volatile sig_atomic_t *interrupted; /* not 0: finish the step, save, return */
    /* Data are being read, which may take long; or no longer. Meanwhile nobody looks at `interrupted`, and nothing is
     * lost if the process ends: all that the run has is in its folder. */
    void (*reading)(void *context, bool reading);
} hth_observer;

typedef enum hth_ending { HTH_FINISHED, HTH_INTERRUPTED } hth_ending;

#endif
