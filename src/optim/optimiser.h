/* An optimiser from the inside: optimiser.c makes it, step.c updates with it. */
#ifndef HTH_OPTIMISER_H
#define HTH_OPTIMISER_H

#include "kernels/compute.h"
#include "optim/keeping.h"
#include "optim/method.h"

typedef struct hth_optimiser_common {
    double lr, lr_recurrent, lr_cell, lr_readout, lr_embedding, lr_initial, weight_decay, clip_norm,
        clip_element;
    const char *lr_layer, *schedule;
    hth_schedule_options shape;
} hth_optimiser_common;

/* Neighbouring blocks that are updated alike. */
typedef struct hth_stretch {
    size_t offset, count;
    size_t columns;  /* of rows that only count when touched; 0: all counts */
    double rate;     /* factor of lr */
    bool of_readout; /* learned by every learner */
    bool is_frozen;  /* of a layer whose factor is 0: its gradient does not count in clip_norm */
} hth_stretch;

struct hth_optimiser {
    hth_compute *compute;
    hth_optimiser_common options;
    const hth_schedule *schedule;
    const hth_method *method;
    void *method_options;
    size_t count, stretch_count;
    hth_stretch *stretches;
    size_t layer_count;
    hth_real *layer_rates; /* [layer_count]: lr_layer */
    hth_real *moments[HTH_MAX_MOMENTS];
    uint64_t step; /* updates made */
    hth_keeping keep;
};

/* Importance and anchor of all parameters, at theta. */
void hth_optimiser_keep(hth_optimiser *optimiser, hth_real *theta);

#endif
