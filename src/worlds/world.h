/*
 * A world answers: at each step it shows what can be observed, takes an action and gives a reward. It knows nothing of
 * networks. Each world is a file of this folder and a name in the list of worlds.c; agent.c makes a stream of it.
 *
 * What a world remembers of an episode is a row of numbers, which the agent keeps, saves in checkpoints and hands to
 * each verb. A draw is a function of seed, split, item, episode, step and use, so that nothing else need be kept.
 */
#ifndef HTH_WORLD_H
#define HTH_WORLD_H

#include "base/random.h"
#include "tasks/stream.h"

/* What a world is like, as its settings say. */
typedef struct hth_world_shape {
    size_t inputs;   /* numbers that are observed at a step; may be 0 */
    size_t actions;  /* at least 2 */
    size_t memory;   /* numbers that the world remembers of an episode; may be 0 */
    uint64_t steps;  /* of the longest episode */
    bool ends_early; /* an episode may have fewer steps */
    bool knows_best; /* hth_reply.missed has a meaning */
} hth_world_shape;

/* Where an episode is. */
typedef struct hth_moment {
    const void *state; /* what open made */
    hth_random random; /* of the item */
    uint64_t episode, step;
    size_t item;
} hth_moment;

/* What the world says of an action; all 0 before the verb is called. */
typedef struct hth_reply {
    double reward;
    double
        missed; /* what the best action would have earned beyond this one, in expectation; at least 0 */
    bool ends; /* the episode has ended; after shape.steps steps it has in any case */
} hth_reply;

typedef struct hth_world_kind {
    /* Makes *state, the world's own settings (hth_world_read) and what else it needs, and fills *shape. After an error
     * *state is what `close` takes, or NULL. */
    hth_status (*open)(const hth_stream_context *context, void **state, hth_world_shape *shape,
                       hth_error *error);
    /* An episode begins; memory is all 0. NULL: nothing to do. */
    hth_status (*begin)(const hth_moment *at, double *memory, hth_error *error);
    /* Fills x[inputs], which is all 0, with what is to be seen before the action. Changes nothing. */
    void (*observe)(const hth_moment *at, const double *memory, hth_real *x);
    /* Whether an action counts at this step; NULL: always. Where it does not, the policy learns nothing. */
    bool (*asks)(const hth_moment *at, const double *memory);
    /* The action that is taken, below actions, whatever the policy would draw; NULL: the policy draws. */
    size_t (*taken)(const hth_moment *at, const double *memory);
    /* Takes an action, 0..actions-1. */
    hth_status (*act)(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                      hth_error *error);
    /* Initial values that the world brings along, as those of a stream (hth_stream_kind.given); NULL: none. */
    size_t (*given)(const void *state, hth_given *out, size_t capacity);
    void (*close)(void *state); /* NULL: the state is freed */
} hth_world_kind;

/* Reads the settings of a world into `size` bytes of its own, *state. HTH_INVALID, HTH_NO_MEMORY; *state is then NULL.
 * */
hth_status hth_world_read(const hth_stream_context *context, const hth_options *options,
                          size_t size, void **state, hth_error *error);

/* ---- Draws ---------------------------------------------------------------------------------- */

enum { HTH_WORLD_USES = 1 << 12 }; /* draws of a step: use is 0..HTH_WORLD_USES-1 */

static inline uint64_t hth_world_index(const hth_moment *at, uint64_t step, uint64_t use) {
    return (at->episode << 34) + step * HTH_WORLD_USES + use;
}
/* In [0, 1), of this step; of the whole episode. No two uses may be alike that are not to be the same number. */
static inline double hth_world_draw(const hth_moment *at, uint64_t use) {
    return hth_random_uniform(&at->random, hth_world_index(at, at->step + 1, use));
}
static inline double hth_episode_draw(const hth_moment *at, uint64_t use) {
    return hth_random_uniform(&at->random, hth_world_index(at, 0, use));
}
/* A whole number 0..bound-1 that the world keeps among its memory, whatever a file says of it. */
static inline size_t hth_world_whole(double kept, size_t bound) {
    return kept >= 0 && kept < (double)bound ? (size_t)kept : 0;
}

/* ---- The stream of a world (agent.c) --------------------------------------------------------- */

hth_status hth_agent_open(const hth_world_kind *world, const hth_stream_context *context,
                          void **state, hth_shape *shape, hth_error *error);
hth_status hth_agent_next(void *state, size_t max_steps, hth_chunk *chunk,
                          hth_position_flags *flags, hth_error *error);
size_t hth_agent_state(void *state, hth_field *fields, size_t capacity);
void hth_agent_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps);
size_t hth_agent_given(const void *state, hth_given *out, size_t capacity);
void hth_agent_close(void *state);
extern const hth_answers hth_agent_answers;

/* The table hth_world_<name> of a world; what follows is its .part. */
#define HTH_WORLD(name, world, ...)                                                                \
    static hth_status open_stream(const hth_stream_context *context, void **state,                 \
                                  hth_shape *shape, hth_error *error) {                            \
        return hth_agent_open(&(world), context, state, shape, error);                             \
    }                                                                                              \
    extern const hth_stream_kind hth_world_##name;                                                 \
    const hth_stream_kind hth_world_##name = {__VA_ARGS__,                                         \
                                              .open = open_stream,                                 \
                                              .next = hth_agent_next,                              \
                                              .state = hth_agent_state,                            \
                                              .extent = hth_agent_extent,                          \
                                              .given = hth_agent_given,                            \
                                              .close = hth_agent_close,                            \
                                              .answers = &hth_agent_answers}

#endif
