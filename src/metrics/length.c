/* The length of the longest sequence solved, for sequences that grow as they are learned. */
#include "metrics/metrics.h"

static bool suits(const hth_metric_case *of) {
    return of->grows;
}

static const char *refuses(const hth_metric_case *of) {
    return of->grows ? NULL : "the sequences of these data do not grow as they are learned";
}

static double value(const hth_scored *of) {
    return of->reached;
}

const hth_metric hth_metric_length = {
    .part = {.name = "length",
             .summary = "steps of the longest sequence that was solved, where they grow",
             .source = "Bellec et al. 2019, Methods 3.1"},
    .range = "0 and more steps",
    .rises = true,
    .of_training = true,
    .suits = suits,
    .refuses = refuses,
    .value = value,
};
