/*
 * Running a network forward. Per layer the steps follow one another, each a product with the weights,
 * packed once a tape where there are many, and the cell's loop over its units. Items of the batch are
 * independent, so threads share them out.
 */
#include "network/tape.h"

#include "kernels/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Up to so many numbers are looked at one by one. */
enum { FEW_NUMBERS = 32 };

/* ---- Layout ---- */

/* Lists of events: none for few rows, whose products are made otherwise. */
static size_t most_events(const hth_layer *layer, bool packs) {
    if (!packs || layer->m > hth_events_widest() || layer->events == HTH_EVENTS_NEVER) return 0;
    if (layer->events == HTH_EVENTS_ALWAYS) return layer->m;
    return layer->cell->spikes ? hth_events_worth(layer->m) : 0;
}

static void lay_out_layer(hth_arena *arena, const hth_layer *layer, bool regularised,
                          hth_tape_layer *tape, size_t steps, size_t batch) {
    const hth_cell *cell = layer->cell;
    const size_t slot = batch * layer->n, slots = steps + 1;
    const bool packs = steps * batch > HTH_FEW_ROWS;
    tape->u = HTH_TAKE(arena, hth_real, slots * batch * layer->stride);
    tape->drive = HTH_TAKE(arena, hth_real, batch * layer->rows);
    tape->state = HTH_TAKE(arena, hth_real, slots * (cell->states + cell->counters) * slot);
    tape->field = HTH_TAKE(arena, hth_real, slots * cell->fields * slot);
    tape->packed = HTH_TAKE(arena, hth_real, packs ? hth_packed_size(layer->m, layer->rows) : 0);
    if (!packs) tape->packed = NULL;
    const size_t most = most_events(layer, packs);
    hth_events_lay_out(arena, most ? slots * batch : 0, most, &tape->events);
    if (!most) tape->events.count = NULL;
    tape->turned = HTH_TAKE(arena, hth_real, most ? hth_packed_size(layer->m, layer->rows) : 0);
    tape->rates = HTH_TAKE(arena, double, regularised ? slot : 0);
    tape->pull = HTH_TAKE(arena, hth_real, regularised ? slot : 0);
    if (!regularised) tape->pull = NULL;
}

static hth_tape *lay_out(hth_arena *arena, const hth_network *net, size_t steps, size_t batch,
                         hth_compute *compute) {
    hth_tape counted = {0}, *tape = HTH_TAKE(arena, hth_tape, 1), *placed = tape;
    const bool counting = !placed;
    hth_tape_layer scratch;
    if (counting) tape = &counted;
    tape->network = net;
    tape->compute = compute;
    tape->capacity = steps;
    tape->batch = batch;
    tape->layers = HTH_TAKE(arena, hth_tape_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++)
        lay_out_layer(arena, &net->layers[l], net->regulariser.rate > 0,
                      counting ? &scratch : &tape->layers[l], steps, batch);
    const size_t joined = net->both_ways ? net->readout.n : 0;
    tape->joined = HTH_TAKE(arena, hth_real, hth_times(steps * batch, joined));
    if (!joined) tape->joined = NULL;
    hth_readout_lay_out(arena, tape);
    return placed;
}

hth_status hth_check_extent(size_t steps, size_t batch, hth_error *error) {
    const size_t most = (size_t)1 << 31; /* so that no size of memory overflows */
    if (steps < 1 || batch < 1 || steps > most / batch)
        return hth_fail(
            error, HTH_INVALID,
            "tapes of %zu steps and %zu items: there must be at least one of each and at "
            "most 2^31 in all",
            steps, batch);
    return HTH_OK;
}

hth_status hth_tape_create(const hth_network *network, size_t steps, size_t batch,
                           hth_compute *compute, const hth_allocator *allocator, hth_tape **out,
                           hth_error *error) {
    hth_arena arena = {0};
    HTH_TRY(hth_check_extent(steps, batch, error));
    lay_out(&arena, network, steps, batch, compute);
    size_t bytes = arena.used;
    arena = (hth_arena){hth_allocate(allocator, bytes), 0};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for a tape of %zu steps and %zu items (%zu MiB)", steps,
                        batch, bytes >> 20);
    *out = lay_out(&arena, network, steps, batch, compute);
    hth_tape_reset(*out);
    return HTH_OK;
}

void hth_tape_destroy(hth_tape *tape) {
    hth_release(tape);
}

/* ---- State ---- */

/* Where one item's units are; what there is of none stays as it was. In place, because a copy of a structure that has
 * just been written waits until all that was written before it is out of the way. */
