/* A sample of all that has come: each of N is in the memory with probability M/N, whenever it came. */
#include "tasks/replay/part.h"

static const hth_option options[] = {HTH_REPLAY_OPTIONS};

static int64_t place(hth_replay_slots *s, int32_t class) {
    (void)class;
    return hth_replay_sample(s);
}

const hth_replay hth_replay_reservoir = {
    .part = {.name = "reservoir",
             .summary = "the memory is a sample of all sequences that have come, each as likely",
             .source = "Vitter 1985, algorithm R",
             .options = {"replay", options, HTH_COUNT(options)}},
    .place = place,
};
