/*
 * Evidence accumulation (Morcos & Harvey 2016; Bellec et al. 2020, Fig. 4): while a mouse runs along a track it sees an
 * odd number of cues, each on the left or on the right, then waits, and must then turn to the side with more of them.
 * The delay differs from episode to episode. Only the last step of the decision window is an action, and pays 1 or -1.
 * As in the code of the paper an episode leans to one side: each cue is there with probability `lean`.
 *
 * Inputs are the spikes of four groups of neurons: for cues on the left, on the right, for the decision window, and
 * noise.
 */
#include "worlds/world.h"

typedef struct cues_options {
    int64_t cues, group;
    double dt, lean, cue, gap, least_delay, most_delay, window, rate, noise;
} cues_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(cues_options, field), __VA_ARGS__ }
#define DURATION(field, text, value)                                                               \
    OPTION(field, .help = text, .fallback = value, .kind = HTH_KIND_REAL, .min = 0, .max = 1e6)

static const hth_option table[] = {
    OPTION(cues, .help = "cues of an episode, an odd number", .fallback = "7",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 999),
    OPTION(dt, .help = "milliseconds of a step", .fallback = "1", .kind = HTH_KIND_REAL,
           .min = 1e-3, .max = 1e3),
    OPTION(lean,
           .help = "probability that a cue is on the side that its episode leans to; 0.5: none is "
                   "leant to, and the two sides differ by a single cue more often",
           .fallback = "0.7", .kind = HTH_KIND_REAL, .min = 0.5, .max = 1),
    DURATION(cue, "milliseconds of a cue", "100"),
    DURATION(gap, "milliseconds between cues", "50"),
    DURATION(least_delay, "least milliseconds from the last cue to the decision", "500"),
    DURATION(most_delay, "most milliseconds from the last cue to the decision", "1500"),
    DURATION(window, "milliseconds of the decision window", "150"),
    OPTION(group, .help = "input neurons of each of the four groups", .fallback = "10",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1000),
    OPTION(rate, .help = "of a neuron whose group fires, in Hz", .fallback = "40",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(noise, .help = "of a neuron of the noise, in Hz", .fallback = "10",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { LEFT, RIGHT, DECIDE, NOISE, GROUPS };

/* Times of an episode, in steps. */
typedef struct times {
    uint64_t cue, period, cues_end, decision, end;
} times;

static uint64_t steps_of(const cues_options *o, double milliseconds) {
    return (uint64_t)(milliseconds / o->dt + 0.5);
}

/* delay: 0 to 1, from the least to the most. */
static times times_of(const cues_options *o, double delay) {
    times t = {.cue = steps_of(o, o->cue), .period = steps_of(o, o->cue) + steps_of(o, o->gap)};
    const double wait = o->least_delay + delay * (o->most_delay - o->least_delay);
    t.cues_end = (uint64_t)o->cues * t.period;
    t.decision = t.cues_end + steps_of(o, wait);
    t.end = t.decision + steps_of(o, o->window);
    if (t.end == t.decision) t.end++;
    return t;
}

static hth_status check(const cues_options *o, hth_error *error) {
    if (o->cues % 2 == 0)
        return hth_fail(error, HTH_INVALID,
                        "world.cues is %lld, but there may be no draw: it must be odd",
                        (long long)o->cues);
    if (o->least_delay > o->most_delay)
        return hth_fail(error, HTH_INVALID, "world.least_delay is %g, but most_delay %g",
                        o->least_delay, o->most_delay);
    if (steps_of(o, o->cue) == 0)
        return hth_fail(error, HTH_INVALID, "world.cue is %g ms: a cue must be a step at least",
                        o->cue);
    return HTH_OK;
}

static hth_status cues_open(const hth_stream_context *context, void **state, hth_world_shape *shape,
                            hth_error *error) {
    const cues_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    HTH_TRY(check(o, error));
    *shape = (hth_world_shape){.inputs = GROUPS * (size_t)o->group,
                               .actions = 2,
                               .steps = times_of(o, 1).end,
                               .ends_early = o->least_delay < o->most_delay,
                               .knows_best = true};
    return HTH_OK;
}

/* Draws of an episode: the delay, the side of each cue, and the side that it leans to. */
static times times_now(const hth_moment *at) {
    return times_of(at->state, hth_episode_draw(at, 0));
}

static size_t side_of(const hth_moment *at, uint64_t cue) {
    const cues_options *o = at->state;
    const double left = hth_episode_draw(at, 1 + (uint64_t)o->cues) < 0.5 ? o->lean : 1 - o->lean;
    return hth_episode_draw(at, 1 + cue) < left ? LEFT : RIGHT;
}

static void fire(const hth_moment *at, size_t group, double rate, hth_real *x) {
    const cues_options *o = at->state;
    const size_t count = (size_t)o->group;
    for (size_t i = group * count; i < (group + 1) * count; i++)
        x[i] = hth_world_draw(at, i) < rate * o->dt / 1000 ? 1 : 0;
}

static void cues_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const cues_options *o = at->state;
    const times t = times_now(at);
    (void)memory;
    if (at->step < t.cues_end && at->step % t.period < t.cue)
        fire(at, side_of(at, at->step / t.period), o->rate, x);
    if (at->step >= t.decision) fire(at, DECIDE, o->rate, x);
    fire(at, NOISE, o->noise, x);
}

static bool cues_asks(const hth_moment *at, const double *memory) {
    (void)memory;
    return at->step + 1 == times_now(at).end;
}

static hth_status cues_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                           hth_error *error) {
    const cues_options *o = at->state;
    int64_t right = 0;
    (void)error;
    if (!cues_asks(at, memory)) return HTH_OK;
    for (int64_t i = 0; i < o->cues; i++) right += side_of(at, (uint64_t)i) == RIGHT;
    const bool is_right = action == (2 * right > o->cues ? RIGHT : LEFT);
    *out = (hth_reply){.reward = is_right ? 1 : -1, .missed = is_right ? 0 : 2, .ends = true};
    return HTH_OK;
}

static const hth_world_kind cues = {
    .open = cues_open, .observe = cues_observe, .asks = cues_asks, .act = cues_act};

HTH_WORLD(cues, cues,
          .part = {.name = "cues",
                   .summary = "spikes tell of cues on the left and on the right; after a delay, "
                              "which were more?",
                   .source = "Morcos & Harvey 2016; Bellec et al. 2020, Fig. 4",
                   .options = {"world", table, HTH_COUNT(table)}});
