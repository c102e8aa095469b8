/*
 * The step of scan.h for units of one state: see scan_one.h.
 *
 *     zeta = q + zbar     lambda = sbar + zeta Z     sbar = lambda D     zbar = lambda R (where the crossing resets)
 *     delta[g] = zeta Q[g] + lambda B[g], for each drive
 *
 * Time and memory: two passes over the units, and one more a drive.
 */
#include "credit/adjoint/scan_one.h"

#include "kernels/elementwise.h"

#include <string.h>

/* One row of units. NULL: q and R 0, Z 1. */
typedef struct units {
    size_t n;
    const hth_real *q, *Z, *D, *R;
    hth_real *zbar, *sbar; /* in place */
    hth_real *zeta, *lambda;
} units;

static bool is_plain(hth_entry entry) {
    return !entry.times && !entry.plus;
}

static bool is_found(hth_entry entry) {
    return entry.where != HTH_AT_ZERO && entry.where != HTH_AT_ONE;
}

bool hth_scan_is_one(const hth_adjoint *adjoint, size_t l) {
    const hth_cell *cell = adjoint->tape->network->layers[l].cell;
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const hth_derivatives *c = &a->table;
    if (adjoint->crossing->cross || adjoint->crossing->replace || a->zetas || a->whole)
        return false;
    for (size_t g = 0; g < cell->drives; g++)
        if (!is_plain(c->B[0][g]) || !is_plain(c->Q[g]) || c->Q[g].where == HTH_AT_ONE)
            return false;
    return cell->states == 1 && is_plain(c->D[0][0]) && is_found(c->D[0][0]) && is_plain(c->R[0]) &&
           c->R[0].where != HTH_AT_ONE && is_plain(c->Z[0]) && c->Z[0].where != HTH_AT_ZERO;
}

/* What there is (`has_q`, `has_Z`, `has_R`) is a constant of each instance. */
static inline void carry(const units *u, const bool has_q, const bool has_Z, const bool has_R) {
    const hth_real *q = u->q, *Z = u->Z, *D = u->D, *R = u->R;
    hth_real *zbar = u->zbar, *sbar = u->sbar, *zeta = u->zeta, *lambda = u->lambda;
    HTH_SIMD
    for (size_t j = 0; j < u->n; j++) {
        const hth_real error = has_q ? q[j] + zbar[j] : zbar[j];
        const hth_real of_state = sbar[j] + (has_Z ? error * Z[j] : error);
        zeta[j] = error;
        lambda[j] = of_state;
        sbar[j] = of_state * D[j];
        zbar[j] = has_R ? of_state * R[j] : 0;
    }
}

/* carry, of what there is. */
static void carry_any(const units *u) {
    /* A copy of the loop for each set of terms that there are, so that none is asked for inside. */
    switch ((u->q ? 4 : 0) + (u->Z ? 2 : 0) + (u->R ? 1 : 0)) {
    case 0:
        carry(u, false, false, false);
        break;
    case 1:
        carry(u, false, false, true);
        break;
    case 2:
        carry(u, false, true, false);
        break;
    case 3:
        carry(u, false, true, true);
        break;
    case 4:
        carry(u, true, false, false);
        break;
    case 5:
        carry(u, true, false, true);
        break;
    case 6:
        carry(u, true, true, false);
        break;
    default:
        carry(u, true, true, true);
        break;
    }
}

/* delta = zeta Q + lambda B of one drive; Q NULL: 0, B NULL: 1. */
static void give(const units *u, const hth_real *Q, const hth_real *B, hth_real *delta) {
    const hth_real *zeta = u->zeta, *lambda = u->lambda;
    if (Q && B) {
        HTH_SIMD
        for (size_t j = 0; j < u->n; j++) delta[j] = zeta[j] * Q[j] + lambda[j] * B[j];
    } else if (Q) {
        HTH_SIMD
        for (size_t j = 0; j < u->n; j++) delta[j] = zeta[j] * Q[j] + lambda[j];
    } else if (B) {
        HTH_SIMD
        for (size_t j = 0; j < u->n; j++) delta[j] = lambda[j] * B[j];
    } else {
        memcpy(delta, lambda, u->n * sizeof *delta);
    }
}

/* delta = zeta Q; Q NULL: 0. */
static void give_directly(const units *u, const hth_real *Q, hth_real *delta) {
    const hth_real *zeta = u->zeta;
    if (!Q) {
        memset(delta, 0, u->n * sizeof *delta);
        return;
    }
    HTH_SIMD
    for (size_t j = 0; j < u->n; j++) delta[j] = zeta[j] * Q[j];
}

void hth_scan_one(const hth_adjoint *adjoint, size_t l, size_t t, size_t row) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const hth_derivatives *c = &a->table;
    const size_t n = layer->n, rows = adjoint->rows;
    const size_t item = adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item;
    const bool crosses = adjoint->crossing->resets;
    hth_real *delta = a->delta + (t * rows + row) * layer->rows;
    /* zeta, lambda, and what goes to the step before. */
    const units u = {.n = n,
                     .q = a->q ? a->q + (t * rows + row) * n : NULL,
                     .Z = hth_derivative_at(adjoint, l, c->Z[0], t, item).data,
                     .D = hth_derivative_at(adjoint, l, c->D[0][0], t, item).data,
                     .R = crosses ? hth_derivative_at(adjoint, l, c->R[0], t, item).data : NULL,
                     .zbar = a->zbar + row * n,
                     .sbar = a->sbar + row * n,
                     .zeta = a->zeta + row * n,
                     .lambda = a->lambda + row * n};
    carry_any(&u);
    /* delta of each drive. */
    for (size_t g = 0; g < layer->cell->drives; g++, delta += n) {
        const hth_real *Q = hth_derivative_at(adjoint, l, c->Q[g], t, item).data;
        const hth_real *B = hth_derivative_at(adjoint, l, c->B[0][g], t, item).data;
        if (c->B[0][g].where == HTH_AT_ZERO)
            give_directly(&u, Q, delta);
        else
            give(&u, Q, B, delta);
    }
}
