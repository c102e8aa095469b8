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

void hth_store_lay_out(hth_arena *arena, const hth_layer *layer, size_t steps, size_t batch,
                       hth_tape_layer *on) {
    const hth_store_form *store = &layer->store;
    const size_t rows = layer->kind->stores ? hth_times(batch, store->rows) : 0;
    const size_t said = layer->kind->stores ? hth_times(hth_times(steps, batch), layer->rows) : 0;
    on->store.said = HTH_TAKE(arena, hth_real, said);
    on->store.ring = HTH_TAKE(arena, hth_real, hth_times(rows, store->width));
    on->store.weights = HTH_TAKE(arena, double, rows);
    on->store.best = HTH_TAKE(arena, uint32_t, rows);
}

void hth_store_forget(const hth_layer *layer, const hth_tape_layer *on, size_t steps, size_t left,
                      size_t batch) {
    const hth_store_form *store = &layer->store;
    const uint64_t time = *on->store.time;
    for (size_t t = 0; t < steps; t++) {
        if (!hth_store_is_written(store, time, t)) continue;
        const size_t j = (size_t)((time + t) / store->every);
        for (size_t b = 0; b < batch; b++)
            memcpy(on->store.ring + (b * store->rows + j % store->rows) * store->width,
                   hth_store_row(layer, on, batch, b, j), store->width * sizeof(hth_real));
    }
    hth_move_slots(on->store.said, steps, left, batch * layer->rows * sizeof(hth_real));
}

hth_status hth_store_check(const hth_tape *tape, size_t steps, hth_error *error) {
    for (size_t l = 0; l < tape->network->layer_count; l++) {
        const hth_layer *layer = &tape->network->layers[l];
        const hth_store_form *store = &layer->store;
        const uint64_t end = tape->time + tape->steps + steps;
        if (!layer->kind->stores || store->ring || end / store->every <= store->rows) continue;
        return hth_fail(error, HTH_INVALID,
                        "the store of layer %zu is full: step %llu of the sequence would write "
                        "row %zu of %zu; give it more (store.rows), write less often "
                        "(store.every), or let the oldest give way (store.write = ring)",
                        l, (unsigned long long)((store->rows + 1) * store->every), store->rows + 1,
                        store->rows);
    }
    return HTH_OK;
}
