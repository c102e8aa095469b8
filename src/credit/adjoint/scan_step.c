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
    const hth_adjoint *adjoint;
    const hth_derivatives *table;
    size_t layer, t, item, n, states, drives;
} place;

static place place_of(const hth_adjoint *adjoint, size_t l, size_t t, size_t item) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    return (place){.adjoint = adjoint,
                   .table = &adjoint->layers[l].table,
                   .layer = l,
                   .t = t,
                   .item = item,
                   .n = layer->n,
                   .states = layer->cell->states,
                   .drives = layer->cell->drives};
}

/* times, of the step's derivative; x NULL: zero. */
static bool weigh(const place *at, hth_entry entry, const hth_real *x, bool first, hth_real *out) {
    if (!x || entry.where == HTH_AT_ZERO) return first;
    return times(at->n, entry, hth_derivative_at(at->adjoint, at->layer, entry, at->t, at->item), x,
                 first, out);
}

/* delta_t = lambda_t B_t + zeta_t Q_t; rows of lambda and zeta may be NULL: zero. */
static void find_delta(const place *at, const hth_real *zeta, hth_real *const *lambda,
                       hth_real *delta) {
    for (size_t g = 0; g < at->drives; g++, delta += at->n) {
        bool untouched = weigh(at, at->table->Q[g], zeta, true, delta);
        for (size_t i = 0; i < at->states; i++)
            untouched = weigh(at, at->table->B[i][g], lambda[i], untouched, delta);
        zero_if(untouched, at->n, delta);
    }
}

/* sbar_{t-1} = lambda_t D_t, rows `slot` apart. */
static void find_sbar(const place *at, hth_real *const *lambda, hth_real *sbar, size_t slot) {
    for (size_t k = 0; k < at->states; k++, sbar += slot) {
        bool untouched = true;
        for (size_t i = 0; i < at->states; i++)
            untouched = weigh(at, at->table->D[i][k], lambda[i], untouched, sbar);
        zero_if(untouched, at->n, sbar);
    }
}

/* The row's share of zbar_{t-1} that is not of the product for all rows. */
static void find_zbar(const place *at, hth_real *const *lambda, const hth_real *delta,
                      hth_real *zbar) {
    const hth_crossing *crossing = at->adjoint->crossing;
    bool untouched = true;
    for (size_t i = 0; crossing->resets && i < at->states; i++)
        untouched = weigh(at, at->table->R[i], lambda[i], untouched, zbar);
    zero_if(untouched, at->n, zbar);
    if (crossing->cross) crossing->cross(at->adjoint, at->layer, delta, zbar);
}

/* zeta_t = q_t + zbar_t */
static void direct_error(const hth_adjoint *adjoint, size_t l, size_t t, size_t row,
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
}

/* The same of a layer whose kind has no table of derivatives, for one row of which zeta is known. */
static void back_row(const place *at, size_t row) {
    const hth_adjoint *adjoint = at->adjoint;
    const hth_adjoint_layer *a = &adjoint->layers[at->layer];
    const hth_layer *layer = &adjoint->tape->network->layers[at->layer];
    hth_real *zbar = a->zbar + row * at->n;
    hth_layer_errors errors = {.zeta = a->zeta + row * at->n,
                               .delta = a->delta + (at->t * adjoint->rows + row) * layer->rows};
    for (size_t i = 0; i < at->states; i++)
        errors.sbar[i] = a->sbar + (i * adjoint->rows + row) * at->n;
    errors.rows = a->rows ? &a->rows[row] : NULL;
    errors.direct = a->direct ? a->direct + (at->t * adjoint->rows + row) * layer->inputs : NULL;
    layer->kind->back(layer, &adjoint->tape->layers[at->layer], at->t, adjoint->tape->batch,
                      at->item, &errors);
    memset(zbar, 0, at->n * sizeof *zbar);
    if (adjoint->crossing->cross && !layer->kind->stores)
        adjoint->crossing->cross(adjoint, at->layer, errors.delta, zbar);
}

