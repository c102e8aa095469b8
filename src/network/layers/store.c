/*
 * A store: external memory that is read by attention (Lillicrap & Santoro 2019, eqs. 4-5). With z_t what the layer
 * reads of the layers below at the same step, and rows written before t,
 *
 *     a_t = W [z_t; 1]      queries q, strengths b, a key and a value
 *     r_t = attention of q over the rows (store_read.c), a part of r_t for each head; 0 where there are none
 *     every few steps: a new row (key, value), or (literal) z_t itself as both, as eq. 5 has it
 *
 * r_t is what the layer shows, `units` numbers. Layers above and the readout read it beside what the store reads.
 * Memory: rows times the numbers of a row an item; cost of a step: that of a read.
 */
#include "network/layers/store.h"

#include <math.h>
#include <stdio.h>

enum { DOT, COSINE };
enum { STRENGTH_AUTO, STRENGTH_FIXED, STRENGTH_LEARNED };

typedef struct store_options {
    int64_t keys, heads, top, every, rows;
    int score, strength, write;
    double scale, decay;
    bool literal, feedback;
} store_options;

static const hth_option options[] = {
    {.name = "keys",
     .help = "numbers of a key, and of each query",
     .fallback = "8",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     .offset = offsetof(store_options, keys)},
    {.name = "heads",
     .help = "reads a step, each with a query of its own; the layer's units are shared out among "
             "them, so that a value has units / heads numbers",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e4,
     .offset = offsetof(store_options, heads)},
    {.name = "score",
     .help = "how a query meets a key: dot, their product; cosine, of the angle between them",
     .fallback = "dot",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"dot", "cosine", NULL},
     .offset = offsetof(store_options, score)},
    {.name = "strength",
     .help = "the factor of scores: fixed, store.scale; learned, softplus of a drive of each head; "
             "auto: learned with cosine, else fixed",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"auto", "fixed", "learned", NULL},
     .offset = offsetof(store_options, strength)},
    {.name = "scale",
     .help = "a strength that is fixed; 0: 1 / sqrt(store.keys), or 1 with store.score = cosine",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(store_options, scale)},
    {.name = "top",
     .help = "rows that a read weighs, those with the highest scores (of equal ones, the older); "
             "0: all",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 4e9,
     .offset = offsetof(store_options, top)},
    {.name = "every",
     .help = "steps from one row that is written to the next",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e9,
     .offset = offsetof(store_options, every)},
    {.name = "rows",
     .help = "rows that there is room for",
     .fallback = "128",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 4e9,
     .offset = offsetof(store_options, rows)},
    {.name = "write",
     .help =
         "when all rows are written: ring, the oldest gives way; append, no step more is taken; "
         "least-used, the row that has been read least gives way (Santoro et al. 2016)",
     .fallback = "ring",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"ring", "append", "least-used", NULL},
     .offset = offsetof(store_options, write)},
    {.name = "decay",
     .help = "with store.write = least-used: how much of the usage of a row is left a step later",
     .fallback = "0.99",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(store_options, decay)},
    {.name = "literal",
     .help = "rows are what the layer reads, key and value in one (Lillicrap & Santoro 2019, "
             "eq. 5): nothing but queries is learned. The layer has as many units as it reads "
             "numbers, times store.heads",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(store_options, literal)},
    {.name = "feedback",
     .help = "whether the layer below reads what was read at the step before, r_{t-1}",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(store_options, feedback)},
};

/* ---- Sizes ---- */

static bool feeds_back(const void *given) {
    return ((const store_options *)given)->feedback;
}

static hth_status check_units(const hth_layer *layer, const store_options *o, hth_error *error) {
    const size_t heads = (size_t)o->heads, reads = layer->reads.width;
    if (layer->n % heads != 0)
        return hth_fail(error, HTH_INVALID,
                        "store.heads is %zu, but the layer has %zu units (network.units), which "
                        "its heads share: take a multiple of %zu",
                        heads, layer->n, heads);
    if (o->literal && layer->n != reads * heads)
        return hth_fail(error, HTH_INVALID,
                        "store.literal is true, so that the store must have as many units as it "
                        "reads numbers, times store.heads, which are %zu; network.units says %zu",
                        reads * heads, layer->n);
    return HTH_OK;
}

