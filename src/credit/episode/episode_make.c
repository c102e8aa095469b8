/* Making the handle of episodes, its settings, and views of what was run. */
#include "credit/episode/episode.h"

#include "credit/catalogues.h"

#include <stdio.h>
#include <string.h>

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(hth_episode_options, field), __VA_ARGS__ }

static const hth_option items[] = {
    OPTION(updates, .help = "training trials of an episode, with an update after each",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1000),
    OPTION(inner_lr,
           .help = "rate of these updates (1e-4 in Bellec et al. 2019 with 400 units; fewer units "
                   "need more: 2e-3 with 100)",
           .fallback = "1e-4", .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(trials,
           .help =
               "the test trial of a task: same, the sequence that the training trials have; "
               "pairs, the sequence after it, so that the data hold training and test trials in "
               "turn",
           .fallback = "same", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"same", "pairs", NULL}),
    OPTION(order,
           .help = "second: the outer gradient as it is; first: without the derivative of the "
                   "pseudo-derivative",
           .fallback = "second", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"second", "first", NULL}),
    OPTION(loss,
           .help = "of a test trial: mean, half the mean square over steps and components (the "
                   "authors' code); sum, the sum of squares (eq. 61)",
           .fallback = "mean", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"mean", "sum", NULL}),
    OPTION(outputs_weight, .help = "weight of the squared error of the outputs", .fallback = "1",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(place_weight,
           .help =
               "weight of that of the place which the outputs move, in tasks that have one (arm)",
           .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(rate,
           .help = "regulariser of the main network: this times the sum over units of (f - "
                   "rate_target)^2, f in spikes a step over all tasks and trials (100 in the "
                   "authors' code)",
           .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(rate_target, .help = "target of these rates, in spikes a step", .fallback = "0.02",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(module_rate, .help = "the same of the module, over training trials", .fallback = "0",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(module_rate_target, .help = "target of its rates", .fallback = "0.01",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1),
};

const hth_catalogue hth_episode_section = {
    .kind = "episode",
    .summary =
        "Learning to learn (learner.signal = module): updates by e-prop inside, an optimiser "
        "outside.",
    .common = {"episode", items, HTH_COUNT(items)},
};

hth_status hth_episode_options_read(const hth_settings *settings, hth_episode_options *out,
                                    hth_error *error) {
    return hth_options_read(&hth_episode_section.common, settings, out, error);
}

bool hth_episodes_wanted(const hth_settings *settings) {
    hth_axes axes;
    return hth_axes_read(settings, &axes, NULL) == HTH_OK && axes.signal->set;
}

/* ---- What cannot be ---- */

static hth_status check_network(const hth_network *main, hth_error *error) {
    char reason[400];
    if (hth_update_refuses(main, reason, sizeof reason))
        return hth_fail(error, HTH_INVALID, "learner.signal = module: %s", reason);
    if (main->regulariser.rate > 0)
        return hth_fail(error, HTH_INVALID,
                        "regulariser.rate is set, but episodes count the spikes of all trials: set "
                        "episode.rate in its place");
    return HTH_OK;
}

/* The inner learner: its traces must be those that the adjoint is of. *truncated: they hold the step at hand alone. */
static hth_status check_learner(const hth_episode_plan *plan, hth_compute *compute,
                                const hth_allocator *allocator, bool *truncated, hth_error *error) {
    const hth_cell *cell = plan->main->layers[0].cell;
    hth_learner *inner;
    HTH_TRY(hth_learner_create(plan->settings, plan->main, plan->steps, 1, 0, compute, allocator,
                               &inner, error));
    const hth_derivatives *table = &inner->adjoint.layers[0].table;
    const hth_crossing *crossing = inner->adjoint.crossing;
    const bool crosses =
        crossing->resets || crossing->multiplies || crossing->cross || crossing->replace;
    const bool fits = inner->axes.signal->set && inner->axes.past->traces && !crosses &&
                      memcmp(table->Z, cell->Z, sizeof table->Z) == 0;
    *truncated = fits && memcmp(table->D, cell->D, sizeof table->D) != 0;
    hth_learner_destroy(inner);
    if (fits) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "the updates of an episode are e-prop with a module's signals: learner.signal = "
        "module needs learner.recurrence = none, learner.past = trace and "
        "learner.postsynaptic = derivative (learner = eprop1 with signal = module)");
}

/* ---- Memory ---- */

static hth_episodes *lay_out(hth_arena *arena, const hth_episodes *plan, bool truncated) {
    hth_episodes *placed = HTH_TAKE(arena, hth_episodes, 1), counted = *plan;
    const hth_layer *layer = &plan->main->layers[0];
    const size_t n = layer->n, units = plan->module.network->layers[0].n;
    const size_t trial = hth_times(hth_times(plan->steps, plan->batch), n);
    const size_t weights = hth_times(plan->batch, plan->size);
    hth_episodes *e = placed ? placed : &counted;
    if (placed) *placed = *plan;
    hth_module_lay_out(arena, &e->module);
    hth_update_lay_out(arena, plan->main, plan->steps, plan->batch, truncated, &e->update);
    e->tapes = HTH_TAKE(arena, hth_tape *, hth_times(plan->updates + 1, plan->batch));
    e->theta = HTH_TAKE(arena, hth_real, hth_times(plan->updates, weights));
    e->G = HTH_TAKE(arena, hth_real, weights);
    e->Dbar = HTH_TAKE(arena, hth_real, weights);
    e->readouts = HTH_TAKE(arena, hth_real,
                           hth_times(plan->batch, plan->main->count - plan->main->recurrent_count));
    e->L = HTH_TAKE(arena, hth_real, hth_times(plan->updates, trial));
    e->c = HTH_TAKE(arena, hth_real, hth_times(plan->updates, trial));
    e->Lbar = HTH_TAKE(arena, hth_real, trial);
    e->push_z = HTH_TAKE(arena, hth_real, trial);
    e->push_s = HTH_TAKE(arena, hth_real, trial);
    e->pull = HTH_TAKE(arena, hth_real, hth_times(plan->steps, n));
    e->module_pull = HTH_TAKE(arena, hth_real, units);
    e->spikes_of = HTH_TAKE(arena, double, hth_times(plan->batch, n));
    e->spikes = HTH_TAKE(arena, double, n);
    e->module_spikes = HTH_TAKE(arena, double, units);
    e->workers = HTH_TAKE(arena, hth_episode_worker, plan->threads);
    for (size_t i = 0; i < plan->threads; i++) {
        hth_real *x = HTH_TAKE(arena, hth_real, hth_times(plan->steps, plan->main->shape.inputs));
        hth_real *errors =
            HTH_TAKE(arena, hth_real, hth_times(plan->steps, plan->main->shape.outputs));
        hth_real *fired = HTH_TAKE(arena, hth_real, n);
        if (placed) e->workers[i] = (hth_episode_worker){.x = x, .errors = errors, .fired = fired};
    }
    return placed;
}

static hth_status allocate(hth_episodes *plan, bool truncated, hth_episodes **out,
                           hth_error *error) {
    hth_arena arena = {0};
    lay_out(&arena, plan, truncated);
    const size_t bytes = arena.used;
    HTH_TRY(hth_episode_count(plan, bytes, error));
    arena = (hth_arena){.base = hth_allocate(plan->allocator, bytes)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the episodes (%zu MiB); fewer tasks in a batch "
                        "(train.batch) or shorter trials need less",
                        bytes >> 20);
    *out = lay_out(&arena, plan, truncated);
    return HTH_OK;
}

/* The handles that it owns. */
static hth_status open(hth_episodes *e, const hth_settings *settings, hth_error *error) {
    HTH_TRY(hth_episode_workers_open(e, settings, error));
    HTH_TRY(hth_episode_tape(e, &e->shared, error));
    for (size_t i = e->batch; i < (e->updates + 1) * e->batch; i++)
        HTH_TRY(hth_episode_tape(e, &e->tapes[i], error));
    return hth_module_open(&e->module, e->compute, e->allocator, error);
}

hth_status hth_episodes_create(const hth_episode_plan *plan, hth_compute *compute,
                               const hth_allocator *allocator, hth_episodes **out,
                               hth_error *error) {
    const hth_layer *layer = &plan->main->layers[0];
    hth_episodes e = {.main = plan->main,
                      .compute = compute,
                      .allocator = allocator,
                      .steps = plan->steps,
                      .batch = plan->batch,
                      .threads = (size_t)hth_compute_threads(compute),
                      .size = layer->rows * layer->m,
                      .sizes.memory = plan->memory};
    bool truncated;
    HTH_TRY(hth_check_extent(plan->steps, plan->batch, error));
    HTH_TRY(hth_episode_options_read(plan->settings, &e.options, error));
    HTH_TRY(check_network(plan->main, error));
    HTH_TRY(check_learner(plan, compute, allocator, &truncated, error));
    e.updates = (size_t)e.options.updates;
    HTH_TRY(hth_module_plan(plan->settings, plan->main, plan->module, plan->targets, plan->steps,
                            plan->batch, e.updates, plan->seed, &e.module, error));
    hth_episodes *made = NULL;
    HTH_TRY(allocate(&e, truncated, &made, error));
    made->update.compute = compute;
    made->update.first_order = e.options.order == 1;
    const hth_status status = open(made, plan->settings, error);
    if (status == HTH_OK)
        *out = made;
    else
        hth_episodes_destroy(made);
    return status;
}

void hth_episodes_destroy(hth_episodes *e) {
    if (!e) return;
    hth_module_close(&e->module);
    for (size_t i = 0; i < (e->updates + 1) * e->batch; i++) hth_tape_destroy(e->tapes[i]);
    hth_tape_destroy(e->shared);
    hth_episode_workers_close(e);
    hth_release(e);
}

/* ---- Views ---- */

hth_episode_view hth_episodes_spikes(const hth_episodes *e, size_t trial, size_t task) {
    const hth_trial_tapes on = hth_episode_trial(e, trial);
    const hth_layer *layer = &e->main->layers[0];
    return (hth_episode_view){on.tapes[on.shared ? 0 : task]->layers[0].u + layer->stride, e->steps,
                              layer->n, layer->stride};
}

hth_episode_view hth_episodes_module(const hth_episodes *e, size_t k, size_t task) {
    const hth_layer *layer = &e->module.network->layers[0];
    return (hth_episode_view){e->module.tapes[k]->layers[0].u + (e->batch + task) * layer->stride,
                              e->steps, layer->n, e->batch * layer->stride};
}

/* A task of [steps][batch][n]. */
static hth_episode_view signals_in(const hth_episodes *e, const hth_real *L, size_t task) {
    const size_t n = e->main->layers[0].n;
    return (hth_episode_view){L + task * n, e->steps, n, e->batch * n};
}

hth_episode_view hth_episodes_signals(const hth_episodes *e, size_t k, size_t task) {
    return signals_in(e, e->L + k * e->steps * e->batch * e->main->layers[0].n, task);
}

hth_status hth_episodes_test_module(hth_episodes *e, const hth_real *target, size_t task,
                                    hth_episode_view *signals, hth_error *error) {
    enum { STREAM = 2 }; /* of its populations: neither a training nor a validation trial's */
    const hth_told told = {e->tasks.test_x, target, e->tasks.number, STREAM};
    e->is_run = false;
    *signals = signals_in(e, e->Lbar, task);
    return hth_module_run(&e->module, e->updates - 1, hth_episode_trial(e, e->updates), &told,
                          e->Lbar, e->module_spikes, error);
}

const hth_real *hth_episodes_weights(const hth_episodes *e, size_t trial, size_t task) {
    return hth_episode_theta(e, trial, task);
}
