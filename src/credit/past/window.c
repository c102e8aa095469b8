/*
 * Rows of a store that keep the last L steps before they were written: sparse attentive backtracking (Ke et al. 2018),
 * where the states are cut at the start of each tape and credit goes further back through the rows alone. Of each step
 * and layer of units the tape's u and fields are kept, all that the adjoint scan needs of it; a read of a row makes a
 * tape of them again, and backpropagates zbar through it. With L as long as the sequence that is the whole way back
 * from every row.
 *
 *     kept       the last L steps of the sequence, and the fields of the step before them
 *     freeze     a copy
 *     contract   a scan of the copy from zbar; dE/dW += sum_t delta_t u_t^T
 *
 * Memory per item, and per row, (L + 1)(m + f n) numbers of each layer of units; a contraction costs L g n (n + m).
 */
#include "credit/adjoint/tape_gradient.h"
#include "credit/learner.h"

#include <string.h>

typedef struct window_options {
    int64_t steps;
} window_options;

static const hth_option options[] = {
    {.name = "row_steps",
     .help = "L, the steps up to its own that a row of a store keeps",
     .fallback = "10",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     .offset = offsetof(window_options, steps)},
};

/* A row: how many steps there are, whether the first is that of its sequence, then L + 1 steps, the last at the end. */
enum { COUNT, IS_WHOLE, STEPS };

typedef struct window {
    size_t L, slot;         /* slot: numbers of a step */
    hth_real *history;      /* [batch][row] */
    hth_tape again;         /* a row as a tape of one item, and the scan of it */
    hth_tape_layer *layers; /* of that tape */
    hth_adjoint scan;
} window;

static size_t length_of(const hth_learner *plan) {
    return (size_t)((const window_options *)plan->past.options)->steps;
}

static size_t slot_of(const hth_layer *layer) {
    return layer->kind->stores ? 0 : layer->m + layer->cell->fields * layer->n;
}

static size_t numbers_of(const hth_learner *plan) {
    size_t slot = 0;
    for (size_t l = 0; l < plan->network->layer_count; l++)
        slot += slot_of(&plan->network->layers[l]);
    return STEPS + (length_of(plan) + 1) * slot;
}

/* ---- What is kept ---- */

/* Step t of an item, as it is on the tape. */
static void copy_step(const hth_tape *tape, size_t t, size_t item, hth_real *out) {
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const size_t n = layer->n, fields = layer->cell->fields;
        if (layer->kind->stores) continue;
        memcpy(out, on->u + (t * tape->batch + item) * layer->stride, layer->m * sizeof *out);
        out += layer->m;
        for (size_t f = 0; f < fields; f++, out += n)
            memcpy(out, on->field + (((t + 1) * fields + f) * tape->batch + item) * n,
                   n * sizeof *out);
    }
}

/* Of a row; a restored one may hold anything. */
static size_t count_of(const window *kept, const hth_real *row) {
    return row[COUNT] >= 0 && row[COUNT] <= (hth_real)kept->L ? (size_t)row[COUNT] : 0;
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    const window *kept = learner->past.kept;
    const hth_tape *tape = learner->adjoint.tape;
    const size_t places = kept->L + 1, numbers = numbers_of(learner);
    const size_t new = tape->steps < places ? tape->steps : places;
    (void)gradient;
    for (size_t b = 0; b < learner->batch; b++) {
        hth_real *row = kept->history + b * numbers, *steps = row + STEPS;
        if (tape->fresh) memset(row, 0, numbers * sizeof *row); /* nothing is before a sequence */
        memmove(steps, steps + new * kept->slot, (places - new) * kept->slot * sizeof *row);
        for (size_t i = 0; i < new; i++)
            copy_step(tape, tape->steps - new + i, b, steps + (places - new + i) * kept->slot);
        const size_t all = count_of(kept, row) + tape->steps;
        row[IS_WHOLE] = (tape->fresh || row[IS_WHOLE] > 0) && all <= kept->L;
        row[COUNT] = (hth_real)(all < kept->L ? all : kept->L);
    }
}

static void reset(hth_learner *learner) {
    const window *kept = learner->past.kept;
    memset(kept->history, 0, learner->batch * numbers_of(learner) * sizeof *kept->history);
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    const window *kept = learner->past.kept;
    const size_t numbers = numbers_of(learner);
    if (capacity > 0)
        fields[0] = (hth_field){.name = "window.steps",
                                .dtype = HTH_DTYPE_REAL,
                                .count = learner->batch * numbers,
                                .data = kept->history,
                                .shape = {learner->batch, numbers}};
    return 1;
}

