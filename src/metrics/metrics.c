/* The catalogue of metrics. */
#include "metrics/metrics.h"

#include <math.h>
#include <string.h>

/* Not a metric but a choice among them, made by hth_run_metric_choose. */
static const hth_metric automatic = {
    .part = {.name = "auto",
             .summary =
                 "the first of these that suits: length, return, decisions, perplexity for tokens, "
                 "accuracy for other classes, none"},
};

#define POINTER(name) &hth_metric_##name,
static const hth_metric *const metrics[] = {&automatic, HTH_METRICS(POINTER)};

const hth_metric *hth_metric_at(size_t index) {
    return metrics[index];
}

const hth_metric *hth_metric_find(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(metrics); i++)
        if (strcmp(metrics[i]->part.name, name) == 0) return metrics[i];
    return NULL;
}

static const hth_part *part_at(size_t index) {
    return &metrics[index]->part;
}

const hth_catalogue hth_metrics = {
    .kind = "metric",
    .summary = "What is reported beside the loss.",
    .key = "train.metric",
    .fallback = "auto",
    .count = HTH_COUNT(metrics),
    .at = part_at,
};

double hth_mean_loss(const hth_report *report) {
    return report->weight > 0 ? report->loss / report->weight : (double)NAN;
}
