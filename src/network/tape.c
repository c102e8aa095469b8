/*
 * The tape as a handle: its memory, and the verbs that write, read, judge and forget steps. write.c runs the layers,
 * readout.c the readout, chunk.c says what a tape cannot take, state.c what of it survives an interruption.
 */
#include "network/tape.h"

#include <string.h>

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
    tape->before = HTH_TAKE(arena, hth_real, hth_layer_late(layer) ? batch * layer->stride : 0);
    if (!hth_layer_late(layer)) tape->before = NULL;
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
    hth_store_lay_out(arena, layer, steps, batch, tape);
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
    tape->batch = tape->all = batch;
    tape->drops = net->dropout > 0;
    tape->layers = HTH_TAKE(arena, hth_tape_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++)
        lay_out_layer(arena, &net->layers[l],
                      net->regulariser.rate > 0 && net->layers[l].cell->spikes,
                      counting ? &scratch : &tape->layers[l], steps, batch);
    for (size_t l = 0; !counting && l < net->layer_count; l++)
        tape->layers[l].store.time = &tape->time;
    const hth_shape *shape = &net->shape;
    const size_t items = hth_times(steps, batch);
    const bool classes = shape->target == HTH_TARGET_CLASSES;
    tape->tokens = HTH_TAKE(arena, int32_t, shape->vocabulary ? items : 0);
    tape->classes = HTH_TAKE(arena, int32_t, classes ? items : 0);
    tape->targets = HTH_TAKE(arena, hth_real, classes ? 0 : hth_times(items, shape->outputs));
    tape->weights = HTH_TAKE(arena, hth_real, items);
    tape->lengths = HTH_TAKE(arena, uint32_t, batch);
    tape->said = HTH_TAKE(arena, int32_t, steps);
    tape->totals = HTH_TAKE(arena, double, hth_loss_divides(&net->readout) ? batch : 0);
    if (!hth_loss_divides(&net->readout)) tape->totals = NULL;
    tape->chunk = (hth_chunk){.batch = batch,
                              .tokens = shape->vocabulary ? tape->tokens : NULL,
                              .classes = classes ? tape->classes : NULL,
                              .targets = classes ? NULL : tape->targets};
    const size_t gathered = hth_reads_last_alone(net) ? 0 : net->readout.n;
    tape->gathered = HTH_TAKE(arena, hth_real, hth_times(steps * batch, gathered));
    if (!gathered) tape->gathered = NULL;
    const size_t fed = hth_times(hth_times(steps + 1, batch), hth_network_fed(net));
    tape->fed = HTH_TAKE(arena, hth_real, fed);
    if (!fed) tape->fed = NULL;
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
    hth_arena arena = hth_arena_for(allocator);
    HTH_TRY(hth_check_extent(steps, batch, error));
    lay_out(&arena, network, steps, batch, compute);
    size_t bytes = arena.used;
    arena = (hth_arena){.base = hth_allocate(allocator, bytes)};
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

void hth_tape_share(hth_tape *tape, size_t first, size_t all) {
    tape->first = first;
    tape->all = all;
}

void hth_tape_dropout(hth_tape *tape, bool on) {
    tape->drops = on && tape->network->dropout > 0;
}

void hth_tape_spare_rates(hth_tape *tape) {
    for (size_t l = 0; l < tape->network->layer_count; l++) tape->layers[l].pull = NULL;
}

/* ---- Beginning, and forgetting ---- */

/* Slot 0 becomes the start of a sequence: zero, or the learned state. */
static void reset_layer(const hth_tape *tape, size_t l) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_tape_layer *on = &tape->layers[l];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, slot = tape->batch * n;
    const hth_real *initial = tape->network->theta + layer->initial;
    memset(on->state, 0, (cell->states + cell->counters) * slot * sizeof(hth_real));
    memset(on->field, 0, cell->fields * slot * sizeof(hth_real));
    if (on->before) memset(on->before, 0, tape->batch * layer->stride * sizeof(hth_real));
    if (layer->kind->stores) hth_store_reset(layer, on, tape->batch);
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
    tape->steps = tape->chunk.steps = 0;
    tape->fresh = 1;
    tape->time = 0;
    tape->sequence++;
    tape->is_given_out = false;
    tape->ended = tape->is_weighted = false;
    tape->packed_at = UINT64_MAX;
    tape->regularised = 0;
    tape->chunk.lengths = NULL;
    hth_tape_expect_nothing(tape);
    for (size_t l = 0; l < tape->network->layer_count; l++) reset_layer(tape, l);
    hth_readout_reset(tape);
    if (tape->fed)
        memset(tape->fed, 0, tape->batch * hth_network_fed(tape->network) * sizeof *tape->fed);
}

