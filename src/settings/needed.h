/* What has to be typed to get the same settings again. */
#ifndef HTH_NEEDED_H
#define HTH_NEEDED_H

#include "base/options.h"

/* Those of the settings without which a run would be another one: a setting that says what its default, or the preset
 * of its learner, says anyway is left out, and so is what changes no result (threads, pictures, the sections check and
 * compare). train.seed stays. free() out->items; texts are those of `settings`. */
hth_status hth_settings_needed(const hth_settings *settings, hth_settings *out, hth_error *error);

#endif
