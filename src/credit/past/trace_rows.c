/*
 * What a row of a store keeps of the traces of the layers that it reads: the trace of z itself,
 *
 *     e[row][column] = dz[j]/dW[row][column] = sum_k Z[k][j] eps[k][row][column] + Q[j] u[column]
 *
 * of the rows of unit j, so that one contraction is dE/dW[row] += zbar[j] e[row]. With recurrence = diagonal, and z a
 * state of its own, the traces have followed z, and e is theirs.
 */
#include "credit/past/trace.h"
#include "kernels/vectors.h"

#include <string.h>

static size_t size_of(const hth_layer *layer) {
    return layer->rows * layer->m;
}

size_t hth_trace_row_size(const hth_learner *plan, const hth_reading *reads) {
    size_t size = 0;
    for (size_t p = 0; p < reads->count; p++)
        if (reads->parts[p].layer != HTH_OF_INPUT)
            size += size_of(&plan->network->layers[reads->parts[p].layer]);
    return size;
}

/* A derivative at the tape's last step, of unit j. */
static hth_real last_of(const hth_learner *learner, size_t l, hth_entry entry, size_t item,
                        size_t j) {
    const size_t last = learner->adjoint.tape->steps - 1;
    if (entry.where == HTH_AT_ZERO) return 0;
    return hth_derivative_of(hth_derivative_at(&learner->adjoint, l, entry, last, item), j);
}

static void freeze_layer(const hth_learner *learner, size_t l, size_t item, hth_real *out) {
    const hth_trace *kept = learner->past.kept;
    const hth_tape *tape = learner->adjoint.tape;
    const hth_layer *layer = &learner->network->layers[l];
    const hth_derivatives *table = &learner->adjoint.layers[l].table;
    const size_t e = kept->layers[l].e, d = layer->cell->states, size = size_of(layer);
    const hth_real *eps = kept->layers[l].eps + item * e * size;
    const hth_real *u =
        tape->layers[l].u + ((tape->steps - 1) * tape->batch + item) * layer->stride;
    if (hth_trace_has_z(kept, layer)) {
        memcpy(out, eps + d * size, size * sizeof *out);
        return;
    }
    memset(out, 0, size * sizeof *out);
    for (size_t row = 0; row < layer->rows; row++, out += layer->m) {
        const size_t j = row % layer->n, g = row / layer->n;
        for (size_t k = 0; k < d; k++)
            hth_add_scaled(layer->m, last_of(learner, l, table->Z[k], item, j),
                           eps + k * size + row * layer->m, out);
        hth_add_scaled(layer->m, last_of(learner, l, table->Q[g], item, j), u, out);
    }
}

void hth_trace_freeze(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row) {
    for (size_t p = 0; p < reads->count; p++) {
        const size_t l = reads->parts[p].layer;
        if (l == HTH_OF_INPUT) continue;
        freeze_layer(learner, l, item, row);
        row += size_of(&learner->network->layers[l]);
    }
}

void hth_trace_contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                        const hth_real *zbar, hth_real *values) {
    for (size_t p = 0; p < reads->count; p++) {
        if (reads->parts[p].layer == HTH_OF_INPUT) continue;
        const hth_layer *layer = &learner->network->layers[reads->parts[p].layer];
        hth_real *w = values + layer->weight;
        for (size_t i = 0; i < layer->rows; i++, row += layer->m, w += layer->m)
            hth_add_scaled(layer->m, zbar[reads->parts[p].at + i % layer->n], row, w);
    }
}