static void find_row(const hth_layer *layer, const hth_tape_layer *tape, size_t step, size_t batch,
                     size_t item, hth_row *row) {
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, slot = batch * n, states = cell->states + cell->counters;
    hth_real *in = tape->state + step * states * slot + item * n, *out = in + states * slot;
    hth_real *field = tape->field + (step + 1) * cell->fields * slot + item * n;
    row->n = n;
    row->options = layer->options;
    for (size_t g = 0; g < cell->drives; g++)
        row->drive[g] = tape->drive + item * layer->rows + g * n;
    for (size_t s = 0; s < states; s++) {
        row->state_in[s] = in + s * slot;
        row->state_out[s] = out + s * slot;
    }
    for (size_t f = 0; f < cell->fields; f++) row->field[f] = field + f * slot;
    for (size_t c = 0; c < cell->constants; c++) row->constant[c] = layer->constants + c * n;
    row->z_in = tape->u + (step * batch + item) * layer->stride;
    row->z_out = tape->u + ((step + 1) * batch + item) * layer->stride;
}

/* Slot 0 becomes the start of a sequence: zero, or the learned state. */
static void reset_layer(const hth_tape *tape, size_t l) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, slot = tape->batch * n;
    const hth_real *initial = tape->network->theta + layer->initial;
    memset(on->state, 0, (cell->states + cell->counters) * slot * sizeof(hth_real));
    memset(on->field, 0, cell->fields * slot * sizeof(hth_real));
    for (size_t b = 0; b < tape->batch; b++) {
        hth_real *z = on->u + b * layer->stride;
        memset(z, 0, n * sizeof *z);
        for (size_t s = 0; layer->learns_initial && s < cell->states; s++)
            memcpy(on->state + s * slot + b * n, initial + s * n, n * sizeof *z);
        if (layer->learns_initial && cell->observable == HTH_Z_IS_STATE)
            memcpy(z, initial, n * sizeof *z);
        else if (layer->learns_initial && !cell->spikes)
            memcpy(z, initial + cell->states * n, n * sizeof *z);
    }
}

void hth_tape_reset(hth_tape *tape) {
    tape->steps = 0;
    tape->fresh = 1;
    for (size_t l = 0; l < tape->network->layer_count; l++) reset_layer(tape, l);
    hth_readout_reset(tape);
}

/* What the last tape ended with becomes slot 0. */
static void carry_over(hth_tape *tape) {
    const size_t last = tape->steps;
    if (last == 0) return;
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const size_t slot = tape->batch * layer->n;
        const size_t states = (layer->cell->states + layer->cell->counters) * slot;
        const size_t fields = layer->cell->fields * slot, z = tape->batch * layer->stride;
        memcpy(on->state, on->state + last * states, states * sizeof(hth_real));
        memcpy(on->field, on->field + last * fields, fields * sizeof(hth_real));
        memcpy(on->u, on->u + last * z, z * sizeof(hth_real));
    }
    hth_tape_readout *r = &tape->readout;
    hth_decision_carry(&r->decision);
    if (r->start) {
        const hth_readout *readout = &tape->network->readout;
        memcpy(r->start, r->end, readout->outputs * tape->batch * sizeof(hth_real));
        memcpy(r->z_start, r->z_end, readout->n * tape->batch * sizeof(hth_real));
        r->bias_start = r->bias_end;
    }
    tape->steps = 0;
    tape->fresh = 0;
}

static void add_field(hth_field *fields, size_t capacity, size_t *count, const char *name,
                      size_t layer, hth_real *data, size_t numbers) {
    if (numbers == 0) return;
    if (*count < capacity) {
        fields[*count] = (hth_field){.dtype = HTH_DTYPE_REAL, .count = numbers, .data = data};
        if (layer == SIZE_MAX)
            snprintf(fields[*count].name, sizeof fields->name, "tape.%s", name);
        else
            snprintf(fields[*count].name, sizeof fields->name, "tape%zu.%s", layer, name);
    }
    ++*count;
}

