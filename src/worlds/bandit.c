/*
 * A bandit with A arms (Wang et al. 2016, section 3.1). Each pull of arm a pays 1 with probability p_a, else 0. In each
 * episode the arms are others:
 *
 *     independent   p_a uniform in [0, 1)
 *     correlated    two arms, p_1 uniform, p_2 = 1 - p_1
 *     easy, medium, hard   two arms, .9 and .1, .75 and .25, .6 and .4, in either order
 *     restless      p_a uniform, then a random walk: p_a + drift N(0, 1) after each pull, reflected at 0 and 1
 *
 * There is nothing to see but the last action and its reward: what can be known of the arms is in the network's state.
 * Regret counts max p - p_a. Of 2 independent arms and 100 pulls the Bayes optimum has 1.75, Thompson sampling 2.77 and
 * a random policy 16.7.
 */
#include "worlds/world.h"

enum { INDEPENDENT, CORRELATED, EASY, MEDIUM, HARD, RESTLESS };

typedef struct bandit_options {
    int64_t arms, pulls;
    int kind;
    double drift;
} bandit_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(bandit_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(arms, .help = "arms", .fallback = "2", .kind = HTH_KIND_INTEGER, .min = 2, .max = 255),
    OPTION(pulls, .help = "pulls of an episode", .fallback = "100", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e6),
    OPTION(kind, .help = "how the probabilities of an episode are drawn", .fallback = "independent",
           .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"independent", "correlated", "easy", "medium", "hard",
                                            "restless", NULL}),
    OPTION(drift, .help = "restless: standard deviation of what a pull changes", .fallback = "0.1",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

static hth_status bandit_open(const hth_stream_context *context, void **state,
                              hth_world_shape *shape, hth_error *error) {
    const bandit_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    if (o->arms != 2 && o->kind != INDEPENDENT && o->kind != RESTLESS)
        return hth_fail(error, HTH_INVALID,
                        "world.arms is %lld, but world.kind %s has 2: take independent or restless",
                        (long long)o->arms, table[2].choices[o->kind]);
    *shape = (hth_world_shape){.actions = (size_t)o->arms,
                               .memory = (size_t)o->arms, /* p */
                               .steps = (uint64_t)o->pulls,
                               .knows_best = true};
    return HTH_OK;
}

static hth_status bandit_begin(const hth_moment *at, double *p, hth_error *error) {
    static const double known[] = {[EASY] = 0.9, [MEDIUM] = 0.75, [HARD] = 0.6};
    const bandit_options *o = at->state;
    (void)error;
    for (size_t a = 0; a < (size_t)o->arms; a++) p[a] = hth_episode_draw(at, a);
    if (o->kind >= EASY && o->kind <= HARD) p[0] = p[0] < 0.5 ? known[o->kind] : 1 - known[o->kind];
    if (o->kind >= CORRELATED && o->kind <= HARD) p[1] = 1 - p[0];
    return HTH_OK;
}

static void bandit_observe(const hth_moment *at, const double *p, hth_real *x) {
    (void)at;
    (void)p;
    (void)x;
}

static double reflected(double p) {
    p = p < 0 ? -p : p;
    p = p > 1 ? 2 - p : p;
    return p >= 0 && p <= 1 ? p : 0.5;
}

static hth_status bandit_act(const hth_moment *at, double *p, size_t action, hth_reply *out,
                             hth_error *error) {
    const bandit_options *o = at->state;
    const size_t arms = (size_t)o->arms;
    double best = p[0];
    (void)error;
    for (size_t a = 1; a < arms; a++) best = p[a] > best ? p[a] : best;
    out->reward = hth_world_draw(at, 0) < p[action] ? 1 : 0;
    out->missed = best - p[action];
    if (o->kind != RESTLESS) return HTH_OK;
    for (size_t a = 0; a < arms; a++) {
        const uint64_t index = hth_world_index(at, at->step + 1, 1 + a);
        p[a] = reflected(p[a] + o->drift * hth_random_normal(&at->random, index));
    }
    return HTH_OK;
}

static const hth_world_kind bandit = {
    .open = bandit_open, .begin = bandit_begin, .observe = bandit_observe, .act = bandit_act};

HTH_WORLD(bandit, bandit,
          .part = {.name = "bandit",
                   .summary = "arms that pay with probabilities of their own, other ones in each "
                              "episode",
                   .source = "Wang et al. 2016, section 3.1",
                   .options = {"world", table, HTH_COUNT(table)}});
