/*
 * What of a tape must survive an interruption, as fields that are read and restored where they lie: what is carried
 * into the next step, and the steps that stay (hth_tape_keep). content.c has all that is on a tape.
 */
#include "network/tape.h"

#include <stdio.h>
#include <string.h>

size_t hth_tape_length(const hth_tape *tape) {
    if (!tape->is_given_out || tape->keep == 0) return tape->steps;
    return tape->kept_steps < tape->keep ? (size_t)tape->kept_steps : tape->keep;
}

/* What a restored state says of its steps may be anything. */
static void check_kept(hth_tape *tape) {
    const size_t items = tape->steps * tape->batch;
    for (size_t t = 0; t < tape->steps; t++)
        if (tape->said[t]) tape->said[t] = HTH_SAID_BEFORE;
    for (size_t i = 0; tape->chunk.tokens && i < items; i++)
        if (tape->tokens[i] < 0 || (size_t)tape->tokens[i] >= tape->network->shape.vocabulary)
            tape->tokens[i] = 0;
    tape->chunk.lengths = NULL;
    for (size_t b = 0; b < tape->batch; b++)
        if (tape->lengths[b] < tape->steps) tape->chunk.lengths = tape->lengths;
    for (size_t b = 0; b < tape->batch; b++)
        if (tape->lengths[b] > tape->steps) tape->lengths[b] = (uint32_t)tape->steps;
}

/* The steps of a state that was given out, and may have been restored since. */
void hth_tape_settle(hth_tape *tape) {
    if (!tape->is_given_out) return;
    tape->steps = tape->chunk.steps = hth_tape_length(tape);
    tape->is_given_out = false;
    tape->chunk.ends = tape->ended;
    if (tape->keep == 0) return;
    check_kept(tape);
    tape->is_weighted = true;
    hth_readout_restore(tape);
    hth_tape_list(tape);
}

/* ---- Giving out ---- */

static void add_field(hth_field *fields, size_t capacity, size_t *count, const char *name,
                      size_t layer, hth_real *data, size_t rank, const size_t shape[]) {
    size_t numbers = 1;
    for (size_t i = 0; i < rank; i++) numbers *= shape[i];
    if (numbers == 0) return;
    if (*count < capacity) {
        fields[*count] = (hth_field){.dtype = HTH_DTYPE_REAL, .count = numbers, .data = data};
        memcpy(fields[*count].shape, shape, rank * sizeof *shape);
        if (layer == SIZE_MAX)
            snprintf(fields[*count].name, sizeof fields->name, "tape.%s", name);
        else
            hth_text(fields[*count].name, sizeof fields->name, "tape%zu.%s", layer, name);
    }
    ++*count;
}

/* An array of a store's that is not of numbers of the library's kind. */
static void add_of_store(hth_field *fields, size_t capacity, size_t *count, const char *name,
                         size_t layer, hth_dtype dtype, void *data, size_t steps, size_t numbers) {
    if (steps * numbers > 0 && *count < capacity) {
        fields[*count] = (hth_field){
            .dtype = dtype, .count = steps * numbers, .data = data, .shape = {steps, numbers}};
        hth_text(fields[*count].name, sizeof fields->name, "tape%zu.%s", layer, name);
    }
    *count += steps * numbers > 0;
}

/* Which rows of a store have been used how much. */
static void add_usage(hth_tape *tape, size_t l, hth_field *fields, size_t capacity, size_t *count) {
    const hth_tape_store *on = &tape->layers[l].store;
    const size_t rows = tape->network->layers[l].store.rows;
    const size_t usage[] = {tape->keep + 1, tape->batch, rows};
    if (!on->usage) return;
    add_field(fields, capacity, count, "usage", l, on->usage, HTH_COUNT(usage), usage);
    add_of_store(fields, capacity, count, "place", l, HTH_DTYPE_I32, on->place, tape->keep,
                 tape->batch);
    add_of_store(fields, capacity, count, "wrote", l, HTH_DTYPE_U64, on->wrote, tape->batch, rows);
}

/* The rows of a store, and what it said at the steps that stay. */
static void add_store(hth_tape *tape, size_t l, hth_field *fields, size_t capacity, size_t *count) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const size_t ring[] = {tape->batch, layer->store.rows, layer->store.width};
    const size_t said[] = {tape->keep, tape->batch, layer->rows};
    if (!layer->kind->stores) return;
    add_field(fields, capacity, count, "ring", l, on->store.ring, HTH_COUNT(ring), ring);
    add_field(fields, capacity, count, "said", l, on->store.said, HTH_COUNT(said), said);
    add_usage(tape, l, fields, capacity, count);
}

/* One slot of each array of a layer, or more: what was carried, and the steps that stay. */
static void add_layer(hth_tape *tape, size_t l, hth_field *fields, size_t capacity, size_t *count) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const size_t slots = tape->keep + 1, rest = layer->stride - layer->n;
    const size_t u[] = {slots, tape->batch, layer->stride};
    const size_t state[] = {slots, layer->cell->states + layer->cell->counters, tape->batch,
                            layer->n};
    const size_t field[] = {slots, layer->cell->fields, tape->batch, layer->n};
    for (size_t b = 0; b < tape->batch;
         b++) /* of the last u only z is carried: the rest is to come */
        memset(on->u + (tape->steps * tape->batch + b) * layer->stride + layer->n, 0,
               rest * sizeof(hth_real));
    add_field(fields, capacity, count, "u", l, on->u, HTH_COUNT(u), u);
    if (on->before)
        add_field(fields, capacity, count, "before", l, on->before, HTH_COUNT(u) - 1, u + 1);
    add_field(fields, capacity, count, "state", l, on->state, HTH_COUNT(state), state);
    add_field(fields, capacity, count, "field", l, on->field, HTH_COUNT(field), field);
    add_store(tape, l, fields, capacity, count);
}

