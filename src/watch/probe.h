/*
 * Decodes, over time, a class that the task knows from eligibility traces or vectors, states or spikes of a trained
 * network (Bellec et al. 2019, Fig. 2b). There is one classifier for each time window.
 */
#ifndef HTH_PROBE_H
#define HTH_PROBE_H

#include "base/options.h"
#include "files/observer.h"

/* Vectors: the components of a trace, one for each state of the unit, before they are weighed by dz/ds and added. */
typedef enum hth_probe_of {
    HTH_PROBE_TRACES,
    HTH_PROBE_VECTORS,
    HTH_PROBE_STATES,
    HTH_PROBE_SPIKES
} hth_probe_of;

#define HTH_PROBE_LAST UINT64_MAX

typedef struct hth_probe_plan {
    const char *run, *split;
    const hth_settings *overrides;
    hth_probe_of of;
    uint64_t layer;           /* HTH_PROBE_LAST: the top one */
    uint64_t at;              /* the step whose class target is decoded; HTH_PROBE_LAST: the last */
    uint64_t steps;           /* steps of a trial; 0: the whole sequence */
    uint64_t window, spacing; /* steps */
    uint64_t trials, tests;   /* number of training trials and of test trials */
    uint64_t most;            /* most numbers to use, drawn with the run's seed; 0: all */
    double l2;                /* penalty: see logistic.h; the numbers have mean 0 and deviation 1 */
    const hth_observer *observer; /* is told while data are read, and each trial; NULL: nobody */
} hth_probe_plan;

typedef struct hth_probe_window {
    uint64_t from, to;      /* steps from..to-1 */
    double accuracy, error; /* error: standard error of accuracy, sqrt(p (1 - p) / tests) */
    double training_accuracy;
} hth_probe_window;

typedef struct hth_probe_result {
    size_t count;
    hth_probe_window *windows;
    size_t numbers, all_numbers; /* numbers used, and numbers that exist */
    double chance;               /* accuracy of always guessing the most frequent training class */
    char learner[40]; /* the learner whose traces or vectors were decoded; "" for other numbers */
} hth_probe_result;

/* Runs the trials and decodes. *stopped: it was interrupted. On an interruption or an error *out is empty. */
hth_status hth_probe(const hth_probe_plan *plan, hth_probe_result *out, bool *stopped,
                     hth_error *error);
void hth_probe_free(hth_probe_result *result);

#endif
