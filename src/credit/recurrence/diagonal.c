/* A unit's own weight and reset only, so that units are decoupled: the recurrence of SnAp-1. */
#include "credit/learner.h"

static void cross(const hth_adjoint *adjoint, size_t l, const hth_real *delta, hth_real *zbar) {
    const hth_network *net = adjoint->tape->network;
    const hth_layer *layer = &net->layers[l];
    const size_t n = layer->n, m = layer->m;
    const hth_real *w = net->theta + layer->weight;
    for (size_t g = 0; g < layer->cell->drives; g++, w += n * m, delta += n)
        for (size_t j = 0; j < n; j++) zbar[j] += w[j * m + j] * delta[j];
}

const hth_recurrence hth_recurrence_diagonal = {
    .axis = {.part = {.name = "diagonal",
                      .summary = "a unit's own weight and reset only",
                      .source = "SnAp-1: Menick et al. 2020"},
             .bias = HTH_BIASED,
             .operations = "g*n"},
    .crossing = {.resets = true, .is_local = true, .cross = cross},
};
