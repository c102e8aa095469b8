/*
 * A sample of all that has come (Vitter 1985, algorithm R): the sequence that comes after i others is kept as long as
 * there is room, and else with probability M/(i + 1), in the place of any of the M that are held. So each of N is in
 * the memory with probability M/N, whenever it came.
 */
#include "tasks/replay/part.h"

static const hth_option options[] = {HTH_REPLAY_OPTIONS};

static int64_t place(hth_replay_slots *s, int32_t class) {
    (void)class;
    if (s->held < s->size) return (int64_t)s->held;
    const uint64_t slot = hth_replay_below(s, HTH_REPLAY_KEEPS, s->arrivals, s->arrivals + 1);
    return slot < s->size ? (int64_t)slot : HTH_NOT_KEPT;
}

const hth_replay hth_replay_reservoir = {
    .part = {.name = "reservoir",
             .summary = "the memory is a sample of all sequences that have come, each as likely",
             .source = "Vitter 1985, algorithm R",
             .options = {"replay", options, HTH_COUNT(options)}},
    .place = place,
};
