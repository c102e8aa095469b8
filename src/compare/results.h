/* What a comparison has come to. */
#ifndef HTH_RESULTS_H
#define HTH_RESULTS_H

#include "settings/config.h"
#include "tasks/catalogues.h"

/* Over the seeds that have a value: their number, mean and standard error (NAN for fewer than 2). */
typedef struct hth_mean {
    size_t count;
    double mean, error;
} hth_mean;

/* Of the finite values, which come to the front, sorted; NAN: there is none. */
double hth_median(double *values, size_t count);

/* out[i] is the mean of values[i-h..i+h], where h is (width - 1) / 2 or, near an end, as far as it goes to both
 * sides: so a curve neither lags nor bends where it begins, and a straight line stays as it is. */
void hth_smooth(const double *values, size_t count, size_t width, double *out);

/* Over the seeds: of the lines as they are, and of each seed's curve after hth_smooth. */
typedef struct hth_curve_point {
    uint64_t step;
    hth_mean raw, smooth;
} hth_curve_point;

/* An arm with one value for each setting that is varied. */
typedef struct hth_compared {
    char *arm, *learner;
    char **varied;    /* values of the comparison's keys */
    char updates[40]; /* "20 a sequence", "every 10 steps"; "": not known */
    size_t finished, diverged, failed, waiting;
    char *diverged_at;                      /* "1200, 5400": steps; "" */
    hth_mean final, test_loss, test_metric; /* of finished runs */
    double ratio;                           /* of final to the reference's; NAN: none */
    double parameters, learner_bytes;       /* NAN: no run has ended */
    double steps_per_second, speed_ratio;   /* medians over the runs; to the reference's */
    double seconds, memory_bytes;           /* median; largest */
    hth_curve_point *curve;
    size_t points;
} hth_compared;

typedef struct hth_comparison {
    char **keys; /* settings that are varied */
    size_t key_count;
    hth_compared *rows;
    size_t count;
    char measure[32];    /* "train_loss", ... */
    char metric[32];     /* what the metric is, or "none" */
    char unit[32];       /* of the loss */
    bool rises;          /* more of the measure is better */
    bool updates_differ; /* of some arms in what `updates` says */
    char reference[96];  /* the arm that ratios are to; "": none */
    double final;
    size_t smooth;
    hth_reference references[HTH_MOST_REFERENCES]; /* that the task knows of the measure */
    size_t reference_count;
} hth_comparison;

/* What the directory holds. `overrides` (may be NULL) may set how it is summed up (compare.final, smooth,
 * measure). */
hth_status hth_comparison_load(const char *out, const hth_config *overrides,
                               hth_comparison **result, hth_error *error);
void hth_comparison_free(hth_comparison *comparison);

#endif
