/* The adjoint scan: see scan.h. Cost per step and row: g n^2 multiply-adds (recurrence full) and a few
 * passes over the units; memory K rows (g + 1) n. */
#include "credit/adjoint/scan.h"

#include "credit/adjoint/scan_one.h"
#include "credit/adjoint/scan_spiking.h"
#include "kernels/elementwise.h"
#include "kernels/rows.h"
#include "kernels/vectors.h"
#include "optim/gradient.h"

#include <string.h>

/* ---- Layout ---- */

void hth_adjoint_lay_out(hth_arena *arena, hth_adjoint *adjoint, const hth_network *net,
                         size_t steps, size_t rows, bool with_top_q) {
    const bool counting = !arena->base;
    hth_adjoint_layer scratch;
    adjoint->rows = rows;
    adjoint->layers = HTH_TAKE(arena, hth_adjoint_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const size_t states = hth_times(layer->cell->states * rows, layer->n);
        const bool has_q = !layer->is_top || with_top_q;
        hth_adjoint_layer *a = counting ? &scratch : &adjoint->layers[l];
        *a = (hth_adjoint_layer){0};
        a->q = HTH_TAKE(arena, hth_real, has_q ? hth_times(hth_times(steps, rows), layer->n) : 0);
        if (!has_q) a->q = NULL;
        a->delta = HTH_TAKE(arena, hth_real, hth_times(hth_times(steps, rows), layer->rows));
        a->sbar = HTH_TAKE(arena, hth_real, states);
        a->lambda = HTH_TAKE(arena, hth_real, states);
        a->zbar = HTH_TAKE(arena, hth_real, rows * layer->n);
        a->zeta = HTH_TAKE(arena, hth_real, rows * layer->n);
        a->packed = HTH_TAKE(arena, hth_real, hth_packed_size(layer->rows, layer->n));
    }
    adjoint->input = HTH_TAKE(arena, hth_real, net->embedding ? steps * rows * net->embedding : 0);
    if (!net->embedding) adjoint->input = NULL;
    const bool gathers = with_top_q && !hth_reads_last_alone(net);
    adjoint->errors =
        HTH_TAKE(arena, hth_real, gathers ? hth_times(hth_times(steps, rows), net->readout.n) : 0);
    if (!gathers) adjoint->errors = NULL;
}

void hth_adjoint_lay_out_inputs(hth_arena *arena, hth_adjoint *adjoint, const hth_network *net,
                                size_t steps) {
    if (net->embedding) return; /* it is there already, for the token vectors */
    adjoint->input = HTH_TAKE(arena, hth_real, hth_times(steps * adjoint->rows, net->shape.inputs));
}

hth_real *hth_adjoint_errors(const hth_adjoint *adjoint, const hth_network *net) {
    return adjoint->errors ? adjoint->errors : adjoint->layers[net->layer_count - 1].q;
}

void hth_adjoint_split(hth_adjoint *adjoint) {
    const hth_reading *reads = &adjoint->tape->network->readout.reads;
    for (size_t p = 0; adjoint->errors && p < reads->count; p++)
        if (reads->parts[p].layer != HTH_OF_INPUT)
            hth_read_split(adjoint->tape, adjoint->errors, &reads->parts[p], reads->width,
                           adjoint->layers[reads->parts[p].layer].q);
}

void hth_adjoint_clear_boundary(hth_adjoint *adjoint) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const size_t slot = adjoint->rows * net->layers[l].n;
        memset(adjoint->layers[l].zbar, 0, slot * sizeof(hth_real));
        memset(adjoint->layers[l].sbar, 0, net->layers[l].cell->states * slot * sizeof(hth_real));
    }
}

void hth_adjoint_keep_end(hth_adjoint *adjoint) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_adjoint_layer *a = &adjoint->layers[l];
        const size_t slot = adjoint->rows * net->layers[l].n, states = net->layers[l].cell->states;
        if (!a->end) continue;
        memcpy(a->end, a->sbar, states * slot * sizeof(hth_real));
    }
}

/* ---- One step of one row ---- */

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