static void forget_in_layer(const hth_tape *tape, size_t l, size_t steps, size_t left) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_cell *cell = layer->cell;
    const hth_tape_layer *on = &tape->layers[l];
    const size_t each = tape->batch * sizeof(hth_real), slot = each * layer->n;
    const size_t last = (steps - 1) * tape->batch * layer->stride;
    if (on->before) memcpy(on->before, on->u + last, layer->stride * each);
    if (layer->kind->stores) hth_store_forget(layer, on, steps, left, tape->batch);
    hth_move_slots(on->state, steps, left + 1, (cell->states + cell->counters) * slot);
    hth_move_slots(on->field, steps, left + 1, cell->fields * slot);
    hth_move_slots(on->u, steps, left + 1, layer->stride * each);
    if (left > 0) hth_events_forget(&on->events, steps * tape->batch, (left + 1) * tape->batch);
}

/* What has been read and said of the steps that stay. */
static void forget_in_chunk(hth_tape *tape, size_t steps, size_t left) {
    const size_t batch = tape->batch, width = batch * tape->network->readout.outputs;
    tape->chunk.steps = left;
    if (left == 0) {
        tape->chunk.lengths = NULL;
        tape->is_weighted = false;
        return;
    }
    hth_move_slots(tape->tokens, steps, left,
                   tape->chunk.tokens ? batch * sizeof *tape->tokens : 0);
    hth_move_slots(tape->classes, steps, left,
                   tape->chunk.classes ? batch * sizeof *tape->classes : 0);
    hth_move_slots(tape->targets, steps, left,
                   tape->chunk.targets ? width * sizeof *tape->targets : 0);
    hth_move_slots(tape->weights, steps, left, batch * sizeof *tape->weights);
    hth_move_slots(tape->gathered, steps, left,
                   batch * tape->network->readout.n * sizeof(hth_real));
    hth_move_slots(tape->said, steps, left, sizeof *tape->said);
    for (size_t b = 0; tape->chunk.lengths && b < batch; b++)
        tape->lengths[b] = tape->lengths[b] > steps ? tape->lengths[b] - (uint32_t)steps : 0;
}

void hth_tape_forget(hth_tape *tape, size_t steps) {
    const size_t left = tape->steps - steps;
    if (steps == 0) return;
    hth_move_slots(tape->fed, steps, left + 1,
                   tape->batch * hth_network_fed(tape->network) * sizeof(hth_real));
    hth_readout_forget(tape, steps);
    for (size_t l = 0; l < tape->network->layer_count; l++) forget_in_layer(tape, l, steps, left);
    forget_in_chunk(tape, steps, left);
    tape->steps = left;
    tape->time += steps;
    tape->fresh = 0;
    tape->regularised = 0;
}

void hth_tape_begin(hth_tape *tape) {
    hth_tape_settle(tape);
    hth_tape_forget(tape, tape->steps);
    tape->packed_at = UINT64_MAX;
}

hth_status hth_tape_slide(hth_tape *tape, size_t steps, hth_error *error) {
    hth_tape_settle(tape);
    if (steps > tape->steps)
        return hth_fail(error, HTH_INVALID, "%zu steps are to be forgotten, but the tape has %zu",
                        steps, tape->steps);
    hth_tape_forget(tape, steps);
    return HTH_OK;
}

hth_status hth_tape_keep(hth_tape *tape, size_t steps, hth_error *error) {
    if (steps >= tape->capacity || (steps > 0 && tape->network->is_whole))
        return hth_fail(
            error, HTH_INVALID, "%zu steps are to stay on a tape of %zu%s", steps, tape->capacity,
            tape->network->is_whole ? ", but with network.direction = both it is a whole sequence"
                                    : "; one at least must be free for new ones");
    hth_tape_settle(tape); /* what a state gave out is of as many as stayed then */
    tape->keep = steps;
    return HTH_OK;
}

/* ---- Writing ---- */

hth_status hth_tape_write(hth_tape *tape, const hth_inputs *inputs, hth_error *error) {
    hth_tape_settle(tape);
    HTH_TRY(hth_check_inputs(tape, inputs, tape->steps, error));
    hth_tape_run(tape, inputs);
    return HTH_OK;
}

