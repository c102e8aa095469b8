/* The adjoint scan: see scan.h. Cost per step and row: g n^2 multiply-adds (recurrence full) and a few
 * passes over the units; memory K rows (g + 1) n. */
#include "credit/adjoint/scan.h"

#include "credit/adjoint/scan_one.h"
#include "credit/adjoint/scan_spiking.h"
#include "credit/adjoint/scan_step.h"
#include "kernels/rows.h"
#include "kernels/vectors.h"

#include <string.h>

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

/* What the late copies of z get at step t, in rows from..to-1. The copy that step t + 1 read first is z_{t-1} itself,
 * and each other the one before it at step t; then step t's own delta:
 *
 *     zbar_{t-1} += late_1    late_d <- late_{d+1} + W_d^T delta_t */
static void scan_late(const hth_adjoint *adjoint, size_t l, size_t t, size_t from, size_t to) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = layer->n, width = layer->wiring.late_z * n;
    const hth_real *delta = a->delta + (t * adjoint->rows + from) * layer->rows;
    const hth_real *w = adjoint->tape->network->theta + layer->weight + hth_layer_late_z(layer);
    /* One step on. */
    for (size_t row = from; row < to; row++) {
        hth_real *late = a->late + row * width, *zbar = a->zbar + row * n;
        for (size_t j = 0; j < n; j++) zbar[j] += late[j];
        memmove(late, late + n, (width - n) * sizeof *late);
        memset(late + width - n, 0, n * sizeof *late);
    }
    /* What the step itself gives. */
    if (is_packed(adjoint)) {
        hth_product_packed(to - from, width, layer->rows, hth_rows(delta, layer->rows),
                           a->packed_late, true, a->late + from * width, width);
        return;
    }
    for (size_t row = from; row < to; row++, delta += layer->rows)
        hth_vector_matrix(layer->rows, width, delta, w, layer->m, true, a->late + row * width);
}

typedef struct scan_task {
    const hth_adjoint *adjoint;
    size_t layer, parts;
} scan_task;

/* Adds what comes from outside to the adjoints of step t. */
static void push(const hth_adjoint *adjoint, size_t l, size_t t, size_t from, size_t to) {
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t n = adjoint->tape->network->layers[l].n, rows = adjoint->rows;
    const size_t at = (t * rows + from) * n, count = (to - from) * n;
    if (a->push_z) hth_add(count, a->push_z + at, a->zbar + from * n);
    if (a->push_s) hth_add(count, a->push_s + at, a->sbar + (a->pushed * rows + from) * n);
}

/* How the steps of a layer are taken, the same at all of them. */
typedef struct scan_way {
    bool spiking, one;
    bool crosses; /* one product takes credit from unit to unit */
    hth_matrix w;
} scan_way;

static scan_way way_of(const hth_adjoint *adjoint, size_t l) {
    const hth_layer_kind *kind = adjoint->tape->network->layers[l].kind;
    scan_way way = {.crosses = adjoint->crossing->multiplies && !kind->stores,
                    .w = crossed(adjoint, l)};
    way.spiking = !kind->back && hth_scan_is_spiking(adjoint, l);
    way.one = !kind->back && !way.spiking && hth_scan_is_one(adjoint, l);
    return way;
}

/* Step t of a layer in rows from..to-1. */
static void scan_layer_step(const hth_adjoint *adjoint, size_t l, const scan_way *way, size_t t,
                            size_t from, size_t to) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t rows = adjoint->rows;
    push(adjoint, l, t, from, to);
    /* The units of each row by themselves. */
    for (size_t row = from; row < to; row++)
        if (way->spiking)
            hth_scan_spiking(adjoint, l, t, row);
        else if (way->one)
            hth_scan_one(adjoint, l, t, row);
        else
            hth_scan_step(adjoint, l, t, row);
    /* What crosses from unit to unit: one product for all rows. */
    const hth_real *delta = a->delta + (t * rows + from) * layer->rows;
    if (!way->crosses || (t == 0 && adjoint->skips_start)) return;
    if (a->late) scan_late(adjoint, l, t, from, to);
    if (is_packed(adjoint))
        hth_product_packed(to - from, layer->n, layer->driven, hth_rows(delta, layer->rows),
                           a->packed, true, a->zbar + from * layer->n, layer->n);
    else
        for (size_t row = from; row < to; row++, delta += layer->rows)
            hth_vector_matrix(layer->driven, layer->n, delta, way->w.data, way->w.row, true,
                              a->zbar + row * layer->n);
}