const hth_real *hth_adjoint_pull(const hth_adjoint *adjoint, size_t l, size_t t, size_t item) {
    const hth_chunk *chunk = &adjoint->tape->chunk;
    const hth_real *pull = adjoint->layers[l].pull;
    if (!pull || (chunk->lengths && t >= chunk->lengths[item])) return NULL;
    return pull + item * adjoint->tape->network->layers[l].n;
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

static void step_row(const hth_adjoint *adjoint, size_t l, size_t t, size_t row) {
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

/* ---- All steps ---- */

/* What takes delta to zbar: W_rec, or what a recurrence has in its place. */
static hth_matrix crossed(const hth_adjoint *adjoint, size_t l) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    if (adjoint->layers[l].cross) return hth_rows(adjoint->layers[l].cross, layer->n);
    return hth_rows(adjoint->tape->network->theta + layer->weight, layer->m);
}

/* Whether that is packed for the products of the scan: for a few rows it is read where it lies, with the same
 * bits. */
static bool is_packed(const hth_adjoint *adjoint) {
    return adjoint->tape->steps * adjoint->rows > HTH_FEW_ROWS;
}

typedef struct scan_task {
    const hth_adjoint *adjoint;
    size_t layer, parts;
} scan_task;

static void scan_rows(void *argument, size_t part, int worker) {
    const scan_task *task = argument;
    const hth_adjoint *adjoint = task->adjoint;
    const hth_layer *layer = &adjoint->tape->network->layers[task->layer];
    const hth_adjoint_layer *a = &adjoint->layers[task->layer];
    const size_t rows = adjoint->rows, from = part * rows / task->parts;
    const size_t to = (part + 1) * rows / task->parts;
    const hth_matrix w = crossed(adjoint, task->layer);
    const bool spiking = hth_scan_is_spiking(adjoint, task->layer);
    const bool one = !spiking && hth_scan_is_one(adjoint, task->layer);
    (void)worker;
    for (size_t t = adjoint->tape->steps; t-- > 0;) {
        for (size_t row = from; row < to; row++)
            if (spiking)
                hth_scan_spiking(adjoint, task->layer, t, row);
            else if (one)
                hth_scan_one(adjoint, task->layer, t, row);
            else
                step_row(adjoint, task->layer, t, row);
        const hth_real *delta = a->delta + (t * rows + from) * layer->rows;
        if (!adjoint->crossing->multiplies || (t == 0 && adjoint->skips_start)) continue;
        if (is_packed(adjoint))
            hth_product_packed(to - from, layer->n, layer->rows, hth_rows(delta, layer->rows),
                               a->packed, true, a->zbar + from * layer->n, layer->n);
        else
            for (size_t row = from; row < to; row++, delta += layer->rows)
                hth_vector_matrix(layer->rows, layer->n, delta, w.data, w.row, true,
                                  a->zbar + row * layer->n);
    }
}

/* What layer l gives of its errors to one part of what it reads, W_part^T delta_t. A layer below has no other reader,
 * so that these are its direct errors; the input may have: the first of them in the scan sets, others add. */
static void pass_to(hth_adjoint *adjoint, size_t l, const hth_read_part *part, bool adds) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layers = tape->network->layers, *layer = &layers[l];
    const bool of_input = part->layer == HTH_OF_INPUT;
    hth_real *to = of_input ? adjoint->input : adjoint->layers[part->layer].q;
    const bool turns = layer->backward != (!of_input && layers[part->layer].backward);
    if (!to) return;
    if (adjoint->is_filled && !of_input) { /* the signal has given them */
        hth_read_drop_errors(tape, part->layer, adjoint->rows, adjoint->item, to);
        return;
    }
    if (turns && adds) hth_read_turn(tape, part->width, to);
    hth_product(tape->compute, tape->steps * adjoint->rows, part->width, layer->rows,
                hth_rows(adjoint->layers[l].delta, layer->rows),
                hth_rows(tape->network->theta + layer->weight + layer->n + part->at, layer->m),
                adds, to, part->width);
    if (turns) hth_read_turn(tape, part->width, to);
    if (!of_input) hth_read_drop_errors(tape, part->layer, adjoint->rows, adjoint->item, to);
}

