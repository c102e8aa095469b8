/* The error module: see module.h. Its network is made in module_network.c. */
#include "credit/episode/module.h"

#include "base/functions64.h"
#include "base/random.h"
#include "kernels/vectors.h"
#include "network/products.h"

#include <string.h>

enum { BACK_ROWS = 500 }; /* of Lbar that go back at a time, about */

/* ---- What it reads ---- */

/* z of the main network at step t of a task. */
static const hth_real *z_of(hth_trial_tapes on, size_t t, size_t task) {
    const hth_tape *tape = on.tapes[on.shared ? 0 : task];
    return tape->layers[0].u + (t + 1) * tape->network->layers[0].stride;
}

/* One number by a population: neuron i stands for a number c_i, evenly from -1 - 2s to 1 + 2s. */
static void encode(const hth_module *m, const hth_random *random, uint64_t index, double y,
                   hth_real *out) {
    const hth_module_options *o = &m->options;
    const size_t count = (size_t)o->neurons;
    const double s = o->neuron_width, clipped = y < -1 ? -1 : y > 1 ? 1 : y;
    for (size_t i = 0; i < count; i++) {
        const double at = count > 1 ? (double)i / (double)(count - 1) : 0.5;
        const double far = (-1 - 2 * s + at * (2 + 4 * s) - clipped) / s;
        const double probability = o->neuron_rate * hth_exp64(-0.5 * far * far);
        out[i] = hth_random_uniform(random, index + i) < probability ? 1 : 0;
    }
}

/* The target's part of xi. */
static void tell_target(const hth_module *m, size_t k, size_t item, const hth_told *told,
                        hth_real *out) {
    const hth_real *y = told->target + item * m->targets;
    if (m->options.target == HTH_TARGET_RAW) {
        memcpy(out, y, m->targets * sizeof *out);
        return;
    }
    const size_t count = (size_t)m->options.neurons;
    const hth_random random = {m->seed, HTH_RANDOM_MODULE, told->stream};
    const uint64_t trial = told->number * m->updates + k;
    for (size_t i = 0; i < m->targets; i++) {
        const uint64_t item_of_all = trial * m->steps * m->batch + item;
        encode(m, &random, (item_of_all * m->targets + i) * count, (double)y[i], out + i * count);
    }
}

/* xi of the steps from..to-1; of the linear module x and z are filtered, and xi of the step before is there still. */
static void tell(hth_module *m, size_t k, hth_trial_tapes on, const hth_told *told, size_t from,
                 size_t to) {
    const size_t row = m->batch * m->width, passed = m->inputs + m->n;
    const hth_real kappa = m->options.kind == HTH_MODULE_LINEAR ? m->kappa : 0;
    for (size_t t = from; t < to; t++)
        for (size_t b = 0; b < m->batch; b++) {
            const size_t item = t * m->batch + b;
            const hth_real *before = m->xi + (t + m->block - 1) % m->block * row + b * m->width;
            hth_real *xi = m->xi + t % m->block * row + b * m->width;
            memcpy(xi, told->x + item * m->inputs, m->inputs * sizeof *xi);
            memcpy(xi + m->inputs, z_of(on, t, b), m->n * sizeof *xi);
            if (kappa != 0 && t > 0) hth_add_scaled(passed, kappa, before, xi);
            tell_target(m, k, item, told, xi + passed);
        }
}

/* ---- Forward ---- */

/* Spikes of each unit in the steps from..to-1. */
static void count_spikes(const hth_module *m, const hth_tape *tape, size_t from, size_t to,
                         double *spikes) {
    const hth_layer *layer = &m->network->layers[0];
    memset(m->fired, 0, layer->n * sizeof *m->fired);
    for (size_t i = (from + 1) * m->batch; i < (to + 1) * m->batch; i++)
        hth_add(layer->n, tape->layers[0].u + i * layer->stride, m->fired);
    for (size_t j = 0; j < layer->n; j++) spikes[j] += (double)m->fired[j];
}

/* z of a module in the steps from..to-1, of all tasks; and the output weights of a spiking one. */
static hth_tape_rows module_z(const hth_module *m, const hth_tape *tape, size_t from, size_t to) {
    return (hth_tape_rows){
        tape->compute,          tape, 0, (from + 1) * m->batch, (to - from) * m->batch,
        m->network->layers[0].n};
}
static hth_matrix output_weights(const hth_module *m) {
    const hth_readout *r = &m->network->readout;
    return hth_rows(m->network->theta + r->weight, r->n);
}

/* to += kappa from, the signals of all tasks at a step. */
static void leak(const hth_module *m, const hth_real *from, hth_real *to) {
    hth_add_scaled(m->batch * m->n, m->kappa, from, to);
}

/* L of the steps from..to-1: of a spiking module Psi q, filtered; of a linear one z of its layer. */
static void show(const hth_module *m, const hth_tape *tape, size_t from, size_t to, hth_real *L) {
    const hth_layer *layer = &m->network->layers[0];
    const hth_tape_rows z = module_z(m, tape, from, to);
    const size_t slot = m->batch * m->n;
    if (m->options.kind == HTH_MODULE_SPIKING) {
        hth_tape_times(&z, m->n, m->packed, L + from * slot, m->n);
        for (size_t t = from > 0 ? from : 1; t < to; t++) leak(m, L + (t - 1) * slot, L + t * slot);
        return;
    }
    for (size_t i = 0; i < z.rows; i++)
        memcpy(L + from * slot + i * m->n, tape->layers[0].u + (z.from + i) * layer->stride,
               m->n * sizeof *L);
}

