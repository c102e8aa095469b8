/*
 * Tasks side by side: see episode.h. Every trial of a task has a tape of one item, whose products are small; so threads
 * share the tasks, not the products. A worker has what the trial of one task needs beside its tape. What comes of a
 * task depends on the task alone, and the sums over tasks are taken afterwards in their order: the number of threads
 * changes no bit.
 */
#include "credit/episode/episode.h"

#include <stdint.h>
#include <string.h>

/* ---- A task at a time ---- */

typedef struct job {
    hth_episodes *e;
    size_t k;
    hth_trial_tapes on;
    hth_episode_task task;
    const hth_real *data;
} job;

/* Gives a tape to the worker, whose network gets the weights of a task in trial k. */
static void take_over(const job *j, hth_episode_worker *worker, size_t task) {
    const hth_episodes *e = j->e;
    hth_tape *tape = j->on.tapes[task];
    hth_real *theta = hth_network_parameters(worker->tested) + worker->tested->layers[0].weight;
    memcpy(theta, hth_episode_theta(e, j->k, task), e->size * sizeof *theta);
    tape->network = worker->tested;
    /* A trial that all share has all threads for its products. */
    tape->compute = j->on.shared ? e->compute : worker->compute;
    tape->packed_at = UINT64_MAX;
}

static void run_task(void *context, size_t task, int index) {
    const job *j = context;
    hth_episode_worker *worker = &j->e->workers[index];
    hth_error error;
    take_over(j, worker, task);
    const hth_status status = j->task(j->e, worker, j->k, task, j->data, &error);
    if (status == HTH_OK || task >= worker->failed) return;
    worker->failed = task;
    worker->status = status;
    worker->error = error;
}

/* The error of the first task that went wrong. */
static hth_status tell_first(const hth_episodes *e, hth_error *error) {
    const hth_episode_worker *first = &e->workers[0];
    for (size_t i = 1; i < e->threads; i++)
        if (e->workers[i].failed < first->failed) first = &e->workers[i];
    if (first->failed == SIZE_MAX) return HTH_OK;
    if (error) *error = first->error;
    return first->status;
}

hth_status hth_episode_each(hth_episodes *e, size_t k, hth_episode_task task, const hth_real *data,
                            hth_error *error) {
    job j = {e, k, hth_episode_trial(e, k), task, data};
    const size_t count = j.on.shared ? 1 : e->batch;
    for (size_t i = 0; i < e->threads; i++) e->workers[i].failed = SIZE_MAX;
    hth_parallel(e->compute, count, (double)(count * e->steps) * (double)e->size, run_task, &j);
    return tell_first(e, error);
}

/* ---- Making them ---- */

static hth_status open_worker(hth_episodes *e, const hth_settings *settings,
                              hth_episode_worker *worker, hth_error *error) {
    static const hth_setting bptt[] = {{"learner.name", "bptt", NULL}};
    const hth_settings by = {bptt, HTH_COUNT(bptt)};
    /* The seed of the main network, so that it has the same connections. */
    HTH_TRY(hth_network_create(settings, &e->main->shape, e->main->seed, e->allocator,
                               &worker->tested, error));
    HTH_TRY(hth_compute_create(1, e->allocator, &worker->compute, error));
    HTH_TRY(hth_learner_create(&by, worker->tested, e->steps, 1, 0, worker->compute, e->allocator,
                               &worker->learner, error));
    return hth_gradient_create(worker->tested, e->allocator, &worker->scratch, error);
}

hth_status hth_episode_tape(const hth_episodes *e, hth_tape **out, hth_error *error) {
    const hth_episode_worker *first = &e->workers[0];
    return hth_tape_create(first->tested, e->steps, 1, first->compute, e->allocator, out, error);
}

hth_status hth_episode_workers_open(hth_episodes *e, const hth_settings *settings,
                                    hth_error *error) {
    for (size_t i = 0; i < e->threads; i++)
        HTH_TRY(open_worker(e, settings, &e->workers[i], error));
    return HTH_OK;
}

void hth_episode_workers_close(hth_episodes *e) {
    for (size_t i = 0; i < e->threads; i++) {
        hth_gradient_destroy(e->workers[i].scratch);
        hth_learner_destroy(e->workers[i].learner);
        hth_compute_destroy(e->workers[i].compute);
        hth_network_destroy(e->workers[i].tested);
    }
}
