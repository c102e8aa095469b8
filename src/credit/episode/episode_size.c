/* How much memory episodes take, found before any of it is taken: see episode.h. */
#include "credit/episode/episode.h"

#include <stdint.h>

/* ---- Sizes ---- */

/* An allocator that gives nothing and notes what it was asked for. */
static void *ask(void *context, size_t bytes) {
    *(size_t *)context = bytes;
    return NULL;
}

static void release(void *context, void *memory) {
    (void)context, (void)memory;
}

/* Takes the size out of a handle that has not been made; any other error stays one. */
static hth_status found(hth_status status, hth_error *error, const hth_error *told) {
    if (status == HTH_NO_MEMORY || status == HTH_OK) return HTH_OK;
    if (error) *error = *told;
    return status;
}

static hth_status count_tape(const hth_episodes *e, const hth_network *network, size_t batch,
                             size_t *bytes, hth_error *error) {
    const hth_allocator counts = {ask, release, bytes};
    hth_tape *none = NULL;
    hth_error told;
    *bytes = SIZE_MAX / 2; /* of what is more than can be asked for */
    return found(hth_tape_create(network, e->steps, batch, e->compute, &counts, &none, &told),
                 error, &told);
}

static hth_status count_learner(const hth_episodes *e, size_t *bytes, hth_error *error) {
    const hth_allocator counts = {ask, release, bytes};
    hth_learner *none = NULL;
    hth_error told;
    *bytes = SIZE_MAX / 2;
    return found(hth_module_learner(&e->module, e->compute, &counts, &none, &told), error, &told);
}

/* ---- Whether they fit ---- */

/* HTH_NO_MEMORY for more trials on tapes at a time than there is memory for. */
static hth_status check(const hth_episodes *e, double trials, hth_error *error) {
    const double gib = 1024.0 * 1024 * 1024;
    const hth_episode_sizes *s = &e->sizes;
    const double of_trials = s->tape * trials + s->own;
    const double total = of_trials + s->module;
    if (s->memory == 0 || total <= (double)s->memory) return HTH_OK;
    return hth_fail(
        error, HTH_NO_MEMORY,
        "the episodes would take %.1f GiB, %.1f of them for the trials of %zu tasks and "
        "%.1f for the module, but this machine has %.3g: take a smaller train.batch, "
        "shorter trials or fewer units",
        total / gib, of_trials / gib, e->batch, s->module / gib, (double)s->memory / gib);
}

hth_status hth_episode_count(hth_episodes *e, size_t own, hth_error *error) {
    size_t tape, of_module, learner;
    HTH_TRY(count_tape(e, e->main, 1, &tape, error));
    HTH_TRY(count_tape(e, e->module.network, e->batch, &of_module, error));
    HTH_TRY(count_learner(e, &learner, error));
    e->sizes.own = (double)own;
    e->sizes.tape = (double)tape;
    e->sizes.module = (double)of_module * (double)e->updates + (double)learner;
    return check(e, (double)e->updates * (double)e->batch + 1, error);
}

hth_status hth_episode_count_own(const hth_episodes *e, hth_error *error) {
    return check(e, (double)(e->updates + 1) * (double)e->batch + 1, error);
}
