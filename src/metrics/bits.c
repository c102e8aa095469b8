/* The cross-entropy in bits: a loss in nats, divided by ln 2. */
#include "metrics/metrics.h"

static const double ln2 = 0.69314718055994530942;

static const char *refuses(const hth_metric_case *of) {
    if (!(of->loss.nats > 0))
        return "that needs a loss that is a cross-entropy, such as softmax, without "
               "loss.class_weights";
    return of->loss.nats == 1 ? NULL : "the loss is in bits already (loss.unit)";
}

static double value(const hth_scored *of) {
    return hth_mean_loss(of->report) / ln2;
}

const hth_metric hth_metric_bits = {
    .part = {.name = "bits", .summary = "a cross-entropy in bits: the loss over ln 2"},
    .range = "0 and more",
    .refuses = refuses,
    .value = value,
};
