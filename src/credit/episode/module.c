/* The error module: see module.h. Its network is made in module_network.c. */
#include "credit/episode/module.h"

#include "base/functions64.h"
#include "base/random.h"
#include "kernels/vectors.h"
#include "network/products.h"

#include <string.h>

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

/* xi of all steps; of the linear module x and z are filtered. */
static void tell(hth_module *m, size_t k, hth_trial_tapes on, const hth_told *told) {
    const size_t row = m->batch * m->width, passed = m->inputs + m->n;
    const hth_real kappa = m->options.kind == HTH_MODULE_LINEAR ? m->kappa : 0;
    for (size_t t = 0; t < m->steps; t++)
        for (size_t b = 0; b < m->batch; b++) {
            const size_t item = t * m->batch + b;
            hth_real *xi = m->xi + item * m->width;
            memcpy(xi, told->x + item * m->inputs, m->inputs * sizeof *xi);
            memcpy(xi + m->inputs, z_of(on, t, b), m->n * sizeof *xi);
            if (kappa != 0 && t > 0) hth_add_scaled(passed, kappa, xi - row, xi);
            tell_target(m, k, item, told, xi + passed);
        }
}

/* ---- Forward ---- */

/* Spikes of each unit over the whole tape. */
static void count_spikes(const hth_tape *tape, double *spikes) {
    const hth_layer *layer = &tape->network->layers[0];
    for (size_t i = 0; i < tape->steps * tape->batch; i++) {
        const hth_real *z = tape->layers[0].u + (i + tape->batch) * layer->stride;
        for (size_t j = 0; j < layer->n; j++) spikes[j] += (double)z[j];
    }
}

/* z of a spiking module at all steps and tasks; and its output weights. */
static hth_tape_rows module_z(const hth_module *m, const hth_tape *tape) {
    return (hth_tape_rows){tape->compute,          tape, 0, m->batch, m->steps * m->batch,
                           m->network->layers[0].n};
}
static hth_matrix output_weights(const hth_module *m) {
    const hth_readout *r = &m->network->readout;
    return hth_rows(m->network->theta + r->weight, r->n);
}

/* L = Psi q, before the filter. */
static void weigh(const hth_module *m, const hth_tape *tape, hth_real *L) {
    const hth_matrix psi = output_weights(m);
    const hth_tape_rows z = module_z(m, tape);
    hth_tape_times(&z, m->n, hth_transposed(psi.data, psi.row), m->packed, L, m->n);
}

/* to += kappa from, the signals of all tasks at a step. */
static void leak(const hth_module *m, const hth_real *from, hth_real *to) {
    hth_add_scaled(m->batch * m->n, m->kappa, from, to);
}

hth_status hth_module_run(hth_module *m, size_t k, hth_trial_tapes on, const hth_told *told,
                          hth_real *L, double *spikes, hth_error *error) {
    hth_tape *tape = m->tapes[k];
    const size_t slot = m->batch * m->n;
    const hth_inputs in = {.steps = m->steps, .batch = m->batch, .x = m->xi, .ends = true};
    tell(m, k, on, told);
    hth_tape_reset(tape);
    HTH_TRY(hth_tape_write(tape, &in, error));
    if (m->options.kind == HTH_MODULE_SPIKING) {
        count_spikes(tape, spikes);
        weigh(m, tape, L);
        for (size_t t = 1; t < m->steps; t++) leak(m, L + (t - 1) * slot, L + t * slot);
        return HTH_OK;
    }
    /* The signals are z of the dense layer. */
    const hth_layer *layer = &m->network->layers[0];
    for (size_t i = 0; i < m->steps * m->batch; i++)
        memcpy(L + i * m->n, tape->layers[0].u + (i + m->batch) * layer->stride, m->n * sizeof *L);
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

/* dC/dz of the main network: W^T of these errors, back through the filter that z passes in a linear module. xi has been
 * read, and its memory serves the way back. */
static void push_back(const hth_module *m, hth_trial_tapes on, hth_real *push_z) {
    const hth_layer *layer = &m->network->layers[0];
    const size_t count = trials(m, on), slot = count * m->n;
    const hth_real *delta = drive_errors(m, on), *w = layer->W + layer->n + m->inputs;
    hth_real *dz = m->xi;
    hth_product(m->learner->compute, m->steps * count, m->n, layer->n, hth_rows(delta, layer->n),
                hth_rows(w, layer->m), false, dz, m->n);
    for (size_t t = m->steps - 1; t-- > 0 && m->options.kind == HTH_MODULE_LINEAR;)
        hth_add_scaled(slot, m->kappa, dz + (t + 1) * slot, dz + t * slot);
    for (size_t t = 0; t < m->steps; t++)
        for (size_t b = 0; b < count; b++)
            hth_add(m->n, dz + (t * count + b) * m->n, push_z + (b * m->steps + t) * m->n);
}

/* From Lbar of a spiking module, which goes back through the filter in place: dPsi += l q^T, and *q = Psi^T l + what pulls
 * at the rates. */
static void give_errors(hth_module *m, const hth_tape *tape, hth_real *Lbar, const hth_real *pull,
                        hth_gradient *gradient) {
    const size_t units = m->network->layers[0].n, slot = m->batch * m->n;
    const size_t items = m->steps * m->batch;
    const hth_tape_rows z = module_z(m, tape);
    hth_real *dPsi = hth_gradient_edit(gradient) + m->network->readout.weight;
    for (size_t t = m->steps - 1; t > 0; t--) leak(m, Lbar + t * slot, Lbar + (t - 1) * slot);
    hth_tape_add_outer(&z, m->n, Lbar, m->n, m->packed, dPsi, units);
    for (size_t i = 0; pull && i < items; i++) memcpy(m->q + i * units, pull, units * sizeof *pull);
    hth_product(tape->compute, items, units, m->n, hth_rows(Lbar, m->n), output_weights(m), pull,
                m->q, units);
}

hth_status hth_module_back(hth_module *m, size_t k, hth_trial_tapes on, hth_real *Lbar,
                           const hth_real *pull, hth_gradient *gradient, hth_real *push_z,
                           hth_error *error) {
    const bool linear = m->options.kind == HTH_MODULE_LINEAR;
    if (!linear) give_errors(m, m->tapes[k], Lbar, pull, gradient);
    HTH_TRY(hth_learner_signals(m->learner, linear ? Lbar : m->q, m->steps, error));
    HTH_TRY(hth_learn(m->learner, m->tapes[k], gradient, error));
    push_back(m, on, push_z);
    return HTH_OK;
}