static hth_status check_decay(const store_options *o, hth_error *error) {
    const double otherwise = 0.99;
    if (o->write == HTH_STORE_LEAST_USED || o->decay == otherwise) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "store.decay is %g, but no row has a usage that fades: set "
                    "store.write=least-used, or leave it out",
                    o->decay);
}

static hth_status shape(const void *given, hth_layer *layer, hth_error *error) {
    const store_options *o = given;
    const bool cosine = o->score == COSINE;
    HTH_TRY(check_units(layer, o, error));
    HTH_TRY(check_decay(o, error));
    hth_store_form *store = &layer->store;
    *store = (hth_store_form){.heads = (size_t)o->heads,
                              .key = o->literal ? layer->reads.width : (size_t)o->keys,
                              .value = layer->n / (size_t)o->heads,
                              .rows = (size_t)o->rows,
                              .every = (size_t)o->every,
                              .top = (size_t)o->top,
                              .cosine = cosine,
                              .learned = o->strength == STRENGTH_LEARNED ||
                                         (o->strength == STRENGTH_AUTO && cosine),
                              .literal = o->literal,
                              .write = (hth_store_writing)o->write,
                              .decay = o->decay};
    store->width = o->literal ? store->key : store->key + store->value;
    store->strength = o->scale > 0 ? o->scale : cosine ? 1 : 1 / sqrt((double)store->key);
    layer->rows = hth_store_writes(store) + (o->literal ? 0 : store->width);
    return HTH_OK;
}

void hth_store_name(const hth_layer *layer, size_t row, char *out, size_t size) {
    const hth_store_form *store = &layer->store;
    const size_t strengths = hth_store_strengths(store), writes = hth_store_writes(store);
    if (row < strengths)
        hth_text(out, size, "query %zu of head %zu", row % store->key, row / store->key);
    else if (row < writes)
        hth_text(out, size, "strength of head %zu", row - strengths);
    else if (row < writes + store->key)
        hth_text(out, size, "key %zu", row - writes);
    else
        hth_text(out, size, "value %zu", row - writes - store->key);
}

/* ---- One step ---- */

static hth_store_read read_at(const hth_layer *layer, const hth_tape_layer *on, size_t t,
                              size_t batch, size_t item) {
    return (hth_store_read){.layer = layer, .on = on, .t = t, .batch = batch, .item = item};
}

static void step(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                 size_t from, size_t to) {
    const hth_store_form *store = &layer->store;
    for (size_t item = from; item < to; item++) {
        const size_t at = t * batch + item;
        hth_store_read read = read_at(layer, on, t, batch, item);
        hth_real *z = on->u + (at + batch) * layer->stride;
        /* The tape keeps what the layer said. */
        memcpy(on->store.said + at * layer->rows, on->drive + item * layer->rows,
               layer->rows * sizeof(hth_real));
        /* The reads. */
        read.scratch = on->store.scratch[item];
        if (on->store.usage) hth_store_fade(&read);
        for (read.head = 0; read.head < store->heads; read.head++) {
            const size_t count = hth_store_read_out(&read, z + read.head * store->value);
            if (on->store.usage) hth_store_use(&read, count);
        }
        /* The row that this step writes. */
        if (on->store.usage && hth_store_is_written(store, *on->store.time, t))
            hth_store_take_place(&read);
    }
}

static bool is_zero(size_t n, const hth_real *x) {
    bool zero = true;
    for (size_t j = 0; j < n; j++) zero = zero && x[j] == 0;
    return zero;
}

