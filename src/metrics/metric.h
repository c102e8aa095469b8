/*
 * A metric is one number beside the loss, made of what a report adds up. Each is one file of this room and a name in the
 * list of metrics.h. It says for which targets and losses it has a meaning, and whether more is better; nothing else in
 * the program knows metrics by their names.
 */
#ifndef HTH_METRIC_H
#define HTH_METRIC_H

#include "metrics/catalogues.h"
#include "metrics/moments.h"
#include "network/inspect.h"

/* What a run has, as far as metrics ask. */
typedef struct hth_metric_case {
    hth_shape shape;
    hth_loss_scale loss;
    bool grows; /* its sequences get longer as they are learned */
} hth_metric_case;

/* What a metric is made of. */
typedef struct hth_scored {
    const hth_report *report;   /* sums over some steps and items */
    const hth_moments *targets; /* of the same steps */
    hth_loss_scale loss;        /* what report->loss is counted in */
    double
        reached; /* steps of the longest sequence that training has solved; NAN where none grow */
} hth_scored;

struct hth_metric {
    hth_part part; /* without options */
    const char *range;
    bool rises; /* more is better */
    bool
        of_training; /* it says how far training has come: validation and test have none, and a comparison of learners
                         shows it in place of the loss */
    /* Whether train.metric=auto may take it: the first one in the list that suits is taken. NULL: never. */
    bool (*suits)(const hth_metric_case *of);
    /* Why it has no meaning, as the end of "train.metric is 'bits', but ...", or NULL. NULL: it always has one. */
    const char *(*refuses)(const hth_metric_case *of);
    /* NAN where nothing had weight. NULL: there is no number. */
    double (*value)(const hth_scored *of);
};

/* Loss per unit of weight; NAN: nothing had weight. */
double hth_mean_loss(const hth_report *report);

#endif
