/* The error of a prediction as a part of the network's loss: see sg_loss.h. */
#include "credit/future/sg_loss.h"

#include "credit/joint.h"

#include <string.h>

/* What is kept of the last step of one layer. */
typedef struct part {
    hth_real *Z; /* [states][batch][n] */
    hth_real *Q; /* [batch][drives * n] */
    hth_real *u; /* [batch][m] */
} part;

static size_t numbers_of(const hth_layer *layer) {
    if (layer->cell->observable != HTH_Z_SEPARATE) return 0;
    return layer->cell->states * layer->n + layer->rows + layer->m;
}

static part part_at(const hth_layer *layer, size_t batch, hth_real *step) {
    hth_real *Q = step + layer->cell->states * batch * layer->n;
    return (part){step, Q, Q + batch * layer->rows};
}

size_t hth_sg_loss_numbers(const hth_network *net) {
    size_t count = 0;
    for (size_t l = 0; l < net->layer_count; l++) count += numbers_of(&net->layers[l]);
    return count;
}

/* ---- Noting ---- */

/* The numbers of a local derivative at the tape's last step, of one item. */
static void read_entry(const hth_adjoint *adjoint, size_t l, hth_entry entry, size_t item,
                       hth_real *out) {
    const size_t n = adjoint->tape->network->layers[l].n;
    const hth_derivative at = hth_derivative_at(adjoint, l, entry, adjoint->tape->steps - 1, item);
    for (size_t j = 0; j < n; j++)
        out[j] = entry.where == HTH_AT_ZERO ? 0 : hth_derivative_of(at, j);
}

void hth_sg_loss_note(const hth_learner *learner, hth_real *step) {
    const hth_adjoint *adjoint = &learner->adjoint;
    const size_t batch = learner->batch, last = adjoint->tape->steps - 1;
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        const hth_derivatives *table = &adjoint->layers[l].table;
        const part at = part_at(layer, batch, step);
        for (size_t b = 0; b < batch && numbers_of(layer) > 0; b++) {
            for (size_t i = 0; i < layer->cell->states; i++)
                read_entry(adjoint, l, table->Z[i], b, at.Z + (i * batch + b) * layer->n);
            for (size_t g = 0; g < layer->cell->drives; g++)
                read_entry(adjoint, l, table->Q[g], b, at.Q + b * layer->rows + g * layer->n);
            memcpy(at.u + b * layer->m,
                   adjoint->tape->layers[l].u + (last * batch + b) * layer->stride,
                   layer->m * sizeof *at.u);
        }
        step += batch * numbers_of(layer);
    }
}

/* ---- What it asks of the network ---- */

/* dE_SG/dz of a layer whose z is a state of its own, in a row that begins with the layer's part of X. */
static const hth_real *z_of(const hth_layer *layer, const hth_real *row) {
    return row + layer->cell->states * layer->n;
}

static void enter_layer(hth_adjoint_layer *a, const hth_layer *layer, size_t batch, size_t item,
                        const hth_real *row, const hth_real *Z) {
    const size_t n = layer->n;
    for (size_t i = 0; i < layer->cell->states; i++) {
        hth_real *sbar = a->sbar + (i * batch + item) * n;
        for (size_t j = 0; j < n; j++) sbar[j] += row[i * n + j];
        const hth_real *of_z = numbers_of(layer) ? Z + (i * batch + item) * n : NULL;
        for (size_t j = 0; of_z && j < n; j++) sbar[j] += z_of(layer, row)[j] * of_z[j];
    }
}

void hth_sg_loss_enter(hth_learner *learner, const hth_real *flow, size_t stride,
                       const hth_real *step) {
    const hth_network *net = learner->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        for (size_t b = 0; b < learner->batch; b++)
            enter_layer(&learner->adjoint.layers[l], layer, learner->batch, b, flow + b * stride,
                        step);
        flow += hth_joint_layer_states(layer);
        step += learner->batch * numbers_of(layer);
    }
}

void hth_sg_loss_add(const hth_learner *learner, const hth_real *flow, size_t stride,
                     hth_real *step, hth_gradient *gradient) {
    const hth_network *net = learner->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const part at = part_at(layer, learner->batch, step);
        hth_real *weight = gradient->values + layer->weight;
        for (size_t b = 0; b < learner->batch && numbers_of(layer) > 0; b++)
            for (size_t i = 0; i < layer->rows; i++)
                at.Q[b * layer->rows + i] *= z_of(layer, flow + b * stride)[i % layer->n];
        if (numbers_of(layer) > 0)
            hth_product(learner->compute, layer->rows, layer->m, learner->batch,
                        hth_transposed(at.Q, layer->rows), hth_rows(at.u, layer->m), true, weight,
                        layer->m);
        hth_layer_mask(layer, weight);
        flow += hth_joint_layer_states(layer);
        step += learner->batch * numbers_of(layer);
    }
}
