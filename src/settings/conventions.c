/*
 * Conventions of papers and programs about e-prop on spiking networks. Each is a named bundle of settings of other
 * sections; the user's own settings win over them. docs/conventions.md shows the table below, with the source of
 * each value and its effect on results. A test compares the page with the table.
 *
 *     bellec2019   the equations of Bellec et al. 2019, with misprints corrected
 *     bellec2020   the authors' framewise code of 2020 (eligibility_propagation, Figure_2_TIMIT)
 *     nest         NEST's models *_bsshslm_2020
 */
#include "settings/config.h"

#include <string.h>

enum { BELLEC_2019, BELLEC_2020, NEST, BUNDLES };

static const hth_part bundles[BUNDLES] = {
    {.name = "bellec2019",
     .summary = "the equations of the paper: gain 1 everywhere, losses and trials summed",
     .source = "Bellec et al. 2019"},
    {.name = "bellec2020",
     .summary = "the authors' framewise code: losses averaged over frames and sequences",
     .source = "code of Bellec et al. 2020: eligibility_propagation, Figure_2_TIMIT"},
    {.name = "nest",
     .summary = "NEST's e-prop models: filters of gain 1 - decay, rates of each trial alone",
     .source = "NEST, models *_bsshslm_2020 (docs/conventions.md)"},
};

static const char *const origins[BUNDLES] = {"conventions bellec2019", "conventions bellec2020",
                                             "conventions nest"};

/* A setting and its value in each bundle; NULL: the bundle does not set it. */
typedef struct convention {
    const char *key, *values[BUNDLES];
} convention;

static const convention table[] = {
    {"cell.scale_input", {"false", "false", "true"}},
    {"cell.threshold_at", {"above", "above", "at-or-above"}},
    {"cell.scale_by_threshold", {"true", "true", "true"}},
    {"cell.refractory_rule", {"interval", "interval", "interval"}},
    {"cell.reset_gradient", {"true", "true", "false"}},
    {"readout.scale", {"false", "false", "true"}},
    {"readout.bias", {"true", "true", "false"}},
    {"readout.bias_place", {"inside", "outside", NULL}},
    {"loss.batch", {"sum", "mean", "mean"}},
    {"loss.time", {"sum", "window", "sum"}},
    {"regulariser.rate_form", {"half-sum", "sum", "nest"}},
    {"learner.scale_trace", {"derivative", "derivative", "derivative"}},
    {"learner.scale_filtered", {"derivative", "derivative", "leak"}},
    {"learner.feedback_variance", {"units", "1", "units"}},
    {"optimiser.epsilon_hat", {"true", "true", "true"}},
};

_Static_assert((int)HTH_COUNT(table) <= (int)HTH_MOST_CONVENTIONS, "a config has room for all");

size_t hth_conventions_of(const char *name, hth_setting out[HTH_MOST_CONVENTIONS]) {
    size_t bundle = 0, count = 0;
    while (bundle < BUNDLES && strcmp(bundles[bundle].name, name) != 0) bundle++;
    for (size_t i = 0; bundle < BUNDLES && i < HTH_COUNT(table); i++)
        if (table[i].values[bundle])
            out[count++] = (hth_setting){table[i].key, table[i].values[bundle], origins[bundle]};
    return count;
}

static const hth_part *part_at(size_t index) {
    return &bundles[index];
}

const hth_catalogue hth_conventions = {
    .kind = "conventions",
    .summary = "Whose conventions of e-prop hold where you set nothing else (docs/conventions.md).",
    .key = "conventions.name",
    .fallback = NULL, /* none: every setting has its own default */
    .count = HTH_COUNT(bundles),
    .at = part_at,
};
