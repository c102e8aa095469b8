/* Frozen rows: see rows.h. */
#include "credit/rows.h"

#include "kernels/rows.h"
#include "kernels/vectors.h"

#include <stdio.h>
#include <string.h>

typedef struct rows_layer {
    size_t size;     /* numbers that the past keeps of a row */
    hth_real *u;     /* [batch][rows][m], of the step that wrote the row */
    hth_real *past;  /* [batch][rows][size] */
    uint64_t *known; /* [rows], where items differ [batch][rows]: 1 + the row that is kept at this
                      * place; 0: none */
    hth_real *zbar;  /* [what the store reads], scratch */
} rows_layer;

struct hth_rows {
    rows_layer *layers;
    uint64_t is_lost; /* a tape wrote a row at another step than its last */
};

static bool keeps_rows(const hth_learner *learner) {
    return hth_has_store(learner->network) && learner->axes.past->freeze;
}

static size_t size_of(const hth_learner *learner, size_t l) {
    return learner->axes.past->row_size(learner, &learner->network->layers[l].reads);
}

/* Items differ where the least used row gives way. */
static size_t count_known(const hth_learner *learner, const hth_layer *layer) {
    const bool differ = layer->store.write == HTH_STORE_LEAST_USED;
    return hth_times(differ ? learner->batch : 1, layer->store.rows);
}

static uint64_t *known_of(const rows_layer *at, const hth_layer *layer, size_t item) {
    const bool differ = layer->store.write == HTH_STORE_LEAST_USED;
    return at->known + (differ ? item : 0) * layer->store.rows;
}

/* Rows of before the tape are data: nobody asks for their errors. */
static void want_no_errors(const hth_learner *learner) {
    const hth_adjoint *adjoint = &learner->adjoint;
    for (size_t l = 0; adjoint->layers && l < learner->network->layer_count; l++)
        for (size_t i = 0; adjoint->layers[l].rows && i < adjoint->rows; i++)
            adjoint->layers[l].rows[i].before = NULL;
}

void hth_rows_lay_out(hth_arena *arena, hth_learner *learner) {
    const hth_network *net = learner->network;
    if (!keeps_rows(learner)) {
        if (arena->base) want_no_errors(learner);
        return;
    }
    struct hth_rows *kept = HTH_TAKE(arena, struct hth_rows, 1);
    rows_layer *layers = HTH_TAKE(arena, rows_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        rows_layer counted, *to = layers ? &layers[l] : &counted;
        if (!layer->kind->stores) continue;
        const size_t all = hth_times(learner->batch, layer->store.rows);
        to->size = size_of(learner, l);
        to->u = HTH_TAKE(arena, hth_real, hth_times(all, layer->m));
        to->past = HTH_TAKE(arena, hth_real, hth_times(all, to->size));
        to->known = HTH_TAKE(arena, uint64_t, count_known(learner, layer));
        to->zbar = HTH_TAKE(arena, hth_real, layer->reads.width);
    }
    if (kept) kept->layers = layers;
    learner->rows = kept;
}

size_t hth_rows_numbers(const hth_learner *learner) {
    const hth_network *net = learner->network;
    size_t numbers = 0;
    for (size_t l = 0; keeps_rows(learner) && l < net->layer_count; l++)
        if (net->layers[l].kind->stores)
            numbers += net->layers[l].store.rows * (net->layers[l].m + size_of(learner, l));
    return numbers;
}

void hth_rows_reset(hth_learner *learner) {
    const hth_network *net = learner->network;
    struct hth_rows *kept = learner->rows;
    if (!kept) return;
    kept->is_lost = 0;
    for (size_t l = 0; l < net->layer_count; l++)
        if (net->layers[l].kind->stores)
            memset(kept->layers[l].known, 0,
                   count_known(learner, &net->layers[l]) * sizeof *kept->layers[l].known);
}

/* ---- State ---- */

static size_t add(hth_field *fields, size_t capacity, size_t count, const char *what, size_t l,
                  hth_field field) {
    if (field.count == 0) return count;
    if (count < capacity) {
        fields[count] = field;
        hth_text(fields[count].name, sizeof fields->name, "rows%zu.%s", l, what);
    }
    return count + 1;
}

size_t hth_rows_state(hth_learner *learner, hth_field *fields, size_t capacity) {
    const hth_network *net = learner->network;
    struct hth_rows *kept = learner->rows;
    size_t count = 0;
    if (!kept) return 0;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const rows_layer *at = &kept->layers[l];
        const size_t rows = layer->store.rows, all = learner->batch * rows;
        if (!layer->kind->stores) continue;
        count = add(fields, capacity, count, "u", l,
                    (hth_field){.dtype = HTH_DTYPE_REAL,
                                .count = all * layer->m,
                                .data = at->u,
                                .shape = {learner->batch, rows, layer->m}});
        count = add(fields, capacity, count, "past", l,
                    (hth_field){.dtype = HTH_DTYPE_REAL,
                                .count = all * at->size,
                                .data = at->past,
                                .shape = {learner->batch, rows, at->size}});
        count = add(fields, capacity, count, "known", l,
                    (hth_field){.dtype = HTH_DTYPE_U64,
                                .count = count_known(learner, layer),
                                .data = at->known});
    }
    return add(fields, capacity, count, "lost", 0,
               (hth_field){.dtype = HTH_DTYPE_U64, .count = 1, .data = &kept->is_lost});
}

