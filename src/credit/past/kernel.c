/*
 * Kernel RNN learning (KeRNL: Roth et al. 2019; Marschall et al. 2019, Table 1 and eq. 4).
 * The effect of unit i on unit k is taken to be a matrix times an exponential of the time between,
 *
 *     dz_k(t)/dz_i(t') ~ A_ki k_i^(t-t')        k_i = max(0, 1 - alpha_i),
 *
 * so that one trace per synapse is enough:
 *
 *     B_t[i] = k_i B_{t-1}[i] + (Z_t B_t + Q_t)[i] u_t^T        g[i] = (q_t A)_i B_t[i]
 *
 * A and alpha are learned, before they are used, from a perturbed copy of the network (the same weights and
 * input, its own state) by gradient descent on |e|^2 / 2:
 *
 *     zeta ~ N(0, sigma^2)        added to s of the copy, and so Z zeta to its z
 *     Gamma_i = k_i Gamma_i - Omega_i     Omega_i = k_i Omega_i + Z_i zeta_i
 *     e = A Omega - (z~ - z)      A -= eta e Omega^T     alpha_i -= eta (e A)_i Gamma_i    (both of the old A)
 *
 * Learned, alpha stays in (0, 1], at 1e-4 or more: at 0 a trace would add up without end, and below it grow.
 *
 * The gradients of A and alpha scale with sigma^2: eta sigma^2 is the rate that counts. Where the authors'
 * scripts differ, an option follows them: kernel_order = authors adds zeta to the copy only after e was taken,
 * while Omega has it already, so that no prediction is ever right; kernel_gain = complement is Omega =
 * k Omega + (1-k) zeta with Gamma as above, which then is not quite dOmega/dalpha. kernel_reset takes the
 * copy from the network again every so many steps, since in a chaotic network it soon has nothing to do
 * with it; the traces stay as they are.
 *
 * B and what the copy needs is kept per item; A and alpha are shared, and learn from the mean over the batch.
 * A leaky readout also needs the filtered trace, C_t = kappa C_{t-1} + B_t, in place of B in g. Token vectors
 * get the credit of their own step alone.
 *
 * Memory per item P (2 P with a leaky readout) and a few numbers a unit, once n^2; operations per step 2 P for
 * the traces (5 P with a leaky readout), P for the copy, 4 n^2 for A.
 */
#include "credit/past/kernel.h"

#include "kernels/filter.h"

#include <math.h>
#include <string.h>

static const hth_option options[] = {
    {.name = "kernel_noise",
     .help = "standard deviation of the noise in the perturbed copy, in units of the state",
     .fallback = "0.001",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e9,
     .offset = offsetof(hth_kernel_options, noise)},
    {.name = "kernel_lr",
     .help = "learning rate of A and alpha; what counts is this times kernel_noise^2. 0: they stay "
             "as they are, and there is no copy",
     .fallback = "5",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e30,
     .offset = offsetof(hth_kernel_options, lr)},
    {.name = "kernel_rate",
     .help = "alpha at the start, in 0..1: a trace keeps 1 - alpha of itself per step",
     .fallback = "0.8",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(hth_kernel_options, rate)},
    {.name = "kernel_alpha",
     .help = "whether alpha is learned with A; it then stays in 1e-4..1, so that no trace grows "
             "without end",
     .fallback = "learned",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"learned", "fixed", NULL},
     .offset = offsetof(hth_kernel_options, alpha)},
    {.name = "kernel_order",
     .help = "when the copy gets the noise: aligned with its prediction, or a step later as in the "
             "script of Marschall et al. 2019",
     .fallback = "aligned",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"aligned", "authors", NULL},
     .offset = offsetof(hth_kernel_options, order)},
    {.name = "kernel_gain",
     .help =
         "of the noise in its filter Omega: one, or complement, 1 - k, as in the script of 2019",
     .fallback = "one",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"one", "complement", NULL},
     .offset = offsetof(hth_kernel_options, gain)},
    {.name = "kernel_reset",
     .help = "steps after which the copy is taken from the network again; 0: never",
     .fallback = "1000",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e15,
     .offset = offsetof(hth_kernel_options, reset)},
};

static bool has_z(const hth_layer *layer) {
    return layer->cell->observable == HTH_Z_SEPARATE;
}

/* ---- Traces ---- */

static void add_product(size_t n, hth_derivative x, hth_derivative y, hth_real *to) {
    for (size_t j = 0; j < n; j++) to[j] += hth_derivative_of(x, j) * hth_derivative_of(y, j);
}

