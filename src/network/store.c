/* What a tape has of a store: see store.h. */
#include "network/store.h"

#include "network/tape.h"

const hth_real *hth_store_row(const hth_layer *layer, const hth_tape_layer *on, size_t batch,
                              size_t item, size_t j) {
    const hth_store_form *store = &layer->store;
    const uint64_t time = *on->store.time;
    if (j < time / store->every)
        return on->store.ring + (item * store->rows + j % store->rows) * store->width;
    const size_t at = hth_store_step(store, time, j) * batch + item;
    return store->literal ? on->u + at * layer->stride + layer->n
                          : on->store.said + at * layer->rows + hth_store_writes(store);
}

void hth_store_parts(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                     size_t item, hth_store_part out[HTH_STORE_PARTS]) {
    const hth_store_form *store = &layer->store;
    const hth_store_rows seen = hth_store_seen(store, *on->store.time, t);
    const size_t frozen = seen.frozen < seen.end ? seen.frozen : seen.end;
    const size_t before = frozen > seen.first ? frozen - seen.first : 0;
    /* The ring from the oldest row to its end, and what has come round to its start. */
    const hth_real *ring = on->store.ring + item * store->rows * store->width;
    const size_t place = hth_store_place_of(store, seen.first, 0), to_end = store->rows - place;
    const size_t old = before < to_end ? before : to_end;
    out[0] = (hth_store_part){ring + place * store->width, old, store->width};
    out[1] = (hth_store_part){ring, before - old, store->width};
    /* The tape's own. */
    const size_t own = seen.first + before, count = seen.end - own;
    const size_t step = store->literal ? layer->stride : layer->rows;
    out[2] = (hth_store_part){count ? hth_store_row(layer, on, batch, item, own) : NULL, count,
                              store->every * batch * step};
}

void hth_store_scratch_lay_out(hth_arena *arena, const hth_store_form *store, size_t steps,
                               hth_store_scratch *out) {
    const bool ages = store->write == HTH_STORE_LEAST_USED;
    const size_t most = store->rows + (ages ? steps / store->every + 1 : 0);
    out->weights = HTH_TAKE(arena, double, most);
    out->scores = HTH_TAKE(arena, hth_real, most);
    out->best = HTH_TAKE(arena, uint32_t, store->rows);
    out->age = HTH_TAKE(arena, uint64_t, ages ? most : 0);
    if (!ages) out->age = NULL;
}

/* What says which rows have been used. */
static void lay_out_usage(hth_arena *arena, const hth_store_form *store, size_t steps, size_t batch,
                          hth_tape_store *out) {
    if (store->write != HTH_STORE_LEAST_USED) return;
    const size_t all = hth_times(batch, store->rows);
    out->usage = HTH_TAKE(arena, hth_real, hth_times(steps + 1, all));
    out->place = HTH_TAKE(arena, int32_t, hth_times(steps, batch));
    out->wrote = HTH_TAKE(arena, uint64_t, all);
}

void hth_store_lay_out(hth_arena *arena, const hth_layer *layer, size_t steps, size_t batch,
                       hth_tape_layer *on) {
    const hth_store_form *store = &layer->store;
    on->store = (hth_tape_store){0};
    if (!layer->kind->stores) return;
    on->store.said = HTH_TAKE(arena, hth_real, hth_times(hth_times(steps, batch), layer->rows));
    on->store.ring =
        HTH_TAKE(arena, hth_real, hth_times(hth_times(batch, store->rows), store->width));
    on->store.scratch = HTH_TAKE(arena, hth_store_scratch, batch);
    for (size_t b = 0; b < batch; b++) {
        hth_store_scratch counted;
        hth_store_scratch_lay_out(arena, store, steps,
                                  on->store.scratch ? &on->store.scratch[b] : &counted);
    }
    lay_out_usage(arena, store, steps, batch, &on->store);
}

void hth_store_reset(const hth_layer *layer, const hth_tape_layer *on, size_t batch) {
    const size_t all = batch * layer->store.rows;
    if (!on->store.usage) return;
    memset(on->store.usage, 0, all * sizeof *on->store.usage);
    memset(on->store.wrote, 0, all * sizeof *on->store.wrote);
}

void hth_store_forget(const hth_layer *layer, const hth_tape_layer *on, size_t steps, size_t left,
                      size_t batch) {
    const hth_store_form *store = &layer->store;
    const uint64_t time = *on->store.time;
    for (size_t t = 0; t < steps; t++) {
        if (!hth_store_is_written(store, time, t)) continue;
        const size_t j = (size_t)((time + t) / store->every);
        for (size_t b = 0; b < batch; b++) {
            const size_t place =
                on->store.place ? hth_store_place(store, &on->store, batch, t, b) : j % store->rows;
            memcpy(on->store.ring + (b * store->rows + place) * store->width,
                   hth_store_row(layer, on, batch, b, j), store->width * sizeof(hth_real));
            if (on->store.wrote) on->store.wrote[b * store->rows + place] = j + 1;
        }
    }
    hth_move_slots(on->store.said, steps, left, batch * layer->rows * sizeof(hth_real));
    hth_move_slots(on->store.usage, steps, left + 1, batch * store->rows * sizeof(hth_real));
    hth_move_slots(on->store.place, steps, left, batch * sizeof *on->store.place);
}

hth_status hth_store_check(const hth_tape *tape, size_t steps, hth_error *error) {
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_store_form *store = &layer->store;
        const uint64_t end = tape->time + tape->steps + steps;
        if (!layer->kind->stores || store->write != HTH_STORE_APPEND ||
            end / store->every <= store->rows)
            continue;
        return hth_fail(
            error, HTH_INVALID,
            "the store of layer %zu is full: step %lu of the sequence would write "
            "row %zu of %zu; give it more (store.rows), write less often "
            "(store.every), or let the oldest give way (store.write = ring) or the least used "
            "(least-used)",
            l, (unsigned long)((store->rows + 1) * store->every), store->rows + 1, store->rows);
    }
    return HTH_OK;
}
