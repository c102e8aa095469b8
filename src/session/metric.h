/* The metric beside the loss. */
#ifndef HTH_METRIC_H
#define HTH_METRIC_H

#include "session/source.h"

typedef struct hth_metric {
    int kind;
    const char *name; /* what train.metric comes to: "perplexity", ... or "none" */
    double squares;   /* (y - y*)^2, summed over outputs, per unit of the mse loss */
    bool rises;       /* more is better */
    double (*reached)(const void *stream); /* of length: who knows it */
    const void *stream;
} hth_metric;

/* Moments of targets that are values: sums[k] = sum w y*_k, then sums[outputs] = sum_k sum w y*_k^2. */
typedef struct hth_moments {
    size_t outputs; /* 0: the targets are classes */
    double *sums;
} hth_moments;

hth_status hth_metric_choose(const hth_settings *settings, int kind, const hth_shape *shape,
                             const char *loss, hth_metric *out, hth_error *error);
/* Of a stream whose sequences grow the automatic metric is how far they have grown. */
hth_status hth_metric_follow(hth_metric *metric, int kind, const hth_source *source,
                             hth_error *error);
double hth_mean_loss(const hth_report *report); /* NAN: nothing had weight */
/* What a report, and the moments of its targets, come to; NAN when there is nothing. */
double hth_metric_value(const hth_metric *metric, const hth_report *report,
                        const hth_moments *targets);

hth_status hth_moments_create(const hth_shape *shape, hth_moments *out, hth_error *error);
void hth_moments_destroy(hth_moments *moments);
void hth_moments_clear(hth_moments *moments);
void hth_moments_add(hth_moments *moments, const hth_chunk *chunk);

#endif
