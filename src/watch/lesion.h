/*
 * Lesions: what a trained network loses without a unit, a group of units or a block of weights. Each is put out of
 * action in turn, and the network is scored on a split of the data by its loss and the metric of the run (lesions of
 * clusters of units: Yang et al. 2019, Fig. 4).
 */
#ifndef HTH_LESION_H
#define HTH_LESION_H

#include "base/options.h"
#include "files/observer.h"

typedef enum hth_lesion_of { HTH_LESION_UNITS, HTH_LESION_GROUPS, HTH_LESION_BLOCKS } hth_lesion_of;

/* What the output of a unit becomes at every step, or a weight of a block. */
typedef enum hth_lesion_to {
    HTH_LESION_VALUE, /* a number: 0 is a network without the unit */
    HTH_LESION_MEAN, /* its mean over the split without a lesion; of a block, that of its weights */
    HTH_LESION_NOISE /* what it is and noise, so many times its own deviation, or that of the weights of a block */
} hth_lesion_to;

#define HTH_LESION_ALL_LAYERS UINT64_MAX

typedef struct hth_lesion_plan {
    const char *run, *split;
    const hth_settings *overrides; /* NULL: none */
    hth_lesion_of of;
    hth_lesion_to to;
    double amount;  /* the value, or how many deviations */
    uint64_t layer; /* whose units, groups or weights; groups have one layer */
    /* "0..7,8+9+12": groups with commas between, units and ranges of a layer with + between. Of blocks, where there
     * are groups: the recurrent weights from each group to each; NULL: each gate's weights from units, from inputs, and
     * its biases, and those of the readout. */
    const char *groups;
    const hth_observer *observer; /* is told while data are read, and each lesion; NULL: nobody */
} hth_lesion_plan;

typedef struct hth_lesion {
    char name[96];       /* "unit 3", "units 0..7", "gate u, from units" */
    int32_t layer, unit; /* -1: the readout; of several */
    double loss, metric;
    double damage; /* how much worse: by the loss, in a world by the metric */
} hth_lesion;

typedef struct hth_lesion_result {
    double loss, metric;
    const char *metric_name; /* "none": the run has no metric */
    bool by_metric;          /* damage is that of the metric */
    uint64_t steps;          /* of each pass */
    size_t count;
    hth_lesion *items; /* the most harmful first */
} hth_lesion_result;

/* Scores each lesion with the newest checkpoint of a run, whose files stay as they are. *stopped: it was interrupted.
 * HTH_INVALID for a layer or units that there are not, for a run of episodes, and where no step has weight; other
 * errors are those of opening a run. On an interruption or an error *out is empty. */
hth_status hth_lesion_run(const hth_lesion_plan *plan, hth_lesion_result *out, bool *stopped,
                          hth_error *error);
void hth_lesion_free(hth_lesion_result *result);

#endif