/* Errors of rows come from later steps, which the scan has been at before. */
static void back(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                 size_t item, const hth_layer_errors *errors) {
    const hth_store_form *store = &layer->store;
    hth_store_errors *rows = errors->rows;
    hth_store_read read = read_at(layer, on, t, batch, item);
    read.scratch = rows->scratch;
    memset(errors->delta, 0, layer->rows * sizeof(hth_real));
    for (read.head = 0; read.head < store->heads; read.head++) {
        const hth_real *rbar = errors->zeta + read.head * store->value;
        if (!is_zero(store->value, rbar)) hth_store_read_back(&read, rbar, errors->delta, rows);
    }
    /* The row that this step wrote. */
    if (!hth_store_is_written(store, *on->store.time, t)) return;
    hth_real *to = store->literal ? errors->direct : errors->delta + hth_store_writes(store);
    memcpy(to, rows->written + t * store->width, store->width * sizeof *to);
}

/* ---- Where reads point ---- */

static hth_status check_read(const hth_tape *tape, size_t layer, size_t step, size_t item,
                             size_t head, hth_error *error) {
    const hth_network *net = tape->network;
    const size_t steps = hth_tape_length(tape);
    if (layer >= net->layer_count || !net->layers[layer].kind->stores)
        return hth_fail(error, HTH_INVALID,
                        "reads of layer %zu are asked for, but it is no store (network.layers)",
                        layer);
    const size_t heads = net->layers[layer].store.heads;
    if (step >= steps || item >= tape->batch || head >= heads)
        return hth_fail(error, HTH_INVALID,
                        "the read of step %zu, item %zu, head %zu is asked for, but there are %zu "
                        "steps on the tape, %zu items and %zu heads",
                        step, item, head, steps, tape->batch, heads);
    return HTH_OK;
}

/* Row i of those seen, which has weight: adds it to the list, which is in the order of age. */
static void add_row(const hth_store_read *read, size_t i, hth_row_read *rows, size_t capacity,
                    size_t *count) {
    const hth_store_form *store = &read->layer->store;
    const uint64_t j = read->scratch.age
                           ? read->scratch.age[i] - 1
                           : hth_store_seen(store, *read->on->store.time, read->t).first + i;
    const hth_row_read row = {(j + 1) * store->every - 1, read->scratch.weights[i]};
    size_t at = *count < capacity ? *count : capacity;
    ++*count;
    while (at > 0 && rows[at - 1].step > row.step) {
        if (at < capacity) rows[at] = rows[at - 1];
        at--;
    }
    if (at < capacity) rows[at] = row;
}

hth_status hth_tape_reads(const hth_tape *tape, size_t layer, size_t step, size_t item, size_t head,
                          hth_row_read *rows, size_t capacity, size_t *count, hth_error *error) {
    *count = 0;
    HTH_TRY(check_read(tape, layer, step, item, head, error));
    const hth_layer *of = &tape->network->layers[layer];
    const hth_tape_layer *on = &tape->layers[layer];
    hth_store_read read = read_at(of, on, step, tape->batch, item);
    read.head = head;
    read.scratch = on->store.scratch[item];
    const size_t seen = hth_store_weigh(&read);
    for (size_t i = 0; i < seen; i++)
        if (read.scratch.weights[i] > 0) add_row(&read, i, rows, capacity, count);
    return HTH_OK;
}

hth_status hth_tape_strength(const hth_tape *tape, size_t layer, size_t step, size_t item,
                             size_t head, double *strength, hth_error *error) {
    HTH_TRY(check_read(tape, layer, step, item, head, error));
    const hth_layer *of = &tape->network->layers[layer];
    hth_store_read read = read_at(of, &tape->layers[layer], step, tape->batch, item);
    read.head = head;
    *strength = hth_store_strength(&read);
    return HTH_OK;
}

const hth_layer_kind hth_layer_kind_store = {
    .form = {.part = {.name = "store",
                      .summary = "external memory: rows that are written, and read by attention",
                      .source = "Lillicrap & Santoro 2019, eqs. 4-5",
                      .options = {"store", options, HTH_COUNT(options)}},
             .options_size = sizeof(store_options),
             .drives = 1,
             .drive_names = {"a"},
             .observable = HTH_Z_SEPARATE,
             .reads = {{false, true, true}}},
    .stores = true,
    .feeds_back = feeds_back,
    .shape = shape,
    .step = step,
    .back = back,
};