/* *given: some layer has given to the input. */
static void pass_down(hth_adjoint *adjoint, size_t l, bool *given) {
    const hth_reading *reads = &adjoint->tape->network->layers[l].reads;
    for (size_t p = 0; p < reads->count; p++) {
        const bool of_input = reads->parts[p].layer == HTH_OF_INPUT;
        pass_to(adjoint, l, &reads->parts[p], of_input && *given);
        *given = *given || of_input;
    }
}

/* What the readout itself reads of the input. */
static void pass_from_readout(hth_adjoint *adjoint) {
    const hth_tape *tape = adjoint->tape;
    const hth_reading *reads = &tape->network->readout.reads;
    const hth_read_part *last = &reads->parts[reads->count - 1];
    if (!adjoint->errors || !adjoint->input || last->layer != HTH_OF_INPUT) return;
    for (size_t i = 0; i < tape->steps * adjoint->rows; i++)
        for (size_t k = 0; k < last->width; k++)
            adjoint->input[i * last->width + k] += adjoint->errors[i * reads->width + last->at + k];
}

void hth_scan(hth_adjoint *adjoint) {
    const hth_tape *tape = adjoint->tape;
    bool given = false;
    for (size_t l = tape->network->layer_count; l-- > 0;) {
        const hth_layer *layer = &tape->network->layers[l];
        const double work =
            (double)(tape->steps * adjoint->rows) * (double)(layer->n * layer->rows);
        const size_t threads = (size_t)hth_compute_spread(tape->compute, work);
        scan_task task = {adjoint, l, adjoint->rows < threads ? adjoint->rows : threads};
        if (adjoint->crossing->multiplies && is_packed(adjoint))
            hth_pack(layer->rows, layer->n, crossed(adjoint, l), adjoint->layers[l].packed);
        hth_parallel(tape->compute, task.parts, work, scan_rows, &task);
        pass_down(adjoint, l, &given);
    }
    pass_from_readout(adjoint);
}

/* ---- Gradient ---- */

static void initial_gradient(const hth_adjoint *adjoint, size_t l, size_t from, size_t to,
                             hth_real *gradient) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, rows = hth_layer_initial_rows(layer);
    for (size_t row = from; row < to; row++) {
        const hth_real *zbar = adjoint->layers[l].zbar + row * n;
        for (size_t i = 0; i < cell->states; i++) {
            const hth_real *sbar = adjoint->layers[l].sbar + (i * adjoint->rows + row) * n;
            for (size_t j = 0; j < n; j++) gradient[i * n + j] += sbar[j];
        }
        if (cell->observable == HTH_Z_IS_STATE)
            for (size_t j = 0; j < n; j++) gradient[j] += zbar[j];
        else if (rows > cell->states)
            for (size_t j = 0; j < n; j++) gradient[cell->states * n + j] += zbar[j];
    }
}

/* The steps that the gradient is of. */
typedef struct hth_range {
    size_t from, to;
} hth_range;

static hth_range range_of(const hth_adjoint *adjoint) {
    const size_t steps = adjoint->tape->steps;
    return (hth_range){adjoint->from, adjoint->to < steps ? adjoint->to : steps};
}

static void token_gradient(const hth_adjoint *adjoint, hth_gradient *gradient) {
    const hth_tape *tape = adjoint->tape;
    const size_t width = tape->network->embedding;
    const hth_range range = range_of(adjoint);
    for (size_t i = range.from * adjoint->rows; i < range.to * adjoint->rows; i++) {
        hth_real *row = hth_gradient_row(gradient, (size_t)tape->chunk.tokens[i]);
        for (size_t k = 0; k < width; k++) row[k] += adjoint->input[i * width + k];
    }
}

/* u of the row's item, when rows are items or adjoints of one. */
static size_t item_of(const hth_adjoint *adjoint, size_t row) {
    return adjoint->item == HTH_EVERY_ITEM ? row : adjoint->item;
}

void hth_scan_row_rest(const hth_adjoint *adjoint, size_t row, hth_real *values) {
    const hth_tape *tape = adjoint->tape;
    const hth_network *net = tape->network;
    for (size_t t = 0; net->embedding && adjoint->input && t < tape->steps; t++) {
        const size_t token = (size_t)tape->chunk.tokens[t * tape->batch + item_of(adjoint, row)];
        const hth_real *x = adjoint->input + (t * adjoint->rows + row) * net->embedding;
        hth_real *to = values + net->embedding_weight + token * net->embedding;
        for (size_t k = 0; k < net->embedding; k++) to[k] += x[k];
    }
    for (size_t l = 0; tape->fresh && l < net->layer_count; l++)
        if (net->layers[l].learns_initial)
            initial_gradient(adjoint, l, row, row + 1, values + net->layers[l].initial);
}

