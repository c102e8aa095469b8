/*
 * A memory chain (Osband et al. 2020, bsuite memory_len): a bit is shown at the first step and asked for at the last.
 * The right action pays 1, the other -1; all steps between pay nothing. What is seen: the bit as +1 or -1, in the first
 * step; whether it is asked for; the part of the chain that is left.
 */
#include "worlds/world.h"

typedef struct chain_options {
    int64_t length;
} chain_options;

static const hth_option table[] = {
    {.name = "length",
     .help = "steps of the chain",
     .fallback = "20",
     .kind = HTH_KIND_INTEGER,
     .min = 2,
     .max = 1e6,
     .offset = offsetof(chain_options, length)},
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

enum { BIT, ASKED, LEFT, INPUTS };

static hth_status chain_open(const hth_stream_context *context, void **state,
                             hth_world_shape *shape, hth_error *error) {
    const chain_options *o;
    HTH_TRY(hth_world_read(context, &options, sizeof *o, state, error));
    o = *state;
    *shape = (hth_world_shape){
        .inputs = INPUTS, .actions = 2, .steps = (uint64_t)o->length, .knows_best = true};
    return HTH_OK;
}

static bool is_last(const hth_moment *at) {
    const chain_options *o = at->state;
    return at->step + 1 == (uint64_t)o->length;
}

static size_t bit_of(const hth_moment *at) {
    return hth_episode_draw(at, 0) < 0.5 ? 0 : 1;
}

static void chain_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const chain_options *o = at->state;
    (void)memory;
    if (at->step == 0) x[BIT] = bit_of(at) ? 1 : -1;
    x[ASKED] = is_last(at);
    x[LEFT] = (hth_real)(1 - (double)at->step / (double)o->length);
}

static hth_status chain_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                            hth_error *error) {
    (void)memory;
    (void)error;
    if (!is_last(at)) return HTH_OK;
    out->reward = action == bit_of(at) ? 1 : -1;
    out->missed = 1 - out->reward;
    return HTH_OK;
}

static const hth_world_kind memory_chain = {
    .open = chain_open, .observe = chain_observe, .act = chain_act};

HTH_WORLD(memory_chain, memory_chain,
          .part = {.name = "memory-chain",
                   .summary = "a bit is shown first and asked for last",
                   .source = "Osband et al. 2020, bsuite memory_len",
                   .options = {"world", table, HTH_COUNT(table)}});
