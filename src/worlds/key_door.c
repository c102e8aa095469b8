/*
 * Key and door, the smallest form of the task of Hung et al. 2019: at step 0 action 1 takes a key. In each of `delay`
 * steps that follow one of three colours is shown, and the action that names it earns 3 or 0.3, one of both for the
 * whole episode. In the last step action 2 opens the door, which pays 10 to whoever has the key.
 *
 * How many rewards lie between taking the key and what it is good for decides how hard it is to learn by correlation.
 * What is seen: which of the three phases it is, and the colour.
 */
#include "worlds/world.h"

typedef struct key_options {
    int64_t delay;
} key_options;

static const hth_option table[] = {
    {.name = "delay",
     .help = "steps between the key and the door",
     .fallback = "30",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(key_options, delay)},
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { KEY, COLOURS, DOOR, PHASES, ACTIONS = 3, TAKE = 1, OPEN = 2, PRIZE = 10 };
enum { DRAW_COLOUR, DRAW_PAY };

static hth_status key_open(const hth_stream_context *context, void **state, hth_world_shape *shape,
                           hth_error *error) {
    const key_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    *shape = (hth_world_shape){.inputs = PHASES + ACTIONS,
                               .actions = ACTIONS,
                               .memory = 1, /* whether the key was taken */
                               .steps = (uint64_t)o->delay + 2,
                               .knows_best = true};
    return HTH_OK;
}

static size_t phase_of(const hth_moment *at) {
    const key_options *o = at->state;
    if (at->step == 0) return KEY;
    return at->step <= (uint64_t)o->delay ? COLOURS : DOOR;
}

static size_t colour_of(const hth_moment *at) {
    return (size_t)(hth_world_draw(at, DRAW_COLOUR) * ACTIONS);
}

static void key_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const size_t phase = phase_of(at);
    (void)memory;
    x[phase] = 1;
    if (phase == COLOURS) x[PHASES + colour_of(at)] = 1;
}

static hth_status key_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                          hth_error *error) {
    const size_t phase = phase_of(at), named = phase == COLOURS ? colour_of(at) : OPEN;
    double most = 0; /* what the best action earns; without the key the door pays nothing */
    (void)error;
    if (phase == COLOURS) most = hth_episode_draw(at, DRAW_PAY) < 0.5 ? 3 : 0.3;
    if (phase == DOOR && *memory > 0) most = PRIZE;
    if (action == named && phase != KEY) out->reward = most;
    out->missed = most - out->reward;
    /* The key, or what is missed without it. */
    if (phase != KEY) return HTH_OK;
    *memory = action == TAKE;
    out->missed = action == TAKE ? 0 : PRIZE;
    return HTH_OK;
}

static const hth_world_kind key_door = {.open = key_open, .observe = key_observe, .act = key_act};

HTH_WORLD(key_door, key_door,
          .part = {.name = "key-door",
                   .summary = "what was done first pays last, with other rewards in between",
                   .source = "after Hung et al. 2019, Key-to-Door",
                   .options = {"world", table, HTH_COUNT(table)}});
