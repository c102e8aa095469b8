/* One episode of a run of episodes (learner.signal = module), for pictures. */
#ifndef HTH_WATCH_EPISODE_H
#define HTH_WATCH_EPISODE_H

#include "base/options.h"

/* All arrays are [steps][..]; hth_episode_free frees them. Of several training trials, the first. */
typedef struct hth_episode {
    size_t steps, inputs, units, module_units, outputs;
    size_t places;  /* numbers of the place that the outputs move, or of the outputs */
    bool has_place; /* place is not the outputs */
    hth_real *x, *test_x;
    hth_real *told;                 /* [steps][places]: the target that the module is told */
    hth_real *spikes, *test_spikes; /* of the main network */
    hth_real *module;               /* spikes of the module; of a linear one its signals */
    hth_real *signals;              /* [steps][units] */
    hth_real *test_module,
        *test_signals;    /* the same of the test trial, where they change nothing */
    hth_real *y, *wanted; /* outputs of the test trial */
    hth_real *place, *wanted_place;
    hth_real *before_place;       /* of a test trial without an update before it */
    double missed, missed_before; /* mean square of place - wanted_place */
    bool module_spikes;
} hth_episode;

/* Runs task `number` (from 0) of a split with the newest checkpoint of a run. HTH_INVALID for a run without episodes;
 * other errors are those of opening a run. */
hth_status hth_episode_record(const char *run, const char *split, const hth_settings *overrides,
                              uint64_t number, hth_episode *out, hth_error *error);
void hth_episode_free(hth_episode *episode);
/* Writes the numbers as CSV: a header, then a line for each step. Columns, of the training trial x0.. (inputs), told0..,
 * z0.. (spikes), m0.. (spikes of the module), L0.. (learning signals); of the test trial test_x0.., test_z0..,
 * test_m0.., test_L0.., y0.. (outputs), target0.., and where outputs move a place place0.., place_target0..; before0..
 * (outputs or place without an update). HTH_FILE. */
hth_status hth_episode_write_csv(const hth_episode *episode, const char *path, hth_error *error);
/* Whether the settings of a run's folder ask for episodes; false also when they cannot be read. */
bool hth_is_run_of_episodes(const char *run);

#endif
