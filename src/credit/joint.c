/* Between the arrays of tapes and scans and vectors over all states. */
#include "credit/joint.h"

#include <string.h>

static bool has_z(const hth_layer *layer) {
    return layer->cell->observable == HTH_Z_SEPARATE;
}

size_t hth_joint_layer_states(const hth_layer *layer) {
    return (layer->cell->states + (has_z(layer) ? 1 : 0) + layer->wiring.late_z) * layer->n;
}

size_t hth_joint_readout_states(const hth_network *net) {
    return net->readout.kappa > 0 ? net->readout.outputs : 0;
}

size_t hth_joint_states(const hth_network *net) {
    size_t count = hth_joint_readout_states(net);
    for (size_t l = 0; l < net->layer_count; l++) count += hth_joint_layer_states(&net->layers[l]);
    return count;
}

size_t hth_joint_place_of_z(const hth_network *net, size_t layer) {
    size_t end = 0;
    for (size_t l = 0; l <= layer; l++) end += hth_joint_layer_states(&net->layers[l]);
    return end - (1 + net->layers[layer].wiring.late_z) * net->layers[layer].n;
}

void hth_joint_pick_z(const hth_network *net, const hth_reading *reads, const hth_real *x,
                      hth_real *z) {
    for (size_t p = 0; p < reads->count; p++) {
        const hth_read_part *part = &reads->parts[p];
        if (part->layer == HTH_OF_INPUT) continue;
        memcpy(z + part->at, x + hth_joint_place_of_z(net, part->layer), part->width * sizeof *z);
    }
}

/* y_end depends on z_t by kappa^(end - t) gain W: the row's direct errors are the transpose of that, of one layer. */
static void seed_part(hth_adjoint *adjoint, const hth_read_part *part, size_t row,
                      const hth_real *y) {
    const hth_network *net = adjoint->tape->network;
    const hth_readout *r = &net->readout;
    const size_t n = part->width, rows = adjoint->rows, steps = adjoint->tape->steps;
    hth_real *q = adjoint->layers[part->layer].q, factor = r->gain;
    if (!q) return;
    for (size_t t = steps; t-- > 0; factor *= r->kappa) {
        hth_real *at = q + (t * rows + row) * n;
        memset(at, 0, n * sizeof *at);
        for (size_t k = 0; k < r->outputs; k++) {
            const hth_real *w = net->theta + r->weight + k * r->n + part->at, e = factor * y[k];
            for (size_t j = 0; e != 0 && j < n; j++) at[j] += e * w[j];
        }
        hth_read_drop(adjoint->tape, part->layer, t,
                      adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item, at);
    }
}

static void seed_readout(hth_adjoint *adjoint, size_t row, const hth_real *y) {
    const hth_reading *reads = &adjoint->tape->network->readout.reads;
    for (size_t p = 0; p < reads->count; p++)
        if (reads->parts[p].layer != HTH_OF_INPUT) seed_part(adjoint, &reads->parts[p], row, y);
}

void hth_joint_seed(hth_adjoint *adjoint, size_t row, const hth_real *x) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_adjoint_layer *a = &adjoint->layers[l];
        const size_t n = layer->n, states = layer->cell->states, late = layer->wiring.late_z * n;
        hth_real *zbar = a->zbar + row * n;
        for (size_t i = 0; i < states; i++)
            memcpy(a->sbar + (i * adjoint->rows + row) * n, x + i * n, n * sizeof *x);
        if (has_z(layer))
            memcpy(zbar, x + states * n, n * sizeof *x);
        else
            memset(zbar, 0, n * sizeof *zbar);
        x += hth_joint_layer_states(layer);
        if (a->late) memcpy(a->late + row * late, x - late, late * sizeof *x);
    }
    if (hth_joint_readout_states(net)) seed_readout(adjoint, row, x);
}

void hth_joint_gather(const hth_adjoint *adjoint, size_t row, const hth_real *y_end, hth_real *x) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_adjoint_layer *a = &adjoint->layers[l];
        const size_t n = layer->n, states = layer->cell->states, late = layer->wiring.late_z * n;
        const hth_real *zbar = a->zbar + row * n;
        for (size_t i = 0; i < states; i++)
            memcpy(x + i * n, a->sbar + (i * adjoint->rows + row) * n, n * sizeof *x);
        if (has_z(layer))
            memcpy(x + states * n, zbar, n * sizeof *x);
        else
            for (size_t j = 0; j < n; j++) x[j] += zbar[j];
        x += hth_joint_layer_states(layer);
        if (a->late) memcpy(x - late, a->late + row * late, late * sizeof *x);
    }
    hth_real power = 1;
    for (size_t t = 0; t < adjoint->tape->steps; t++) power *= net->readout.kappa;
    for (size_t k = 0; k < hth_joint_readout_states(net); k++) x[k] = y_end ? power * y_end[k] : 0;
}

void hth_joint_start(const hth_learner *learner, size_t item, hth_real *x) {
    const size_t N = hth_joint_states(learner->network);
    const size_t outputs = hth_joint_readout_states(learner->network);
    hth_joint_gather(&learner->adjoint, item, NULL, x);
    memcpy(x + N - outputs, learner->start + item * outputs, outputs * sizeof *x);
}

void hth_joint_values(const hth_tape *tape, size_t slot, size_t item, hth_real *x) {
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const size_t n = layer->n, states = layer->cell->states;
        const size_t all = states + layer->cell->counters, each = tape->batch * n;
        for (size_t i = 0; i < states; i++)
            memcpy(x + i * n, on->state + (slot * all + i) * each + item * n, n * sizeof *x);
        if (has_z(layer))
            memcpy(x + states * n, on->u + (slot * tape->batch + item) * layer->stride,
                   n * sizeof *x);
        x += hth_joint_layer_states(layer);
    }
}

bool hth_trace_follows_z(const hth_learner *learner) {
    const hth_crossing *crossing = &learner->axes.recurrence->crossing;
    return crossing->is_local && crossing->cross;
}

size_t hth_trace_rows(const hth_learner *learner, size_t l) {
    const hth_network *net = learner->network;
    const bool follows_z = hth_trace_follows_z(learner);
    const bool filtered =
        net->layers[l].is_top && net->readout.kappa > 0 && !learner->axes.signal->set;
    if (net->is_whole || net->layers[l].kind->stores) return 0;
    return net->layers[l].cell->states + (follows_z && has_z(&net->layers[l])) + filtered;
}
