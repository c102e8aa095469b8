/*
 * The error module of e-prop 2 (Bellec et al. 2019, eqs. 58 and 60): a network whose n outputs are the learning signals
 * of another network's n units. At step t it reads
 *
 *     xi_t = [x_t ; z_t ; y*_t]      input, spikes of the main network at the same step, and target
 *
 *     spiking   LIF units, recurrent, and a readout L_t = kappa L_{t-1} + Psi q_t
 *     linear    L_t = Phi [xhat_t ; zhat_t ; y*_t], where a hat is a filter: xhat_t = kappa xhat_{t-1} + x_t
 *
 * The target enters as numbers (`raw`) or as a population (the authors' code): each number, clipped to [-1, 1], by
 * neurons that spike by themselves with a probability that falls with the distance to the neuron's own number.
 *
 * The linear module is a dense layer of identity units, whose z are the signals; its readout has one output, which
 * nothing uses. The weights of a spiking module's readout are Psi; its product and filter are taken here, all units at
 * a time, and nothing is said of the readout itself. Cost: that of a forward pass and of backpropagation of the module
 * over a batch of trials.
 */
#ifndef HTH_MODULE_H
#define HTH_MODULE_H

#include "credit/episode/update.h"
#include "credit/learner.h"

typedef struct hth_module_options {
    int64_t units, refractory, neurons;
    int kind, target;
    double tau_m, v_th, gamma, tau_out, scale, neuron_rate, neuron_width;
} hth_module_options;

enum { HTH_MODULE_SPIKING, HTH_MODULE_LINEAR };
enum { HTH_TARGET_RAW, HTH_TARGET_POPULATION };

typedef struct hth_module {
    hth_module_options options;
    const hth_network *network;
    hth_real kappa;
    size_t steps, batch, updates;
    size_t block;                     /* steps that are run at a time */
    size_t inputs, n, targets, width; /* x, z and y*; numbers of xi */
    uint64_t seed;
    hth_tape **tapes; /* [updates] */
    hth_learner *learner;
    hth_real *xi;     /* [block][batch][width]: step t in place t % block */
    hth_real *fired;  /* [units]: spikes of a block */
    hth_real *packed; /* Psi^T, and scratch of its gradient; spiking alone */
} hth_module;

/* What the module is told of a trial. */
typedef struct hth_told {
    const hth_real *x;      /* [steps][batch][inputs] */
    const hth_real *target; /* [steps][batch][targets] */
    uint64_t number;        /* of the batch, by which populations are drawn */
    uint32_t stream;        /* no two streams of batches share their draws */
} hth_told;

/* Arrays of the module, by arena, and its handles; `network` is of hth_module_network. */
void hth_module_lay_out(hth_arena *arena, hth_module *module);
hth_status hth_module_open(hth_module *module, hth_compute *compute, const hth_allocator *allocator,
                           hth_error *error);
void hth_module_close(hth_module *module);
/* What learns the module: backpropagation. */
hth_status hth_module_learner(const hth_module *module, hth_compute *compute,
                              const hth_allocator *allocator, hth_learner **out, hth_error *error);
/* All but the arrays and handles, from settings. */
hth_status hth_module_plan(const hth_settings *settings, const hth_network *main,
                           const hth_network *network, size_t targets, size_t steps, size_t batch,
                           size_t updates, uint64_t seed, hth_module *out, hth_error *error);

/* Runs over the trial of update k; sets L[steps][batch][n]. Adds the spikes of each unit to spikes[units], if any. */
hth_status hth_module_run(hth_module *module, size_t k, hth_trial_tapes on, const hth_told *told,
                          hth_real *L, double *spikes, hth_error *error);
/* From Lbar = dC/dL, which it overwrites, and dE_reg/dz[units] at every step (NULL: 0): adds to the module's gradient,
 * and what goes to z of the main network to push_z[tapes][steps][n]. */
hth_status hth_module_back(hth_module *module, size_t k, hth_trial_tapes on, hth_real *Lbar,
                           const hth_real *pull, hth_gradient *gradient, hth_real *push_z,
                           hth_error *error);

#endif
