/*
 * Episodes, backward: from dC/dy of the test trials to dC/dtheta_0, dC/dW_out and dC/dPsi. With G_k = dC/dtheta_k,
 *
 *     test trial       backpropagation with theta_K: G_K, dC/dW_out
 *     update k         Dbar = -lr G_{k+1}: Lbar, and adjoints of z and v in the trial (update.h)
 *     module, trial k  backpropagation with Lbar: dC/dPsi, and adjoints of z
 *     training trial k backpropagation with theta_k of these adjoints: G_k = G_{k+1} + that
 *
 * E_reg pulls at z in every trial. Nothing is left out but, with episode.order = first, the adjoint of v.
 */
#include "credit/episode/episode.h"

#include "kernels/vectors.h"

#include <string.h>

/* dE_reg/dz of units, times `times`. */
static void find_pull(size_t units, const double *spikes, double steps, double rate, double target,
                      double times, hth_real *out) {
    for (size_t j = 0; j < units; j++)
        out[j] = (hth_real)(2 * rate * (spikes[j] / steps - target) / steps * times);
}

/* Of the main network, at all steps of a trial that stands for `times` tasks. */
static void fill_pull(hth_episodes *e, double times) {
    const size_t n = e->main->layers[0].n;
    const double steps = (double)(e->steps * e->batch) * (double)(e->updates + 1);
    find_pull(n, e->spikes, steps, e->options.rate, e->options.rate_target, times, e->pull);
    for (size_t t = 1; t < e->steps; t++) memcpy(e->pull + t * n, e->pull, n * sizeof *e->pull);
}

/* Learns from the tape of a task; adds the layer's part to its G. */
static hth_status learn_tape(hth_episodes *e, hth_episode_worker *worker, size_t k, size_t task,
                             hth_error *error) {
    hth_gradient_clear(worker->scratch);
    HTH_TRY(
        hth_learn(worker->learner, hth_episode_trial(e, k).tapes[task], worker->scratch, error));
    hth_add(e->size, hth_gradient_values(worker->scratch) + e->main->layers[0].weight,
            e->G + task * e->size);
    return HTH_OK;
}

/* The test trial of a task, of errors[steps][batch][outputs]. */
static hth_status learn_test(hth_episodes *e, hth_episode_worker *worker, size_t k, size_t task,
                             const hth_real *errors, hth_error *error) {
    const size_t o = e->main->shape.outputs, from = e->main->recurrent_count;
    const size_t rest = e->main->count - from;
    const hth_verdict verdict = {.steps = e->steps, .errors = worker->errors};
    for (size_t t = 0; t < e->steps; t++)
        memcpy(worker->errors + t * o, errors + (t * e->batch + task) * o, o * sizeof *errors);
    HTH_TRY(hth_tape_judge(hth_episode_trial(e, k).tapes[task], &verdict, NULL, error));
    if (e->options.rate > 0) hth_learner_push(worker->learner, 0, e->pull, 0, NULL);
    HTH_TRY(learn_tape(e, worker, k, task, error));
    memcpy(e->readouts + task * rest, hth_gradient_values(worker->scratch) + from,
           rest * sizeof *e->readouts);
    return HTH_OK;
}

/* The test trials; the readout's gradient goes to that of the main network. */
static hth_status learn_tests(hth_episodes *e, const hth_real *errors, hth_gradient *main,
                              hth_error *error) {
    const size_t from = e->main->recurrent_count, rest = e->main->count - from;
    HTH_TRY(hth_episode_each(e, e->updates, learn_test, errors, error));
    for (size_t b = 0; b < e->batch; b++)
        hth_add(rest, e->readouts + b * rest, hth_gradient_edit(main) + from);
    return HTH_OK;
}

/* Update k: Lbar, and what it pushes into its training trial; then the module, which pushes too. */
static hth_status learn_update(hth_episodes *e, size_t k, hth_gradient *module, hth_error *error) {
    const hth_trial_tapes on = hth_episode_trial(e, k);
    const size_t each = e->steps * e->batch * e->main->layers[0].n;
    const hth_episode_options *o = &e->options;
    const bool pulls = o->module_rate > 0 && e->module.options.kind == HTH_MODULE_SPIKING;
    for (size_t i = 0; i < e->batch * e->size; i++) e->Dbar[i] = (hth_real)-o->inner_lr * e->G[i];
    hth_update_back(&e->update, on, e->L + k * each, e->c + k * each, e->Dbar, e->Lbar, e->push_z,
                    e->push_s);
    if (pulls)
        find_pull(e->module.network->layers[0].n, e->module_spikes,
                  (double)(e->steps * e->batch) * (double)e->updates, o->module_rate,
                  o->module_rate_target, 1, e->module_pull);
    return hth_module_back(&e->module, k, on, e->Lbar, pulls ? e->module_pull : NULL, module,
                           e->push_z, error);
}

/* A training trial, of what its update and the module push. */
static hth_status learn_training(hth_episodes *e, hth_episode_worker *worker, size_t k, size_t task,
                                 const hth_real *pull, hth_error *error) {
    const size_t each = e->steps * e->main->layers[0].n;
    hth_real *push_z = e->push_z + task * each;
    if (e->options.rate > 0) hth_add(each, pull, push_z);
    hth_learner_push(worker->learner, 0, push_z, e->update.state, e->push_s + task * each);
    return learn_tape(e, worker, k, task, error);
}

/* Training trial k. A trial that all tasks share has one gradient, which goes to that of task 0. */
static hth_status learn_trainings(hth_episodes *e, size_t k, hth_error *error) {
    fill_pull(e, hth_episode_trial(e, k).shared ? (double)e->batch : 1);
    return hth_episode_each(e, k, learn_training, e->pull, error);
}

hth_status hth_episodes_learn(hth_episodes *e, const hth_real *errors, hth_gradient *main,
                              hth_gradient *module, hth_error *error) {
    if (!e->is_run)
        return hth_fail(error, HTH_INVALID,
                        "the episodes have been learned from, or have not been run: call "
                        "hth_episodes_run before each hth_episodes_learn");
    e->is_run = false;
    memset(e->G, 0, e->batch * e->size * sizeof *e->G);
    fill_pull(e, 1);
    HTH_TRY(learn_tests(e, errors, main, error));
    for (size_t k = e->updates; k-- > 0;) {
        HTH_TRY(learn_update(e, k, module, error));
        HTH_TRY(learn_trainings(e, k, error));
    }
    hth_real *to = hth_gradient_edit(main) + e->main->layers[0].weight;
    for (size_t b = 0; b < e->batch; b++) hth_add(e->size, e->G + b * e->size, to);
    return HTH_OK;
}
