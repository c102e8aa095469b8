/* The settings that must be typed to get the same run again. */
#ifndef HTH_NEEDED_H
#define HTH_NEEDED_H

#include "base/options.h"

/* The settings without which the run would be another one. Left out are settings that repeat their default or their
 * learner's preset, and those that change no result (threads, pictures, the sections check and compare). train.seed
 * stays. free() out->items; texts belong to `settings`. */
hth_status hth_settings_needed(const hth_settings *settings, hth_settings *out, hth_error *error);

#endif
