/*
 * Writing where least has been read (Santoro et al. 2016, eqs. 5-7). Each place of the memory has a usage,
 *
 *     usage <- decay usage + sum over heads of p       at every step, of the row that stands there
 *     usage <- 1                                       of a row that has just been written
 *
 * and a row that finds no free place takes the one with the least usage, of equal ones the first. The row that stood
 * there is overwritten, not blended. Which row that is has no gradient.
 *
 * The rows that a read may see are those of before the tape, by place, and all that the tape wrote before its step. Of
 * these the last that took a place stands there. Cost: R additions a read, beside its R key multiply-adds.
 */
#include "network/layers/store.h"

#include <string.h>

/* Rows of before the tape among those that are seen. */
static size_t count_before(const hth_store_read *read) {
    const hth_store_rows seen = hth_store_seen(&read->layer->store, *read->on->store.time, read->t);
    return seen.frozen - seen.first;
}

/* The place of the row that the tape wrote as its `own`-th. */
static size_t place_of(const hth_store_read *read, size_t own) {
    const hth_store_form *store = &read->layer->store;
    const uint64_t time = *read->on->store.time;
    const size_t t = hth_store_step(store, time, (size_t)(time / store->every) + own);
    return hth_store_place(store, &read->on->store, read->batch, t, read->item);
}

size_t hth_store_find_ages(const hth_store_read *read, size_t count) {
    const hth_store_form *store = &read->layer->store;
    const uint64_t *wrote = read->on->store.wrote + read->item * store->rows;
    const size_t before = count_before(read);
    const uint64_t first = *read->on->store.time / store->every;
    uint64_t *age = read->scratch.age;
    uint32_t *is_taken = read->scratch.best;
    size_t standing = 0;
    memset(is_taken, 0, store->rows * sizeof *is_taken);
    /* The tape's own, the newest first: whoever finds a place taken stood there before. */
    for (size_t own = count - before; own-- > 0;) {
        const size_t place = place_of(read, own);
        age[before + own] = is_taken[place] ? 0 : first + own + 1;
        standing += !is_taken[place];
        is_taken[place] = 1;
    }
    for (size_t place = 0; place < before; place++) {
        age[place] = is_taken[place] ? 0 : wrote[place];
        standing += age[place] > 0;
    }
    return standing;
}

/* usage of an item before step t. */
static hth_real *usage_at(const hth_store_read *read, size_t t) {
    const size_t rows = read->layer->store.rows;
    return read->on->store.usage + (t * read->batch + read->item) * rows;
}

void hth_store_fade(const hth_store_read *read) {
    const hth_store_form *store = &read->layer->store;
    const hth_real *now = usage_at(read, read->t), decay = (hth_real)store->decay;
    hth_real *then = usage_at(read, read->t + 1);
    for (size_t place = 0; place < store->rows; place++) then[place] = decay * now[place];
}

void hth_store_use(const hth_store_read *read, size_t count) {
    const size_t before = count_before(read);
    const double *p = read->scratch.weights;
    hth_real *then = usage_at(read, read->t + 1);
    for (size_t i = 0; i < count; i++)
        if (p[i] > 0) then[i < before ? i : place_of(read, i - before)] += (hth_real)p[i];
}

void hth_store_take_place(const hth_store_read *read) {
    const hth_store_form *store = &read->layer->store;
    const uint64_t j = (*read->on->store.time + read->t) / store->every;
    hth_real *then = usage_at(read, read->t + 1);
    size_t place = 0;
    if (j < store->rows)
        place = (size_t)j;
    else
        for (size_t i = 1; i < store->rows; i++)
            if (then[i] < then[place]) place = i;
    then[place] = 1;
    read->on->store.place[read->t * read->batch + read->item] = (int32_t)place;
}
