/* Turns settings into a list of runs. */
#ifndef HTH_COMPARE_PLAN_H
#define HTH_COMPARE_PLAN_H

#include "settings/config.h"
#include "settings/identity.h"
#include "settings/sections.h"

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
} hth_plan;

/* Makes the plan. Every error that can be found in any run's settings is found here. */
hth_status hth_plan_make(const hth_config *config, hth_plan **out, hth_error *error);
void hth_plan_free(hth_plan *plan);

#endif
