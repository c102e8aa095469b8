/*
 * KeRNL's perturbed copy of the network, and learning A and alpha from it: see kernel.c. All items' copies
 * take their step together.
 */
#include "credit/past/kernel.h"

#include "kernels/rows.h"

#include <string.h>

typedef struct kernel_task {
    hth_learner *learner;
    const hth_kernel *kept;
    size_t parts;
} kernel_task;

/* The share of `count` things that a part of the work has. */
static size_t cut(size_t count, size_t part, size_t parts) {
    return part * count / parts;
}

static size_t parts_of(const hth_learner *learner, size_t count) {
    const size_t threads = (size_t)hth_compute_threads(learner->compute);
    return count < threads ? count : threads;
}

/* ---- The copy ---- */

/* Slot 0 of the tape: the network before the step. */
static void take_copy(const hth_learner *learner, hth_kernel *kept) {
    const hth_layer *layer = hth_kernel_layer(learner);
    const hth_tape_layer *on = &learner->adjoint.tape->layers[0];
    const size_t n = layer->n, batch = learner->batch;
    memcpy(kept->copy.state, on->state,
           (layer->cell->states + layer->cell->counters) * batch * n * sizeof(hth_real));
    for (size_t b = 0; kept->z && b < batch; b++)
        memcpy(kept->z + b * n, on->u + b * layer->stride, n * sizeof(hth_real));
    memset(kept->Omega, 0, batch * n * sizeof(hth_real));
    memset(kept->Gamma, 0, batch * n * sizeof(hth_real));
}

/* The weights are those that the tape was written with, as it has packed them. */
static void run_copy(void *argument, size_t part, int worker) {
    const kernel_task *task = argument;
    const hth_layer *layer = hth_kernel_layer(task->learner);
    const hth_tape_layer *on = &task->learner->adjoint.tape->layers[0];
    const hth_tape_layer *copy = &task->kept->copy;
    const size_t n = layer->n, batch = task->learner->batch;
    const size_t from = cut(batch, part, task->parts), to = cut(batch, part + 1, task->parts);
    const hth_real *z = task->kept->z ? task->kept->z : copy->state;
    (void)worker;
    for (size_t b = from; b < to; b++) {
        hth_real *u = copy->u + b * layer->stride;
        memcpy(u, z + b * n, n * sizeof *u);
        memcpy(u + n, on->u + b * layer->stride + n, (layer->m - n) * sizeof *u);
    }
    hth_layer_step(layer, on->packed, copy, 0, batch, from, to);
}

/* Slot 1 of the copy, one item's first state and its z. */
static hth_real *state_of_copy(const hth_layer *layer, const hth_kernel *kept, size_t batch,
                               size_t item) {
    const size_t states = layer->cell->states + layer->cell->counters;
    return kept->copy.state + states * batch * layer->n + item * layer->n;
}

static hth_real *z_of_copy(const hth_layer *layer, const hth_kernel *kept, size_t batch,
                           size_t item) {
    return kept->copy.u + (batch + item) * layer->stride;
}

static void draw(hth_learner *learner, hth_kernel *kept) {
    const hth_kernel_options *o = learner->past.options;
    const size_t count = learner->batch * hth_kernel_layer(learner)->n;
    hth_noise_normal(&learner->noise, count, kept->zeta);
    for (size_t i = 0; i < count; i++) kept->zeta[i] *= (hth_real)o->noise;
}

static const hth_real *slope_of_copy(const hth_layer *layer, const hth_kernel *kept, size_t batch,
                                     size_t item) {
    return hth_entry_at(layer, &kept->copy, layer->cell->Z[0], 0, batch, item).data;
}

/* s += zeta, z += Z zeta. */
static void perturb(const hth_learner *learner, hth_kernel *kept) {
    const hth_layer *layer = hth_kernel_layer(learner);
    const size_t n = layer->n;
    for (size_t b = 0; b < learner->batch; b++) {
        const hth_real *zeta = kept->zeta + b * n,
                       *Z = slope_of_copy(layer, kept, learner->batch, b);
        hth_real *s = state_of_copy(layer, kept, learner->batch, b);
        hth_real *z = z_of_copy(layer, kept, learner->batch, b);
        for (size_t j = 0; j < n; j++) {
            s[j] += zeta[j];
            z[j] += Z ? Z[j] * zeta[j] : zeta[j];
        }
    }
}

