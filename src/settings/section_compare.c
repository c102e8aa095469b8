/* The settings of the section compare. */
#include "metrics/metric.h"
#include "settings/sections.h"

#define COMPARE(field) .offset = offsetof(hth_compare_options, field)

const char *const hth_compare_measures[] = {
    "auto", "train_loss", "train_metric", "validation_loss", "validation_metric", NULL};

/* Resolves `auto`. If sequences grow, a better learner's loss is over longer sequences, so the metric (their
 * length) is compared; and in a world what was earned. */
int hth_compare_measure(int measure, const hth_metric *metric) {
    if (measure != HTH_MEASURE_AUTO) return measure;
    const bool by_metric = metric && (metric->of_training || metric->of_world);
    return by_metric ? HTH_MEASURE_TRAIN_METRIC : HTH_MEASURE_TRAIN_LOSS;
}

static const hth_option options[] = {
    {.name = "seeds",
     .help = "seeds of each arm: a number N for 1 to N, a list (3, 5, 8), or ranges (21-40)",
     .fallback = "5",
     .kind = HTH_KIND_TEXT,
     COMPARE(seeds)},
    {.name = "learners",
     .help = "learners to compare, each an arm of its name; arms with settings of their own stand "
             "in the section arms (docs/compare.md)",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     COMPARE(learners)},
    {.name = "measure",
     .help =
         "what the table and the curves show; auto: train_loss, or train_metric where that is the "
         "length of sequences that grow, and in a world",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = hth_compare_measures,
     COMPARE(measure)},
    {.name = "final",
     .help = "the last part of a run, over whose lines the final value is the mean",
     .fallback = "0.1",
     .kind = HTH_KIND_REAL,
     .min = 1e-9,
     .max = 1,
     COMPARE(final)},
    {.name = "smooth",
     .help = "lines of metrics.jsonl over which a point of a curve is the mean, as many after it "
             "as before; "
             "1: none",
     .fallback = "11",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e9,
     COMPARE(smooth)},
    {.name = "keep",
     .help = "whether the directory of each run, with its checkpoint, stays when the run has ended",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     COMPARE(keep)},
};

const hth_catalogue hth_compare_section = {
    .kind = "compare",
    .summary = "What `hitherto compare` runs and how it sums up; other commands leave it alone.",
    .common = {"compare", options, HTH_COUNT(options)},
};