/* A few steps at a time, so that what is made of them stays in the cache. */
hth_status hth_module_run(hth_module *m, size_t k, hth_trial_tapes on, const hth_told *told,
                          hth_real *L, double *spikes, hth_error *error) {
    hth_tape *tape = m->tapes[k];
    const hth_matrix psi = output_weights(m);
    hth_tape_reset(tape);
    if (m->options.kind == HTH_MODULE_SPIKING)
        hth_pack(m->network->layers[0].n, m->n, hth_transposed(psi.data, psi.row), m->packed);
    for (size_t from = 0, to; from < m->steps; from = to) {
        to = m->steps - from < m->block ? m->steps : from + m->block;
        const hth_inputs in = {
            .steps = to - from, .batch = m->batch, .x = m->xi, .ends = to == m->steps};
        tell(m, k, on, told, from, to);
        HTH_TRY(hth_tape_write(tape, &in, error));
        if (m->options.kind == HTH_MODULE_SPIKING) count_spikes(m, tape, from, to, spikes);
        show(m, tape, from, to, L);
    }
    return HTH_OK;
}

/* ---- Backward ---- */

/* The trials that are there: one, where all tasks share it. */
static size_t trials(const hth_module *m, hth_trial_tapes on) {
    return on.shared ? 1 : m->batch;
}

/* dC/da of the units at all steps, [steps][trials][units], rows *stride apart. What several tasks give to a trial that
 * they share is added up, in place. */
static const hth_real *drive_errors(const hth_module *m, hth_trial_tapes on) {
    const size_t units = m->network->layers[0].n;
    hth_real *delta = m->learner->adjoint.layers[0].delta;
    for (size_t t = 0; t < m->steps && on.shared; t++) {
        hth_real *sum = delta + t * units;
        const hth_real *of = delta + t * m->batch * units;
        if (t > 0) memcpy(sum, of, units * sizeof *sum);
        for (size_t b = 1; b < m->batch; b++) hth_add(units, of + b * units, sum);
    }
    return delta;
}

/* dC/dz of the main network: W^T of these errors, back through the filter that z passes in a linear module. dz is
 * scratch, [steps][trials][n]. */
static void push_back(const hth_module *m, hth_trial_tapes on, hth_real *dz, hth_real *push_z) {
    const hth_layer *layer = &m->network->layers[0];
    const size_t count = trials(m, on), slot = count * m->n;
    const hth_real *delta = drive_errors(m, on), *w = layer->W + layer->n + m->inputs;
    hth_product(m->learner->compute, m->steps * count, m->n, layer->n, hth_rows(delta, layer->n),
                hth_rows(w, layer->m), false, dz, m->n);
    for (size_t t = m->steps - 1; t-- > 0 && m->options.kind == HTH_MODULE_LINEAR;)
        hth_add_scaled(slot, m->kappa, dz + (t + 1) * slot, dz + t * slot);
    for (size_t t = 0; t < m->steps; t++)
        for (size_t b = 0; b < count; b++)
            hth_add(m->n, dz + (t * count + b) * m->n, push_z + (b * m->steps + t) * m->n);
}

/* Psi^T Lbar of the steps from..to-1, and what pulls at the rates. */
static void find_q(const hth_module *m, size_t from, size_t to, const hth_real *Lbar,
                   const hth_real *pull, hth_real *q) {
    const size_t units = m->network->layers[0].n, first = from * m->batch;
    const size_t items = (to - from) * m->batch;
    q += first * units;
    for (size_t i = 0; pull && i < items; i++) memcpy(q + i * units, pull, units * sizeof *q);
    hth_product(m->learner->compute, items, units, m->n, hth_rows(Lbar + first * m->n, m->n),
                output_weights(m), pull, q, units);
}

/* From Lbar of a spiking module, which goes back through the filter in place: dPsi += l q^T, and the errors of its
 * units, a few steps at a time, so that these Lbar are in the cache still. */
static void give_errors(hth_module *m, const hth_tape *tape, hth_real *Lbar, const hth_real *pull,
                        hth_gradient *gradient, hth_real *q) {
    const size_t units = m->network->layers[0].n, slot = m->batch * m->n;
    const hth_tape_rows z = module_z(m, tape, 0, m->steps);
    const size_t block = m->batch < BACK_ROWS ? BACK_ROWS / m->batch : 1;
    hth_real *dPsi = hth_gradient_edit(gradient) + m->network->readout.weight;
    for (size_t to = m->steps, from; to > 0; to = from) {
        from = to > block ? to - block : 0;
        for (size_t t = to - 1; t > from; t--) leak(m, Lbar + t * slot, Lbar + (t - 1) * slot);
        find_q(m, from, to, Lbar, pull, q);
        if (from > 0) leak(m, Lbar + from * slot, Lbar + (from - 1) * slot);
    }
    hth_tape_add_outer(&z, m->n, Lbar, m->n, m->packed, dPsi, units);
}

hth_status hth_module_back(hth_module *m, size_t k, hth_trial_tapes on, hth_real *Lbar,
                           const hth_real *pull, hth_gradient *gradient, hth_real *push_z,
                           hth_error *error) {
    const bool linear = m->options.kind == HTH_MODULE_LINEAR;
    hth_real *q = hth_adjoint_errors(&m->learner->adjoint, m->network);
    if (!linear) give_errors(m, m->tapes[k], Lbar, pull, gradient, q);
    HTH_TRY(hth_learner_signals(m->learner, linear ? Lbar : q, m->steps, error));
    HTH_TRY(hth_learn(m->learner, m->tapes[k], gradient, error));
    push_back(m, on, Lbar, push_z);
    return HTH_OK;
}
