/*
 * Many runs of settings that differ in few things, side by side: the section compare, the runs spread
 * over the cores, and what came of them. What has come so far is in one SQLite file (store.h).
 */
#ifndef HTH_COMPARE_H
#define HTH_COMPARE_H

#include "files/observer.h"
#include "settings/config.h"

/* ---- Running ------------------------------------------------------------------------------- */

typedef struct hth_compare_progress {
    size_t total, finished, diverged, failed, running; /* runs; those of earlier calls included */
    double seconds, eta_seconds;                       /* of this call; NAN: not known yet */
} hth_compare_progress;

/* Called from this process. Either may be NULL. */
typedef struct hth_compare_observer {
    void (*progress)(void *context,
                     const hth_compare_progress *progress); /* about 4 times a second */
    void (*message)(void *context, const char *sentence);
    void *context;
    const volatile sig_atomic_t *interrupted; /* not 0: all runs finish the step, save and end */
} hth_compare_observer;

/* Runs in `jobs` processes (0: one a core) what is missing of the comparison in the directory `out`. All
 * runs are checked before the first begins, and nothing has changed when one of them is refused. config
 * NULL: what the directory has been asked for already. HTH_MISMATCH when results are there that other
 * settings have given, or runs under way. Runs of earlier calls that are under way and not asked for now
 * stay as they are. A run that fails or diverges is recorded, and no error. */
hth_status hth_compare(const hth_config *config, const char *out, int jobs,
                       const hth_compare_observer *observer, hth_ending *ending, hth_error *error);

/* The settings of the first runs in the directory: what precision they have, what they are about. */
hth_status hth_compare_stored(const char *out, hth_config *config, hth_error *error);

/* ---- Results ------------------------------------------------------------------------------- */

/* Over the seeds that have a value: their number, mean and standard error (NAN for fewer than 2). */
typedef struct hth_mean {
    size_t count;
    double mean, error;
} hth_mean;

/* Of the finite values, which come to the front, sorted; NAN: there is none. */
double hth_median(double *values, size_t count);

typedef struct hth_curve_point {
    uint64_t step;
    hth_mean value;
} hth_curve_point;

/* An arm with one value for each setting that is varied. */
typedef struct hth_compared {
    char *arm, *learner;
    char **varied; /* values of the comparison's keys */
    size_t finished, diverged, failed, waiting;
    char *diverged_at;                      /* "1200, 5400": steps; "" */
    hth_mean final, test_loss, test_metric; /* of finished runs */
    double ratio;                           /* of final to the reference's; NAN: none */
    double parameters, learner_bytes;       /* NAN: no run has ended */
    double steps_per_second, speed_ratio;   /* medians over the runs; to the reference's */
    double seconds, memory_bytes;           /* median; largest */
    hth_curve_point *curve;                 /* smoothed */
    size_t points;
} hth_compared;

typedef struct hth_comparison {
    char **keys; /* settings that are varied */
    size_t key_count;
    hth_compared *rows;
    size_t count;
    char measure[32];   /* "train_loss", ... */
    char metric[32];    /* what the metric is, or "none" */
    char unit[32];      /* of the loss */
    char reference[96]; /* the arm that ratios are to; "": none */
    double final;
    size_t smooth;
} hth_comparison;

/* What the directory holds. `overrides` (may be NULL) may set how it is summed up (compare.final, smooth,
 * measure). */
hth_status hth_comparison_load(const char *out, const hth_config *overrides,
                               hth_comparison **result, hth_error *error);
void hth_comparison_free(hth_comparison *comparison);

#endif
