/*
 * Recurrent weights that stay orthogonal (network.orthogonal). After each update the weights W of a gate, whose units
 * are the rows, become the orthogonal matrix that is nearest to them, the polar factor of W, by Newton and Schulz:
 *
 *     W <- (3 - W W^T) W / 2     the error E = W W^T - 1 becomes about 3/4 E^2
 *
 * What an update does along the orthogonal matrices stays, to first order, and what it does across them goes: so any
 * optimiser descends along them (a retraction). Where rows are too long for it to converge, W is divided first, which
 * leaves the polar factor as it is.
 *
 * Cost: two products of n^3 a pass; two or three passes an update. Errors do not add up over updates, since each begins
 * with what there is.
 */
#include "network/network.h"

#include <math.h>
#include <string.h>

enum { MOST_PASSES = 60 }; /* a matrix without an inverse has no polar factor */

/* An error that a pass takes to what rounding leaves. */
static const double small_error = sizeof(hth_real) == sizeof(double) ? 1e-8 : 1e-4;

/* E = W W^T; returns the largest |E - 1|, and in *size the largest sum of a row of |E|, which bounds |W|^2. */
static double measure(hth_compute *compute, size_t n, const hth_real *w, size_t m, hth_real *E,
                      double *size) {
    double error = 0;
    hth_product(compute, n, n, n, hth_rows(w, m), hth_transposed(w, m), false, E, n);
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            error = fmax(error, fabs((double)E[i * n + j] - (i == j)));
            sum += fabs((double)E[i * n + j]);
        }
        *size = fmax(*size, sum);
    }
    return error;
}

/* One pass, of W over sqrt(size): W <- (3 - E/size) W / (2 sqrt(size)). */
static void correct(hth_compute *compute, size_t n, hth_real *w, size_t m, double size, hth_real *E,
                    hth_real *out) {
    const double half = 0.5 / sqrt(size);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            E[i * n + j] = (hth_real)(half * (3 * (i == j) - (double)E[i * n + j] / size));
    hth_product(compute, n, n, n, hth_rows(E, n), hth_rows(w, m), false, out, n);
    for (size_t i = 0; i < n; i++) memcpy(w + i * m, out + i * n, n * sizeof *w);
}

static void make_orthogonal(hth_compute *compute, size_t n, hth_real *w, size_t m, hth_real *room) {
    double error = INFINITY, size;
    for (int pass = 0; pass < MOST_PASSES && error > small_error; pass++) {
        error = measure(compute, n, w, m, room, &size);
        correct(compute, n, w, m, size < 2.5 ? 1 : size, room, room + n * n);
    }
}

bool hth_network_keep_orthogonal(hth_network *network, const hth_real *rates,
                                 hth_compute *compute) {
    if (!network->squares || !compute) return network->squares != NULL;
    network->changes++;
    for (size_t l = 0; l < network->layer_count; l++) {
        const hth_layer *layer = &network->layers[l];
        if (rates && rates[layer->number] == 0) continue;
        for (size_t g = 0; !layer->kind->shape && g < layer->cell->drives; g++)
            if (layer->cell->reads[g].z)
                make_orthogonal(compute, layer->n,
                                network->theta + layer->weight + g * layer->n * layer->m, layer->m,
                                network->squares);
    }
    return true;
}

hth_status hth_orthogonal_check(const hth_layer *layer, hth_error *error) {
    const char *why = NULL;
    if (layer->kind->shape) return HTH_OK; /* its numbers have no weights from one to another */
    if (!layer->has_self)
        why = "its units have no connections to themselves: set network.self_connections to true";
    else if (layer->connected)
        why = "it does not have all connections: set network.connections to all";
    else if (layer->excites)
        why = "its weights have given signs: leave network.excitatory out";
    else if (layer->wiring.late_z)
        why = "its weights act at several delays: set network.delay to 1";
    if (!why) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "network.orthogonal is true, but layer %zu cannot be kept so, for %s",
                    layer->number, why);
}
