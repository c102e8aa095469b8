/* The gradient of the steps on a tape: see tape_gradient.h. */
#include "credit/adjoint/tape_gradient.h"

#include "kernels/events.h"
#include "kernels/rows.h"
#include "kernels/vectors.h"

static void initial_gradient(const hth_adjoint *adjoint, size_t l, size_t from, size_t to,
                             hth_real *gradient) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, rows = hth_layer_initial_rows(layer);
    for (size_t row = from; row < to; row++) {
        const hth_real *zbar = adjoint->layers[l].zbar + row * n;
        for (size_t i = 0; i < cell->states; i++) {
            const hth_real *sbar = adjoint->layers[l].sbar + (i * adjoint->rows + row) * n;
            for (size_t j = 0; j < n; j++) gradient[i * n + j] += sbar[j];
        }
        if (cell->observable == HTH_Z_IS_STATE)
            for (size_t j = 0; j < n; j++) gradient[j] += zbar[j];
        else if (rows > cell->states)
            for (size_t j = 0; j < n; j++) gradient[cell->states * n + j] += zbar[j];
    }
}

/* The steps that the gradient is of. */
typedef struct hth_range {
    size_t from, to;
} hth_range;

static hth_range range_of(const hth_adjoint *adjoint) {
    const size_t steps = adjoint->tape->steps;
    return (hth_range){adjoint->from, adjoint->to < steps ? adjoint->to : steps};
}

static void token_gradient(const hth_adjoint *adjoint, hth_gradient *gradient) {
    const hth_tape *tape = adjoint->tape;
    const size_t width = tape->network->embedding;
    const hth_range range = range_of(adjoint);
    for (size_t i = range.from * adjoint->rows; i < range.to * adjoint->rows; i++) {
        hth_real *row = hth_gradient_row(gradient, (size_t)tape->chunk.tokens[i]);
        for (size_t k = 0; k < width; k++) row[k] += adjoint->input[i * width + k];
    }
}

/* u of the row's item, when rows are items or adjoints of one. */
static size_t item_of(const hth_adjoint *adjoint, size_t row) {
    return adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item;
}

void hth_tape_gradient_row_rest(const hth_adjoint *adjoint, size_t row, hth_real *values) {
    const hth_tape *tape = adjoint->tape;
    const hth_network *net = tape->network;
    for (size_t t = 0; net->embedding && adjoint->input && t < tape->steps; t++) {
        const size_t token = (size_t)tape->chunk.tokens[t * tape->batch + item_of(adjoint, row)];
        const hth_real *x = adjoint->input + (t * adjoint->rows + row) * net->embedding;
        hth_real *to = values + net->embedding_weight + token * net->embedding;
        for (size_t k = 0; k < net->embedding; k++) to[k] += x[k];
    }
    for (size_t l = 0; tape->fresh && l < net->layer_count; l++)
        if (net->layers[l].learns_initial)
            initial_gradient(adjoint, l, row, row + 1, values + net->layers[l].initial);
}

void hth_tape_gradient_row(const hth_adjoint *adjoint, size_t row, hth_real *values) {
    const hth_tape *tape = adjoint->tape;
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        for (size_t t = 0; t < tape->steps; t++) {
            const hth_real *u =
                tape->layers[l].u + (t * tape->batch + item_of(adjoint, row)) * layer->stride;
            const hth_real *delta =
                adjoint->layers[l].delta + (t * adjoint->rows + row) * layer->rows;
            for (size_t i = 0; i < layer->rows; i++) {
                hth_real *w = values + layer->weight + i * layer->m;
                const hth_real d = delta[i];
                hth_add_scaled(layer->m, d, u, w);
            }
        }
    }
    hth_tape_gradient_row_rest(adjoint, row, values);
}

void hth_tape_gradient_rest(const hth_adjoint *adjoint, hth_gradient *gradient) {
    const hth_network *net = adjoint->tape->network;
    const bool begins = adjoint->tape->fresh && adjoint->from == 0;
    for (size_t l = adjoint->lowest; begins && l < net->layer_count; l++)
        if (net->layers[l].learns_initial)
            initial_gradient(adjoint, l, 0, adjoint->rows,
                             gradient->values + net->layers[l].initial);
    if (net->embedding && adjoint->input) token_gradient(adjoint, gradient);
}

/* The same by events, where that is faster. */
static bool gradient_by_events(const hth_adjoint *adjoint, size_t l, hth_real *weight) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const size_t items = range_of(adjoint).to * adjoint->rows;
    const hth_events_sum sum = {.events = &on->events,
                                .rows = items,
                                .N = layer->rows,
                                .K = layer->m,
                                .d = adjoint->layers[l].delta,
                                .d_stride = layer->rows,
                                .u = on->u,
                                .u_stride = layer->stride,
                                .C = weight,
                                .ldc = layer->m,
                                .scratch = on->turned};
    if (!on->is_sparse || adjoint->from > 0) return false;
    if (layer->events == HTH_EVENTS_AUTO && !hth_events_add_pays(&sum)) return false;
    hth_events_add(tape->compute, &sum);
    return true;
}

/* Of the drives that read the constant alone: the sum of their deltas. */
static void own_gradient(const hth_layer *layer, size_t items, const hth_real *delta,
                         hth_real *weight) {
    hth_real *w = weight + layer->m - 1;
    for (size_t i = 0; i < items; i++)
        for (size_t row = layer->driven; row < layer->rows; row++)
            w[row * layer->m] += delta[i * layer->rows + row];
}

/* sum_t delta_t u_t^T of a layer; of a few rows without what a product of matrices begins with, with the same
 * bits. */
static void weight_gradient(const hth_adjoint *adjoint, size_t l, hth_real *weight) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_range range = range_of(adjoint);
    const size_t first = range.from * adjoint->rows, items = range.to * adjoint->rows - first;
    const hth_real *delta = adjoint->layers[l].delta + first * layer->rows;
    const hth_real *u = tape->layers[l].u + first * layer->stride;
    if (gradient_by_events(adjoint, l, weight)) return;
    own_gradient(layer, items, delta, weight);
    if (items > HTH_FEW_ROWS)
        hth_product(tape->compute, layer->driven, layer->m, items,
                    hth_transposed(delta, layer->rows), hth_rows(u, layer->stride), true, weight,
                    layer->m);
    else
        for (size_t i = 0; i < items; i++)
            hth_outer_add(layer->driven, layer->m, delta + i * layer->rows, u + i * layer->stride,
                          weight, layer->m);
}

void hth_tape_gradient_weights(const hth_adjoint *adjoint, hth_gradient *gradient) {
    const hth_tape *tape = adjoint->tape;
    for (size_t l = adjoint->lowest; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        hth_real *weight = gradient->values + layer->weight;
        weight_gradient(adjoint, l, weight);
        hth_layer_mask(layer, weight);
    }
}

void hth_tape_gradient(const hth_adjoint *adjoint, hth_gradient *gradient) {
    hth_tape_gradient_weights(adjoint, gradient);
    hth_tape_gradient_rest(adjoint, gradient);
}
