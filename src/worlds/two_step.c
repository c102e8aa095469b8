/*
 * The two-step task (Daw et al. 2011), in the form that Wang et al. 2016, section 3.2.2, gives to a network: of two
 * actions each leads to a place of its own in `common` of all trials, else to the other. One of the places pays 1 with
 * probability `pays`, the other with 1 - pays; before a trial they change roles with probability `swap`. What is seen
 * is the place that the last trial led to.
 *
 * An agent with a model of the task repeats an action that was rewarded after a common transition, and leaves one that
 * was rewarded after a rare one; an agent without does not ask which transition it was.
 */
#include "worlds/world.h"

typedef struct two_step_options {
    int64_t trials;
    double common, pays, swap;
} two_step_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(two_step_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(trials, .help = "trials of an episode, a step each", .fallback = "100",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e6),
    OPTION(common, .help = "probability of the common transition", .fallback = "0.8",
           .kind = HTH_KIND_REAL, .min = 0.5, .max = 1),
    OPTION(pays, .help = "probability that the better place pays; the other pays with 1 - pays",
           .fallback = "0.9", .kind = HTH_KIND_REAL, .min = 0.5, .max = 1),
    OPTION(swap, .help = "probability that the places change roles before a trial",
           .fallback = "0.025", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { BETTER, PLACE, NUMBERS };    /* memory: the better place; 1 + the place of the last trial */
enum { SWAPS, LEADS, PAYS, FIRST }; /* draws */

static hth_status two_step_open(const hth_stream_context *context, void **state,
                                hth_world_shape *shape, hth_error *error) {
    const two_step_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    *shape = (hth_world_shape){.inputs = 2,
                               .actions = 2,
                               .memory = NUMBERS,
                               .steps = (uint64_t)o->trials,
                               .knows_best = true};
    return HTH_OK;
}

static hth_status two_step_begin(const hth_moment *at, double *memory, hth_error *error) {
    (void)error;
    memory[BETTER] = hth_episode_draw(at, FIRST) < 0.5 ? 0 : 1;
    return HTH_OK;
}

static void two_step_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const size_t place = hth_world_whole(memory[PLACE], 3);
    (void)at;
    if (place > 0) x[place - 1] = 1;
}

static hth_status two_step_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                               hth_error *error) {
    const two_step_options *o = at->state;
    size_t better = hth_world_whole(memory[BETTER], 2);
    (void)error;
    if (at->step > 0 && hth_world_draw(at, SWAPS) < o->swap) better = 1 - better;
    /* Where the action leads, and what that pays. */
    const size_t place = hth_world_draw(at, LEADS) < o->common ? action : 1 - action;
    const double chance = place == better ? o->pays : 1 - o->pays;
    out->reward = hth_world_draw(at, PAYS) < chance ? 1 : 0;
    out->missed = action == better ? 0 : (2 * o->common - 1) * (2 * o->pays - 1);
    memory[BETTER] = (double)better;
    memory[PLACE] = (double)(place + 1);
    return HTH_OK;
}

static const hth_world_kind two_step = {.open = two_step_open,
                                        .begin = two_step_begin,
                                        .observe = two_step_observe,
                                        .act = two_step_act};

HTH_WORLD(two_step, two_step,
          .part = {.name = "two-step",
                   .summary = "actions lead to places, mostly, and places pay, mostly: which of "
                              "both is to be credited?",
                   .source = "Daw et al. 2011; Wang et al. 2016, section 3.2.2",
                   .options = {"world", table, HTH_COUNT(table)}});
