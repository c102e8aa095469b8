/*
 * How far back errors reach (Lillicrap & Santoro 2019, Fig. 3): the size of dE/dz_t of a trained network by the lag,
 * the steps from t to the step of the error; once through all there is, and once without the rows of stores, through
 * the units' own recurrence alone.
 */
#ifndef HTH_REACH_H
#define HTH_REACH_H

#include "base/options.h"

typedef struct hth_reach_plan {
    const char *run, *split;       /* a run directory; train, validation or test */
    const hth_settings *overrides; /* override the run's settings; NULL: none */
    uint64_t layer;                /* of units; from 0 */
    uint64_t trials;               /* of which the mean is taken */
    uint64_t
        steps; /* of each; 0: the whole sequence, or 200 where it is endless or longer than 20000 */
} hth_reach_plan;

typedef struct hth_reach {
    size_t count; /* lags from 0 on */
    double *
        with; /* [count]: mean over trials of |dE/dz|; E: the error of the last step alone that counts */
    double *alone; /* [count]: of a store that has no rows. NULL: there is no store */
} hth_reach;

/* Takes one tape of the trials forward and back by backpropagation. Errors are those of hth_run_open; HTH_INVALID for a
 * layer that is not of units, a network that reads the future, or data that answer. The caller frees *out with
 * hth_reach_free, also after an error. */
hth_status hth_reach_find(const hth_reach_plan *plan, hth_reach *out, hth_error *error);
void hth_reach_free(hth_reach *reach);

#endif
