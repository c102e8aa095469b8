/* A step of the adjoint scan for any cell: see scan.h. A pass over the units for each local derivative. */
#include "credit/adjoint/scan_step.h"

#include "credit/adjoint/scan.h"
#include "kernels/elementwise.h"

#include <string.h>

/* A statement about each unit j. */
#define EACH(n, statement)                                                                         \
    {                                                                                              \
        HTH_SIMD                                                                                   \
        for (size_t j = 0; j < (n); j++) statement;                                                \
    }

/* out (+)= x * (the local derivative); `first` says whether out is to be set or added to. */
static bool times(size_t n, hth_entry entry, hth_derivative at, const hth_real *x, bool first,
                  hth_real *out) {
    if (entry.where == HTH_AT_ZERO) return first;
    if (entry.where == HTH_AT_ONE && first)
        memcpy(out, x, n * sizeof *out);
    else if (entry.where == HTH_AT_ONE)
        EACH(n, out[j] += x[j])
    else if (at.plus && first)
        EACH(n, out[j] = x[j] * (at.times[j] * at.data[j] + at.plus[j]))
    else if (at.plus)
        EACH(n, out[j] += x[j] * (at.times[j] * at.data[j] + at.plus[j]))
    else if (at.times && first)
        EACH(n, out[j] = x[j] * (at.times[j] * at.data[j]))
    else if (at.times)
        EACH(n, out[j] += x[j] * (at.times[j] * at.data[j]))
    else if (first)
        EACH(n, out[j] = x[j] * at.data[j])
    else
        EACH(n, out[j] += x[j] * at.data[j])
    return false;
}

static void zero_if(bool untouched, size_t n, hth_real *out) {
    if (untouched) memset(out, 0, n * sizeof *out);
}

/* One step of one item in one layer. */
typedef struct place {
    const hth_layer *layer;
    const hth_tape_layer *on;
    size_t t, batch, item;
} place;

static place place_of(const hth_adjoint *adjoint, size_t l, size_t t, size_t item) {
    const hth_tape *tape = adjoint->tape;
    return (place){&tape->network->layers[l], &tape->layers[l], t, tape->batch, item};
}

/* times, of the step's derivative; x NULL: zero. */
static bool weigh(const place *at, hth_entry entry, const hth_real *x, bool first, hth_real *out) {
    if (!x || entry.where == HTH_AT_ZERO) return first;
    return times(at->layer->n, entry,
                 hth_entry_at(at->layer, at->on, entry, at->t, at->batch, at->item), x, first, out);
}

/* delta_t = lambda_t B_t + zeta_t Q_t; rows of lambda and zeta may be NULL: zero. */
static void find_delta(const place *at, const hth_real *zeta, hth_real *const *lambda,
                       hth_real *delta) {
    const hth_cell *cell = at->layer->cell;
    const size_t n = at->layer->n;
    for (size_t g = 0; g < cell->drives; g++, delta += n) {
        bool untouched = weigh(at, cell->Q[g], zeta, true, delta);
        for (size_t i = 0; i < cell->states; i++)
            untouched = weigh(at, cell->B[i][g], lambda[i], untouched, delta);
        zero_if(untouched, n, delta);
    }
}

/* sbar_{t-1} = lambda_t D_t, rows `slot` apart. */
static void find_sbar(const hth_adjoint *adjoint, const place *at, hth_real *const *lambda,
                      hth_real *sbar, size_t slot) {
    const hth_cell *cell = at->layer->cell;
    for (size_t k = 0; k < cell->states; k++, sbar += slot) {
        bool untouched = true;
        for (size_t i = 0; i < cell->states && !adjoint->memoryless; i++)
            untouched = weigh(at, cell->D[i][k], lambda[i], untouched, sbar);
        zero_if(untouched, at->layer->n, sbar);
    }
}

/* The row's share of zbar_{t-1} that is not of the product for all rows. */
static void find_zbar(const hth_adjoint *adjoint, size_t l, const place *at,
                      hth_real *const *lambda, const hth_real *delta, hth_real *zbar) {
    const hth_layer *layer = at->layer;
    bool untouched = true;
    if (adjoint->crossing->resets)
        for (size_t i = 0; i < layer->cell->states; i++)
            untouched = weigh(at, layer->cell->R[i], lambda[i], untouched, zbar);
    zero_if(untouched, layer->n, zbar);
    if (adjoint->crossing->cross) adjoint->crossing->cross(adjoint, l, delta, zbar);
}

