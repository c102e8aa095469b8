/* What an adjoint holds, and the ends of its way: see adjoint.h. */
#include "credit/adjoint/adjoint.h"

#include <string.h>

static hth_derivatives table_of(const hth_cell *cell) {
    hth_derivatives table = {0};
    memcpy(table.D, cell->D, sizeof table.D);
    memcpy(table.B, cell->B, sizeof table.B);
    memcpy(table.R, cell->R, sizeof table.R);
    memcpy(table.Z, cell->Z, sizeof table.Z);
    memcpy(table.Q, cell->Q, sizeof table.Q);
    return table;
}

/* The errors of what a store keeps, for each row of the scan. */
static void lay_out_store(hth_arena *arena, const hth_layer *layer, size_t steps, size_t rows,
                          hth_adjoint_layer *a) {
    const hth_store_form *store = &layer->store;
    const size_t direct = store->literal ? hth_times(steps * rows, layer->inputs) : 0;
    if (!layer->kind->stores) return;
    a->rows = HTH_TAKE(arena, hth_store_errors, rows);
    for (size_t i = 0; i < rows; i++) {
        hth_store_errors counted, *to = a->rows ? &a->rows[i] : &counted;
        to->written = HTH_TAKE(arena, hth_real, hth_times(steps, store->width));
        to->before = HTH_TAKE(arena, hth_real, hth_times(store->rows, store->width));
        to->reached = HTH_TAKE(arena, unsigned char, store->rows);
        to->list = HTH_TAKE(arena, uint32_t, store->rows);
        hth_store_scratch_lay_out(arena, store, steps, &to->scratch);
    }
    a->direct = HTH_TAKE(arena, hth_real, direct);
    if (!direct) a->direct = NULL;
}

void hth_adjoint_lay_out(hth_arena *arena, hth_adjoint *adjoint, const hth_network *net,
                         size_t steps, size_t rows, bool with_top_q) {
    const bool counting = !arena->base;
    hth_adjoint_layer scratch;
    adjoint->rows = rows;
    adjoint->layers = HTH_TAKE(arena, hth_adjoint_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const size_t states = hth_times(layer->cell->states * rows, layer->n);
        const bool has_q = !layer->is_top || with_top_q || hth_is_stored(net, l);
        hth_adjoint_layer *a = counting ? &scratch : &adjoint->layers[l];
        *a = (hth_adjoint_layer){.table = table_of(layer->cell)};
        a->q = HTH_TAKE(arena, hth_real, has_q ? hth_times(hth_times(steps, rows), layer->n) : 0);
        if (!has_q) a->q = NULL;
        a->delta = HTH_TAKE(arena, hth_real, hth_times(hth_times(steps, rows), layer->rows));
        a->sbar = HTH_TAKE(arena, hth_real, states);
        a->lambda = HTH_TAKE(arena, hth_real, states);
        a->zbar = HTH_TAKE(arena, hth_real, rows * layer->n);
        a->zeta = HTH_TAKE(arena, hth_real, rows * layer->n);
        a->packed = HTH_TAKE(arena, hth_real, hth_packed_size(layer->rows, layer->n));
        const size_t late = layer->wiring.late_z * layer->n;
        a->late = HTH_TAKE(arena, hth_real, hth_times(rows, late));
        if (!late) a->late = NULL;
        a->packed_late = HTH_TAKE(arena, hth_real, late ? hth_packed_size(layer->rows, late) : 0);
        a->is_given = layer->is_top && with_top_q;
        const bool is_passed = net->dropout > 0 && hth_is_stored(net, l);
        a->passed = HTH_TAKE(arena, hth_real, is_passed ? hth_times(steps * rows, layer->n) : 0);
        if (!is_passed) a->passed = NULL;
        lay_out_store(arena, layer, steps, rows, a);
    }
    adjoint->input = HTH_TAKE(arena, hth_real, net->embedding ? steps * rows * net->embedding : 0);
    if (!net->embedding) adjoint->input = NULL;
}

void hth_adjoint_lay_out_errors(hth_arena *arena, hth_adjoint *adjoint, const hth_network *net,
                                size_t steps, bool apart) {
    if (!apart && hth_reads_last_alone(net)) return;
    adjoint->errors =
        HTH_TAKE(arena, hth_real, hth_times(hth_times(steps, adjoint->rows), net->readout.n));
}

void hth_adjoint_lay_out_inputs(hth_arena *arena, hth_adjoint *adjoint, const hth_network *net,
                                size_t steps) {
    if (net->embedding) return; /* it is there already, for the token vectors */
    adjoint->input = HTH_TAKE(arena, hth_real, hth_times(steps * adjoint->rows, net->shape.inputs));
}

hth_real *hth_adjoint_errors(const hth_adjoint *adjoint, const hth_network *net) {
    return adjoint->errors ? adjoint->errors : adjoint->layers[net->layer_count - 1].q;
}

void hth_adjoint_split(hth_adjoint *adjoint) {
    const hth_reading *reads = &adjoint->tape->network->readout.reads;
    for (size_t p = 0; adjoint->errors && p < reads->count; p++)
        if (reads->parts[p].layer != HTH_OF_INPUT)
            hth_read_split(adjoint->tape, adjoint->errors, &reads->parts[p], reads->width,
                           adjoint->layers[reads->parts[p].layer].q);
}

void hth_adjoint_clear_boundary(hth_adjoint *adjoint) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const size_t slot = adjoint->rows * net->layers[l].n;
        memset(adjoint->layers[l].zbar, 0, slot * sizeof(hth_real));
        memset(adjoint->layers[l].sbar, 0, net->layers[l].cell->states * slot * sizeof(hth_real));
        if (adjoint->layers[l].late)
            memset(adjoint->layers[l].late, 0,
                   net->layers[l].wiring.late_z * slot * sizeof(hth_real));
    }
}

const hth_real *hth_adjoint_first_error(const hth_adjoint *adjoint, size_t l, size_t item) {
    const hth_reading *reads = &adjoint->tape->network->readout.reads;
    for (size_t p = 0; adjoint->errors && p < reads->count; p++)
        if (reads->parts[p].layer == l)
            return adjoint->errors + item * reads->width + reads->parts[p].at;
    return adjoint->layers[l].q + item * adjoint->tape->network->layers[l].n;
}
