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

/* The row of a constant derivative. */
static const hth_real *row_of(const hth_update *u, hth_entry entry) {
    if (entry.where == HTH_AT_ZERO) return u->zeros;
    return entry.where == HTH_AT_ONE ? u->ones : u->layer->constants + entry.index * u->layer->n;
}

void hth_update_lay_out(hth_arena *arena, const hth_network *network, size_t steps, size_t batch,
                        bool truncated, hth_update *u) {
    const hth_layer *layer = &network->layers[0];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, items = hth_times(batch, n);
    hth_real *ones = HTH_TAKE(arena, hth_real, n), *zeros = HTH_TAKE(arena, hth_real, n);
    hth_real *carry = HTH_TAKE(arena, hth_real, hth_times(cell->states, items));
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
                      .zeros = zeros,
                      .carry = carry,
                      .S = S,
                      .bend = bend,
                      .packed = packed};
    for (size_t j = 0; j < n; j++) ones[j] = 1;
    memset(zeros, 0, n * sizeof *zeros);
    count_read(cell, &u->state);
    u->row = (hth_update_row){.n = n, .states = cell->states, .state = u->state};
    for (size_t i = 0; i < cell->states; i++) {
        u->row.B[i] = row_of(u, cell->B[i][0]);
        u->row.Z[i] = zeros;
        for (size_t k = 0; k < cell->states; k++)
            u->row.D[i][k] = truncated ? zeros : row_of(u, cell->D[i][k]);
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

/* Where the numbers of a step of a task are; `row` begins as u->row. */
static inline void place(const hth_update *u, hth_trial_tapes on, size_t t, size_t task,
                         hth_update_row *row) {
    const size_t n = row->n, slot = u->batch * n;
    for (size_t i = 0; i < row->states; i++) row->carry[i] = u->carry + i * slot + task * n;
    if (task == 0 || !on.shared) row->Z[row->state] = Z_of(u, on, t, task);
}

static void clear(const hth_update *u) {
    memset(u->carry, 0, u->row.states * u->batch * u->row.n * sizeof *u->carry);
}

void hth_update_scan(const hth_update *u, hth_trial_tapes on, const hth_real *L, hth_real *c) {
    const size_t n = u->layer->n;
    hth_update_row row = u->row;
    clear(u);
    for (size_t t = u->steps; t-- > 0;)
        for (size_t b = 0; b < u->batch; b++) {
            const size_t at = (t * u->batch + b) * n;
            place(u, on, t, b, &row);
            hth_update_row_down(&row, L + at, c + at);
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
                      const hth_real *L, hth_real *Lbar, hth_real *push_s) {
    const size_t n = u->layer->n;
    hth_update_row row = u->row;
    for (size_t t = from; t < to; t++) {
        for (size_t b = 0; b < u->batch; b++) {
            const size_t at = (t * u->batch + b) * n, tape = on.shared ? 0 : b;
            place(u, on, t, b, &row);
            hth_real *sbar = u->first_order ? NULL : push_s + (tape * u->steps + t) * n;
            hth_update_row_up(&row, u->S + at - from * u->batch * n, L + at, Lbar + at, sbar);
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
    clear(u);
    for (size_t from = 0, to; from < u->steps; from = to) {
        to = u->steps - from < u->block ? u->steps : from + u->block;
        find_S(u, on, from, to, each);
        scan_back(u, on, from, to, L, Lbar, push_s);
    }
}
