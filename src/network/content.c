/*
 * All that is on a tape, as arrays to be saved and put back: what was written, read and said of every step, and what
 * was carried into it. Arrays are whole, whatever the tape has of them, so that their sizes are those of the tape
 * alone.
 */
#include "network/tape.h"

#include <stdio.h>

typedef struct walk {
    void (*visit)(void *context, const hth_field *field);
    void *context;
} walk;

/* number SIZE_MAX: there is one such array. An array without memory is none. */
static void visit(const walk *to, const char *name, size_t number, hth_dtype dtype, void *data,
                  size_t count) {
    hth_field field = {.dtype = dtype, .count = count, .data = data};
    if (!data || count == 0) return;
    if (number == SIZE_MAX)
        snprintf(field.name, sizeof field.name, "tape.%s", name);
    else
        snprintf(field.name, sizeof field.name, "tape.%s%u", name, (unsigned)number);
    to->visit(to->context, &field);
}

static void visit_layer(const hth_tape *tape, size_t l, const walk *to) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_cell *cell = layer->cell;
    const hth_tape_layer *on = &tape->layers[l];
    const size_t rows = (tape->capacity + 1) * tape->batch;
    visit(to, "u", l, HTH_DTYPE_REAL, on->u, rows * layer->stride);
    visit(to, "before", l, HTH_DTYPE_REAL, on->before, tape->batch * layer->stride);
    visit(to, "state", l, HTH_DTYPE_REAL, on->state,
          rows * layer->n * (cell->states + cell->counters));
    visit(to, "field", l, HTH_DTYPE_REAL, on->field, rows * layer->n * cell->fields);
    if (!layer->kind->stores) return;
    visit(to, "said", l, HTH_DTYPE_REAL, on->store.said,
          tape->capacity * tape->batch * layer->rows);
    visit(to, "ring", l, HTH_DTYPE_REAL, on->store.ring,
          tape->batch * layer->store.rows * layer->store.width);
    visit(to, "usage", l, HTH_DTYPE_REAL, on->store.usage, rows * layer->store.rows);
    visit(to, "place", l, HTH_DTYPE_I32, on->store.place, tape->capacity * tape->batch);
    visit(to, "wrote", l, HTH_DTYPE_U64, on->store.wrote, tape->batch * layer->store.rows);
}

static void visit_readout(hth_tape *tape, const walk *to) {
    const hth_readout *r = &tape->network->readout;
    hth_tape_readout *on = &tape->readout;
    const size_t batch = tape->batch, items = tape->capacity * batch;
    visit(to, "y", SIZE_MAX, HTH_DTYPE_REAL, on->y, r->outputs * items);
    for (size_t q = 0; q < on->tile_count; q++)
        visit(to, "scale", q, HTH_DTYPE_REAL, on->statistics[q].scale, items);
    visit(to, "leak", SIZE_MAX, HTH_DTYPE_REAL, on->leak, (items + batch) * r->outputs);
    visit(to, "z", SIZE_MAX, HTH_DTYPE_REAL, on->z_start, r->n * batch);
    if (on->leak) visit(to, "bias", SIZE_MAX, HTH_DTYPE_REAL, &on->bias_start, 1);
    visit(to, "decision", SIZE_MAX, HTH_DTYPE_REAL, on->decision.start, r->outputs * batch);
}

void hth_tape_content(hth_tape *tape, void (*each)(void *context, const hth_field *field),
                      void *context) {
    const walk to = {each, context};
    const hth_network *net = tape->network;
    const size_t items = tape->capacity * tape->batch;
    for (size_t l = 0; l < net->layer_count; l++) visit_layer(tape, l, &to);
    visit_readout(tape, &to);
    visit(&to, "weights", SIZE_MAX, HTH_DTYPE_REAL, tape->weights, items);
    if (tape->chunk.tokens) visit(&to, "tokens", SIZE_MAX, HTH_DTYPE_I32, tape->tokens, items);
    if (tape->chunk.classes) visit(&to, "classes", SIZE_MAX, HTH_DTYPE_I32, tape->classes, items);
    if (tape->chunk.targets)
        visit(&to, "targets", SIZE_MAX, HTH_DTYPE_REAL, tape->targets,
              items * net->readout.outputs);
    visit(&to, "lengths", SIZE_MAX, HTH_DTYPE_I32, tape->lengths, tape->batch);
    visit(&to, "said", SIZE_MAX, HTH_DTYPE_I32, tape->said, tape->capacity);
    visit(&to, "totals", SIZE_MAX, HTH_DTYPE_F64, tape->totals, tape->batch);
    visit(&to, "fed", SIZE_MAX, HTH_DTYPE_REAL, tape->fed,
          (items + tape->batch) * hth_network_fed(net));
    visit(&to, "gathered", SIZE_MAX, HTH_DTYPE_REAL, tape->gathered, items * net->readout.n);
}

hth_tape_marks hth_tape_get_marks(const hth_tape *tape) {
    return (hth_tape_marks){.steps = tape->steps,
                            .filtered = tape->readout.filtered,
                            .fresh = tape->fresh,
                            .ended = tape->ended,
                            .is_weighted = tape->is_weighted,
                            .has_lengths = tape->chunk.lengths != NULL,
                            .time = tape->time,
                            .sequence = tape->sequence,
                            .owed = tape->owed};
}

bool hth_tape_may_have(const hth_tape *tape, const hth_tape_marks *marks) {
    return marks->steps <= tape->capacity && marks->filtered <= marks->steps && marks->fresh <= 1 &&
           marks->ended <= 1 && marks->is_weighted <= 1 && marks->has_lengths <= 1;
}

void hth_tape_set_marks(hth_tape *tape, const hth_tape_marks *marks) {
    size_t judged = 0;
    tape->steps = tape->chunk.steps = (size_t)marks->steps;
    tape->readout.filtered = (size_t)marks->filtered;
    tape->readout.judged_from = SIZE_MAX;
    tape->fresh = marks->fresh;
    tape->ended = tape->chunk.ends = marks->ended;
    tape->is_weighted = marks->is_weighted;
    for (size_t t = 0; t < tape->steps; t++) judged += tape->said[t] == HTH_SAID_TARGET;
    tape->chunk.weights = judged < tape->steps || tape->is_weighted ? tape->weights : NULL;
    tape->chunk.lengths = marks->has_lengths ? tape->lengths : NULL;
    tape->time = marks->time;
    tape->sequence = marks->sequence;
    tape->owed = marks->owed;
    tape->is_given_out = false;
    tape->packed_at = UINT64_MAX;
    tape->regularised = 0;
    hth_tape_list(tape);
}
