/*
 * The T-maze (Bakker 2002): at the start a sign says left or right; a corridor follows, and at its end a junction,
 * where one turns. Actions: forward, left, right. The turn that the sign named pays 4, the other -0.1; both end the
 * episode. Whoever walks into a wall stays and pays 0.1. What is seen: sign left, sign right, corridor, junction.
 */
#include "worlds/world.h"

typedef struct maze_options {
    int64_t corridor, limit;
} maze_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(maze_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(corridor, .help = "steps from the sign to the junction", .fallback = "10",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(limit, .help = "an episode ends after so many steps; 0: three times what it needs",
           .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { FORWARD, LEFT, RIGHT, ACTIONS };
enum { SIGN_LEFT, SIGN_RIGHT, CORRIDOR, JUNCTION, INPUTS };

static hth_status maze_open(const hth_stream_context *context, void **state, hth_world_shape *shape,
                            hth_error *error) {
    const maze_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    *shape =
        (hth_world_shape){.inputs = INPUTS,
                          .actions = ACTIONS,
                          .memory = 1, /* the place: 0 at the sign, `corridor` at the junction */
                          .steps = (uint64_t)(o->limit ? o->limit : 3 * (o->corridor + 1)),
                          .ends_early = true};
    return HTH_OK;
}

static int sign_of(const hth_moment *at) {
    return hth_episode_draw(at, 0) < 0.5 ? LEFT : RIGHT;
}

static void maze_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const maze_options *o = at->state;
    const size_t end = (size_t)o->corridor, place = hth_world_whole(*memory, end + 1);
    if (place == 0) x[sign_of(at) == LEFT ? SIGN_LEFT : SIGN_RIGHT] = 1;
    if (place > 0) x[place == end ? JUNCTION : CORRIDOR] = 1;
}

static hth_status maze_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                           hth_error *error) {
    const maze_options *o = at->state;
    const size_t end = (size_t)o->corridor, place = hth_world_whole(*memory, end + 1);
    const bool turns = action != FORWARD, may_turn = place == end;
    (void)error;
    out->ends = turns && may_turn;
    if (out->ends)
        out->reward = (int)action == sign_of(at) ? 4 : -0.1;
    else if (turns == may_turn && !turns)
        *memory = (double)(place + 1);
    else
        out->reward = -0.1; /* a wall */
    return HTH_OK;
}

static const hth_world_kind t_maze = {.open = maze_open, .observe = maze_observe, .act = maze_act};

HTH_WORLD(t_maze, t_maze,
          .part = {.name = "t-maze",
                   .summary = "a sign at the start says where to turn at the end of a corridor",
                   .source = "Bakker 2002",
                   .options = {"world", table, HTH_COUNT(table)}});
