/* The results of a comparison. */
#ifndef HTH_RESULTS_H
#define HTH_RESULTS_H

#include "session/transfer.h"
#include "settings/config.h"
#include "tasks/catalogues.h"

/* Mean and standard error over the seeds that have a value; error NAN for fewer than 2. */
typedef struct hth_mean {
    size_t count;
    double mean, error;
} hth_mean;

/* Median of the finite values, which are moved to the front and sorted; NAN: there are none. */
double hth_median(double *values, size_t count);

/* out[i] is the mean of values[i-h..i+h]. h is (width - 1) / 2, or less near an end, as far as both sides reach. So
 * a curve neither lags nor bends at its ends, and a straight line stays the same. Returns the largest h. */
size_t hth_smooth(const double *values, size_t count, size_t width, double *out);

/* A point of a curve over the seeds: raw from the lines themselves, smooth from each seed's smoothed lines. */
typedef struct hth_curve_point {
    uint64_t step;
    hth_mean raw, smooth;
} hth_curve_point;

/* An arm with one value for each varied setting. */
typedef struct hth_compared {
    char *arm, *learner;
    char **varied;      /* values of the comparison's keys */
    int64_t variant;    /* of its row in the store */
    uint64_t best_seed; /* of the finished run with the best final value, if final.count is not 0 */
    bool spikes;        /* there are units that spike */
    char updates[40];   /* "20 a sequence", "every 10 steps"; "": not known */
    size_t finished, diverged, failed, waiting;
    char *diverged_at;                      /* steps at which runs diverged: "1200, 5400", or "" */
    hth_mean final, test_loss, test_metric; /* over finished runs */
    hth_mean transfer[HTH_TRANSFER_FACTS];  /* of runs with phases; count 0: of others */
    double median;                          /* of the final values: one bad seed does not move it */
    double ratio;                           /* final relative to the reference's; NAN: none */
    double parameters, learner_bytes;       /* NAN: no run has ended */
    /* medians over the runs; speed_ratio: relative to the reference's */
    double steps_per_second, speed_ratio;
    double seconds, memory_bytes; /* median and largest over the runs */
    hth_curve_point *curve;
    size_t points;
} hth_compared;

typedef struct hth_comparison {
    char **keys; /* varied settings */
    size_t key_count;
    hth_compared *rows;
    size_t count;
    char measure[32];    /* "train_loss", ... */
    char metric[32];     /* name of the metric, or "none" */
    char unit[32];       /* unit of the loss */
    bool rises;          /* larger values of the measure are better */
    bool updates_differ; /* `updates` is not the same in all rows */
    char reference[96];  /* the arm that ratios are relative to; "": none */
    double final;
    size_t smooth;
    size_t
        reach; /* lines to either side of which a smoothed one is the mean, at most: few lines allow no more */
    /* values that the task knows for the measure */
    hth_reference references[HTH_MOST_REFERENCES];
    size_t reference_count;
} hth_comparison;

/* Loads the results in the folder. `overrides` (may be NULL) may change how they are summed up (compare.final,
 * smooth, measure). */
hth_status hth_comparison_load(const char *out, const hth_config *overrides,
                               hth_comparison **result, hth_error *error);
void hth_comparison_free(hth_comparison *comparison);

#endif
