/* The functions that a caller gives a run, to learn how it goes. */
#ifndef HTH_OBSERVER_H
#define HTH_OBSERVER_H

#include "base/base.h"

#include <signal.h>

typedef struct hth_progress {
    uint64_t step, steps_total;      /* time steps per item so far; steps_total 0: no known end */
    uint64_t epoch, epochs_total;    /* from 1; 0: no epochs */
    uint64_t updates;                /* updates of the parameters so far */
    double train_loss, train_metric; /* since the last report; NAN: none yet */
    double validation_loss, validation_metric; /* NAN: none yet */
    const char *metric; /* name of the metric: "perplexity", "accuracy", ... */
    double spike_rate;  /* spikes per unit and step since the last report; NAN: no unit spikes */
    /* E_reg of a tape, mean since the last report; NAN: there is no such term */
    double regulariser;
    double learning_rate;
    /* seconds also counts the time before a resume */
    double seconds, steps_per_second, eta_seconds;
    size_t memory_bytes; /* peak resident set */
} hth_progress;

/* Functions that the training thread calls. Each may be NULL. */
typedef struct hth_observer {
    void (*progress)(void *context, const hth_progress *progress); /* at least every second */
    void (*message)(void *context, const char *sentence);
    void (*news)(void *context, const char *sentence); /* the same of what is as it should be */
    void *context;
    const volatile sig_atomic_t *interrupted; /* not 0: finish the step, save, return */
    /* Tells that reading of the data starts or ends; it may take long. During it nobody checks `interrupted`, and
     * the process may end without loss: the run's folder holds all of the run. */
    void (*reading)(void *context, bool reading);
    /* How much is done of what can be counted: trials of a probe, lesions, steps. */
    void (*tick)(void *context, uint64_t done, uint64_t all);
} hth_observer;

static inline bool hth_is_interrupted(const hth_observer *observer) {
    return observer && observer->interrupted && *observer->interrupted;
}

static inline void hth_tell_tick(const hth_observer *observer, uint64_t done, uint64_t all) {
    if (observer && observer->tick) observer->tick(observer->context, done, all);
}

static inline void hth_tell_reading(const hth_observer *observer, bool reading) {
    if (observer && observer->reading) observer->reading(observer->context, reading);
}

typedef enum hth_ending { HTH_FINISHED, HTH_INTERRUPTED } hth_ending;

#endif
