/* The metrics. To add one, write a file in this folder and add its name to this list. train.metric=auto takes the
 * first metric that suits. */
#ifndef HTH_METRICS_H
#define HTH_METRICS_H

#include "metrics/metric.h"

/* <name>.c */
#define HTH_METRICS(X)                                                                             \
    X(length)                                                                                      \
    X(returns)                                                                                     \
    X(regret)                                                                                      \
    X(duration) X(decisions) X(perplexity) X(accuracy) X(bits) X(mse) X(nmse) X(place) X(none)

#define HTH_DECLARE_METRIC(name) extern const hth_metric hth_metric_##name;
HTH_METRICS(HTH_DECLARE_METRIC)

#endif
