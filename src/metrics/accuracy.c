/* The fraction of steps whose largest output belongs to the right class. */
#include "metrics/metrics.h"

#include <math.h>

static bool suits(const hth_metric_case *of) {
    return of->shape.target == HTH_TARGET_CLASSES;
}

static const char *refuses(const hth_metric_case *of) {
    return suits(of) ? NULL : "the targets are values, not classes";
}

static double value(const hth_scored *of) {
    const hth_report *r = of->report;
    return r->weight > 0 ? r->correct / r->weight : (double)NAN;
}

const hth_metric hth_metric_accuracy = {
    .part = {.name = "accuracy", .summary = "fraction of steps whose largest output is the class"},
    .range = "0 to 1",
    .rises = true,
    .suits = suits,
    .refuses = refuses,
    .value = value,
};
