/* exp of the cross-entropy in nats: the number of equally likely classes that would be as hard to guess. */
#include "base/functions64.h"
#include "metrics/metrics.h"

static bool has_meaning(const hth_metric_case *of) {
    return of->shape.target == HTH_TARGET_CLASSES && of->loss.one_class;
}

static bool suits(const hth_metric_case *of) {
    return of->shape.vocabulary && has_meaning(of);
}

static const char *refuses(const hth_metric_case *of) {
    return has_meaning(of)
               ? NULL
               : "that needs class targets and loss.name softmax, without loss.class_weights";
}

static double value(const hth_scored *of) {
    return hth_exp64(hth_mean_loss(of->report) * of->loss.nats);
}

const hth_metric hth_metric_perplexity = {
    .part = {.name = "perplexity", .summary = "exp of the loss", .source = "Jelinek et al. 1977"},
    .range = "1 and more",
    .suits = suits,
    .refuses = refuses,
    .value = value,
};
