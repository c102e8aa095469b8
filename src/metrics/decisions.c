/*
 * The fraction of right decisions. The data say over which steps a decision is made; it is the output with the
 * largest mean over them (Bellec et al. 2019, Methods 1.2).
 */
#include "metrics/metrics.h"

#include <math.h>

static bool suits(const hth_metric_case *of) {
    return of->shape.decides && of->shape.target == HTH_TARGET_CLASSES;
}

static const char *refuses(const hth_metric_case *of) {
    return of->shape.decides ? NULL : "the data do not say where decisions end";
}

static double value(const hth_scored *of) {
    const hth_report *r = of->report;
    return r->decisions > 0 ? r->right / r->decisions : (double)NAN;
}

const hth_metric hth_metric_decisions = {
    .part = {.name = "decisions",
             .summary = "fraction of decisions that are right: the output with the largest mean "
                        "over a decision's steps",
             .source = "Bellec et al. 2019, Methods 1.2"},
    .range = "0 to 1",
    .rises = true,
    .suits = suits,
    .refuses = refuses,
    .value = value,
};