/* ---- Rows ---- */

static size_t row_size(const hth_learner *plan, const hth_reading *reads) {
    (void)reads;
    return numbers_of(plan);
}

static void freeze(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row) {
    const window *kept = learner->past.kept;
    const size_t numbers = numbers_of(learner);
    (void)reads;
    memcpy(row, kept->history + item * numbers, numbers * sizeof *row);
}

/* A step becomes slot `to` of the tape again: u of step `to`, and fields behind it. */
static void restore_step(const window *kept, const hth_real *step, size_t to, bool has_u) {
    for (size_t l = 0; l < kept->again.network->layer_count; l++) {
        const hth_layer *layer = &kept->again.network->layers[l];
        const size_t fields = layer->cell->fields * layer->n;
        if (layer->kind->stores) continue;
        if (has_u) memcpy(kept->layers[l].u + to * layer->stride, step, layer->m * sizeof *step);
        memcpy(kept->layers[l].field + (to + has_u) * fields, step + layer->m,
               fields * sizeof *step);
        step += slot_of(layer);
    }
}

static void contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                     const hth_real *zbar, hth_real *values) {
    window *kept = learner->past.kept;
    const size_t count = count_of(kept, row);
    const hth_real *first = row + STEPS + (kept->L + 1 - count) * kept->slot;
    if (count == 0) return;
    /* The steps, and the fields of the step before them. */
    kept->again.steps = kept->again.chunk.steps = count;
    kept->again.fresh = row[IS_WHOLE] > 0;
    restore_step(kept, first - kept->slot, 0, false);
    for (size_t t = 0; t < count; t++) restore_step(kept, first + t * kept->slot, t, true);
    /* zbar at their end, and back. */
    hth_adjoint_clear_boundary(&kept->scan);
    for (size_t p = 0; p < reads->count; p++) {
        const hth_read_part *part = &reads->parts[p];
        if (part->layer != HTH_OF_INPUT)
            memcpy(kept->scan.layers[part->layer].zbar, zbar + part->at,
                   part->width * sizeof *zbar);
    }
    hth_scan(&kept->scan);
    hth_tape_gradient_row(&kept->scan, 0, values);
}

/* ---- Making ---- */

static void lay_out_tape(hth_arena *arena, const hth_learner *plan, window *kept, bool placed) {
    const hth_network *net = plan->network;
    const size_t L = length_of(plan);
    kept->layers = HTH_TAKE(arena, hth_tape_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        hth_real *u = HTH_TAKE(arena, hth_real, hth_times(L + 1, layer->stride));
        hth_real *field =
            HTH_TAKE(arena, hth_real, hth_times((L + 1) * layer->cell->fields, layer->n));
        if (!placed) continue;
        kept->layers[l].u = u;
        kept->layers[l].field = field;
        kept->layers[l].store.time = &kept->again.time;
    }
    kept->again = (hth_tape){.network = net,
                             .compute = plan->compute,
                             .capacity = L,
                             .batch = 1,
                             .chunk = {.batch = 1},
                             .layers = kept->layers};
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const hth_network *net = plan->network;
    window counted = {0}, *kept = HTH_TAKE(arena, window, 1), *placed = kept;
    (void)given;
    if (!kept) kept = &counted;
    kept->L = length_of(plan);
    kept->slot = (numbers_of(plan) - STEPS) / (kept->L + 1);
    kept->history = HTH_TAKE(arena, hth_real, hth_times(plan->batch, numbers_of(plan)));
    lay_out_tape(arena, plan, kept, placed != NULL);
    hth_adjoint_lay_out(arena, &kept->scan, net, kept->L, 1, false);
    kept->scan.tape = &kept->again;
    kept->scan.crossing = &plan->axes.recurrence->crossing;
    kept->scan.item = 0;
    kept->scan.to = SIZE_MAX;
    kept->scan.input = NULL;
    return placed;
}

const hth_past hth_past_window = {
    .axis = {.part = {.name = "window",
                      .summary = "nothing but in rows of a store, which keep the last steps before "
                                 "they were written",
                      .source = "Ke et al. 2018",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(window_options),
             .bias = HTH_BIASED,
             .memory = "units*(row_steps+1)*(m + f*n)",
             .lay_out = lay_out,
             .reset = reset,
             .state = state},
    .carry = carry,
    .row_size = row_size,
    .row_memory = "R*(m + (row_steps+1)*B)",
    .row_operations = "T*row_steps*W",
    .freeze = freeze,
    .contract = contract,
};