/* All steps of some of the rows, from the last to the first. */
static void scan_rows(void *argument, size_t part, int worker) {
    const scan_task *task = argument;
    const hth_adjoint *adjoint = task->adjoint;
    const size_t rows = adjoint->rows, from = part * rows / task->parts;
    const size_t to = (part + 1) * rows / task->parts;
    const scan_way way = way_of(adjoint, task->layer);
    (void)worker;
    for (size_t t = adjoint->tape->steps; t-- > 0;)
        scan_layer_step(adjoint, task->layer, &way, t, from, to);
}

/* What a store gives to what it reads beside W^T delta. */
static void add_direct(const hth_adjoint *adjoint, size_t l, const hth_read_part *part,
                       hth_real *to) {
    const size_t inputs = adjoint->tape->network->layers[l].inputs;
    const hth_real *direct = adjoint->layers[l].direct + part->at;
    for (size_t i = 0; i < adjoint->tape->steps * adjoint->rows; i++)
        hth_add(part->width, direct + i * inputs, to + i * part->width);
}

/* What layer l gives of its errors to one part of what it reads, W_part^T delta_t. The first reader in the scan sets,
 * others add: to the input, and to what a store reads, whose errors of the readout may be there before. */
static void pass_to(hth_adjoint *adjoint, size_t l, const hth_read_part *part, bool adds) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *layers = tape->network->layers, *layer = &layers[l];
    const bool of_input = part->layer == HTH_OF_INPUT;
    hth_real *const q = of_input ? adjoint->input : adjoint->layers[part->layer].q;
    const bool turns = layer->backward != (!of_input && layers[part->layer].backward);
    /* What is added to errors that have gone through dropout goes through it by itself. */
    const bool apart = adds && !of_input && tape->drops;
    hth_real *to = apart ? adjoint->layers[part->layer].passed : q;
    if (!q || (adjoint->is_filled && !of_input && !adds)) return;
    if (turns && adds) hth_read_turn(tape, part->width, to);
    hth_product(tape->compute, tape->steps * adjoint->rows, part->width, layer->driven,
                hth_rows(adjoint->layers[l].delta, layer->rows),
                hth_rows(tape->network->theta + layer->weight + layer->n + part->at, layer->m),
                adds && !apart, to, part->width);
    if (adjoint->layers[l].direct) add_direct(adjoint, l, part, to);
    if (turns) hth_read_turn(tape, part->width, to);
    if (of_input || (adds && !apart)) return;
    hth_read_drop_errors(tape, part->layer, adjoint->rows, adjoint->item, to);
    if (apart) hth_add(tape->steps * adjoint->rows * part->width, to, q);
    if (adjoint->enter && !adds) adjoint->enter(adjoint, part->layer);
}

/* *given: some layer has given to the input. */
static void pass_down(hth_adjoint *adjoint, size_t l, bool *given) {
    const hth_reading *reads = &adjoint->tape->network->layers[l].reads;
    for (size_t p = 0; p < reads->count; p++) {
        const bool of_input = reads->parts[p].layer == HTH_OF_INPUT;
        if (!of_input && reads->parts[p].layer < adjoint->lowest) continue;
        const bool adds =
            of_input ? *given
                     : reads->parts[p].adds || adjoint->layers[reads->parts[p].layer].is_given;
        pass_to(adjoint, l, &reads->parts[p], adds);
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

/* No read has given an error to a row yet. */
static void clear_rows(const hth_adjoint *adjoint, size_t l) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t steps = adjoint->tape->steps;
    for (size_t row = 0; a->rows && row < adjoint->rows; row++) {
        hth_store_errors *of = &a->rows[row];
        memset(of->written, 0, steps * layer->store.width * sizeof(hth_real));
        for (size_t i = 0; i < of->count; i++) of->reached[of->list[i]] = 0;
        of->count = 0;
    }
    if (a->direct) memset(a->direct, 0, steps * adjoint->rows * layer->inputs * sizeof(hth_real));
}

/* What the scan of a layer begins with. */
static void begin_layer(const hth_adjoint *adjoint, size_t l) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    clear_rows(adjoint, l);
    if (!adjoint->crossing->multiplies || !is_packed(adjoint)) return;
    hth_pack(layer->driven, layer->n, crossed(adjoint, l), a->packed);
    if (a->late)
        hth_pack(layer->rows, layer->wiring.late_z * layer->n,
                 hth_rows(adjoint->tape->network->theta + layer->weight + hth_layer_late_z(layer),
                          layer->m),
                 a->packed_late);
}