/* ---- Reading ---- */

hth_status hth_tape_read(hth_tape *tape, size_t from, size_t steps, hth_real *outputs,
                         hth_error *error) {
    hth_tape_settle(tape);
    if (from > tape->steps || steps > tape->steps - from)
        return hth_fail(error, HTH_INVALID,
                        "outputs of steps %zu to %zu are asked for, but the tape has %zu", from,
                        from + steps, tape->steps);
    hth_readout_outputs(tape, from, steps, outputs);
    return HTH_OK;
}

hth_status hth_layer_find(const hth_network *network, size_t layer, const char *what, size_t *state,
                          hth_error *error) {
    if (layer >= network->layer_count)
        return hth_fail(error, HTH_INVALID, "there is no layer %zu: the network has %zu", layer,
                        network->layer_count);
    const hth_cell *cell = network->layers[layer].cell;
    size_t s = 0;
    while (s < cell->states && strcmp(what, cell->state_names[s]) != 0) s++;
    *state = s;
    if (s < cell->states || strcmp(what, "z") == 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "layer %zu has no '%s': cell %s has z%s%s%s%s", layer, what,
                    cell->part.name, cell->states > 0 ? ", " : "",
                    cell->states > 0 ? cell->state_names[0] : "", cell->states > 1 ? ", " : "",
                    cell->states > 1 ? cell->state_names[1] : "");
}

hth_status hth_tape_view(const hth_tape *tape, size_t layer, const char *what, hth_view *out,
                         hth_error *error) {
    size_t s;
    HTH_TRY(hth_layer_find(tape->network, layer, what, &s, error));
    const hth_layer *of = &tape->network->layers[layer];
    const hth_cell *cell = of->cell;
    const hth_tape_layer *on = &tape->layers[layer];
    const size_t slot = tape->batch * of->n, states = cell->states + cell->counters;
    const bool is_z = s == cell->states;
    *out = (hth_view){.data =
                          is_z ? on->u + tape->batch * of->stride : on->state + (states + s) * slot,
                      .steps = hth_tape_length(tape),
                      .batch = tape->batch,
                      .units = of->n,
                      .step_stride = is_z ? tape->batch * of->stride : states * slot,
                      .item_stride = is_z ? of->stride : of->n};
    return HTH_OK;
}

/* ---- Judging ---- */

/* Spikes of steps from..from+steps-1. */
static double count_spikes(const hth_tape *tape, size_t from, size_t steps) {
    double spikes = 0;
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        if (!layer->cell->spikes) continue;
        for (size_t i = (from + 1) * tape->batch; i < (from + steps + 1) * tape->batch; i++)
            spikes += (double)hth_events_among(&on->events, i, layer->n, on->u + i * layer->stride);
    }
    return spikes;
}

/* E_reg of the tape, and what it asks of the units. Where its form is scaled by what is not known yet, later. */
void hth_tape_regularise(hth_tape *tape) {
    const hth_network *net = tape->network;
    if (!(net->regulariser.rate > 0) || tape->regularised == tape->steps) return;
    if (hth_tape_find_totals(tape, NULL) != HTH_OK) return;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_tape_layer *on = &tape->layers[l];
        const hth_rates of = {.z = on->u + tape->batch * layer->stride,
                              .steps = tape->steps,
                              .batch = tape->batch,
                              .all = tape->all,
                              .n = layer->n,
                              .stride = layer->stride,
                              .network = net,
                              .totals = tape->totals,
                              .chunk = &tape->chunk,
                              .rates = on->rates,
                              .pull = on->pull};
        if (!on->pull) continue; /* units that do not spike have no rate */
        tape->owed += hth_regularise_rates(&net->regulariser, &of);
    }
    tape->regularised = tape->steps;
}

void hth_tape_tell(hth_tape *tape, hth_report *report) {
    report->regulariser += tape->owed;
    tape->owed = 0;
}

/* The tape keeps what is said of steps with targets. */
static void keep_targets(hth_tape *tape, const hth_verdict *v) {
    const size_t first = v->from * tape->batch, items = v->steps * tape->batch;
    const size_t outputs = tape->network->readout.outputs;
    if (v->classes)
        memcpy(tape->classes + first, v->classes, items * sizeof *v->classes);
    else
        memcpy(tape->targets + first * outputs, v->targets, items * outputs * sizeof *v->targets);
    for (size_t i = 0; i < items; i++) tape->weights[first + i] = v->weights ? v->weights[i] : 1;
}