/* What a unit of drive does to z at once, Z B + Q, for every trace. */
static void fill_influence(const hth_learner *learner, hth_kernel *kept, size_t item) {
    const hth_layer *layer = hth_kernel_layer(learner);
    const hth_tape_layer *on = &learner->adjoint.tape->layers[0];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, batch = learner->batch;
    for (size_t g = 0; g < cell->drives; g++) {
        hth_real *to = kept->influence + g * n;
        memset(to, 0, n * sizeof *to);
        if (cell->Q[g].where != HTH_AT_ZERO)
            add_product(n, hth_entry_at(layer, on, cell->Q[g], 0, batch, item), (hth_derivative){0},
                        to);
        for (size_t i = 0; i < cell->states; i++)
            if (cell->Z[i].where != HTH_AT_ZERO && cell->B[i][g].where != HTH_AT_ZERO)
                add_product(n, hth_entry_at(layer, on, cell->Z[i], 0, batch, item),
                            hth_entry_at(layer, on, cell->B[i][g], 0, batch, item), to);
    }
    if (kept->e == 2)
        memcpy(kept->influence + layer->rows, kept->influence, layer->rows * sizeof(hth_real));
}

/* g += (q A) (k B + kappa C) + delta u, where delta u, (q A) times the step's own influence, is the scan's;
 * B <- k B + influence u, C <- kappa C + the new B. The gradient's place is left open. */
static hth_filter filter_of(const hth_learner *learner, const hth_kernel *kept, size_t item) {
    const hth_layer *layer = hth_kernel_layer(learner);
    const size_t n = layer->n, rows = layer->rows, e = kept->e;
    const hth_real kappa = learner->network->readout.kappa, *k = kept->keep;
    const hth_real *own = kept->influence, *mixed = kept->mixed + item * n;
    /* B: contracted with k (q A), and taken over the step by k. */
    for (size_t j = 0; j < n; j++) {
        kept->x[j] = mixed[j] * k[j];
        kept->phi[j] = k[j];
    }
    /* C, below a leaky readout, gets the new B and decays by kappa. */
    for (size_t j = 0; e == 2 && j < n; j++) {
        kept->x[n + j] = mixed[j] * kappa;
        kept->phi[n + j] = 0;
        kept->phi[2 * n + j] = k[j];
        kept->phi[3 * n + j] = kappa;
    }
    return (hth_filter){.e = e,
                        .rows = rows,
                        .n = n,
                        .m = layer->m,
                        .x = kept->x,
                        .phi = kept->phi,
                        .delta = learner->adjoint.layers[0].delta + item * rows,
                        .gamma = own,
                        .u = learner->adjoint.tape->layers[0].u + item * layer->stride,
                        .eps = kept->traces + item * e * rows * layer->m};
}

/* ---- Verbs ---- */

static size_t trace_numbers(const hth_learner *learner) {
    const hth_layer *layer = hth_kernel_layer(learner);
    const hth_kernel *kept = learner->past.kept;
    return learner->batch * kept->e * layer->rows * layer->m;
}

static void reset(hth_learner *learner) {
    hth_kernel *kept = learner->past.kept;
    memset(kept->traces, 0, trace_numbers(learner) * sizeof *kept->traces);
    hth_trace_bound_set(&kept->bound, 0);
    kept->age = 0;
}

/* B goes by the k that the step began with. */
static void before(hth_learner *learner) {
    hth_kernel *kept = learner->past.kept;
    const hth_kernel_options *o = learner->past.options;
    const size_t n = hth_kernel_layer(learner)->n;
    if (learner->adjoint.tape->fresh) reset(learner);
    for (size_t i = 0; i < n; i++) kept->keep[i] = kept->alpha[i] < 1 ? 1 - kept->alpha[i] : 0;
    if (o->lr > 0) hth_kernel_learn(learner, kept);
    hth_adjoint_layer *a = &learner->adjoint.layers[0];
    hth_product(learner->compute, learner->batch, n, n, hth_rows(a->q, n), hth_rows(kept->A, n),
                false, kept->mixed, n);
    kept->errors = a->q;
    a->q = kept->mixed;
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    hth_kernel *kept = learner->past.kept;
    learner->adjoint.layers[0].q = kept->errors;
    const hth_layer *layer = hth_kernel_layer(learner);
    for (size_t b = 0; b < learner->batch; b++) {
        fill_influence(learner, kept, b);
        hth_filter f = filter_of(learner, kept, b);
        if (hth_descends(learner, learner->descent && hth_filter_is_bounded(&f, &kept->bound))) {
            hth_filter_descend(learner, 0, &f);
            return;
        }
        f.g = gradient->values + layer->weight;
        hth_filter_run(learner->compute, &f);
    }
    hth_trace_bound_set(&kept->bound, NAN);
    hth_layer_mask(layer, gradient->values + layer->weight);
}

