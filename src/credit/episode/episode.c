/* Episodes, forward: see inspect.h. episode_back.c has the way back, and episode_make.c makes the handle. */
#include "credit/episode/episode.h"

#include "kernels/vectors.h"

#include <string.h>

/* ---- A trial ---- */

/* Spikes on a tape, by unit. */
static void count_spikes(const hth_episodes *e, const hth_tape *tape, hth_real *fired,
                         double *spikes) {
    const hth_layer *layer = &e->main->layers[0];
    memset(fired, 0, layer->n * sizeof *fired);
    for (size_t t = 1; t <= e->steps; t++)
        hth_add(layer->n, tape->layers[0].u + t * layer->stride, fired);
    for (size_t j = 0; j < layer->n; j++) spikes[j] = (double)fired[j];
}

/* Runs a trial of one task; its inputs are among x[steps][batch][inputs]. */
static hth_status run_trial(hth_episodes *e, hth_episode_worker *worker, size_t k, size_t task,
                            const hth_real *x, hth_error *error) {
    const size_t inputs = e->main->shape.inputs;
    hth_tape *tape = hth_episode_trial(e, k).tapes[task];
    const hth_inputs in = {.steps = e->steps, .batch = 1, .x = worker->x, .ends = true};
    for (size_t t = 0; t < e->steps; t++)
        memcpy(worker->x + t * inputs, x + (t * e->batch + task) * inputs, inputs * sizeof *x);
    hth_tape_reset(tape);
    HTH_TRY(hth_tape_write(tape, &in, error));
    count_spikes(e, tape, worker->fired, e->spikes_of + task * e->main->layers[0].n);
    return HTH_OK;
}

/* Whether all tasks have the same input. */
static bool same_input(const hth_episodes *e, const hth_real *x) {
    const size_t inputs = e->main->shape.inputs;
    for (size_t t = 0; t < e->steps; t++)
        for (size_t b = 1; b < e->batch; b++)
            if (memcmp(x + (t * e->batch + b) * inputs, x + t * e->batch * inputs,
                       inputs * sizeof *x) != 0)
                return false;
    return true;
}

/* Tapes of the first trial of each task, where tasks have inputs of their own. */
static hth_status make_tapes(hth_episodes *e, hth_error *error) {
    if (!e->tapes[0]) HTH_TRY(hth_episode_count_own(e, error));
    for (size_t b = 0; b < e->batch; b++)
        if (!e->tapes[b]) HTH_TRY(hth_episode_tape(e, &e->tapes[b], error));
    return HTH_OK;
}

/* Trial k of every task; the last is the test. */
static hth_status run_trials(hth_episodes *e, size_t k, hth_episode_task task, const hth_real *x,
                             hth_error *error) {
    const bool shared = hth_episode_trial(e, k).shared;
    const size_t n = e->main->layers[0].n;
    const double times = shared ? (double)e->batch : 1;
    HTH_TRY(hth_episode_each(e, k, task, x, error));
    for (size_t b = 0; b < (shared ? 1 : e->batch); b++)
        for (size_t j = 0; j < n; j++) e->spikes[j] += times * e->spikes_of[b * n + j];
    return HTH_OK;
}

/* ---- An update ---- */

/* Signals and update of training trial k: theta_{k+1} = theta_k - lr Delta. */
static hth_status update(hth_episodes *e, size_t k, hth_error *error) {
    const hth_trial_tapes on = hth_episode_trial(e, k);
    const size_t each = e->steps * e->batch * e->main->layers[0].n;
    const hth_told told = {e->tasks.x, e->tasks.target, e->tasks.number, e->tasks.stream};
    hth_real *L = e->L + k * each, *c = e->c + k * each;
    HTH_TRY(hth_module_run(&e->module, k, on, &told, L, e->module_spikes, error));
    hth_update_scan(&e->update, on, L, c);
    hth_update_weights(&e->update, on, c, e->G);
    for (size_t b = 0; b < e->batch; b++) {
        hth_real *next = e->theta + (k * e->batch + b) * e->size;
        memcpy(next, hth_episode_theta(e, k, b), e->size * sizeof *next);
        hth_add_scaled(e->size, (hth_real)-e->options.inner_lr, e->G + b * e->size, next);
    }
    return HTH_OK;
}

/* ---- All of it ---- */

/* sum_j (f_j - target)^2 of spikes in so many steps. */
static double rate_error(size_t units, const double *spikes, double steps, double target) {
    double sum = 0;
    for (size_t j = 0; j < units; j++) {
        const double off = spikes[j] / steps - target;
        sum += off * off;
    }
    return sum;
}

static double total(size_t units, const double *spikes) {
    double sum = 0;
    for (size_t j = 0; j < units; j++) sum += spikes[j];
    return sum;
}

static void tell_report(const hth_episodes *e, hth_episode_report *report) {
    const hth_episode_options *o = &e->options;
    const size_t n = e->main->layers[0].n, units = e->module.network->layers[0].n;
    const double trial = (double)(e->steps * e->batch), updates = (double)e->updates;
    const bool spikes = e->module.options.kind == HTH_MODULE_SPIKING;
    *report = (hth_episode_report){
        .spikes = total(n, e->spikes),
        .steps = (double)n * trial * (updates + 1),
        .module_spikes = total(units, e->module_spikes),
        .module_steps = spikes ? (double)units * trial * updates : 0,
        .regulariser = o->rate * rate_error(n, e->spikes, trial * (updates + 1), o->rate_target)};
    if (spikes)
        report->regulariser += o->module_rate * rate_error(units, e->module_spikes, trial * updates,
                                                           o->module_rate_target);
}

/* A test trial of one task, and its outputs among those of all. */
static hth_status run_test(hth_episodes *e, hth_episode_worker *worker, size_t k, size_t task,
                           const hth_real *x, hth_error *error) {
    const size_t o = e->main->shape.outputs;
    HTH_TRY(run_trial(e, worker, k, task, x, error));
    HTH_TRY(hth_tape_read(hth_episode_trial(e, k).tapes[task], 0, e->steps, worker->errors, error));
    for (size_t t = 0; t < e->steps; t++)
        memcpy(e->outputs + (t * e->batch + task) * o, worker->errors + t * o,
               o * sizeof *e->outputs);
    return HTH_OK;
}

hth_status hth_episodes_run(hth_episodes *e, const hth_tasks_of_batch *tasks, hth_real *outputs,
                            hth_episode_report *report, hth_error *error) {
    /* The readout, which no update changes; and what is known of the batch. */
    for (size_t i = 0; i < e->threads; i++)
        memcpy(hth_network_parameters(e->workers[i].tested), e->main->theta,
               e->main->count * sizeof(hth_real));
    memset(e->spikes, 0, e->main->layers[0].n * sizeof *e->spikes);
    memset(e->module_spikes, 0, e->module.network->layers[0].n * sizeof *e->module_spikes);
    e->tasks = *tasks;
    e->outputs = outputs;
    e->is_run = false;
    e->is_shared = same_input(e, tasks->x);
    if (!e->is_shared) HTH_TRY(make_tapes(e, error));
    /* Training trials with their updates, then the test. */
    for (size_t k = 0; k < e->updates; k++) {
        HTH_TRY(run_trials(e, k, run_trial, tasks->x, error));
        HTH_TRY(update(e, k, error));
    }
    HTH_TRY(run_trials(e, e->updates, run_test, tasks->test_x, error));
    if (report) tell_report(e, report);
    e->is_run = true;
    return HTH_OK;
}
