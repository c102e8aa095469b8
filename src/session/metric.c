/*
 * The metric beside the loss: which one, and its value from what the readout has seen. Of targets that
 * are values also their variance is needed,
 *
 *     mse = sum_t,k w (y - y*)^2 / (N n_out),   nmse = sum_t,k w (y - y*)^2 / sum_t,k w (y* - m_k)^2,
 *
 * N the sum of the weights w, m_k the mean of target k over the same steps; so nmse is 1 for a readout
 * that stays at the mean (Bellec et al. 2019, Fig. 1 c-d).
 */
#include "session/metric.h"

#include "base/functions64.h"
#include "settings/sections.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"none",      "auto", "perplexity", "accuracy", "bits",
                                    "decisions", "mse",  "nmse",       "length"};

static bool is_setting(const hth_settings *settings, const char *key, const char *value) {
    const hth_setting *setting = hth_settings_find(settings, key);
    return setting && strcmp(setting->value, value) == 0;
}

/* Why a metric has no meaning for the targets and the loss, or NULL. */
static const char *objection_to(int kind, const hth_shape *shape, const char *loss,
                                const hth_settings *settings) {
    const bool classes = shape->target == HTH_TARGET_CLASSES;
    const bool squares = !classes && strcmp(loss, "mse") == 0;
    if (kind == HTH_METRIC_ACCURACY && !classes) return "the targets are values, not classes";
    if (kind == HTH_METRIC_DECISIONS && !shape->decides)
        return "the data do not say where decisions end";
    if (kind == HTH_METRIC_PERPLEXITY && !(classes && strcmp(loss, "softmax") == 0))
        return "that needs class targets and loss.name softmax";
    if (kind == HTH_METRIC_BITS && strcmp(loss, "mse") == 0)
        return "that needs a cross-entropy, and loss.name is 'mse'";
    if (kind == HTH_METRIC_BITS && is_setting(settings, "loss.unit", "bits"))
        return "the loss is in bits already (loss.unit)";
    if ((kind == HTH_METRIC_MSE || kind == HTH_METRIC_NMSE) && !squares)
        return "that needs targets that are values and loss.name mse";
    return NULL;
}

static int automatic(const hth_shape *shape, const char *loss) {
    if (shape->target != HTH_TARGET_CLASSES) return HTH_METRIC_NONE;
    if (shape->decides) return HTH_METRIC_DECISIONS;
    if (shape->vocabulary && strcmp(loss, "softmax") == 0) return HTH_METRIC_PERPLEXITY;
    return HTH_METRIC_ACCURACY;
}

hth_status hth_metric_choose(const hth_settings *settings, int kind, const hth_shape *shape,
                             const char *loss, hth_metric *out, hth_error *error) {
    if (kind == HTH_METRIC_AUTO) kind = automatic(shape, loss);
    const char *objection = objection_to(kind, shape, loss, settings);
    if (objection)
        return hth_fail(error, HTH_INVALID, "train.metric is '%s', but %s", names[kind], objection);
    const bool mean = is_setting(settings, "loss.report", "mean");
    *out = (hth_metric){.kind = kind,
                        .name = names[kind],
                        .squares = mean ? 2 * (double)shape->outputs : 2,
                        .rises = kind == HTH_METRIC_ACCURACY || kind == HTH_METRIC_DECISIONS};
    return HTH_OK;
}

hth_status hth_metric_follow(hth_metric *metric, int kind, const hth_source *source,
                             hth_error *error) {
    const bool grows = hth_source_grows(source);
    if (kind == HTH_METRIC_LENGTH && !grows)
        return hth_fail(
            error, HTH_INVALID,
            "train.metric is 'length', but the sequences of '%s' do not grow as they are "
            "learned",
            source->kind->part.name);
    if (!grows || (kind != HTH_METRIC_LENGTH && kind != HTH_METRIC_AUTO)) return HTH_OK;
    *metric = (hth_metric){.kind = HTH_METRIC_LENGTH,
                           .name = names[HTH_METRIC_LENGTH],
                           .rises = true,
                           .reached = source->kind->reached,
                           .stream = source->state};
    return HTH_OK;
}

/* Variance of each target, summed over them; NAN when they do not vary. */
static double variance(const hth_moments *targets, double weight) {
    double mean_squares = targets->sums[targets->outputs] / weight;
    for (size_t k = 0; k < targets->outputs; k++) {
        const double mean = targets->sums[k] / weight;
        mean_squares -= mean * mean;
    }
    return mean_squares > 0 ? mean_squares : (double)NAN;
}

double hth_mean_loss(const hth_report *report) {
    return report->weight > 0 ? report->loss / report->weight : (double)NAN;
}

double hth_metric_value(const hth_metric *metric, const hth_report *report,
                        const hth_moments *targets) {
    const double mean = hth_mean_loss(report);
    if (metric->kind == HTH_METRIC_LENGTH) return metric->reached(metric->stream);
    if (metric->kind == HTH_METRIC_DECISIONS)
        return report->decisions > 0 ? report->right / report->decisions : (double)NAN;
    if (!(report->weight > 0)) return NAN;
    switch (metric->kind) {
    case HTH_METRIC_PERPLEXITY:
        return hth_exp64(mean);
    case HTH_METRIC_ACCURACY:
        return report->correct / report->weight;
    case HTH_METRIC_BITS:
        return mean / 0.69314718055994530942;
    case HTH_METRIC_MSE:
        return metric->squares * mean / (double)targets->outputs;
    case HTH_METRIC_NMSE:
        return metric->squares * mean / variance(targets, report->weight);
    default:
        return NAN;
    }
}

/* ---- Moments of the targets --------------------------------------------------------------- */

hth_status hth_moments_create(const hth_shape *shape, hth_moments *out, hth_error *error) {
    *out = (hth_moments){0};
    if (shape->target != HTH_TARGET_VALUES) return HTH_OK;
    out->sums = calloc(shape->outputs + 1, sizeof *out->sums);
    if (!out->sums) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a metric");
    out->outputs = shape->outputs;
    return HTH_OK;
}

void hth_moments_destroy(hth_moments *moments) {
    free(moments->sums);
    *moments = (hth_moments){0};
}

void hth_moments_clear(hth_moments *moments) {
    if (moments->sums) memset(moments->sums, 0, (moments->outputs + 1) * sizeof *moments->sums);
}

void hth_moments_add(hth_moments *moments, const hth_chunk *chunk) {
    const size_t items = chunk->steps * chunk->batch, outputs = moments->outputs;
    for (size_t i = 0; moments->sums && i < items; i++) {
        const double weight = chunk->weights ? (double)chunk->weights[i] : 1;
        for (size_t k = 0; k < outputs; k++) {
            const double y = (double)chunk->targets[i * outputs + k];
            moments->sums[k] += weight * y;
            moments->sums[outputs] += weight * y * y;
        }
    }
}
