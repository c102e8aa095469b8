/*
 * What drives single units of a trained network: three receptive fields over time of each, [lags + 1][inputs], lag 0
 * being the step itself.
 *
 *   triggered   the input before the unit was active, as the data had it: the mean of x_{t-k} weighed by z_t, less the
 *               mean without weights; of a unit that spikes the spike-triggered average. z counts from the unit's
 *               least.
 *   slope       the mean of dz_t/dx_{t-k}, by the exact Jacobians: what the input does to the unit
 *   best        the input of lags + 1 steps from the start of a sequence that makes z largest, within the range that
 *               each input has in the data, or within a distance from the data's mean input; by ascent along dz/dx
 *               (activity maximisation, Erhan et al. 2009, who hold the norm)
 *
 * The last two are of networks whose step is smooth.
 */
#ifndef HTH_FIELDS_H
#define HTH_FIELDS_H

#include "base/options.h"
#include "files/observer.h"

typedef struct hth_fields_plan {
    const char *run, *split;
    const hth_settings *overrides; /* NULL: none */
    const hth_observer *observer;  /* is told while data are read, and each step; NULL: nobody */
    uint64_t steps, lags;
    uint64_t layer;
    const size_t *units; /* of the layer; borrowed */
    size_t count;        /* at least 1 */
    double norm; /* largest distance of `best` from the mean input; 0: the ranges bound it */
} hth_fields_plan;

typedef struct hth_field_of_unit {
    size_t unit;
    double mean, most; /* of z in the data */
    double reached;    /* z at the end of `best`; NAN: there is none */
    double *triggered, *slope,
        *best; /* [lags + 1][inputs]; the result's; slope and best NULL: spikes */
} hth_field_of_unit;

typedef struct hth_fields {
    size_t inputs, lags, count;
    const char *why_not; /* why there are neither slope nor best; NULL: there are */
    hth_field_of_unit *units;
} hth_fields;

/* Looks at the newest checkpoint of a run. *stopped: it was interrupted. HTH_INVALID for a layer or unit that there is
 * not, for tokens, where no step has so many before it, and where the step is no map of the units' states; other errors
 * are those of hth_recorder_open. On an interruption or an error *out is empty. */
hth_status hth_fields_find(const hth_fields_plan *plan, hth_fields *out, bool *stopped,
                           hth_error *error);
void hth_fields_free(hth_fields *fields);

#endif