static void filter_noise(const hth_learner *learner, hth_kernel *kept) {
    const hth_kernel_options *o = learner->past.options;
    const hth_layer *layer = hth_kernel_layer(learner);
    const size_t n = layer->n;
    const hth_real *k = kept->keep;
    for (size_t b = 0; b < learner->batch; b++) {
        const hth_real *zeta = kept->zeta + b * n,
                       *Z = slope_of_copy(layer, kept, learner->batch, b);
        hth_real *Omega = kept->Omega + b * n, *Gamma = kept->Gamma + b * n;
        for (size_t j = 0; j < n; j++) {
            const hth_real gain = o->gain == HTH_KERNEL_GAIN_ONE ? 1 : 1 - k[j];
            Gamma[j] = k[j] * Gamma[j] - Omega[j];
            Omega[j] = k[j] * Omega[j] + gain * (Z ? Z[j] * zeta[j] : zeta[j]);
        }
    }
}

/* Slot 1 becomes slot 0. */
static void keep_copy(const hth_learner *learner, hth_kernel *kept) {
    const hth_layer *layer = hth_kernel_layer(learner);
    const size_t n = layer->n, batch = learner->batch;
    memcpy(kept->copy.state, state_of_copy(layer, kept, batch, 0),
           (layer->cell->states + layer->cell->counters) * batch * n * sizeof(hth_real));
    for (size_t b = 0; kept->z && b < batch; b++)
        memcpy(kept->z + b * n, z_of_copy(layer, kept, batch, b), n * sizeof(hth_real));
}

/* ---- Learning A and alpha ---- */

/* e = A Omega - (z~ - z), some rows of A. */
static void predict(void *argument, size_t part, int worker) {
    const kernel_task *task = argument;
    const hth_learner *learner = task->learner;
    const hth_kernel *kept = task->kept;
    const hth_layer *layer = hth_kernel_layer(learner);
    const size_t n = layer->n, batch = learner->batch;
    const size_t from = cut(n, part, task->parts), to = cut(n, part + 1, task->parts);
    (void)worker;
    for (size_t b = 0; b < batch; b++) {
        const hth_real *perturbed = z_of_copy(layer, kept, batch, b);
        const hth_real *z = learner->adjoint.tape->layers[0].u + (batch + b) * layer->stride;
        hth_real *e = kept->error + b * n;
        hth_matrix_vector(to - from, n, kept->A + from * n, n, kept->Omega + b * n, false,
                          e + from);
        for (size_t k = from; k < to; k++) e[k] -= perturbed[k] - z[k];
    }
}

/* alpha goes down its gradient and stays in (0, 1]: beyond 1 it would be that of no trace, and at 0 or below
 * traces would grow without end. */
static void learn_alpha(hth_kernel *kept, size_t n, size_t batch, hth_real rate) {
    const hth_real least = (hth_real)HTH_KERNEL_LEAST_ALPHA;
    for (size_t b = 0; b < batch; b++)
        for (size_t i = 0; i < n; i++)
            kept->alpha[i] -= rate * kept->slope[b * n + i] * kept->Gamma[b * n + i];
    for (size_t i = 0; i < n; i++) {
        if (kept->alpha[i] > 1) kept->alpha[i] = 1;
        if (kept->alpha[i] < least) kept->alpha[i] = least;
    }
}

static void learn_kernel(hth_learner *learner, hth_kernel *kept) {
    const hth_kernel_options *o = learner->past.options;
    const size_t n = hth_kernel_layer(learner)->n, batch = learner->batch;
    const hth_real rate = (hth_real)(o->lr / (double)batch);
    kernel_task task = {learner, kept, parts_of(learner, n)};
    hth_parallel(learner->compute, task.parts, (double)(n * n) * (double)batch, predict, &task);
    hth_product(learner->compute, batch, n, n, hth_rows(kept->error, n), hth_rows(kept->A, n),
                false, kept->slope, n);
    for (size_t i = 0; i < batch * n; i++) kept->step[i] = -rate * kept->error[i];
    hth_product(learner->compute, n, n, batch, hth_transposed(kept->step, n),
                hth_rows(kept->Omega, n), true, kept->A, n);
    if (o->alpha == HTH_KERNEL_LEARNS_ALPHA) learn_alpha(kept, n, batch, rate);
}

void hth_kernel_learn(hth_learner *learner, hth_kernel *kept) {
    const hth_kernel_options *o = learner->past.options;
    const hth_layer *layer = hth_kernel_layer(learner);
    kernel_task task = {learner, kept, parts_of(learner, learner->batch)};
    if (kept->age == 0) take_copy(learner, kept);
    hth_parallel(learner->compute, task.parts,
                 (double)(learner->batch * layer->m) * (double)layer->rows, run_copy, &task);
    draw(learner, kept);
    filter_noise(learner, kept);
    if (o->order == HTH_KERNEL_ALIGNED) perturb(learner, kept);
    learn_kernel(learner, kept);
    if (o->order == HTH_KERNEL_AUTHORS) perturb(learner, kept);
    keep_copy(learner, kept);
    kept->age = kept->age + 1 == (uint64_t)o->reset ? 0 : kept->age + 1;
}
