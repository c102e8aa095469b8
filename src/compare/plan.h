/* Turns settings into a list of runs. */
#ifndef HTH_COMPARE_PLAN_H
#define HTH_COMPARE_PLAN_H

#include "settings/config.h"
#include "settings/identity.h"
#include "settings/sections.h"

/* One of several parts of a comparison, each run by a process of its own: part 1..of. */
typedef struct hth_part_of {
    size_t part, of;
} hth_part_of;

/* An arm with one value for each varied setting: the settings of its runs, except for the seed. */
typedef struct hth_variant {
    char arm[HTH_KEY_LENGTH];
    char *varied;                          /* a JSON object: {"optimiser.lr": "1e-4"} */
    hth_config *config;                    /* all settings of its runs, without the seed */
    hth_identity identity;                 /* includes defaults; points into config */
    char metric[32], loss[64], unit[32];   /* unit: unit of the loss */
    uint64_t update_steps, sequence_steps; /* as in hth_prospect */
} hth_variant;

typedef struct hth_plan {
    hth_compare_options options;
    uint64_t *seeds;
    size_t seed_count;
    hth_variant *variants;
    size_t count;
    hth_part_of part; /* of 0: all runs */
} hth_plan;

/* Whether a run belongs to the plan's part. Parts have the same number of runs, but for one, and each has first seeds
 * first. */
bool hth_plan_has(const hth_plan *plan, size_t variant, size_t seed);

/* Makes the plan. Every error that can be found in any run's settings is found here. */
hth_status hth_plan_make(const hth_config *config, hth_plan **out, hth_error *error);
void hth_plan_free(hth_plan *plan);

#endif