/* zeta_t = q_t + zbar_t */
static void direct_error(const hth_adjoint *adjoint, size_t l, size_t t, size_t row, size_t item,
                         hth_real *zeta) {
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = adjoint->tape->network->layers[l].n;
    const hth_real *zbar = a->zbar + row * n;
    const hth_real *q = a->q ? a->q + (t * adjoint->rows + row) * n : NULL;
    if (q) {
        HTH_SIMD
        for (size_t j = 0; j < n; j++) zeta[j] = q[j] + zbar[j];
    } else {
        memcpy(zeta, zbar, n * sizeof *zeta);
    }
    const hth_real *pull = hth_adjoint_pull(adjoint, l, t, item);
    if (!pull) return;
    HTH_SIMD
    for (size_t j = 0; j < n; j++) zeta[j] += pull[j];
}

/* lambda += zeta Z_t[i] */
static void observe(const hth_adjoint *adjoint, size_t l, size_t i, size_t t, size_t item,
                    const hth_real *zeta, hth_real *lambda) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    hth_entry Z = layer->cell->Z[i];
    hth_derivative at = hth_entry_at(layer, &tape->layers[l], Z, t, tape->batch, item);
    if (adjoint->postsynaptic != HTH_POST_DERIVATIVE) {
        at = (hth_derivative){0};
        Z.where = i > 0 ? HTH_AT_ZERO : HTH_AT_ONE;
        if (i == 0 && adjoint->postsynaptic == HTH_POST_GIVEN) {
            Z.where = HTH_AT_FIELD;
            at.data = adjoint->layers[l].post + (t * tape->batch + item) * layer->n;
        }
    }
    times(layer->n, Z, at, zeta, false, lambda);
}

/* What step t itself makes of zeta, as if nothing came of its states later: zeta (Z_t B_t + Q_t). */
static void own_row(const hth_adjoint *adjoint, size_t l, size_t t, size_t row, size_t item) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_cell *cell = layer->cell;
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = layer->n, batch = tape->batch, K = tape->steps;
    const hth_real *zeta = a->zeta + row * n;
    hth_real *own = a->own + (t * adjoint->rows + row) * layer->rows;
    hth_real *share = a->own + (K * adjoint->rows + row) * layer->rows;
    memset(own, 0, layer->rows * sizeof *own);
    for (size_t g = 0; g < cell->drives; g++)
        times(n, cell->Q[g], hth_entry_at(layer, &tape->layers[l], cell->Q[g], t, batch, item),
              zeta, false, own + g * n);
    for (size_t i = 0; i < cell->states; i++) {
        memset(share, 0, n * sizeof *share);
        observe(adjoint, l, i, t, item, zeta, share);
        for (size_t g = 0; g < cell->drives; g++)
            times(n, cell->B[i][g],
                  hth_entry_at(layer, &tape->layers[l], cell->B[i][g], t, batch, item), share,
                  false, own + g * n);
    }
}

void hth_scan_step(const hth_adjoint *adjoint, size_t l, size_t t, size_t row) {
    const size_t item = adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item;
    const place at = place_of(adjoint, l, t, item);
    const hth_layer *layer = at.layer;
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = layer->n, slot = adjoint->rows * n;
    hth_real *zeta = a->zeta + row * n, *lambda[HTH_MAX_STATES];
    hth_real *delta = a->delta + (t * adjoint->rows + row) * layer->rows;
    direct_error(adjoint, l, t, row, item, zeta);
    for (size_t i = 0; i < layer->cell->states; i++) { /* lambda_t = zeta_t Z_t + sbar_t */
        lambda[i] = a->lambda + i * slot + row * n;
        memcpy(lambda[i], a->sbar + i * slot + row * n, n * sizeof(hth_real));
        observe(adjoint, l, i, t, item, zeta, lambda[i]);
    }
    find_delta(&at, zeta, lambda, delta);
    if (a->own) own_row(adjoint, l, t, row, item);
    if (t == 0 && adjoint->skips_start) return;
    if (adjoint->crossing->replace) {
        adjoint->crossing->replace(adjoint, l, row);
        return;
    }
    find_sbar(adjoint, &at, lambda, a->sbar + row * n, slot);
    find_zbar(adjoint, l, &at, lambda, delta, a->zbar + row * n);
}

void hth_scan_unit(const hth_adjoint *adjoint, size_t l, size_t item, size_t k, hth_real *delta,
                   hth_real *sbar, hth_real *zbar) {
    const place at = place_of(adjoint, l, 0, item);
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = at.layer->n, states = at.layer->cell->states;
    const bool of_z = k == states;
    hth_real *one = a->zeta, *lambda[HTH_MAX_STATES] = {NULL};
    EACH(n, one[j] = 1)
    if (!of_z) lambda[k] = one;
    for (size_t i = 0; of_z && i < states; i++) {
        lambda[i] = a->lambda + i * n;
        memset(lambda[i], 0, n * sizeof(hth_real));
        observe(adjoint, l, i, 0, item, one, lambda[i]);
    }
    find_delta(&at, of_z ? one : NULL, lambda, delta);
    find_sbar(adjoint, &at, lambda, sbar, n);
    if (zbar) find_zbar(adjoint, l, &at, lambda, delta, zbar);
}
