/*
 * A learned Jacobian: per layer a matrix J that predicts the layer's states X (s, and z where that is a state
 * of its own) from those of the step before, and that credit crosses in place of the true derivative
 * (DNI(b): Marschall et al. 2019, eq. 3). For each step of the tape, after the tape has
 * been learned from,
 *
 *     J <- J + jacobian_lr (X_t - J X_{t-1}) X_{t-1}^T        (mean over the batch)
 *
 * The printed minus sign diverges. In a driven or nonlinear network J goes to the best
 * linear predictor, not to the derivative. The scan takes the whole adjoint of the layer over a step by J;
 * delta_t, and so the gradient, still uses the cell's own derivatives.
 *
 * Memory s^2; multiply-adds per step and item 2 s^2, and s^2 of the scan.
 */
#include "credit/joint.h"

#include "kernels/elementwise.h"
#include "kernels/rows.h"

#include <stdio.h>
#include <string.h>

typedef struct learned_options {
    double lr;
    int init;
} learned_options;

enum { WEIGHTS, ZERO };

static const hth_option options[] = {
    {.name = "jacobian_lr",
     .help = "learning rate of the Jacobian",
     .fallback = "0.001",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(learned_options, lr)},
    {.name = "jacobian_init",
     .help = "the Jacobian at first: weights (the recurrent ones, from z to the first state of a "
             "cell with "
             "one drive; zero elsewhere) or zero",
     .fallback = "weights",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"weights", "zero", NULL},
     .offset = offsetof(learned_options, init)},
};

typedef struct learned_layer {
    size_t states;
    hth_real *J;     /* [states][states] */
    hth_real *error; /* [batch][states]: X_t - J X_{t-1} */
    hth_real *joint; /* [2][batch][states]: scratch of replace */
} learned_layer;

typedef struct learned {
    learned_layer *layers;
    hth_real *before, *now; /* [batch][N]: X_{t-1}, X_t */
    size_t N;
} learned;

/* ---- Learning ---- */

/* One layer, whose states are x_{t-1} and x_t of each item, N apart. */
static void learn_layer(hth_learner *learner, const learned_layer *layer, size_t N,
                        const hth_real *before, const hth_real *now) {
    const learned_options *o = learner->recurrence.options;
    const size_t S = layer->states, batch = learner->batch;
    const hth_real rate = (hth_real)o->lr / (hth_real)batch;
    hth_real *error = layer->error;
    if (batch == 1)
        hth_matrix_vector(S, S, layer->J, S, before, false, error);
    else
        hth_product(learner->compute, batch, S, S, hth_rows(before, N), hth_transposed(layer->J, S),
                    false, error, S);
    for (size_t b = 0; b < batch; b++) {
        HTH_SIMD
        for (size_t i = 0; i < S; i++)
            error[b * S + i] = rate * (now[b * N + i] - error[b * S + i]);
    }
    if (batch == 1)
        hth_outer_add(S, S, error, before, layer->J, S);
    else
        hth_product(learner->compute, S, S, batch, hth_transposed(error, S), hth_rows(before, N),
                    true, layer->J, S);
}

static void learn(hth_learner *learner) {
    learned *kept = learner->recurrence.kept;
    const hth_tape *tape = learner->adjoint.tape;
    const size_t batch = learner->batch, N = kept->N;
    for (size_t t = learner->unseen; t < tape->steps; t++) {
        for (size_t b = 0; b < batch; b++) {
            hth_joint_values(tape, t, b, kept->before + b * N);
            hth_joint_values(tape, t + 1, b, kept->now + b * N);
        }
        const hth_real *before = kept->before, *now = kept->now;
        for (size_t l = 0; l < learner->network->layer_count; l++) {
            const learned_layer *layer = &kept->layers[l];
            learn_layer(learner, layer, N, before, now);
            before += layer->states;
            now += layer->states;
        }
    }
}

/* ---- Crossing ---- */

/* In place of the local derivatives: the adjoint of the step's end, (sbar_t, zeta_t), times J. Where z is the
 * state, that is lambda_t. */
static void replace(const hth_adjoint *adjoint, size_t l, size_t row) {
    const learned_layer *own = &((const learned *)adjoint->across)->layers[l];
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = layer->n, d = layer->cell->states, rows = adjoint->rows, S = own->states;
    const bool separate = layer->cell->observable == HTH_Z_SEPARATE;
    const hth_real *from = separate ? a->sbar : a->lambda;
    hth_real *x = own->joint + row * 2 * S, *y = x + S;
    for (size_t i = 0; i < d; i++) memcpy(x + i * n, from + (i * rows + row) * n, n * sizeof *x);
    if (separate) memcpy(x + d * n, a->zeta + row * n, n * sizeof *x);
    hth_vector_matrix(S, S, x, own->J, S, false, y);
    for (size_t i = 0; i < d; i++) memcpy(a->sbar + (i * rows + row) * n, y + i * n, n * sizeof *y);
    if (separate)
        memcpy(a->zbar + row * n, y + d * n, n * sizeof *y);
    else
        memset(a->zbar + row * n, 0, n * sizeof *y);
}

/* ---- Making ---- */

/* Row i < n of W_rec: what z does to the first state. */
static void start(const hth_network *net, const hth_layer *layer, const learned_layer *to) {
    const size_t n = layer->n, z = to->states - n; /* z is the last of X, or its only state */
    if (layer->cell->drives != 1) return;
    for (size_t i = 0; i < n; i++)
        memcpy(to->J + i * to->states + z, net->theta + layer->weight + i * layer->m,
               n * sizeof(hth_real));
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const learned_options *o = given;
    const hth_network *net = plan->network;
    learned counted = {0}, *kept = HTH_TAKE(arena, learned, 1), *placed = kept;
    if (!kept) kept = &counted;
    kept->N = hth_joint_states(net) - hth_joint_readout_states(net);
    kept->before = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->N));
    kept->now = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->N));
    kept->layers = HTH_TAKE(arena, learned_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const size_t S = hth_joint_layer_states(&net->layers[l]);
        learned_layer of = {S, HTH_TAKE(arena, hth_real, hth_times(S, S)),
                            HTH_TAKE(arena, hth_real, hth_times(S, plan->batch)),
                            HTH_TAKE(arena, hth_real, hth_times(2 * plan->batch, S))};
        if (!placed) continue;
        kept->layers[l] = of;
        if (o->init == WEIGHTS) start(net, &net->layers[l], &of);
    }
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    learned *kept = learner->recurrence.kept;
    const size_t count = learner->network->layer_count;
    for (size_t l = 0; l < count && l < capacity; l++) {
        const size_t S = kept->layers[l].states;
        fields[l] = (hth_field){
            .dtype = HTH_DTYPE_REAL, .count = S * S, .data = kept->layers[l].J, .shape = {S, S}};
        hth_text(fields[l].name, sizeof fields[l].name, "jacobian%zu", l);
    }
    return count;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] =
        (hth_need){"ii", true, "the learned Jacobian: synapses with a local rule of their own"};
    return 1;
}

const hth_recurrence hth_recurrence_learned = {
    .axis = {.part = {.name = "learned",
                      .summary = "a Jacobian that learns to predict the state from the one before",
                      .source = "Marschall et al. 2019, eq. 3 (with the sign reversed)",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(learned_options),
             .bias = HTH_BIASED,
             .joins_items = true,
             .memory = "s*s",
             .operations = "3*s*s",
             .lay_out = lay_out,
             .state = state,
             .needs = needs},
    .crossing = {.replace = replace},
    .learn = learn,
};
