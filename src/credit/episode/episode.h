/* The inside of the handle of episodes: see inspect.h. */
#ifndef HTH_EPISODE_H
#define HTH_EPISODE_H

#include "credit/episode/inspect.h"
#include "credit/episode/module.h"

/* Bytes that the handles take. */
typedef struct hth_episode_sizes {
    size_t memory; /* that there are; 0: not asked */
    double own;    /* of the arrays below */
    double tape;   /* of one item's trial */
    double module; /* of the module's tapes and learner */
} hth_episode_sizes;

/* What runs trials and learns from them: one for each thread, since tasks do not wait for each other. */
typedef struct hth_episode_worker {
    hth_network
        *tested; /* the main network, with the weights of one task and trial after the other */
    hth_compute *compute; /* of one thread */
    hth_learner *learner; /* backpropagation, one item */
    hth_gradient *scratch;
    hth_real *x;      /* [steps][inputs]: of one task */
    hth_real *errors; /* [steps][outputs]: of one task */
    hth_real *fired;  /* [n] */
    size_t failed;    /* the first task that went wrong; SIZE_MAX: none */
    hth_status status;
    hth_error error;
} hth_episode_worker;

struct hth_episodes {
    hth_episode_options options;
    const hth_network *main;
    hth_compute *compute;
    const hth_allocator *allocator;
    size_t steps, batch, updates;
    size_t size; /* of the layer's weights */
    hth_module module;
    hth_update update;
    hth_episode_worker *workers; /* [threads] */
    size_t threads;
    /* Tapes of one item: of the first trial, which all tasks share where they have the same input; else, and of the
     * other trials, one a task. tapes[0] are NULL until they are needed. */
    hth_tape *shared;
    hth_tape **tapes; /* [updates + 1][batch] */
    hth_tasks_of_batch tasks;
    hth_real *outputs; /* the caller's, of the run at hand */
    bool is_shared, is_run;
    hth_episode_sizes sizes;
    hth_real *theta;    /* [updates][batch][size]: the layer's weights in trials 1..updates */
    hth_real *G;        /* [batch][size]: dC/dtheta, and for a moment Delta and Dbar */
    hth_real *Dbar;     /* [batch][size] */
    hth_real *readouts; /* [batch][..]: dC/dW_out of each task */
    hth_real *L, *c;    /* [updates][steps][batch][n] */
    hth_real *Lbar;     /* [steps][batch][n] */
    hth_real *push_z, *push_s;      /* [batch][steps][n] */
    hth_real *pull;                 /* [steps][n]: dE_reg/dz, the same at all steps of a trial */
    hth_real *module_pull;          /* [units] */
    double *spikes_of;              /* [batch][n]: of a trial */
    double *spikes, *module_spikes; /* [n], [units]: of the last run */
};

/* The tapes of training trial k. */
static inline hth_trial_tapes hth_episode_trial(const hth_episodes *e, size_t k) {
    const bool shared = k == 0 && e->is_shared;
    return (hth_trial_tapes){shared ? &e->shared : e->tapes + k * e->batch, shared};
}

/* The layer's weights of a task in trial k. */
static inline const hth_real *hth_episode_theta(const hth_episodes *e, size_t k, size_t task) {
    if (k == 0) return e->main->theta + e->main->layers[0].weight;
    return e->theta + ((k - 1) * e->batch + task) * e->size;
}

/* Does something with the tape of a task in trial k; `data` is the caller's. */
typedef hth_status (*hth_episode_task)(hth_episodes *e, hth_episode_worker *worker, size_t k,
                                       size_t task, const hth_real *data, hth_error *error);
/* Calls it for every tape of trial k, each with a worker whose network has the weights of the task: side by side, so
 * it may write to what is the task's or the worker's alone. The error is that of the first task with one. */
hth_status hth_episode_each(hth_episodes *e, size_t k, hth_episode_task task, const hth_real *data,
                            hth_error *error);
/* A tape for trials of one item. */
hth_status hth_episode_tape(const hth_episodes *e, hth_tape **out, hth_error *error);
/* Makes the workers of e->threads, and ends them. */
hth_status hth_episode_workers_open(hth_episodes *e, const hth_settings *settings,
                                    hth_error *error);
void hth_episode_workers_close(hth_episodes *e);

/* Finds e->sizes without taking them, and HTH_NO_MEMORY if they are too many; `own` is the size of the arrays. */
hth_status hth_episode_count(hth_episodes *e, size_t own, hth_error *error);
/* HTH_NO_MEMORY if there is none for the training trials of each task besides. */
hth_status hth_episode_count_own(const hth_episodes *e, hth_error *error);

#endif
