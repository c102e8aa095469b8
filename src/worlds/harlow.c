/*
 * Learning to learn (Harlow 1949; Wang et al. 2018): in each episode there are two objects that were never seen before,
 * and one of them, the same in all trials, is the right one. A trial has 5 steps: nothing but a sign; the two objects,
 * one on the left and one on the right, by chance, of which an action takes one; and three steps without anything. The
 * right object pays 1, the other -1. After the first trial one can know which it is.
 *
 * Objects are vectors of normal numbers, in place of pictures. What is seen: the sign, the left object, the right one.
 */
#include "worlds/world.h"

typedef struct harlow_options {
    int64_t trials, size;
} harlow_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(harlow_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(trials, .help = "trials of an episode", .fallback = "6", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e5),
    OPTION(size, .help = "numbers of an object", .fallback = "8", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1000),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { TRIAL = 5, SIGN = 0, CHOICE = 1 }; /* steps of a trial */
enum { LEFT, RIGHT };

static hth_status harlow_open(const hth_stream_context *context, void **state,
                              hth_world_shape *shape, hth_error *error) {
    const harlow_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    *shape = (hth_world_shape){.inputs = 1 + 2 * (size_t)o->size,
                               .actions = 2,
                               .steps = (uint64_t)(TRIAL * o->trials),
                               .knows_best = true};
    return HTH_OK;
}

/* On which side the right object, number 0, is. */
static size_t side_of(const hth_moment *at) {
    return hth_world_draw(at, 0) < 0.5 ? LEFT : RIGHT;
}

static void harlow_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const harlow_options *o = at->state;
    const size_t size = (size_t)o->size;
    (void)memory;
    x[0] = at->step % TRIAL == SIGN;
    if (at->step % TRIAL != CHOICE) return;
    for (size_t side = LEFT; side <= RIGHT; side++)
        for (size_t i = 0; i < size; i++) {
            const size_t object = side == side_of(at) ? 0 : 1;
            const uint64_t index = hth_world_index(at, 0, object * size + i);
            x[1 + side * size + i] = (hth_real)hth_random_normal(&at->random, index);
        }
}

static bool harlow_asks(const hth_moment *at, const double *memory) {
    (void)memory;
    return at->step % TRIAL == CHOICE;
}

static hth_status harlow_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                             hth_error *error) {
    (void)error;
    if (!harlow_asks(at, memory)) return HTH_OK;
    out->reward = action == side_of(at) ? 1 : -1;
    out->missed = 1 - out->reward;
    return HTH_OK;
}

static const hth_world_kind harlow = {
    .open = harlow_open, .observe = harlow_observe, .asks = harlow_asks, .act = harlow_act};

HTH_WORLD(harlow, harlow,
          .part = {.name = "harlow",
                   .summary = "which of two new objects is the right one, after one trial?",
                   .source = "Harlow 1949; Wang et al. 2018",
                   .options = {"world", table, HTH_COUNT(table)}});
