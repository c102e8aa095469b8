/* An update and its adjoint: see update.h. */
#include "credit/episode/update.h"

#include "kernels/vectors.h"
#include "network/products.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_ROWS = 100 }; /* of S that are made at a time, about */

/* ---- Which cells ---- */

static bool is_constant(hth_entry entry) {
    return entry.where == HTH_AT_ZERO || entry.where == HTH_AT_ONE ||
           (entry.where == HTH_AT_CONSTANT && !entry.times);
}

/* The first derivative of a cell, other than Z, that moves from step to step, by name; false: none does. */
static bool find_moving(const hth_cell *cell, char *out, size_t size) {
    const char *const *s = cell->state_names, *const *a = cell->drive_names;
    for (size_t i = 0; i < cell->states; i++) {
        for (size_t k = 0; k < cell->states; k++)
            if (!is_constant(cell->D[i][k]))
                return snprintf(out, size, "d%s_t/d%s_{t-1}", s[i], s[k]) > 0;
        for (size_t g = 0; g < cell->drives; g++)
            if (!is_constant(cell->B[i][g]))
                return snprintf(out, size, "d%s_t/d%s_t", s[i], a[g]) > 0;
    }
    for (size_t g = 0; g < cell->drives; g++)
        if (cell->Q[g].where != HTH_AT_ZERO) return snprintf(out, size, "dz_t/d%s_t", a[g]) > 0;
    return false;
}

/* How many states z is read from; *last is one of them. */
static size_t count_read(const hth_cell *cell, size_t *last) {
    size_t count = 0;
    for (size_t i = 0; i < cell->states; i++)
        if (cell->Z[i].where != HTH_AT_ZERO) *last = i, count++;
    return count;
}

bool hth_update_refuses(const hth_network *network, char *out, size_t size) {
    const hth_layer *layer = &network->layers[0];
    const hth_cell *cell = layer->cell;
    char which[80];
    size_t state = 0;
    if (network->layer_count > 1 || network->embedding || network->dropout > 0 ||
        network->is_whole || layer->learns_initial || layer->kind->back || layer->wiring.is_given ||
        !hth_reads_last_alone(network)) {
        snprintf(out, size,
                 "an update is differentiated through one layer of units that reads numbers, "
                 "forward in time, without dropout or given connections, and from an initial "
                 "state of 0");
        return true;
    }
    if (layer->wiring.late_z) {
        snprintf(out, size,
                 "an update is differentiated through connections to the next step: take "
                 "network.delay = 1");
        return true;
    }
    if (layer->excites) {
        snprintf(out, size, "an update of episodes keeps no signs: leave network.excitatory out");
        return true;
    }
    if (network->squares) {
        snprintf(out, size,
                 "an update of episodes does not keep weights orthogonal: set network.orthogonal "
                 "to false");
        return true;
    }
    if (find_moving(cell, which, sizeof which))
        snprintf(out, size,
                 "cell %s cannot be differentiated through an update: %s of its eligibility traces "
                 "moves with the state, and the cell has no derivative of that; take cell.name = "
                 "lif (with cell.reset = subtract and no cell.learn)",
                 cell->part.name, which);
    else if (cell->drives > 1 || count_read(cell, &state) != 1 || !cell->bend)
        snprintf(out, size,
                 "cell %s cannot be differentiated through an update: it has no dZ/ds; take "
                 "cell.name = lif",
                 cell->part.name);
    else
        return false;
    return true;
}

/* ---- Memory ---- */

/* The row of a constant derivative; NULL: 0. */
static const hth_real *row_of(const hth_update *u, hth_entry entry) {
    if (entry.where == HTH_AT_ZERO) return NULL;
    return entry.where == HTH_AT_ONE ? u->ones : u->layer->constants + entry.index * u->layer->n;
}

