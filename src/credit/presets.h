/* A preset is a name for a choice on the four axes. */
#ifndef HTH_PRESETS_H
#define HTH_PRESETS_H

#include "base/options.h"

typedef struct hth_preset {
    hth_part part;
    const char *signal, *recurrence, *past, *future;
} hth_preset;

const hth_preset *hth_preset_at(size_t index);

#endif