size_t hth_tape_state(hth_tape *tape, hth_field *fields, size_t capacity) {
    size_t count = 0;
    carry_over(tape);
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const size_t slot = tape->batch * layer->n, rest = layer->stride - layer->n;
        for (size_t b = 0; b < tape->batch;
             b++) /* of u only z is carried: the rest is still to come */
            memset(on->u + b * layer->stride + layer->n, 0, rest * sizeof(hth_real));
        add_field(fields, capacity, &count, "u", l, on->u, tape->batch * layer->stride);
        add_field(fields, capacity, &count, "state", l, on->state,
                  (layer->cell->states + layer->cell->counters) * slot);
        add_field(fields, capacity, &count, "field", l, on->field, layer->cell->fields * slot);
    }
    hth_tape_readout *r = &tape->readout;
    if (r->start) {
        const hth_readout *readout = &tape->network->readout;
        add_field(fields, capacity, &count, "y", SIZE_MAX, r->start,
                  readout->outputs * tape->batch);
        add_field(fields, capacity, &count, "z", SIZE_MAX, r->z_start, readout->n * tape->batch);
        add_field(fields, capacity, &count, "bias", SIZE_MAX, &r->bias_start, 1);
    }
    if (r->decision.start)
        add_field(fields, capacity, &count, "decision", SIZE_MAX, r->decision.start,
                  r->decision.outputs * tape->batch);
    if (count < capacity) {
        fields[count] = (hth_field){.dtype = HTH_DTYPE_U64, .count = 1, .data = &tape->fresh};
        snprintf(fields[count].name, sizeof fields->name, "tape.fresh");
    }
    return count + 1;
}

/* ---- Input ---- */

static hth_status check_numbers(hth_compute *compute, const hth_real *x, size_t count, size_t width,
                                size_t batch, const char *what, hth_error *error) {
    if (count > FEW_NUMBERS && hth_zero_or_nan(compute, count, x) == 0) return HTH_OK;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return hth_fail(
                error, HTH_NOT_FINITE,
                "%s: step %zu, item %zu, component %zu is %s; it must be a finite number", what,
                i / width / batch, i / width % batch, i % width, isnan(x[i]) ? "NaN" : "infinite");
    return HTH_OK;
}

/* Targets that the loss has no meaning for, where they count. */
static hth_status check_targets(const hth_tape *tape, const hth_chunk *chunk, hth_error *error) {
    const hth_readout *r = &tape->network->readout;
    const double least = r->loss->least, most = r->loss->most;
    for (size_t i = 0; least < most && i < chunk->steps * chunk->batch * r->outputs; i++) {
        const size_t item = i / r->outputs;
        const double y = (double)chunk->targets[i];
        if ((y < least || y > most) && hth_item_weight(chunk, item) != 0)
            return hth_fail(
                error, HTH_INVALID,
                "targets: step %zu, item %zu, component %zu is %g; loss %s takes %g to %g",
                item / chunk->batch, item % chunk->batch, i % r->outputs, y, r->loss->part.name,
                least, most);
    }
    return HTH_OK;
}

static hth_status check_codes(const int32_t *codes, const hth_real *weights, size_t count,
                              size_t batch, size_t bound, const char *what, hth_error *error) {
    for (size_t i = 0; i < count; i++)
        if ((codes[i] < 0 || (size_t)codes[i] >= bound) && (!weights || weights[i] != 0))
            return hth_fail(error, HTH_INVALID,
                            "%s: step %zu, item %zu is %d; it must be in 0..%zu", what, i / batch,
                            i % batch, (int)codes[i], bound - 1);
    return HTH_OK;
}

/* What runs from the end of a sequence needs all of it, and to know where each item ends. */
static hth_status check_whole(const hth_tape *tape, const hth_chunk *chunk, hth_error *error) {
    for (size_t b = 0; chunk->lengths && b < chunk->batch; b++)
        if (chunk->lengths[b] > chunk->steps)
            return hth_fail(error, HTH_INVALID,
                            "lengths: item %zu has %u steps, but the chunk only %zu", b,
                            (unsigned)chunk->lengths[b], chunk->steps);
    if (!tape->network->both_ways || (tape->fresh && tape->steps == 0 && chunk->ends))
        return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "network.direction is both: a layer runs over the sequence from its end, so a "
                    "tape must hold the whole of it, but this one %s (%zu steps); take tapes as "
                    "long as the sequence (chunk.ends = true, after a reset)",
                    chunk->ends ? "goes on from the last one" : "ends before the sequence does",
                    chunk->steps);
}

