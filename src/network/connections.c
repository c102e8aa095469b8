/*
 * Which weights of a layer exist. All recurrent weights do, or (network.connections) those of a directed
 * ring, from each unit to the next, each by itself with probability network.density, those of an array (wiring.c), or
 * none; self-connections and biases have settings of their own, and a cell says which columns a drive reads. Weights
 * that do not exist are 0, and so is their gradient: hth_layer_mask sees to both. A network that has all pays nothing.
 *
 * And which sign they have (network.excitatory): the optimiser calls hth_network_keep_signs after each update.
 */
#include "base/random.h"
#include "network/network.h"

#include <string.h>

enum { STREAM_CONNECTIONS = 1 << 16 }; /* beyond those of the blocks, init.c; never renumber */

static bool exists(hth_connections kind, double density, const hth_random *random, size_t n,
                   size_t to, size_t from) {
    if (kind == HTH_CONNECT_NONE) return false;
    if (kind == HTH_CONNECT_GIVEN) return true;
    if (kind == HTH_CONNECT_RING) return to == (from + 1) % n;
    return hth_random_uniform(random, (uint64_t)to * n + from) < density;
}

static bool reads_all(const hth_layer *layer) {
    for (size_t g = 0; g < layer->cell->drives; g++) {
        const hth_reads *reads = &layer->cell->reads[g];
        if (!reads->z || !reads->x || !reads->bias) return false;
    }
    return true;
}

void hth_layer_connect(hth_layer *layer, hth_connections kind, double density, uint64_t seed,
                       size_t index) {
    const hth_random random = {seed, HTH_RANDOM_INIT, STREAM_CONNECTIONS + (uint32_t)index};
    const size_t n = layer->n;
    layer->is_complete = !layer->connected && !layer->wiring.exists && layer->has_bias &&
                         layer->has_self && reads_all(layer);
    for (size_t to = 0; layer->connected && to < n; to++)
        for (size_t from = 0; from < n; from++)
            layer->connected[to * n + from] = exists(kind, density, &random, n, to, from);
}

bool hth_layer_connects(const hth_layer *layer, size_t to, size_t from) {
    if (to == from && !(layer->has_self && layer->wiring.is_given)) return layer->has_self;
    return !layer->connected || layer->connected[to * layer->n + from];
}

static void mask_row(const hth_layer *layer, size_t unit, const hth_reads *reads, hth_real *w) {
    const size_t n = layer->n, late_z = hth_layer_late_z(layer), bias = layer->m - 1;
    const unsigned char *connected = layer->connected ? layer->connected + unit * n : NULL;
    const unsigned char *exists = layer->wiring.exists ? layer->wiring.exists + unit * bias : NULL;
    /* Single weights. */
    if (exists) {
        for (size_t k = 0; k < bias; k++) w[k] = exists[k] ? w[k] : 0;
    } else {
        const hth_real self = w[unit];
        for (size_t k = 0; connected && k < n; k++) w[k] = connected[k] ? w[k] : 0;
        w[unit] = layer->has_self ? self : 0;
    }
    /* All that the drive does not read. */
    if (!reads->z) memset(w, 0, n * sizeof *w);
    if (!reads->x) memset(w + n, 0, (late_z - n) * sizeof *w);
    if (!reads->z) memset(w + late_z, 0, (bias - late_z) * sizeof *w);
    if (!reads->bias || !(layer->has_bias || hth_reads_nothing(reads))) w[bias] = 0;
}

void hth_layer_mask_rows(const hth_layer *layer, size_t from, size_t to, hth_real *w) {
    if (layer->is_complete) return;
    for (size_t row = from; row < to; row++, w += layer->m)
        mask_row(layer, row % layer->n,
                 &layer->cell->reads[layer->kind->shape ? 0 : row / layer->n], w);
}

void hth_layer_mask(const hth_layer *layer, hth_real *weight) {
    hth_layer_mask_rows(layer, 0, layer->rows, weight);
}

void hth_layer_keep_signs(const hth_layer *layer, hth_real *weight) {
    const size_t n = layer->n;
    for (size_t row = 0; layer->excites && row < layer->rows; row++) {
        hth_real *w = weight + row * layer->m;
        /* Columns of z_{t-1}, then of its late copies. */
        for (size_t copy = 0; copy <= layer->wiring.late_z; copy++) {
            for (size_t k = 0; k < n; k++)
                w[k] = (layer->excites[k] > 0 ? w[k] > 0 : w[k] < 0) ? w[k] : 0;
            w += copy ? n : hth_layer_late_z(layer);
        }
    }
}

void hth_network_keep_connections(const hth_network *network, hth_real *values) {
    for (size_t l = 0; l < network->layer_count; l++)
        hth_layer_mask(&network->layers[l], values + network->layers[l].weight);
}

bool hth_network_keep_signs(hth_network *network) {
    if (!network->layers[0].excites) return false; /* all layers have signs, or none */
    network->changes++;
    for (size_t l = 0; l < network->layer_count; l++)
        hth_layer_keep_signs(&network->layers[l], network->theta + network->layers[l].weight);
    return true;
}
