/* The worlds. To add one, write its file and its name in WORLDS. */
#include "worlds/world.h"

#define WORLDS(X)                                                                                  \
    X(bandit)                                                                                      \
    X(two_step) X(t_maze) X(cues) X(key_door) X(cart_pole) X(memory_chain) X(harlow) X(pipe)

#define DECLARE(name) extern const hth_stream_kind hth_world_##name;
WORLDS(DECLARE)

#define POINTER(name) &hth_world_##name,
static const hth_stream_kind *const worlds[] = {WORLDS(POINTER)};

const hth_stream_kind *hth_world_at(size_t index) {
    return worlds[index];
}

static const hth_part *part_at(size_t index) {
    return &worlds[index]->part;
}

const hth_catalogue hth_worlds = {
    .kind = "world",
    .summary = "worlds that answer to what a network does, with rewards",
    .key = "world.name",
    .optional = true,
    .common = {.section = "world", .items = NULL, .count = 0},
    .count = HTH_COUNT(worlds),
    .at = part_at,
};
