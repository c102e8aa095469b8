/* What a check asks of a network, without a look at its inside: names of parameters, and its cells' tables. */
#ifndef HTH_INSPECT_H
#define HTH_INSPECT_H

#include "base/base.h"

/* Writes what parameter `index` (0..count-1) is, as a person would say it: "gate u of unit 3, from unit 5", "unit 3,
 * bias" where a unit has one drive, "output 0, from unit 2". All numbers begin with 0. */
void hth_parameter_name(const hth_network *network, size_t index, char *out, size_t size);

/* What the loss that is reported is counted in, as far as metrics and labels ask. */
typedef struct hth_loss_scale {
    const char *unit; /* "nats", "bits", "squared error"; "units of its own" */
    double nats;      /* in one unit of a cross-entropy; 0: the loss is none */
    double
        squares; /* sum over outputs of (y - y*)^2 in one unit of a squared error; 0: the loss is none */
    bool
        one_class; /* the cross-entropy is of one class out of many, so that its exp is a perplexity */
} hth_loss_scale;

hth_loss_scale hth_network_loss(const hth_network *network);

/* One entry of a cell's table of derivatives beside central differences of the cell's step. */
typedef struct hth_entry_trial {
    const char *cell;            /* "gru" */
    char name[32];               /* "B[h][u]": the change of state h with drive u */
    size_t count;                /* units and draws at which both are known; 0: nowhere */
    const hth_real *table;       /* [count] */
    const hth_real *differences; /* [count] */
    double tolerance,
        noise; /* relative to the largest difference; what rounding may add to any of them */
} hth_entry_trial;

/* Holds every entry of the table of a layer's cell against central differences of its step, at random states, drives and
 * outputs, and shows each to `visit`. With `z_is_smooth` false, as for spikes that are a step, entries that are or hold
 * dz/ds are shown with count 0: the table then has a pseudo-derivative. HTH_NO_MEMORY. */
hth_status hth_try_entries(const hth_network *network, size_t layer, bool z_is_smooth,
                           void (*visit)(void *context, const hth_entry_trial *trial),
                           void *context, hth_error *error);

#endif
