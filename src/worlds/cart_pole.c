/*
 * The cart and pole (Barto, Sutton & Anderson 1983), with the constants of Gym's CartPole: a pole of 1 m and 0.1 kg on
 * a cart of 1 kg, which a force of 10 N pushes left or right for 20 ms at a time, integrated by Euler's rule. Each step
 * pays 1. An episode ends when the pole leans more than 12 degrees, the cart has left +-2.4 m, or the time is over.
 *
 * What is seen: the cart's place and the pole's angle, each from -1 to 1. Their velocities are hidden, unless
 * world.velocities, so that a network must keep the last places to know them.
 */
#include "base/functions64.h"
#include "worlds/world.h"

typedef struct cart_options {
    int64_t steps;
    bool velocities;
} cart_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(cart_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(steps, .help = "an episode ends after so many steps", .fallback = "200",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e6),
    OPTION(velocities, .help = "whether the velocities of cart and pole are seen, too",
           .fallback = "false", .kind = HTH_KIND_BOOL),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { PLACE, SPEED, ANGLE, TURN, NUMBERS };
static const double most_place = 2.4, most_angle = 0.20943951023931953; /* m, 12 degrees */

static hth_status cart_open(const hth_stream_context *context, void **state, hth_world_shape *shape,
                            hth_error *error) {
    const cart_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    *shape = (hth_world_shape){.inputs = o->velocities ? 4 : 2,
                               .actions = 2,
                               .memory = NUMBERS,
                               .steps = (uint64_t)o->steps,
                               .ends_early = true};
    return HTH_OK;
}

static hth_status cart_begin(const hth_moment *at, double *s, hth_error *error) {
    (void)error;
    for (size_t i = 0; i < NUMBERS; i++) s[i] = 0.1 * hth_episode_draw(at, i) - 0.05;
    return HTH_OK;
}

/* Within -3 to 3, whatever a file says. */
static hth_real bounded(double x) {
    return (hth_real)(x > 3 ? 3 : x > -3 ? x : -3);
}

static void cart_observe(const hth_moment *at, const double *s, hth_real *x) {
    const cart_options *o = at->state;
    x[0] = bounded(s[PLACE] / most_place);
    x[1] = bounded(s[ANGLE] / most_angle);
    if (!o->velocities) return;
    x[2] = bounded(s[SPEED]);
    x[3] = bounded(s[TURN]);
}

static hth_status cart_act(const hth_moment *at, double *s, size_t action, hth_reply *out,
                           hth_error *error) {
    const double gravity = 9.8, pole = 0.1, total = 1.1, half = 0.5, dt = 0.02;
    double cosine, sine;
    hth_turn64(s[ANGLE] / 6.283185307179586, &cosine, &sine);
    (void)at;
    (void)error;
    /* Accelerations (Florian 2007, eqs. 23 and 24, without friction). */
    const double push = (action ? 10 : -10) + pole * half * s[TURN] * s[TURN] * sine;
    const double spin = (gravity * sine - cosine * push / total) /
                        (half * (4.0 / 3 - pole * cosine * cosine / total));
    const double rush = (push - pole * half * spin * cosine) / total;
    s[PLACE] += dt * s[SPEED];
    s[SPEED] += dt * rush;
    s[ANGLE] += dt * s[TURN];
    s[TURN] += dt * spin;
    out->reward = 1;
    out->ends = !(s[PLACE] >= -most_place && s[PLACE] <= most_place && s[ANGLE] >= -most_angle &&
                  s[ANGLE] <= most_angle);
    return HTH_OK;
}

static const hth_world_kind cart_pole = {
    .open = cart_open, .begin = cart_begin, .observe = cart_observe, .act = cart_act};

HTH_WORLD(cart_pole, cart_pole,
          .part = {.name = "cart-pole",
                   .summary = "balance a pole on a cart whose velocities are hidden",
                   .source = "Barto, Sutton & Anderson 1983; Gym's CartPole",
                   .options = {"world", table, HTH_COUNT(table)}});
