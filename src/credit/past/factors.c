/*
 * Kronecker factors: see factors.h. Per tape one contraction, N multiply-adds a row of B; per step one tangent a
 * row, and the part's law.
 *
 * The contraction of a tape of one step pairs the tangents with the direct errors, q . dz_1, which is xbar . dX_0: so
 * the scan need not go through the recurrent weights to the start of the tape.
 */
#include "credit/past/factors.h"

#include "credit/errors.h"
#include "credit/joint.h"
#include "kernels/fold.h"
#include "kernels/rows.h"

#include <string.h>

static size_t length_of(const hth_factors *kept, const hth_layer *layer) {
    return kept->rows_in_A ? layer->rows : layer->m;
}

static size_t rows_of(const hth_factors *kept, const hth_layer *layer) {
    return kept->rows_in_A ? layer->m : layer->rows;
}

void hth_factors_lay_out(hth_arena *arena, hth_factors *kept, const hth_learner *plan,
                         bool rows_in_A) {
    const hth_network *net = plan->network;
    kept->rows_in_A = rows_in_A;
    kept->N = hth_joint_states(net);
    kept->lengths = kept->rows = 0;
    for (size_t l = 0; l < net->layer_count; l++) {
        kept->lengths += length_of(kept, &net->layers[l]);
        kept->rows += rows_of(kept, &net->layers[l]);
    }
    kept->A = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->lengths));
    kept->B = HTH_TAKE(arena, hth_real, hth_times(hth_times(plan->batch, kept->rows), kept->N));
    kept->scale = HTH_TAKE(arena, double, hth_times(plan->batch, net->layer_count));
    kept->xbar = HTH_TAKE(arena, hth_real, kept->N);
    kept->side = HTH_TAKE(arena, hth_real, kept->rows);
    hth_tangent_lay_out(arena, &kept->tangent, net, kept->rows);
}

void hth_factors_reset(hth_learner *learner) {
    hth_factors *kept = learner->past.kept;
    memset(kept->A, 0, learner->batch * kept->lengths * sizeof *kept->A);
    memset(kept->B, 0, learner->batch * kept->rows * kept->N * sizeof *kept->B);
    for (size_t i = 0; i < learner->batch * learner->network->layer_count; i++) kept->scale[i] = 1;
}

size_t hth_factors_state(hth_learner *learner, hth_field *fields, size_t capacity) {
    hth_factors *kept = learner->past.kept;
    /* M = A (x) B of each item: A a vector or matrix, B a matrix, and the factor that B is kept without. */
    const hth_field all[] = {
        {"factors.A",
         HTH_DTYPE_REAL,
         learner->batch * kept->lengths,
         kept->A,
         {learner->batch, kept->lengths}},
        {"factors.B",
         HTH_DTYPE_REAL,
         learner->batch * kept->rows * kept->N,
         kept->B,
         {learner->batch, kept->rows, kept->N}},
        {"factors.scale",
         HTH_DTYPE_F64,
         learner->batch * learner->network->layer_count,
         kept->scale,
         {0}},
        hth_noise_field(&learner->noise),
    };
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

/* ---- Contraction ---- */

/* side = B xbar, xbar at the start of the tape. */
static void contract_start(const hth_learner *learner, hth_factors *kept, size_t item) {
    hth_joint_start(learner, item, kept->xbar);
    hth_matrix_vector(kept->rows, kept->N, kept->B + item * kept->rows * kept->N, kept->N,
                      kept->xbar, false, kept->side);
}

/* The same for a tape of one step, in two parts: what y of a leaky readout carries into it, and what the direct
 * errors of the step are for the tangents, B being J B by then. */
static void contract_y(const hth_learner *learner, hth_factors *kept, size_t item) {
    const size_t N = kept->N, outputs = hth_joint_readout_states(learner->network);
    const hth_real *y = kept->B + item * kept->rows * N + N - outputs;
    hth_matrix_vector(kept->rows, outputs, y, N, learner->start + item * outputs, false,
                      kept->side);
}

static void contract_errors(const hth_learner *learner, hth_factors *kept, size_t item) {
    const hth_network *net = learner->network;
    const size_t N = kept->N;
    const hth_real *dX = kept->B + item * kept->rows * N;
    bool adds = hth_joint_readout_states(net) > 0;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_real *direct = hth_errors_direct(learner, l, 0, item);
        if (!direct) continue;
        hth_matrix_vector(kept->rows, net->layers[l].n, dX + hth_joint_place_of_z(net, l), N,
                          direct, adds, kept->side);
        adds = true;
    }
}

/* g[row][column] += A[one] side[other], of each layer; and the tape's step, if it is a tape of one. */
static void add_gradient(const hth_learner *learner, hth_factors *kept, size_t item,
                         hth_gradient *gradient) {
    const hth_tape *tape = learner->adjoint.tape;
    hth_real *A = kept->A + item * kept->lengths, *side = kept->side;
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        const hth_real scale = (hth_real)kept->scale[item * learner->network->layer_count + l];
        hth_real *g = gradient->values + layer->weight;
        for (size_t i = 0; i < rows_of(kept, layer); i++) side[i] *= scale;
        const hth_real *x = kept->rows_in_A ? A : side, *y = kept->rows_in_A ? side : A;
        if (tape->steps == 1)
            hth_outer_add_two(layer->rows, layer->m, x, y,
                              learner->adjoint.layers[l].delta + item * layer->rows,
                              tape->layers[l].u + item * layer->stride, g);
        else
            hth_outer_add(layer->rows, layer->m, x, y, g, layer->m);
        A += length_of(kept, layer);
        side += rows_of(kept, layer);
    }
}

