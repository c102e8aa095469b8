/* The metric of a run: what train.metric names, or what `auto` comes to. */
#ifndef HTH_RUN_METRIC_H
#define HTH_RUN_METRIC_H

#include "metrics/metric.h"
#include "session/source.h"

typedef struct hth_run_metric {
    const hth_metric *kind;
    hth_loss_scale loss;
    double (*reached)(
        const void *stream); /* how far sequences have grown; NULL where they do not */
    const void *stream;
} hth_run_metric;

/* HTH_INVALID where it has no meaning for the data and the network's loss, with the reason. */
hth_status hth_run_metric_choose(const hth_settings *settings, const hth_source *source,
                                 const hth_network *network, hth_run_metric *out, hth_error *error);
/* What a report, and the moments of its targets, come to; NAN when there is nothing. */
double hth_run_metric_value(const hth_run_metric *metric, const hth_report *report,
                            const hth_moments *targets);

#endif
