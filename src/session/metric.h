/* The metric of a run: the one that train.metric names, or the one that `auto` chooses. */
#ifndef HTH_RUN_METRIC_H
#define HTH_RUN_METRIC_H

#include "metrics/metric.h"
#include "session/source.h"

typedef struct hth_run_metric {
    const hth_metric *kind;
    hth_loss_scale loss;
    /* length that growing sequences have reached, in steps; NULL: they do not grow */
    double (*reached)(const void *stream);
    const void *stream; /* argument of reached; the source owns it */
} hth_run_metric;

/* Chooses the metric. The source must outlive *out. HTH_INVALID, with the reason, when the metric has no meaning for
 * these data and this loss. */
hth_status hth_run_metric_choose(const hth_settings *settings, const hth_source *source,
                                 const hth_network *network, hth_run_metric *out, hth_error *error);
/* The value of the metric for a report and the moments of its targets; NAN without a judged step or a metric. */
double hth_run_metric_value(const hth_run_metric *metric, const hth_report *report,
                            const hth_moments *targets);

#endif
