/*
 * Episodes (e-prop 2: Bellec et al. 2019, eqs. 6-7 and 58-61). An episode is one task: training trials, each with one
 * update of the main network's weights by e-prop with a module's learning signals, then a test trial with the weights
 * that came of it,
 *
 *     theta_{k+1} = theta_k - lr Delta(theta_k, L_k),  k = 0 .. updates-1,      C = loss of the test trial
 *
 * hth_episodes_run goes through the episodes of a batch of tasks, and hth_episodes_learn gives dC/dtheta_0, dC/dW_out
 * and dC/dPsi: backpropagation through all of it, second order included. The outer loop is the caller's: it draws
 * tasks, judges the outputs of the test trials, and steps an optimiser of each network.
 *
 * A handle takes its memory when it is made; tapes of training trials that differ from task to task, when the first
 * such batch comes.
 */
#ifndef HTH_EPISODE_INSPECT_H
#define HTH_EPISODE_INSPECT_H

#include "base/options.h"

extern const hth_catalogue hth_module_section;  /* module.* */
extern const hth_catalogue hth_episode_section; /* episode.* */

/* Whether settings ask for episodes: learner.signal = module. */
bool hth_episodes_wanted(const hth_settings *settings);

/* The section episode. What the loss of a test trial is, is the caller's. */
typedef struct hth_episode_options {
    int64_t updates;
    double inner_lr;
    int trials, order, loss; /* HTH_TRIALS_..., 0: second order, HTH_EPISODE_... */
    double outputs_weight, place_weight;
    double rate, rate_target, module_rate, module_rate_target;
} hth_episode_options;
enum { HTH_TRIALS_SAME, HTH_TRIALS_PAIRS };
enum { HTH_EPISODE_MEAN, HTH_EPISODE_SUM };
hth_status hth_episode_options_read(const hth_settings *settings, hth_episode_options *out,
                                    hth_error *error);

/* Makes the module's network, for targets of so many numbers. Reads the sections module and cell. */
hth_status hth_module_network(const hth_settings *settings, const hth_network *main, size_t targets,
                              uint64_t seed, const hth_allocator *allocator, hth_network **out,
                              hth_error *error);

typedef struct hth_episodes hth_episodes;

/* The networks and the size of episodes. All must outlive the handle; `settings` need only live during the call. */
typedef struct hth_episode_plan {
    const hth_settings
        *settings; /* as the main network's, with sections learner, module and episode */
    const hth_network *main, *module;
    size_t targets;      /* numbers that the module is told at a step */
    size_t steps, batch; /* of a trial; tasks */
    uint64_t seed;
    size_t memory; /* bytes that the machine has; 0: it is not asked */
} hth_episode_plan;

/* HTH_INVALID, with the reason, for a network or a learner whose updates cannot be differentiated. HTH_NO_MEMORY for
 * episodes that would take more than plan->memory, before any of it is taken. An allocator must outlive the handle. */
hth_status hth_episodes_create(const hth_episode_plan *plan, hth_compute *compute,
                               const hth_allocator *allocator, hth_episodes **out,
                               hth_error *error);
/* NULL: does nothing. */
void hth_episodes_destroy(hth_episodes *episodes);

/* A batch of tasks; the caller owns the arrays until the batch has been learned from. */
typedef struct hth_tasks_of_batch {
    const hth_real *x,
        *test_x;            /* [steps][batch][inputs]: of the training trials, of the test trial */
    const hth_real *target; /* [steps][batch][targets]: what the module is told */
    uint64_t number;        /* by which the module's populations are drawn, */
    uint32_t stream;        /* beside the seed: 0 training, others validation */
} hth_tasks_of_batch;

/* Spikes and the regulariser of the last run. */
typedef struct hth_episode_report {
    double spikes, module_spikes; /* of all units, trials and tasks */
    double steps, module_steps;   /* unit steps that they are of */
    double regulariser;           /* E_reg */
} hth_episode_report;

/* Runs the episodes at the parameters of the two networks; writes the outputs of the test trials,
 * outputs[steps][batch][outputs]. HTH_NOT_FINITE for inputs that are not finite; HTH_NO_MEMORY at the first batch whose
 * tasks have training trials of their own, which take more tapes. */
hth_status hth_episodes_run(hth_episodes *episodes, const hth_tasks_of_batch *tasks,
                            hth_real *outputs, hth_episode_report *report, hth_error *error);
/* From errors[steps][batch][outputs] = dC/dy of the test trials of the last run: adds the outer gradient, and that of
 * E_reg, to those of the two networks. Once a run. */
hth_status hth_episodes_learn(hth_episodes *episodes, const hth_real *errors, hth_gradient *main,
                              hth_gradient *module, hth_error *error);

/* What the last run was like, for pictures: spikes of the main network in trial 0..updates (the last is the test) of a
 * task, of the module in training trial k, and its signals, [steps][units] each, `stride` apart. */
typedef struct hth_episode_view {
    const hth_real *data;
    size_t steps, units, stride;
} hth_episode_view;
hth_episode_view hth_episodes_spikes(const hth_episodes *episodes, size_t trial, size_t task);
hth_episode_view hth_episodes_module(const hth_episodes *episodes, size_t k, size_t task);
hth_episode_view hth_episodes_signals(const hth_episodes *episodes, size_t k, size_t task);
/* Runs the module over the test trials too, where no update follows, with what it would be told there, target[steps]
 * [batch][targets]. Its spikes are then what hth_episodes_module says of the last training trial, and its signals are
 * in *signals, of a task. hth_episodes_learn needs another run. */
hth_status hth_episodes_test_module(hth_episodes *episodes, const hth_real *target, size_t task,
                                    hth_episode_view *signals, hth_error *error);
/* The weights of the layer in trial 0..updates of a task, [rows][columns] of the block layer0.weight. */
const hth_real *hth_episodes_weights(const hth_episodes *episodes, size_t trial, size_t task);

#endif