/* dE/dz_t for whoever watches: zeta, or lambda of the state that z is. */
static void keep_whole(const place *at, size_t t, size_t row, const hth_real *zeta,
                       const hth_real *lambda) {
    const hth_adjoint *adjoint = at->adjoint;
    const hth_cell *cell = adjoint->tape->network->layers[at->layer].cell;
    hth_real *out = adjoint->layers[at->layer].whole + (t * adjoint->rows + row) * at->n;
    memcpy(out, cell->observable == HTH_Z_IS_STATE ? lambda : zeta, at->n * sizeof *out);
}

void hth_scan_step(const hth_adjoint *adjoint, size_t l, size_t t, size_t row) {
    const size_t item = adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item;
    const place at = place_of(adjoint, l, t, item);
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = at.n, slot = adjoint->rows * n;
    hth_real *zeta = a->zeta + row * n, *lambda[HTH_MAX_STATES];
    hth_real *delta = a->delta + (t * adjoint->rows + row) * adjoint->tape->network->layers[l].rows;
    /* What this step gives: zeta_t, lambda_t = zeta_t Z_t + sbar_t, delta_t. */
    direct_error(adjoint, l, t, row, zeta);
    if (adjoint->tape->network->layers[l].kind->back) {
        back_row(&at, row);
        return;
    }
    for (size_t i = 0; i < at.states; i++) {
        lambda[i] = a->lambda + i * slot + row * n;
        memcpy(lambda[i], a->sbar + i * slot + row * n, n * sizeof(hth_real));
        weigh(&at, at.table->Z[i], zeta, false, lambda[i]);
    }
    find_delta(&at, zeta, lambda, delta);
    if (a->zetas) memcpy(a->zetas + (t * adjoint->rows + row) * n, zeta, n * sizeof *zeta);
    if (a->whole) keep_whole(&at, t, row, zeta, lambda[0]);
    /* What goes to the step before: sbar_{t-1} and zbar_{t-1}. */
    if (t == 0 && adjoint->skips_start) return;
    if (adjoint->crossing->replace) {
        adjoint->crossing->replace(adjoint, l, row);
        return;
    }
    find_sbar(&at, lambda, a->sbar + row * n, slot);
    find_zbar(&at, lambda, delta, a->zbar + row * n);
}

void hth_scan_unit(const hth_adjoint *adjoint, size_t l, size_t item, size_t k, hth_real *delta,
                   hth_real *sbar, hth_real *zbar) {
    const place at = place_of(adjoint, l, 0, item);
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const bool of_z = k == at.states;
    hth_real *one = a->zeta, *lambda[HTH_MAX_STATES] = {NULL};
    EACH(at.n, one[j] = 1)
    if (!of_z) lambda[k] = one;
    for (size_t i = 0; of_z && i < at.states; i++) {
        lambda[i] = a->lambda + i * at.n;
        memset(lambda[i], 0, at.n * sizeof(hth_real));
        weigh(&at, at.table->Z[i], one, false, lambda[i]);
    }
    find_delta(&at, of_z ? one : NULL, lambda, delta);
    find_sbar(&at, lambda, sbar, at.n);
    if (zbar) find_zbar(&at, lambda, delta, zbar);
}

void hth_scan_apart(const hth_adjoint *adjoint, size_t l) {
    const hth_adjoint_layer *a = &adjoint->layers[l];
    for (size_t i = 0; i < adjoint->tape->steps * adjoint->rows; i++) {
        const size_t row = i % adjoint->rows;
        const place at = place_of(adjoint, l, i / adjoint->rows,
                                  adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item);
        const hth_real *zeta = a->zetas + i * at.n;
        hth_real *lambda[HTH_MAX_STATES];
        for (size_t k = 0; k < at.states; k++) {
            lambda[k] = a->lambda + (k * adjoint->rows + row) * at.n;
            zero_if(weigh(&at, at.table->Z[k], zeta, true, lambda[k]), at.n, lambda[k]);
        }
        find_delta(&at, zeta, lambda, a->delta + i * at.drives * at.n);
    }
}