void hth_update_lay_out(hth_arena *arena, const hth_network *network, size_t steps, size_t batch,
                        bool truncated, hth_update *u) {
    const hth_layer *layer = &network->layers[0];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, items = hth_times(batch, n);
    hth_real *ones = HTH_TAKE(arena, hth_real, n);
    hth_real *carry = HTH_TAKE(arena, hth_real, hth_times(2 * cell->states, items));
    const size_t block = batch < BLOCK_ROWS ? BLOCK_ROWS / batch : 1;
    hth_real *S = HTH_TAKE(arena, hth_real, hth_times(block, items));
    hth_real *bend = HTH_TAKE(arena, hth_real, n);
    hth_real *packed = HTH_TAKE(arena, hth_real, hth_times(batch, hth_packed_size(layer->m, n)));
    if (!arena->base) return;
    *u = (hth_update){.layer = layer,
                      .steps = steps,
                      .batch = batch,
                      .block = block,
                      .ones = ones,
                      .carry = carry,
                      .S = S,
                      .bend = bend,
                      .packed = packed};
    for (size_t j = 0; j < n; j++) ones[j] = 1;
    count_read(cell, &u->state);
    for (size_t i = 0; i < cell->states; i++) {
        u->B[i] = row_of(u, cell->B[i][0]);
        for (size_t k = 0; k < cell->states && !truncated; k++)
            u->D[i][k] = row_of(u, cell->D[i][k]);
    }
}

/* ---- Passes over the units ---- */

/* Z of step t for a task. */
static const hth_real *Z_of(const hth_update *u, hth_trial_tapes on, size_t t, size_t task) {
    const hth_tape *tape = on.tapes[on.shared ? 0 : task];
    const hth_entry entry = u->layer->cell->Z[u->state];
    return entry.where == HTH_AT_ONE
               ? u->ones
               : hth_entry_at(u->layer, &tape->layers[0], entry, t, 1, 0).data;
}

/* y += a x, elementwise; a NULL: nothing. */
static void add_product(size_t n, const hth_real *a, const hth_real *x, hth_real *y) {
    if (a) hth_add_product(n, a, x, y);
}

/* Swaps the halves of carry: those of the step at hand, which become 0, and of the one before. */
static void turn(const hth_update *u, hth_real **now, hth_real **before) {
    const size_t size = u->layer->cell->states * u->batch * u->layer->n;
    hth_real *other = *before;
    *before = *now;
    *now = other;
    memset(*now, 0, size * sizeof **now);
}

/* Both halves 0. */
static void clear(const hth_update *u, hth_real **now, hth_real **before) {
    const size_t size = u->layer->cell->states * u->batch * u->layer->n;
    memset(u->carry, 0, 2 * size * sizeof *u->carry);
    *now = u->carry;
    *before = u->carry + size;
}

void hth_update_scan(const hth_update *u, hth_trial_tapes on, const hth_real *L, hth_real *c) {
    const size_t n = u->layer->n, d = u->layer->cell->states, slot = u->batch * n;
    hth_real *now, *next;
    clear(u, &now, &next);
    for (size_t t = u->steps; t-- > 0;) {
        turn(u, &now, &next);
        for (size_t b = 0; b < u->batch; b++) {
            const size_t at = b * n;
            hth_real *of = c + t * slot + at;
            add_product(n, Z_of(u, on, t, b), L + t * slot + at, now + u->state * slot + at);
            for (size_t i = 0; i < d; i++)
                for (size_t k = 0; k < d; k++)
                    add_product(n, u->D[k][i], next + k * slot + at, now + i * slot + at);
            memset(of, 0, n * sizeof *of);
            for (size_t i = 0; i < d; i++) add_product(n, u->B[i], now + i * slot + at, of);
        }
    }
}

/* l_t of all tasks, from S_t and l_{t-1}. */
static void advance(const hth_update *u, const hth_real *S, const hth_real *before, hth_real *now) {
    const size_t n = u->layer->n, d = u->layer->cell->states, slot = u->batch * n;
    for (size_t b = 0; b < u->batch; b++)
        for (size_t i = 0; i < d; i++) {
            hth_real *l = now + i * slot + b * n;
            add_product(n, u->B[i], S + b * n, l);
            for (size_t k = 0; k < d; k++) add_product(n, u->D[i][k], before + k * slot + b * n, l);
        }
}

/* dZ/ds of step t of a tape. */
static void find_bend(const hth_update *u, const hth_tape *tape, size_t t) {
    hth_row row;
    hth_layer_row(u->layer, &tape->layers[0], t, 1, 0, &row);
    u->layer->cell->bend(&row, u->bend);
}

