/*
 * How traces are taken over a tape (trace.c): Phi = dX_end/dX_start and Gamma_t = dX_end/da_t, with the units
 * decoupled, from one scan with a row per number in X; of a single step, these are the cell's derivatives themselves.
 * Cost per item and tape: that scan, e K rows of a few n.
 */
#include "credit/past/trace.h"

#include <string.h>

static size_t row_of_f(const hth_layer *layer, const hth_trace *kept) {
    return layer->cell->states + (hth_trace_has_z(kept, layer) ? 1 : 0);
}

/* The row of f: see seed. */
static void seed_f(const hth_trace *kept, size_t l) {
    const hth_network *net = kept->rows.tape->network;
    const size_t n = net->layers[l].n, R = kept->rows.rows;
    hth_real *q = kept->rows.layers[l].q, power = 1;
    if (!q || kept->layers[l].e == row_of_f(&net->layers[l], kept)) return;
    q += row_of_f(&net->layers[l], kept) * n; /* the other rows stay 0 */
    for (size_t t = kept->rows.tape->steps; t-- > 0; power *= net->readout.kappa) {
        for (size_t j = 0; j < n; j++) q[t * R * n + j] = power;
        hth_read_drop(kept->rows.tape, l, t, kept->rows.item, q + t * R * n);
    }
}

/* Row k: X_end[k] of all units. A filtered z at the end holds kappa^(end - t) z_t. */
static void seed(hth_trace *kept) {
    const hth_network *net = kept->rows.tape->network;
    hth_adjoint_clear_boundary(&kept->rows);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_adjoint_layer *a = &kept->rows.layers[l];
        const size_t n = net->layers[l].n, d = net->layers[l].cell->states, R = kept->rows.rows;
        for (size_t k = 0; k < d; k++)
            for (size_t j = 0; j < n; j++) a->sbar[(k * R + k) * n + j] = 1;
        const bool has_z = hth_trace_has_z(kept, &net->layers[l]);
        for (size_t j = 0; has_z && j < n; j++) a->zbar[d * n + j] = 1;
    }
    for (size_t l = 0; l < net->layer_count; l++) seed_f(kept, l);
}

/* The adjoint of X at one end of the tape, of one row; f apart. */
static void gather(const hth_trace *kept, const hth_layer *layer, const hth_real *sbar,
                   const hth_real *zbar, size_t rows, size_t row, hth_real *x) {
    const size_t n = layer->n, d = layer->cell->states;
    for (size_t k = 0; k < d; k++) memcpy(x + k * n, sbar + (k * rows + row) * n, n * sizeof *x);
    const bool adds_z = hth_trace_adds_z(kept, layer);
    if (hth_trace_has_z(kept, layer)) memcpy(x + d * n, zbar + row * n, n * sizeof *x);
    for (size_t j = 0; adds_z && j < n; j++) x[j] += zbar[row * n + j];
}

void hth_trace_scan(hth_trace *kept, size_t item) {
    kept->rows.item = item;
    seed(kept);
    hth_scan(&kept->rows);
}

/* The column of f, which depends on its own past alone. */
static void fill_f(size_t e, size_t f, size_t n, hth_real power, hth_real *Phi) {
    for (size_t k = 0; k < e; k++)
        for (size_t j = 0; j < n; j++) Phi[(k * e + f) * n + j] = k == f ? power : 0;
}

void hth_trace_transition(const hth_trace *kept, size_t l, size_t slot) {
    const hth_network *net = kept->rows.tape->network;
    const hth_adjoint_layer *a = &kept->rows.layers[l];
    const hth_layer *layer = &net->layers[l];
    const hth_trace_layer *at = &kept->layers[l];
    const size_t n = layer->n, f = row_of_f(layer, kept);
    hth_real *Phi = at->Phi + slot * at->e * at->e * n;
    for (size_t k = 0; k < at->e; k++)
        gather(kept, layer, a->sbar, a->zbar, kept->rows.rows, k, Phi + k * at->e * n);
    hth_real power = 1;
    for (size_t t = 0; t < kept->rows.tape->steps; t++) power *= net->readout.kappa;
    if (at->e > f) fill_f(at->e, f, n, power, Phi);
}