/* ---- Contraction ---- */

/* The row of before the tape that stands at a place of the ring, plus 1. */
static uint64_t row_at(const hth_store_form *store, const hth_tape_store *on, size_t item,
                       size_t place) {
    const uint64_t time = *on->time;
    if (on->wrote) return on->wrote[item * store->rows + place];
    const uint64_t last = time / store->every; /* rows of before the tape */
    const uint64_t behind = (last + store->rows - 1 - place) % store->rows;
    return last > behind ? last - behind : 0;
}

/* zbar[what the store reads] of a row's error; and the store's own weights learn. */
static void through_weights(const hth_layer *layer, const hth_real *rowbar, const hth_real *u,
                            hth_real *zbar, hth_real *values) {
    const size_t n = layer->n, width = layer->reads.width;
    const size_t first = hth_store_writes(&layer->store);
    if (layer->store.literal) {
        memcpy(zbar, rowbar, width * sizeof *zbar);
        return;
    }
    hth_vector_matrix(layer->store.width, width, rowbar, layer->W + first * layer->m + n, layer->m,
                      false, zbar);
    hth_outer_add(layer->store.width, layer->m - n, rowbar, u + n,
                  values + layer->weight + first * layer->m + n, layer->m);
}

static void contract_layer(const hth_learner *learner, const hth_store_errors *errors, size_t l,
                           size_t item, hth_real *values) {
    const hth_layer *layer = &learner->network->layers[l];
    const hth_store_form *store = &layer->store;
    const rows_layer *at = &learner->rows->layers[l];
    const hth_tape_store *on = &learner->adjoint.tape->layers[l].store;
    const uint64_t *known = known_of(at, layer, item);
    for (size_t i = 0; i < errors->count; i++) {
        const size_t place = errors->list[i], where = item * store->rows + place;
        if (known[place] == 0 || known[place] != row_at(store, on, item, place)) continue;
        through_weights(layer, errors->before + place * store->width, at->u + where * layer->m,
                        at->zbar, values);
        learner->axes.past->contract(learner, &layer->reads, at->past + where * at->size, at->zbar,
                                     values);
    }
}

void hth_rows_contract(const hth_learner *learner, const hth_adjoint *adjoint, size_t row,
                       size_t item, hth_real *values) {
    const hth_network *net = learner->network;
    for (size_t l = 0; l < net->layer_count; l++)
        if (net->layers[l].kind->stores)
            contract_layer(learner, &adjoint->layers[l].rows[row], l, item, values);
}

/* ---- Freezing ---- */

static void freeze_layer(hth_learner *learner, size_t l) {
    const hth_tape *tape = learner->adjoint.tape;
    const hth_layer *layer = &learner->network->layers[l];
    const hth_store_form *store = &layer->store;
    const rows_layer *at = &learner->rows->layers[l];
    const size_t last = tape->steps - 1, j = (size_t)((tape->time + last) / store->every);
    for (size_t t = 0; t < last; t++)
        if (hth_store_is_written(store, tape->time, t)) learner->rows->is_lost = 1;
    if (!hth_store_is_written(store, tape->time, last)) return;
    const hth_tape_store *on = &tape->layers[l].store;
    for (size_t b = 0; b < learner->batch; b++) {
        const size_t place =
            on->place ? hth_store_place(store, on, tape->batch, last, b) : j % store->rows;
        const size_t where = b * store->rows + place;
        known_of(at, layer, b)[place] = j + 1;
        memcpy(at->u + where * layer->m,
               tape->layers[l].u + (last * tape->batch + b) * layer->stride,
               layer->m * sizeof(hth_real));
        learner->axes.past->freeze(learner, &layer->reads, b, at->past + where * at->size);
    }
}

void hth_rows_freeze(hth_learner *learner) {
    if (learner->adjoint.tape->chunk.ends) return; /* nothing is read any more */
    for (size_t l = 0; l < learner->network->layer_count; l++)
        if (learner->network->layers[l].kind->stores) freeze_layer(learner, l);
}

hth_status hth_rows_check(const hth_learner *learner, const hth_tape *tape, hth_error *error) {
    if (!learner->rows || !learner->rows->is_lost || tape->fresh) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "a tape before this one wrote rows of a store at other steps than its last, "
                    "whose past was not kept (learner.past = %s): let store.every be a multiple of "
                    "the steps of a tape (learner.steps), or take learner.past = none",
                    learner->axes.past->axis.part.name);
}