static hth_status check_chunk(const hth_tape *tape, const hth_chunk *chunk, hth_error *error) {
    const hth_shape *shape = &tape->network->shape;
    const size_t items = chunk->steps * chunk->batch;
    if (chunk->steps < 1 || chunk->steps > tape->capacity || chunk->batch != tape->batch)
        return hth_fail(error, HTH_MISMATCH,
                        "a chunk of %zu steps and %zu items does not fit a tape of %zu and %zu",
                        chunk->steps, chunk->batch, tape->capacity, tape->batch);
    if (!chunk->x == !chunk->tokens || !chunk->targets == !chunk->classes ||
        !chunk->tokens != !shape->vocabulary)
        return hth_fail(
            error, HTH_MISMATCH,
            "a chunk must have x or tokens as the network does, and targets or classes");
    HTH_TRY(check_whole(tape, chunk, error));
    if (chunk->x)
        HTH_TRY(check_numbers(tape->compute, chunk->x, items * shape->inputs, shape->inputs,
                              chunk->batch, "inputs", error));
    else
        HTH_TRY(check_codes(chunk->tokens, NULL, items, chunk->batch, shape->vocabulary, "token",
                            error));
    if (chunk->targets)
        HTH_TRY(check_numbers(tape->compute, chunk->targets, items * shape->outputs, shape->outputs,
                              chunk->batch, "targets", error));
    else
        HTH_TRY(check_codes(chunk->classes, chunk->weights, items, chunk->batch, shape->outputs,
                            "target class", error));
    if (chunk->targets) HTH_TRY(check_targets(tape, chunk, error));
    if (!chunk->weights) return HTH_OK;
    return check_numbers(tape->compute, chunk->weights, items, 1, chunk->batch, "weights", error);
}

/* Of row i, slot * batch + item in the layer's own order: the place in arrays over time. */
static inline size_t source_of(const hth_tape *tape, const hth_layer *layer, size_t i) {
    const size_t batch = tape->batch;
    if (!layer->reversed) return i;
    return hth_tape_slot(&tape->chunk, i / batch, i % batch) * batch + i % batch;
}

/* Writes x_t and the constant 1 into u, for items from..to-1 of step t. */
static void read_input(const hth_tape *tape, size_t l, size_t t, size_t from, size_t to) {
    const hth_network *net = tape->network;
    const hth_layer *layer = &net->layers[l], *below = l && !net->both_ways ? layer - 1 : NULL;
    const size_t inputs = layer->inputs;
    for (size_t i = t * tape->batch + from; i < t * tape->batch + to; i++) {
        hth_real *u = tape->layers[l].u + i * layer->stride + layer->n;
        const hth_real *x;
        const size_t source = source_of(tape, layer, i);
        if (below)
            x = tape->layers[l - 1].u + (i + tape->batch) * below->stride;
        else if (tape->chunk.tokens)
            x = net->theta + net->embedding_weight +
                (size_t)tape->chunk.tokens[source] * net->embedding;
        else
            x = tape->chunk.x + source * inputs;
        memcpy(u, x, inputs * sizeof *u);
        u[inputs] = 1;
    }
}

/* ---- Steps ---- */

/* Whether products with some rows are faster by events, or asked for. */
static bool prefers_events(const hth_layer *layer, const hth_events *events, size_t from,
                           size_t to) {
    if (!events->count) return false;
    return layer->events == HTH_EVENTS_ALWAYS || hth_events_pay(events, from, to, layer->m);
}

/* a_t = W u_t by events, of one row; by all of u where it is not listed. */
static void drive_row(const hth_layer *layer, const hth_real *packed, const hth_events *events,
                      size_t row, const hth_real *u, hth_real *drive) {
    if (events->count[row] <= events->most)
        hth_events_times(events, row, layer->rows, layer->m, u, packed, drive);
    else
        hth_product_packed(1, layer->rows, layer->m, hth_rows(u, layer->stride), packed, false,
                           drive, layer->rows);
}

/* a_t = W u_t by events, where that is faster. The lists of the rows are made in any case. */
static bool drive_by_events(const hth_layer *layer, const hth_real *packed,
                            const hth_tape_layer *on, size_t t, size_t batch, size_t from,
                            size_t to) {
    const hth_real *u = on->u + t * batch * layer->stride;
    const hth_events *events = &on->events;
    if (!events->count) return false;
    for (size_t b = from; b < to; b++)
        hth_events_list(events, t * batch + b, layer->m, u + b * layer->stride);
    if (!prefers_events(layer, events, t * batch + from, t * batch + to)) return false;
    for (size_t b = from; b < to; b++)
        drive_row(layer, packed, events, t * batch + b, u + b * layer->stride,
                  on->drive + b * layer->rows);
    return true;
}