static void add_readout(hth_tape *tape, hth_field *fields, size_t capacity, size_t *count) {
    const hth_readout *readout = &tape->network->readout;
    hth_tape_readout *r = &tape->readout;
    const size_t y[] = {tape->keep + 1, readout->outputs, tape->batch};
    const size_t z[] = {tape->batch, readout->n}, one[] = {1};
    const size_t decision[] = {r->decision.outputs, tape->batch};
    if (r->leak) {
        add_field(fields, capacity, count, "y", SIZE_MAX, r->leak, HTH_COUNT(y), y);
        add_field(fields, capacity, count, "z", SIZE_MAX, r->z_start, HTH_COUNT(z), z);
        add_field(fields, capacity, count, "bias", SIZE_MAX, &r->bias_start, HTH_COUNT(one), one);
    }
    const size_t fed[] = {tape->keep + 1, tape->batch, hth_network_fed(tape->network)};
    if (tape->fed)
        add_field(fields, capacity, count, "fed", SIZE_MAX, tape->fed, HTH_COUNT(fed), fed);
    if (r->decision.start)
        add_field(fields, capacity, count, "decision", SIZE_MAX, r->decision.start,
                  HTH_COUNT(decision), decision);
}

static void add_other(hth_field *fields, size_t capacity, size_t *count, const char *name,
                      hth_dtype dtype, void *data, size_t numbers) {
    if (numbers > 0 && *count < capacity) {
        fields[*count] = (hth_field){.dtype = dtype, .count = numbers, .data = data};
        snprintf(fields[*count].name, sizeof fields->name, "tape.%s", name);
    }
    *count += numbers > 0;
}

/* When the first step is, and in which sequence. */
static void add_when(hth_tape *tape, hth_field *fields, size_t capacity, size_t *count) {
    add_other(fields, capacity, count, "time", HTH_DTYPE_U64, &tape->time, 1);
    add_other(fields, capacity, count, "sequence", HTH_DTYPE_U64, &tape->sequence, 1);
}

/* Whether the first step is that of its sequence; whether this has ended, as a whole or some items of it; and what it
 * adds up to. */
static void add_sequence(hth_tape *tape, hth_field *fields, size_t capacity, size_t *count) {
    add_other(fields, capacity, count, "fresh", HTH_DTYPE_U64, &tape->fresh, 1);
    add_other(fields, capacity, count, "ended", HTH_DTYPE_U64, &tape->ended, 1);
    add_other(fields, capacity, count, "lengths", HTH_DTYPE_I32, tape->lengths,
              tape->keep > 0 ? tape->batch : 0);
    add_other(fields, capacity, count, "totals", HTH_DTYPE_F64, tape->totals,
              tape->totals ? tape->batch : 0);
}

/* Where steps stay: how many, when they were, what was read there and what has been said of them. */
static void add_kept(hth_tape *tape, hth_field *fields, size_t capacity, size_t *count) {
    const size_t items = tape->keep * tape->batch;
    add_other(fields, capacity, count, "steps", HTH_DTYPE_U64, &tape->kept_steps, 1);
    add_when(tape, fields, capacity, count);
    add_other(fields, capacity, count, "weights", HTH_DTYPE_REAL, tape->weights, items);
    add_other(fields, capacity, count, "gathered", HTH_DTYPE_REAL, tape->gathered,
              tape->gathered ? items * tape->network->readout.n : 0);
    add_other(fields, capacity, count, "said", HTH_DTYPE_I32, tape->said, tape->keep);
    add_other(fields, capacity, count, "tokens", HTH_DTYPE_I32, tape->tokens,
              tape->chunk.tokens ? items : 0);
}

size_t hth_tape_state(hth_tape *tape, hth_field *fields, size_t capacity) {
    size_t count = 0;
    hth_tape_settle(tape);
    if (tape->steps > tape->keep) hth_tape_forget(tape, tape->steps - tape->keep);
    hth_readout_settle(tape);
    tape->packed_at = UINT64_MAX;
    tape->kept_steps = tape->steps;
    for (size_t t = 0; t < tape->steps; t++)
        if (tape->said[t]) tape->said[t] = HTH_SAID_BEFORE;
    for (size_t b = 0; b < tape->batch && !tape->chunk.lengths; b++)
        tape->lengths[b] = (uint32_t)tape->steps;
    tape->is_given_out = true;
    for (size_t l = 0; l < tape->network->layer_count; l++)
        add_layer(tape, l, fields, capacity, &count);
    add_readout(tape, fields, capacity, &count);
    if (tape->keep > 0)
        add_kept(tape, fields, capacity, &count);
    else if (tape->network->dropout > 0 || hth_has_store(tape->network))
        add_when(tape, fields, capacity, &count);
    add_sequence(tape, fields, capacity, &count);
    return count;
}