/* ---- Where a layer reads one above it ---- */

/* What step t of a row of layer l gives to one part of what it reads. What it reads of the step before crosses units,
 * and goes where W_rec^T delta does. */
static void pass_step(const hth_adjoint *adjoint, size_t l, size_t t, size_t row,
                      const hth_read_part *part) {
    const hth_layer *layer = &adjoint->tape->network->layers[l];
    const hth_adjoint_layer *a = &adjoint->layers[l];
    const size_t at = t * adjoint->rows + row;
    const bool of_input = part->layer == HTH_OF_INPUT;
    hth_real *to = of_input ? adjoint->input : adjoint->layers[part->layer].q;
    if (part->late) {
        if (!adjoint->crossing->multiplies || (t == 0 && adjoint->skips_start)) return;
        to = adjoint->layers[part->layer].zbar + row * part->width;
    } else if (to) {
        to += at * part->width;
    }
    if (!to) return;
    hth_vector_matrix(layer->driven, part->width, a->delta + at * layer->rows,
                      layer->W + layer->n + part->at, layer->m, true, to);
    if (a->direct) hth_add(part->width, a->direct + at * layer->inputs + part->at, to);
}

/* All layers of some of the rows, step by step: each layer's step comes before that of the layers that it reads, and
 * what it read of the step before is there when the scan gets to that. */
static void scan_rows_across(void *argument, size_t part, int worker) {
    const scan_task *task = argument;
    const hth_adjoint *adjoint = task->adjoint;
    const hth_network *net = adjoint->tape->network;
    const size_t rows = adjoint->rows, from = part * rows / task->parts;
    const size_t to = (part + 1) * rows / task->parts;
    (void)worker;
    for (size_t t = adjoint->tape->steps; t-- > 0;)
        for (size_t l = net->layer_count; l-- > 0;) {
            const hth_reading *reads = &net->layers[l].reads;
            const scan_way way = way_of(adjoint, l);
            scan_layer_step(adjoint, l, &way, t, from, to);
            for (size_t row = from; row < to; row++)
                for (size_t p = 0; p < reads->count; p++)
                    pass_step(adjoint, l, t, row, &reads->parts[p]);
        }
}

static void scan_across(hth_adjoint *adjoint) {
    const hth_tape *tape = adjoint->tape;
    const hth_network *net = tape->network;
    const size_t items = tape->steps * adjoint->rows;
    double work = 0;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_adjoint_layer *a = &adjoint->layers[l];
        work += (double)items * (double)(layer->m * layer->rows);
        begin_layer(adjoint, l);
        if (a->q && !a->is_given) memset(a->q, 0, items * layer->n * sizeof *a->q);
    }
    if (adjoint->input)
        memset(adjoint->input, 0,
               items * (net->embedding ? net->embedding : net->shape.inputs) * sizeof(hth_real));
    const size_t threads = (size_t)hth_compute_spread(tape->compute, work);
    scan_task task = {adjoint, 0, adjoint->rows < threads ? adjoint->rows : threads};
    hth_parallel(tape->compute, task.parts, work, scan_rows_across, &task);
    pass_from_readout(adjoint);
}

void hth_scan(hth_adjoint *adjoint) {
    const hth_tape *tape = adjoint->tape;
    bool given = false;
    if (tape->network->feeds_back) {
        scan_across(adjoint);
        return;
    }
    for (size_t l = tape->network->layer_count; l-- > adjoint->lowest;) {
        const hth_layer *layer = &tape->network->layers[l];
        const double work =
            (double)(tape->steps * adjoint->rows) * (double)(layer->n * layer->rows);
        const size_t threads = (size_t)hth_compute_spread(tape->compute, work);
        scan_task task = {adjoint, l, adjoint->rows < threads ? adjoint->rows : threads};
        begin_layer(adjoint, l);
        hth_parallel(tape->compute, task.parts, work, scan_rows, &task);
        pass_down(adjoint, l, &given);
    }
    pass_from_readout(adjoint);
}
