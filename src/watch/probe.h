/*
 * Decoding: what do eligibility traces, states or spikes of a trained network tell, over time, of a class that the
 * task knows? (Bellec et al. 2019, Fig. 2b.) One classifier a time window.
 */
#ifndef HTH_PROBE_H
#define HTH_PROBE_H

#include "base/options.h"

#include <signal.h>

typedef enum hth_probe_of { HTH_PROBE_TRACES, HTH_PROBE_STATES, HTH_PROBE_SPIKES } hth_probe_of;

#define HTH_PROBE_LAST UINT64_MAX

typedef struct hth_probe_plan {
    const char *run, *split;
    const hth_settings *overrides;
    hth_probe_of of;
    uint64_t layer;           /* HTH_PROBE_LAST: the top one */
    uint64_t at;              /* the step whose class target is decoded; HTH_PROBE_LAST: the last */
    uint64_t steps;           /* of a trial; 0: the whole sequence */
    uint64_t window, spacing; /* steps */
    uint64_t trials, tests;   /* trials to learn from, and to test with */
    uint64_t most;            /* of the numbers, drawn by the seed; 0: all */
    double l2; /* see logistic.h; the numbers are brought to mean 0 and deviation 1 */
    void (*tick)(void *context, uint64_t done,
                 uint64_t all); /* after each trial; NULL: nobody listens */
    void *context;
    const volatile sig_atomic_t *interrupted;
} hth_probe_plan;

typedef struct hth_probe_window {
    uint64_t from, to;      /* steps from..to-1 */
    double accuracy, error; /* on test trials; its standard error, sqrt(p (1 - p) / tests) */
    double training_accuracy;
} hth_probe_window;

typedef struct hth_probe_result {
    size_t count;
    hth_probe_window *windows;
    size_t numbers, all_numbers; /* used, and there are */
    double chance;    /* accuracy of always guessing the most frequent class of training */
    char learner[40]; /* whose traces they are; "" where not of traces */
} hth_probe_result;

/* On an interruption, and on an error, nothing is left in *out. *stopped: it was interrupted. */
hth_status hth_probe(const hth_probe_plan *plan, hth_probe_result *out, bool *stopped,
                     hth_error *error);
void hth_probe_free(hth_probe_result *result);

#endif
