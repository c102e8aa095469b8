/* The catalogues of the learner: presets and the four axes. */
#ifndef HTH_CREDIT_CATALOGUES_H
#define HTH_CREDIT_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_learners; /* learner.name (presets) and learner.* */
extern const hth_catalogue hth_signals, hth_recurrences, hth_pasts, hth_futures;

/* What the chosen preset says of a key "learner.x", or NULL. */
const char *hth_preset_says(const hth_settings *settings, const char *key);

#endif
