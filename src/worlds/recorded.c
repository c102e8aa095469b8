/*
 * A world in which all has happened: it shows what was seen, the actions are those that were taken, and the rewards are
 * those that came of them. So another program's losses and gradients can be held against ours on the same episodes, and
 * a network can learn from what others did (without a correction for their having drawn from another policy).
 *
 * The file is that of `data=arrays`, with two numbers of each step for targets:
 *
 *     inputs    (N, T, n)   what was seen
 *     targets   (N, T, 2)   the action, 0, 1, ..., or -1 where none counted, and the reward
 *     lengths   (N)         optional: the steps of each episode
 *     w_in, w_rec, ...      optional: initial values of the network
 *
 * Item b of a batch of B begins with episode b and goes on with b + B, b + 2 B, ..., again and again.
 */
#include "worlds/agent.h"
#include "worlds/shelf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct recorded_options {
    const char *file;
    int64_t actions;
} recorded_options;

static const hth_option table[] = {
    {.name = "file",
     .help = "an .npz file, or a folder of .npy files, with inputs, and with an action and a "
             "reward of each step as targets (docs/worlds.md)",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(recorded_options, file)},
    {.name = "actions",
     .help = "actions; 0: the largest that was taken, plus 1",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(recorded_options, actions)},
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

typedef struct recorded {
    hth_shelf episodes;
    size_t batch;
} recorded;

enum { ACTION, REWARD, COLUMNS }; /* of targets */

static void recorded_close(void *state) {
    recorded *r = state;
    if (!r) return;
    hth_shelf_clear(&r->episodes);
    free(r);
}

/* ---- Opening ---------------------------------------------------------------------------------- */

/* Checks that a step's action is a whole number below `most`, or none, and that the step has no weight of its own. */
static hth_status check_step(const hth_shelf *s, size_t step, double most, const char *where,
                             hth_error *error) {
    const double a = (double)s->targets[step * COLUMNS + ACTION];
    if (s->weights && s->weights[step] != 1)
        return hth_fail(error, HTH_INVALID,
                        "%s: mask must be 1 at every step of an episode: an action that did not "
                        "count is -1 in targets",
                        where);
    if (a >= HTH_NO_ACTION && a < most && a == floor(a)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: the first target is %g, but must be an action, a whole number from 0 to "
                    "%.0f, or -1 where no action counted",
                    where, a, most - 1);
}

/* Checks all steps, and finds how many actions there are where *actions is 0. */
static hth_status check_steps(const hth_shelf *s, const char *file, int64_t *actions,
                              hth_error *error) {
    const double most = *actions ? (double)*actions : 1e6;
    double largest = 1;
    for (size_t i = 0; i < s->count; i++)
        for (size_t t = s->first[i]; t < s->first[i + 1]; t++) {
            const double a = (double)s->targets[t * COLUMNS + ACTION];
            char where[280];
            snprintf(where, sizeof where, "%.200s, episode %zu, step %zu", file, i,
                     t - s->first[i]);
            HTH_TRY(check_step(s, t, most, where, error));
            if (a > largest) largest = a;
        }
    if (!*actions) *actions = (int64_t)largest + 1;
    return HTH_OK;
}

static hth_status read_episodes(const recorded_options *o, const hth_stream_context *context,
                                hth_shelf *out, hth_error *error) {
    const hth_setting items[] = {{"data.file", o->file, NULL}, {"data.shuffle", "false", NULL}};
    const hth_settings of_data = {items, HTH_COUNT(items)};
    /* Of validation and test the episodes are the same. */
    const hth_stream_context reading = {&of_data, HTH_TRAIN, 1, context->seed};
    HTH_TRY(hth_shelf_fill("arrays", &reading, out, error));
    if (out->targets && out->shape.outputs == COLUMNS) return HTH_OK;
    hth_shelf_clear(out);
    return hth_fail(error, HTH_INVALID,
                    "%.200s: targets must have two numbers for each step, (N, T, 2): the action "
                    "and the reward",
                    o->file);
}

static hth_status recorded_open(const hth_stream_context *context, void **state,
                                hth_world_shape *shape, hth_error *error) {
    recorded_options o;
    HTH_TRY(hth_options_read(&options, context->settings, &o, error));
    recorded *r = calloc(1, sizeof *r);
    if (!r) return hth_fail(error, HTH_NO_MEMORY, "world recorded: not enough memory");
    r->batch = context->batch;
    hth_status status = read_episodes(&o, context, &r->episodes, error);
    if (status == HTH_OK) status = check_steps(&r->episodes, o.file, &o.actions, error);
    if (status != HTH_OK) {
        recorded_close(r);
        return status;
    }
    *state = r;
    *shape = (hth_world_shape){.inputs = r->episodes.shape.inputs,
                               .actions = (size_t)o.actions,
                               .steps = hth_shelf_longest(&r->episodes),
                               .ends_early = true};
    return HTH_OK;
}

/* ---- The verbs -------------------------------------------------------------------------------- */

/* The step among all steps; *last: it is the last of its episode. */
static size_t step_of(const hth_moment *at, bool *last) {
    const recorded *r = at->state;
    const hth_shelf *s = &r->episodes;
    const size_t episode = (size_t)((at->episode * r->batch + at->item) % s->count);
    const size_t first = s->first[episode], end = s->first[episode + 1];
    *last = at->step + 1 >= end - first;
    return *last ? end - 1 : first + (size_t)at->step;
}

static void recorded_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const hth_shelf *s = &((const recorded *)at->state)->episodes;
    bool last;
    const size_t step = step_of(at, &last);
    (void)memory;
    for (size_t i = 0; i < s->shape.inputs; i++) x[i] = s->x[step * s->shape.inputs + i];
}

/* The action of the step, or HTH_NO_ACTION. */
static int32_t action_at(const hth_moment *at) {
    const hth_shelf *s = &((const recorded *)at->state)->episodes;
    bool last;
    return (int32_t)s->targets[step_of(at, &last) * COLUMNS + ACTION];
}

static bool recorded_asks(const hth_moment *at, const double *memory) {
    (void)memory;
    return action_at(at) != HTH_NO_ACTION;
}

static size_t recorded_taken(const hth_moment *at, const double *memory) {
    (void)memory;
    return action_at(at) != HTH_NO_ACTION ? (size_t)action_at(at) : 0;
}

static hth_status recorded_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                               hth_error *error) {
    const hth_shelf *s = &((const recorded *)at->state)->episodes;
    const size_t step = step_of(at, &out->ends);
    (void)memory;
    (void)action;
    (void)error;
    out->reward = (double)s->targets[step * COLUMNS + REWARD];
    return HTH_OK;
}

static size_t recorded_given(const void *state, hth_given *out, size_t capacity) {
    const hth_shelf *s = &((const recorded *)state)->episodes;
    return s->kind->given ? s->kind->given(s->stream, out, capacity) : 0;
}

static const hth_world_kind recorded_world = {.open = recorded_open,
                                              .observe = recorded_observe,
                                              .asks = recorded_asks,
                                              .taken = recorded_taken,
                                              .act = recorded_act,
                                              .given = recorded_given,
                                              .close = recorded_close};

HTH_WORLD(recorded, recorded_world,
          .part = {.name = "recorded",
                   .summary = "episodes from arrays: what was seen, the actions taken, the rewards",
                   .source = "docs/worlds.md",
                   .options = {"world", table, HTH_COUNT(table)}});
