/* Nothing is kept, and nothing replayed. */
#include "tasks/replay/part.h"

const hth_replay hth_replay_none = {
    .part = {.name = "none", .summary = "nothing is replayed"},
};
