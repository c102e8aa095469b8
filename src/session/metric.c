/* Chooses the metric of a run and computes it from reports. */
#include "session/metric.h"

#include <math.h>

/* Whether `auto` may choose this metric. */
static bool suits(const hth_metric *metric, const hth_metric_case *of) {
    return metric->suits && metric->suits(of);
}

/* The metric that train.metric names. For `auto`, which has neither `value` nor `suits`: the first that suits. */
static hth_status choose(const hth_settings *settings, const hth_metric_case *of,
                         const hth_metric **out, hth_error *error) {
    size_t index;
    HTH_TRY(hth_part_choose(&hth_metrics, settings, &index, error));
    *out = hth_metric_at(index);
    if ((*out)->value || (*out)->suits) return HTH_OK;
    for (index = 0; !suits(hth_metric_at(index), of);) index++;
    *out = hth_metric_at(index);
    return HTH_OK;
}

hth_status hth_run_metric_choose(const hth_settings *settings, const hth_source *source,
                                 const hth_network *network, hth_run_metric *out,
                                 hth_error *error) {
    const hth_answers *world = source->kind->answers;
    const hth_metric_case of = {.shape = source->shape,
                                .loss = hth_network_loss(network),
                                .grows = hth_source_grows(source),
                                .knows_best = world && world->knows_best(source->state)};
    const hth_metric *kind;
    HTH_TRY(choose(settings, &of, &kind, error));
    const char *objection = kind->refuses ? kind->refuses(&of) : NULL;
    if (objection)
        return hth_fail(error, HTH_INVALID, "train.metric is '%s', but %s", kind->part.name,
                        objection);
    *out = (hth_run_metric){.kind = kind, .loss = of.loss};
    if (!of.grows) return HTH_OK;
    out->reached = source->kind->reached;
    out->stream = source->state;
    return HTH_OK;
}

double hth_run_metric_value(const hth_run_metric *metric, const hth_report *report,
                            const hth_moments *targets) {
    const double reached = metric->reached ? metric->reached(metric->stream) : (double)NAN;
    const hth_scored of = {report, targets, metric->loss, reached};
    return metric->kind->value ? metric->kind->value(&of) : (double)NAN;
}
