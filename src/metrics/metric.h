/*
 * A metric is a number reported with the loss, computed from the sums of a report. Each is a file of this room and
 * a name in the list of metrics.h. It says for which targets and losses it has a meaning, and whether larger is
 * better; nothing else in the program knows metrics by their names.
 */
#ifndef HTH_METRIC_H
#define HTH_METRIC_H

#include "metrics/catalogues.h"
#include "metrics/moments.h"
#include "network/inspect.h"

/* The facts about a run that metrics ask for. */
typedef struct hth_metric_case {
    hth_shape shape;
    hth_loss_scale loss;
    bool grows;      /* sequences get longer as they are learned */
    bool knows_best; /* of a world: what the best actions would have earned */
} hth_metric_case;

/* The numbers that a metric is computed from. */
typedef struct hth_scored {
    const hth_report *report;   /* sums over some steps and items */
    const hth_moments *targets; /* of the targets of the same steps */
    hth_loss_scale loss;        /* the unit of report->loss */
    /* steps of the longest sequence solved in training; of episodes, what their test trials miss; NAN: neither */
    double reached;
} hth_scored;

struct hth_metric {
    hth_part part; /* without options */
    const char *range;
    bool rises; /* larger is better */
    /* measures the progress of training: validation and test have none, and a comparison shows it in place of the
     * loss */
    bool of_training;
    /* of a world: a comparison shows it in place of the loss, whose targets look no further than a tape, so that it is
     * another number for each learner.steps */
    bool of_world;
    /* Whether train.metric=auto may take it; it takes the first metric in the list that suits. NULL: never. */
    bool (*suits)(const hth_metric_case *of);
    /* Why the metric has no meaning here, as the end of "train.metric is 'bits', but ..."; NULL: it has one. Member
     * NULL: it always has one. */
    const char *(*refuses)(const hth_metric_case *of);
    /* NAN if no step had weight. Member NULL: there is no number. */
    double (*value)(const hth_scored *of);
};

/* Loss per unit of weight; NAN if no step had weight. */
double hth_mean_loss(const hth_report *report);

#endif
