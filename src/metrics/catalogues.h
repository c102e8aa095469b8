/* The catalogue of metrics: the choices of train.metric. */
#ifndef HTH_METRICS_CATALOGUES_H
#define HTH_METRICS_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_metrics; /* train.metric */

/* metric.h */
typedef struct hth_metric hth_metric;

const hth_metric *hth_metric_at(size_t index);       /* metrics.c: the visible array */
const hth_metric *hth_metric_find(const char *name); /* NULL: there is no metric with this name */

#endif