void hth_scan_row(const hth_adjoint *adjoint, size_t row, hth_real *values) {
    const hth_tape *tape = adjoint->tape;
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        for (size_t t = 0; t < tape->steps; t++) {
            const hth_real *u =
                tape->layers[l].u + (t * tape->batch + item_of(adjoint, row)) * layer->stride;
            const hth_real *delta =
                adjoint->layers[l].delta + (t * adjoint->rows + row) * layer->rows;
            for (size_t i = 0; i < layer->rows; i++) {
                hth_real *w = values + layer->weight + i * layer->m;
                const hth_real d = delta[i];
                hth_add_scaled(layer->m, d, u, w);
            }
        }
    }
    hth_scan_row_rest(adjoint, row, values);
}

void hth_scan_gradient_rest(const hth_adjoint *adjoint, hth_gradient *gradient) {
    const hth_network *net = adjoint->tape->network;
    const bool begins = adjoint->tape->fresh && adjoint->from == 0;
    for (size_t l = 0; begins && l < net->layer_count; l++)
        if (net->layers[l].learns_initial)
            initial_gradient(adjoint, l, 0, adjoint->rows,
                             gradient->values + net->layers[l].initial);
    if (net->embedding && adjoint->input) token_gradient(adjoint, gradient);
}

/* What the weights learn by. */
static const hth_real *learned_from(const hth_adjoint_layer *a) {
    return a->own ? a->own : a->delta;
}

/* The same by events, where that is faster. */
static bool gradient_by_events(const hth_adjoint *adjoint, size_t l, hth_real *weight) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const size_t items = range_of(adjoint).to * adjoint->rows;
    const hth_events_sum sum = {.events = &on->events,
                                .rows = items,
                                .N = layer->rows,
                                .K = layer->m,
                                .d = learned_from(&adjoint->layers[l]),
                                .u = on->u,
                                .u_stride = layer->stride,
                                .C = weight,
                                .ldc = layer->m,
                                .scratch = on->turned};
    if (!on->is_sparse || adjoint->from > 0) return false;
    if (layer->events == HTH_EVENTS_AUTO && !hth_events_add_pays(&sum)) return false;
    hth_events_add(tape->compute, &sum);
    return true;
}

/* sum_t delta_t u_t^T of a layer; of a few rows without what a product of matrices begins with, with the same
 * bits. */
static void weight_gradient(const hth_adjoint *adjoint, size_t l, hth_real *weight) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layer = &tape->network->layers[l];
    const hth_range range = range_of(adjoint);
    const size_t first = range.from * adjoint->rows, items = range.to * adjoint->rows - first;
    const hth_real *delta = learned_from(&adjoint->layers[l]) + first * layer->rows;
    const hth_real *u = tape->layers[l].u + first * layer->stride;
    if (gradient_by_events(adjoint, l, weight)) return;
    if (items > HTH_FEW_ROWS)
        hth_product(tape->compute, layer->rows, layer->m, items, hth_transposed(delta, layer->rows),
                    hth_rows(u, layer->stride), true, weight, layer->m);
    else
        for (size_t i = 0; i < items; i++)
            hth_outer_add(layer->rows, layer->m, delta + i * layer->rows, u + i * layer->stride,
                          weight, layer->m);
}

void hth_scan_gradient_weights(const hth_adjoint *adjoint, hth_gradient *gradient) {
    const hth_tape *tape = adjoint->tape;
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        hth_real *weight = gradient->values + layer->weight;
        weight_gradient(adjoint, l, weight);
        hth_layer_mask(layer, weight);
    }
}

void hth_scan_gradient(const hth_adjoint *adjoint, hth_gradient *gradient) {
    hth_scan_gradient_weights(adjoint, gradient);
    hth_scan_gradient_rest(adjoint, gradient);
}