static void forget_weights(hth_tape *tape, const hth_verdict *v) {
    memset(tape->weights + v->from * tape->batch, 0, v->steps * tape->batch * sizeof(hth_real));
}

/* The steps count as judged. Weights are looked at only where there are any but 1. */
static void mark(hth_tape *tape, const hth_verdict *v) {
    size_t judged = 0;
    for (size_t t = v->from; t < v->from + v->steps; t++)
        tape->said[t] = v->errors ? HTH_SAID_ERROR : HTH_SAID_TARGET;
    for (size_t t = 0; t < tape->steps; t++) judged += tape->said[t] == HTH_SAID_TARGET;
    tape->is_weighted = tape->is_weighted || v->weights;
    tape->chunk.weights = judged < tape->steps || tape->is_weighted ? tape->weights : NULL;
}

static hth_status judge(hth_tape *tape, const hth_verdict *v, hth_report *report,
                        hth_error *error) {
    if (v->errors) {
        hth_readout_take(tape, v->from, v->steps, v->errors);
    } else {
        keep_targets(tape, v);
        const hth_status status = hth_readout_judge(tape, v, report, error);
        if (status != HTH_OK) forget_weights(tape, v);
        HTH_TRY(status);
    }
    mark(tape, v);
    report->spikes += count_spikes(tape, v->from, v->steps);
    return HTH_OK;
}

hth_status hth_tape_judge(hth_tape *tape, const hth_verdict *verdict, hth_report *report,
                          hth_error *error) {
    hth_report unwanted = {0};
    if (!report) report = &unwanted;
    hth_tape_settle(tape);
    HTH_TRY(hth_check_verdict(tape, verdict, tape->steps, error));
    HTH_TRY(hth_check_order(tape, verdict, error));
    HTH_TRY(judge(tape, verdict, report, error));
    bool is_complete = tape->steps == tape->capacity || tape->ended;
    for (size_t t = 0; t < tape->steps; t++) is_complete = is_complete && tape->said[t];
    if (is_complete) hth_tape_regularise(tape);
    hth_tape_tell(tape, report);
    return HTH_OK;
}

void hth_tape_unwrite(hth_tape *tape, size_t steps) {
    tape->steps = tape->chunk.steps = steps;
    if (tape->readout.filtered > steps) tape->readout.filtered = steps;
    if (steps == 0) tape->chunk.lengths = NULL;
    for (size_t b = 0; tape->chunk.lengths && b < tape->batch; b++)
        if (tape->lengths[b] > steps) tape->lengths[b] = (uint32_t)steps;
    if (steps == 0) tape->is_weighted = false;
    tape->ended = tape->chunk.ends = false;
}

void hth_tape_end(hth_tape *tape) {
    tape->ended = tape->chunk.ends = true;
}

hth_status hth_forward(hth_tape *tape, const hth_chunk *chunk, hth_report *report,
                       hth_error *error) {
    hth_tape_settle(tape);
    const size_t keep = tape->keep < tape->steps ? tape->keep : tape->steps;
    const hth_inputs in = {.steps = chunk->steps,
                           .batch = chunk->batch,
                           .x = chunk->x,
                           .tokens = chunk->tokens,
                           .lengths = chunk->lengths,
                           .ends = chunk->ends};
    const hth_verdict verdict = {.from = keep,
                                 .steps = chunk->steps,
                                 .targets = chunk->targets,
                                 .classes = chunk->classes,
                                 .weights = chunk->weights,
                                 .decides = chunk->decides};
    HTH_TRY(hth_check_inputs(tape, &in, keep, error));
    HTH_TRY(hth_check_verdict(tape, &verdict, keep + in.steps, error));
    hth_report unwanted = {0};
    if (!report) report = &unwanted;
    hth_tape_forget(tape, tape->steps - keep);
    if (keep == 0) tape->packed_at = UINT64_MAX;
    hth_tape_run(tape, &in);
    const hth_status status = judge(tape, &verdict, report, error);
    if (status != HTH_OK) hth_tape_unwrite(tape, keep); /* the last slot is what was carried */
    HTH_TRY(status);
    hth_tape_regularise(tape);
    hth_tape_tell(tape, report);
    return HTH_OK;
}
