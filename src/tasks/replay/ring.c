/* The last sequences that have come: each takes the place of the oldest. */
#include "tasks/replay/part.h"

static const hth_option options[] = {HTH_REPLAY_OPTIONS};

static int64_t place(hth_replay_slots *s, int32_t class) {
    (void)class;
    return (int64_t)(s->arrivals % s->size);
}

const hth_replay hth_replay_ring = {
    .part = {.name = "ring",
             .summary = "the memory holds the last sequences that have come",
             .source = "Lin 1992; Mnih et al. 2015",
             .options = {"replay", options, HTH_COUNT(options)}},
    .place = place,
};