void hth_layer_step(const hth_layer *layer, const hth_real *packed, const hth_tape_layer *on,
                    size_t t, size_t batch, size_t from, size_t to) {
    const hth_real *u = on->u + t * batch * layer->stride;
    const bool driven = drive_by_events(layer, packed, on, t, batch, from, to);
    if (packed && !driven)
        hth_product_packed(to - from, layer->rows, layer->m,
                           hth_rows(u + from * layer->stride, layer->stride), packed, false,
                           on->drive + from * layer->rows, layer->rows);
    for (size_t b = from; b < to && !packed; b++)
        hth_matrix_vector(layer->rows, layer->m, layer->W, layer->m, u + b * layer->stride, false,
                          on->drive + b * layer->rows);
    hth_row row = {0};
    for (size_t b = from; b < to; b++) {
        find_row(layer, on, t, batch, b, &row);
        layer->cell->step(&row);
    }
}

typedef struct steps_task {
    const hth_tape *tape;
    size_t layer, parts;
} steps_task;

/* All steps of the items of one part of the batch. */
static void run_steps(void *argument, size_t part, int worker) {
    const steps_task *task = argument;
    const hth_tape *tape = task->tape;
    const hth_layer *layer = &tape->network->layers[task->layer];
    const hth_tape_layer *on = &tape->layers[task->layer];
    const size_t batch = tape->batch, to = (part + 1) * batch / task->parts;
    size_t from = part * batch / task->parts;
    (void)worker;
    for (size_t t = 0; t < tape->chunk.steps; t++) {
        read_input(tape, task->layer, t, from, to);
        hth_layer_step(layer, on->packed, on, t, batch, from, to);
    }
    for (size_t i = tape->chunk.steps * batch + from; on->events.count && from < to; i++, from++)
        hth_events_list(&on->events, i, layer->n, on->u + i * layer->stride);
}

static void run_layer(hth_tape *tape, size_t l) {
    const hth_layer *layer = &tape->network->layers[l];
    const double work =
        (double)(tape->chunk.steps * tape->batch) * (double)(layer->m * layer->rows);
    const size_t threads = (size_t)hth_compute_spread(tape->compute, work);
    steps_task task = {tape, l, tape->batch < threads ? tape->batch : threads};
    if (tape->layers[l].packed)
        hth_pack(layer->m, layer->rows, hth_transposed(layer->W, layer->m), tape->layers[l].packed);
    hth_parallel(tape->compute, task.parts, work, run_steps, &task);
    const size_t rows = tape->chunk.steps * tape->batch;
    tape->layers[l].is_sparse =
        rows > HTH_FEW_ROWS && prefers_events(layer, &tape->layers[l].events, 0, rows);
}

/* [z_0; z_1] of each step, in the order of time. */
static void join_directions(const hth_tape *tape) {
    const hth_network *net = tape->network;
    const size_t items = tape->chunk.steps * tape->batch;
    for (size_t l = 0; tape->joined && l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        for (size_t i = 0; i < items; i++)
            memcpy(tape->joined + source_of(tape, layer, i) * net->readout.n + l * layer->n,
                   tape->layers[l].u + (i + tape->batch) * layer->stride,
                   layer->n * sizeof(hth_real));
    }
}

static double count_spikes(const hth_tape *tape) {
    double spikes = 0;
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        if (!layer->cell->spikes) continue;
        for (size_t i = tape->batch; i < (tape->chunk.steps + 1) * tape->batch; i++)
            spikes += (double)hth_events_among(&on->events, i, layer->n, on->u + i * layer->stride);
    }
    return spikes;
}

/* E_reg of the tape, and what it asks of the units. */
static double regularise(const hth_tape *tape) {
    const hth_network *net = tape->network;
    double sum = 0;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const hth_rates of = {.z = on->u + tape->batch * layer->stride,
                              .steps = tape->chunk.steps,
                              .batch = tape->batch,
                              .n = layer->n,
                              .stride = layer->stride,
                              .network = net,
                              .chunk = &tape->chunk,
                              .rates = on->rates,
                              .pull = on->pull};
        if (on->pull) sum += hth_regularise_rates(&net->regulariser, &of);
    }
    return sum;
}

hth_status hth_forward(hth_tape *tape, const hth_chunk *chunk, hth_report *report,
                       hth_error *error) {
    HTH_TRY(check_chunk(tape, chunk, error));
    carry_over(tape);
    tape->chunk = *chunk;
    for (size_t l = 0; l < tape->network->layer_count; l++) run_layer(tape, l);
    join_directions(tape);
    HTH_TRY(hth_readout_forward(tape, report, error)); /* on error steps stays 0: nothing carried */
    report->spikes += count_spikes(tape);
    report->regulariser += regularise(tape);
    tape->steps = chunk->steps;
    return HTH_OK;
}

void hth_tape_outputs(const hth_tape *tape, hth_real *outputs) {
    hth_readout_outputs(tape, outputs);
}
