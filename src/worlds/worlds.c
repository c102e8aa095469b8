/* The worlds. To add one, write its file and its name in WORLDS. */
#include "worlds/agent.h"

#include <stdio.h>

#define WORLDS(X)                                                                                  \
    X(bandit)                                                                                      \
    X(two_step)                                                                                    \
    X(t_maze)                                                                                      \
    X(cues) X(key_door) X(cart_pole) X(memory_chain) X(harlow) X(glimpse) X(recorded) X(pipe)

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

void hth_world_size(size_t index, char *out, size_t size) {
    const hth_settings none = {NULL, 0};
    const hth_stream_context context = {&none, HTH_TRAIN, 1, 1};
    void *state = NULL;
    hth_shape shape;
    *out = 0;
    if (worlds[index]->open(&context, &state, &shape, NULL) != HTH_OK) return;
    const hth_world_shape *is = &((const hth_agent *)state)->shape;
    snprintf(out, size, "%zu actions, %zu numbers seen, %s%llu steps", is->actions, is->inputs,
             is->ends_early ? "up to " : "", (unsigned long long)is->steps);
    worlds[index]->close(state);
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
