/* The catalogues of the learner: presets and the four axes. */
#ifndef HTH_CREDIT_CATALOGUES_H
#define HTH_CREDIT_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_learners; /* learner.name (presets) and learner.* */
extern const hth_catalogue hth_signals, hth_recurrences, hth_pasts, hth_futures;

/* The part of an axis that settings choose, by name or by preset. NULL: the catalogue is no axis, or a name
 * is unknown. */
const hth_part *hth_axis_chosen(const hth_catalogue *axis, const hth_settings *settings);

/* What the chosen preset says of a key "learner.x", or NULL. */
const char *hth_preset_says(const hth_settings *settings, const char *key);

#endif