/* ---- Verbs ---- */

static void join_layers(hth_learner *learner, hth_factors *kept, size_t item, size_t t,
                        hth_factor_law join) {
    const hth_tape *tape = learner->adjoint.tape;
    hth_factor_pair pair = {.kept = kept,
                            .step = t,
                            .A = kept->A + item * kept->lengths,
                            .B = kept->B + item * kept->rows * kept->N};
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        pair.layer = l;
        pair.length = length_of(kept, layer);
        pair.rows = rows_of(kept, layer);
        pair.scale = &kept->scale[item * learner->network->layer_count + l];
        pair.u = tape->layers[l].u + (t * tape->batch + item) * layer->stride;
        if (!layer->kind->stores) join(learner, &pair); /* no state depends on its weights */
        pair.A += pair.length;
        pair.B += pair.rows * kept->N;
    }
}

/* Tangents do not follow the reads of a store, so that the scan has to go to the start of the tape. */
static bool pairs_errors(const hth_learner *learner) {
    return learner->adjoint.tape->steps == 1 && !hth_has_store(learner->network);
}

void hth_factors_before(hth_learner *learner) {
    learner->adjoint.skips_start = pairs_errors(learner);
}

static void carry_item(hth_learner *learner, hth_gradient *gradient, size_t item,
                       hth_factor_law join) {
    hth_factors *kept = learner->past.kept;
    const size_t steps = learner->adjoint.tape->steps;
    hth_real *B = kept->B + item * kept->rows * kept->N;
    kept->tangent.item = item;
    if (!pairs_errors(learner)) {
        contract_start(learner, kept, item);
        add_gradient(learner, kept, item, gradient);
    } else if (hth_joint_readout_states(learner->network)) {
        contract_y(learner, kept, item);
    }
    for (size_t t = 0; t < steps; t++) {
        hth_tangent_step(&kept->tangent, t, kept->rows, B);
        if (pairs_errors(learner)) {
            contract_errors(learner, kept, item);
            add_gradient(learner, kept, item, gradient);
        }
        join_layers(learner, kept, item, t, join);
    }
}

void hth_factors_carry(hth_learner *learner, hth_gradient *gradient, hth_factor_law join) {
    hth_factors *kept = learner->past.kept;
    const hth_tape *tape = learner->adjoint.tape;
    if (tape->fresh) hth_factors_reset(learner); /* a sequence has no past at its start */
    hth_tangent_begin(&kept->tangent, tape, kept->rows);
    for (size_t b = 0; b < learner->batch; b++) carry_item(learner, gradient, b, join);
    hth_unbiased_clean(learner->network, gradient);
}

size_t hth_factors_needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"i", true, "the vector A"};
    out[1] = (hth_need){"iv", false, "the product of the Jacobian and the matrix B"};
    out[2] = (hth_need){"v", true, "the random signs"};
    return 3;
}

/* ---- Rows of a store: A, B of the z that it reads, and the factor of B ---- */

size_t hth_factors_row_size(const hth_learner *plan, const hth_reading *reads, bool rows_in_A) {
    const hth_network *net = plan->network;
    const hth_factors of = {.rows_in_A = rows_in_A};
    size_t size = net->layer_count;
    for (size_t l = 0; l < net->layer_count; l++)
        size +=
            length_of(&of, &net->layers[l]) + rows_of(&of, &net->layers[l]) * hth_joint_read(reads);
    return size;
}

void hth_factors_freeze(hth_learner *learner, const hth_reading *reads, size_t item,
                        hth_real *row) {
    const hth_factors *kept = learner->past.kept;
    const size_t layers = learner->network->layer_count, width = hth_joint_read(reads);
    const hth_real *B = kept->B + item * kept->rows * kept->N;
    memcpy(row, kept->A + item * kept->lengths, kept->lengths * sizeof *row);
    row += kept->lengths;
    for (size_t l = 0; l < layers; l++) *row++ = (hth_real)kept->scale[item * layers + l];
    for (size_t i = 0; i < kept->rows; i++)
        hth_joint_pick_z(learner->network, reads, B + i * kept->N, row + i * width);
}

void hth_factors_contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                          const hth_real *zbar, hth_real *values) {
    const hth_factors *kept = learner->past.kept;
    const hth_network *net = learner->network;
    const size_t width = hth_joint_read(reads);
    const hth_real *A = row, *scale = row + kept->lengths, *B = scale + net->layer_count;
    hth_real *side = kept->side;
    hth_matrix_vector(kept->rows, width, B, width, zbar, false, side);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        for (size_t i = 0; i < rows_of(kept, layer); i++) side[i] *= scale[l];
        hth_outer_add(layer->rows, layer->m, kept->rows_in_A ? A : side, kept->rows_in_A ? side : A,
                      values + layer->weight, layer->m);
        A += length_of(kept, layer);
        side += rows_of(kept, layer);
    }
}