/* What is filtered is z as the readout reads it. */
static void drop_f(const hth_trace *kept, size_t l, size_t item, hth_real *Phi, hth_real *gamma) {
    const hth_layer *layer = &kept->rows.tape->network->layers[l];
    const size_t n = layer->n;
    for (size_t k = 0; k < row_of_f(layer, kept); k++)
        hth_read_drop(kept->rows.tape, l, 0, item, Phi + k * n);
    for (size_t g = 0; g < layer->cell->drives; g++)
        hth_read_drop(kept->rows.tape, l, 0, item, gamma + g * n);
}

void hth_trace_single(hth_trace *kept, size_t item, size_t slot) {
    const hth_network *net = kept->rows.tape->network;
    const bool crosses = kept->rows.crossing->cross;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_adjoint_layer *a = &kept->rows.layers[l];
        const hth_layer *layer = &net->layers[l];
        const hth_trace_layer *at = &kept->layers[l];
        const size_t n = layer->n, e = at->e, d = layer->cell->states, f = row_of_f(layer, kept);
        const bool has_z = hth_trace_has_z(kept, layer), adds_z = hth_trace_adds_z(kept, layer);
        hth_real *Phi = at->Phi + slot * e * e * n;
        for (size_t k = 0; k < e; k++) {
            hth_real *to = Phi + k * e * n, *zbar = a->zbar;
            hth_scan_unit(&kept->rows, l, item, k < d ? k : d, a->delta + k * layer->rows, to,
                          crosses ? zbar : NULL);
            if (has_z) memcpy(to + d * n, zbar, n * sizeof *to);
            for (size_t j = 0; crosses && adds_z && j < n; j++) to[j] += zbar[j];
        }
        if (e > f) drop_f(kept, l, item, Phi + f * e * n, a->delta + f * layer->rows);
        if (e > f) fill_f(e, f, n, net->readout.kappa, Phi);
    }
}

void hth_trace_gamma(const hth_trace *kept, size_t l, size_t slot) {
    const hth_trace_layer *at = &kept->layers[l];
    const size_t rows = kept->rows.tape->network->layers[l].rows, steps = kept->rows.tape->steps;
    for (size_t t = 0; t < steps; t++)
        memcpy(at->gamma + (slot * steps + t) * at->e * rows,
               kept->rows.layers[l].delta + t * kept->rows.rows * rows,
               at->e * rows * sizeof(hth_real));
}

/* f at the start of the tape bears on its errors as z_1 does, but for a kappa. */
void hth_trace_adjoints(const hth_learner *learner, size_t l, size_t item, size_t slot) {
    const hth_trace *kept = learner->past.kept;
    const hth_layer *layer = &learner->network->layers[l];
    const hth_adjoint_layer *a = &learner->adjoint.layers[l];
    const hth_trace_layer *at = &kept->layers[l];
    const size_t n = layer->n, f = row_of_f(layer, kept), batch = learner->batch;
    hth_real *xbar = at->xbar + slot * at->e * n, *end = at->end + slot * at->e * n;
    gather(kept, layer, a->sbar, a->zbar, batch, item, xbar);
    /* X is then s alone: a z of its own is in X only with a recurrence that predictions refuse. */
    for (size_t k = 0; kept->has_end && k < layer->cell->states; k++)
        memcpy(end + k * n, at->boundary + (k * batch + item) * n, n * sizeof *end);
    const hth_real *q = hth_adjoint_first_error(&learner->adjoint, l, item);
    for (size_t j = 0; at->e > f && j < n; j++)
        xbar[f * n + j] = learner->network->readout.kappa * q[j];
}
