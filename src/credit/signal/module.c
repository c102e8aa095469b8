/*
 * Learning signals from a module, another network or any program (e-prop 2: Bellec et al. 2019, eqs. 58-60): q_t is
 * what the caller gives for the step (hth_learner_signals), whatever the readout's error is. The readout itself still
 * learns from its error. There is no filter on the way: a trace that follows the readout's filter is not needed.
 *
 * The module of e-prop 2 and its training stand in credit/episode/. A module whose signals are F^T err is signal
 * random.
 */
#include "credit/learner.h"

#include <string.h>

typedef struct module {
    const hth_real *signals; /* the caller's; NULL: none given since the last tape */
    size_t steps;
} module;

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    (void)plan, (void)options;
    return HTH_TAKE(arena, module, 1);
}

static void take(hth_learner *learner, const hth_real *signals, size_t steps) {
    *(module *)learner->signal.kept = (module){signals, steps};
}

static size_t has(const hth_learner *learner) {
    const module *kept = learner->signal.kept;
    return kept->signals ? kept->steps : 0;
}

static void set(hth_learner *learner, hth_real *q) {
    module *kept = learner->signal.kept;
    const size_t count = kept->steps * learner->batch * learner->network->readout.n;
    /* They may have been made where they are needed. */
    if (kept->signals != q) memcpy(q, kept->signals, count * sizeof *q);
    kept->signals = NULL; /* a signal is of one tape */
}

const hth_signal hth_signal_module = {
    .axis = {.part = {.name = "module",
                      .summary = "what another network says, given with each tape "
                                 "(hth_learner_signals; settings of section episode)",
                      .source = "Bellec et al. 2019, e-prop 2, eqs. 58-60"},
             .bias = HTH_BIASED,
             .lay_out = lay_out},
    .reaches_units = true,
    .take = take,
    .has = has,
    .set = set,
};