/* Lbar of the steps from..to-1, whose S is there, and, of second order, push_s. */
static void scan_back(const hth_update *u, hth_trial_tapes on, size_t from, size_t to,
                      hth_real *carry[2], const hth_real *L, hth_real *Lbar, hth_real *push_s) {
    const size_t n = u->layer->n, slot = u->batch * n;
    for (size_t t = from; t < to; t++) {
        turn(u, &carry[0], &carry[1]);
        advance(u, u->S + (t - from) * slot, carry[1], carry[0]);
        const hth_real *l = carry[0] + u->state * slot;
        for (size_t b = 0; b < u->batch; b++) {
            const hth_real *Z = Z_of(u, on, t, b);
            hth_multiply(n, Z, l + b * n, Lbar + t * slot + b * n);
            hth_real *sbar = push_s + ((on.shared ? 0 : b * u->steps) + t) * n;
            if (!u->first_order) add_product(n, L + t * slot + b * n, l + b * n, sbar);
        }
        for (size_t k = 0; k < (on.shared ? 1 : u->batch) && !u->first_order; k++) {
            hth_real *sbar = push_s + (k * u->steps + t) * n;
            find_bend(u, on.tapes[k], t);
            for (size_t j = 0; j < n; j++) sbar[j] *= u->bend[j];
        }
    }
}

/* ---- Products ---- */

/* What one tape read in the steps from..to-1; and of how many rows the weights are that meet it: all tasks' where they
 * share it. */
static hth_tape_rows read_of(const hth_update *u, hth_trial_tapes on, size_t b, size_t from,
                             size_t to) {
    return (hth_tape_rows){u->compute, on.tapes[b], 0, from, to - from, u->layer->m};
}
static size_t rows_of(const hth_update *u, hth_trial_tapes on) {
    return on.shared ? u->batch * u->layer->n : u->layer->n;
}

void hth_update_weights(const hth_update *u, hth_trial_tapes on, const hth_real *c,
                        hth_real *Delta) {
    const size_t n = u->layer->n, m = u->layer->m, slot = u->batch * n;
    memset(Delta, 0, slot * m * sizeof *Delta);
    for (size_t b = 0; b < (on.shared ? 1 : u->batch); b++) {
        const hth_tape_rows read = read_of(u, on, b, 0, u->steps);
        hth_tape_add_outer(&read, rows_of(u, on), c + b * n, slot, u->packed, Delta + b * n * m, m);
    }
    for (size_t b = 0; b < u->batch; b++) hth_layer_mask(u->layer, Delta + b * n * m);
}

/* S_t = Dbar u_t of the steps from..to-1; Dbar^T has been packed, of each tape `each` numbers. */
static void find_S(const hth_update *u, hth_trial_tapes on, size_t from, size_t to, size_t each) {
    const size_t n = u->layer->n;
    for (size_t b = 0; b < (on.shared ? 1 : u->batch); b++) {
        const hth_tape_rows read = read_of(u, on, b, from, to);
        hth_tape_times(&read, rows_of(u, on), u->packed + b * each, u->S + b * n, u->batch * n);
    }
}

void hth_update_back(const hth_update *u, hth_trial_tapes on, const hth_real *L, const hth_real *c,
                     const hth_real *Dbar, hth_real *Lbar, hth_real *push_z, hth_real *push_s) {
    const size_t n = u->layer->n, m = u->layer->m, slot = u->batch * n;
    const size_t tapes = on.shared ? 1 : u->batch, rows = rows_of(u, on);
    const size_t each = hth_packed_size(m, rows);
    hth_real *carry[2];
    memset(push_z, 0, tapes * u->steps * n * sizeof *push_z);
    memset(push_s, 0, tapes * u->steps * n * sizeof *push_s);
    for (size_t b = 0; b < tapes; b++) {
        const hth_real *of = Dbar + b * n * m;
        hth_pack(m, rows, hth_transposed(of, m), u->packed + b * each);
        /* zbar_{t-1} = Dbar^T c_t, of the columns of z */
        if (u->steps < 2) continue;
        hth_product(u->compute, u->steps - 1, n, rows, hth_rows(c + slot + b * n, slot),
                    hth_rows(of, m), false, push_z + b * u->steps * n, n);
    }
    /* A few steps at a time, so that S stays in the cache. */
    clear(u, &carry[0], &carry[1]);
    for (size_t from = 0, to; from < u->steps; from = to) {
        to = u->steps - from < u->block ? u->steps : from + u->block;
        find_S(u, on, from, to, each);
        scan_back(u, on, from, to, carry, L, Lbar, push_s);
    }
}