static void start_kernel(const hth_kernel_options *o, size_t n, hth_kernel *kept) {
    for (size_t i = 0; i < n; i++) {
        kept->A[i * n + i] = 1;
        kept->alpha[i] = (hth_real)o->rate;
    }
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const hth_layer *layer = hth_kernel_layer(plan);
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, batch = plan->batch, units = hth_times(batch, n);
    const size_t e = plan->network->readout.kappa > 0 ? 2 : 1;
    hth_kernel counted = {0}, *kept = HTH_TAKE(arena, hth_kernel, 1), *placed = kept;
    if (!kept) kept = &counted;
    /* The table and the traces. */
    kept->A = HTH_TAKE(arena, hth_real, hth_times(n, n));
    kept->alpha = HTH_TAKE(arena, hth_real, n);
    kept->e = e;
    kept->traces =
        HTH_TAKE(arena, hth_real, hth_times(hth_times(e * batch, layer->rows), layer->m));
    kept->Omega = HTH_TAKE(arena, hth_real, units);
    kept->Gamma = HTH_TAKE(arena, hth_real, units);
    /* The perturbed copy of the network. */
    if (has_z(layer)) kept->z = HTH_TAKE(arena, hth_real, units);
    kept->copy.u = HTH_TAKE(arena, hth_real, hth_times(2 * batch, layer->stride));
    kept->copy.drive = HTH_TAKE(arena, hth_real, hth_times(batch, layer->rows));
    kept->copy.state = HTH_TAKE(arena, hth_real, 2 * units * (cell->states + cell->counters));
    kept->copy.field = HTH_TAKE(arena, hth_real, 2 * units * cell->fields);
    /* Scratch of a step. */
    kept->keep = HTH_TAKE(arena, hth_real, n);
    kept->zeta = HTH_TAKE(arena, hth_real, units);
    kept->error = HTH_TAKE(arena, hth_real, units);
    kept->step = HTH_TAKE(arena, hth_real, units);
    kept->slope = HTH_TAKE(arena, hth_real, units);
    kept->influence = HTH_TAKE(arena, hth_real, e * layer->rows);
    kept->mixed = HTH_TAKE(arena, hth_real, units);
    kept->x = HTH_TAKE(arena, hth_real, e * n);
    kept->phi = HTH_TAKE(arena, hth_real, e * e * n);
    if (placed) start_kernel(given, n, kept);
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    hth_kernel *kept = learner->past.kept;
    const hth_layer *layer = hth_kernel_layer(learner);
    const size_t n = layer->n, units = learner->batch * n;
    const hth_field all[] = {
        {"kernel.A", HTH_DTYPE_REAL, n * n, kept->A, {n, n}},
        {"kernel.alpha", HTH_DTYPE_REAL, n, kept->alpha, {0}},
        {"kernel.traces", HTH_DTYPE_REAL, trace_numbers(learner), kept->traces, {0}},
        {"kernel.Omega", HTH_DTYPE_REAL, units, kept->Omega, {0}},
        {"kernel.Gamma", HTH_DTYPE_REAL, units, kept->Gamma, {0}},
        {"kernel.state", HTH_DTYPE_REAL, units * layer->cell->states, kept->copy.state, {0}},
        {"kernel.z", HTH_DTYPE_REAL, kept->z ? units : 0, kept->z, {0}},
        {"kernel.age", HTH_DTYPE_U64, 1, &kept->age, {0}},
        hth_noise_field(&learner->noise),
    };
    size_t count = 0;
    hth_trace_bound_set(&kept->bound, NAN); /* the caller may write to the fields */
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        if (all[i].count == 0) continue;
        if (count < capacity) fields[count] = all[i];
        count++;
    }
    return count;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    const hth_kernel_options *o = learner->past.options;
    out[0] = (hth_need){"ii", true, "a trace in each synapse"};
    out[1] = (hth_need){"iii", true, "the error by the sensitivities A, units to units"};
    if (!(o->lr > 0)) return 2;
    out[2] = (hth_need){"ii", true, "the sensitivities A, by a local rule"};
    out[3] = (hth_need){"v", true, "noise in the perturbed copy"};
    out[4] = (hth_need){"vi", false, "a noisy copy of the network, to learn A and alpha from"};
    return 5;
}

const hth_past hth_past_kernel = {
    .axis = {.part = {.name = "kernel",
                      .summary = "one trace a synapse, and learned sensitivities of all units to "
                                 "each other",
                      .source = "KeRNL: Roth et al. 2019",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(hth_kernel_options),
             .bias = HTH_BIASED,
             .joins_items = true,
             .memory = "P + P*(N-s)/o + n*n + s + 3*n",
             .operations = "3*P + 3*P*(N-s)/o + 4*n*n",
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .before = before,
    .carry = carry,
    .adds_step = true,
    .descends = true,
};
