/*
 * The step of scan.h for LIF and ALIF: see scan_spiking.h. With D = [D00 0; D10 D11], B = (B0, 0), R = (R0, 0), Q = 0
 *
 *     zeta = q + zbar     lambda_i = sbar_i + zeta Z_i     delta = lambda_0 B0
 *     sbar_0 = lambda_0 D00 + lambda_1 D10     sbar_1 = lambda_1 D11     zbar = lambda_0 R0 (where the crossing resets)
 *
 * Every number of the tape is read once; time and memory: one pass.
 */
#include "credit/adjoint/scan_spiking.h"

#include "kernels/elementwise.h"

#include <string.h>

/* One row of units. */
typedef struct units {
    size_t n;
    const hth_real *q;
    hth_real *zbar, *sbar[2], *delta;   /* sbar and zbar in place */
    const hth_real *B0, *R0, *D00, *Z0; /* R0 NULL: credit does not cross */
    const hth_real *D10;
    hth_derivative D11, Z1; /* D11 times data plus, Z1 times data */
} units;

static bool is_at(hth_entry entry, hth_where where, bool times, bool plus) {
    return entry.where == where && (entry.times != 0) == times && (entry.plus != 0) == plus;
}

static bool has_one_state(const hth_derivatives *c) {
    return c->Q[0].where == HTH_AT_ZERO && c->B[0][0].where == HTH_AT_CONSTANT &&
           c->R[0].where == HTH_AT_CONSTANT && c->D[0][0].where == HTH_AT_CONSTANT &&
           is_at(c->Z[0], HTH_AT_FIELD, false, false);
}

static bool has_second_state(const hth_derivatives *c) {
    return c->B[1][0].where == HTH_AT_ZERO && c->R[1].where == HTH_AT_ZERO &&
           c->D[0][1].where == HTH_AT_ZERO && is_at(c->D[1][0], HTH_AT_PREVIOUS, false, false) &&
           is_at(c->D[1][1], HTH_AT_PREVIOUS, true, true) &&
           is_at(c->Z[1], HTH_AT_FIELD, true, false);
}

bool hth_scan_is_spiking(const hth_adjoint *adjoint, size_t l) {
    const hth_cell *cell = adjoint->tape->network->layers[l].cell;
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const hth_derivatives *c = &a->table;
    if (adjoint->crossing->cross || adjoint->crossing->replace || a->zetas || a->whole || !a->q)
        return false;
    return cell->drives == 1 && has_one_state(c) &&
           (cell->states == 1 || (cell->states == 2 && has_second_state(c)));
}

/* `two` states, and whether credit `crosses`, are constants of each instance. */
static inline void step(const units *u, const bool two, const bool crosses) {
    const hth_real *q = u->q, *Z0 = u->Z0, *B0 = u->B0, *D00 = u->D00, *D10 = u->D10, *R0 = u->R0;
    const hth_real *z_data = u->Z1.data, *z_times = u->Z1.times;
    const hth_real *d_data = u->D11.data, *d_times = u->D11.times, *d_plus = u->D11.plus;
    hth_real *zbar = u->zbar, *s0 = u->sbar[0], *s1 = u->sbar[1], *delta = u->delta;
    HTH_SIMD
    for (size_t j = 0; j < u->n; j++) {
        const hth_real zeta = q[j] + zbar[j], lambda = s0[j] + zeta * Z0[j];
        delta[j] = lambda * B0[j];
        if (two) {
            const hth_real other = s1[j] + zeta * (z_times[j] * z_data[j]);
            s0[j] = lambda * D00[j] + other * D10[j];
            s1[j] = other * (d_times[j] * d_data[j] + d_plus[j]);
        } else {
            s0[j] = lambda * D00[j];
        }
        zbar[j] = crosses ? lambda * R0[j] : 0;
    }
}

void hth_scan_spiking(const hth_adjoint *adjoint, size_t l, size_t t, size_t row) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const hth_derivatives *c = &a->table;
    const size_t n = layer->n, batch = tape->batch, rows = adjoint->rows;
    const size_t item = adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item;
    const bool two = layer->cell->states == 2, crosses = adjoint->crossing->resets;
    /* Where the numbers of this row are. */
    units u = {.n = n,
               .q = a->q + (t * rows + row) * n,
               .zbar = a->zbar + row * n,
               .sbar = {a->sbar + row * n, a->sbar + (rows + row) * n},
               .delta = a->delta + (t * rows + row) * n,
               .B0 = hth_entry_at(layer, on, c->B[0][0], t, batch, item).data,
               .R0 = hth_entry_at(layer, on, c->R[0], t, batch, item).data,
               .D00 = hth_entry_at(layer, on, c->D[0][0], t, batch, item).data,
               .Z0 = hth_entry_at(layer, on, c->Z[0], t, batch, item).data};
    if (two) {
        u.D10 = hth_entry_at(layer, on, c->D[1][0], t, batch, item).data;
        u.D11 = hth_entry_at(layer, on, c->D[1][1], t, batch, item);
        u.Z1 = hth_entry_at(layer, on, c->Z[1], t, batch, item);
    }
    /* One loop for each case. */
    if (two && crosses)
        step(&u, true, true);
    else if (two)
        step(&u, true, false);
    else if (crosses)
        step(&u, false, true);
    else
        step(&u, false, false);
}
