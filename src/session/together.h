/*
 * The training streams of all phases as one (phases.joint): their batches take turns, a whole sequence of each. What a
 * network learns of them together bounds what it can keep when it learns them one after the other.
 */
#ifndef HTH_TOGETHER_H
#define HTH_TOGETHER_H

#include "session/source.h"

/* Whether the settings, which have phases, ask for it. */
bool hth_together_wanted(const hth_settings *settings);
/* Opens the streams of all phases for training. An epoch is over when that of the longest is; shorter ones begin anew.
 * HTH_INVALID for worlds and for sequences without an end; errors are those of hth_source_open. */
hth_status hth_together_open(const hth_settings *settings, size_t batch, uint64_t seed,
                             hth_source *out, hth_error *error);

#endif
