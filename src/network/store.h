/*
 * The memory of a layer of kind `store` (layers/store.c): rows of a key and a value, one written every few steps, and
 * what a tape has of them.
 *
 * Rows of a sequence are numbered from 0; row j is written at step (j + 1) every - 1, and a read at step t sees those
 * written before t, of a bounded memory the newest. So time alone says which rows there are. Rows written on the tape
 * are read from what the tape keeps of their step; when the tape forgets that step, its row goes to a ring.
 */
#ifndef HTH_STORE_H
#define HTH_STORE_H

#include "base/base.h"

#include <string.h>

struct hth_layer;
struct hth_tape_layer;
struct hth_tape;

/* Numbers of a_t: the query of each head, then (learned) the strength of each, then (not literal) key and value. */
typedef struct hth_store_form {
    size_t heads, key, value; /* numbers of one query or key, of one value */
    size_t width;             /* of a row: key and value, or (literal) one vector that is both */
    size_t rows, every, top; /* rows kept; steps from one to the next; rows a read weighs, 0: all */
    bool cosine, learned, literal, ring;
    double strength;
} hth_store_form;

/* Where strengths and rows begin in a_t. */
static inline size_t hth_store_strengths(const hth_store_form *store) {
    return store->heads * store->key;
}

static inline size_t hth_store_writes(const hth_store_form *store) {
    return store->heads * (store->key + store->learned);
}

/* What a read works with, [rows] each. */
typedef struct hth_store_scratch {
    double *weights;
    hth_real *scores;
    uint32_t *best;
} hth_store_scratch;

void hth_store_scratch_lay_out(hth_arena *arena, const hth_store_form *store,
                               hth_store_scratch *out);

/* What a tape has of a store. */
typedef struct hth_tape_store {
    hth_real *said;             /* [K][batch][rows of W]: a_t of each step */
    hth_real *ring;             /* [batch][rows][width]: row j of before the tape at j mod rows */
    hth_store_scratch *scratch; /* [batch] */
    const uint64_t *time;       /* steps of the sequence before the tape */
} hth_tape_store;

/* Rows first..end-1 are seen at a step; those from `frozen` on were written on the tape. */
typedef struct hth_store_rows {
    size_t first, end, frozen;
} hth_store_rows;

static inline hth_store_rows hth_store_seen(const hth_store_form *store, uint64_t time, size_t t) {
    const size_t end = (size_t)((time + t) / store->every);
    return (hth_store_rows){.first = end > store->rows ? end - store->rows : 0,
                            .end = end,
                            .frozen = (size_t)(time / store->every)};
}

/* Whether step t of a tape writes a row. */
static inline bool hth_store_is_written(const hth_store_form *store, uint64_t time, size_t t) {
    return (time + t + 1) % store->every == 0;
}

/* The step of the tape that wrote row j >= frozen. */
static inline size_t hth_store_step(const hth_store_form *store, uint64_t time, size_t j) {
    return (j + 1) * store->every - 1 - (size_t)time;
}

/* Row j of an item: its key, and behind it (literal: in its place) its value. */
const hth_real *hth_store_row(const struct hth_layer *layer, const struct hth_tape_layer *on,
                              size_t batch, size_t item, size_t j);

/* Rows that stand `stride` numbers apart. */
typedef struct hth_store_part {
    const hth_real *at;
    size_t count, stride;
} hth_store_part;

/* The rows that an item sees at a step, in order: those of before the tape in one part or two, then the tape's own. */
enum { HTH_STORE_PARTS = 3 };
void hth_store_parts(const struct hth_layer *layer, const struct hth_tape_layer *on, size_t t,
                     size_t batch, size_t item, hth_store_part out[HTH_STORE_PARTS]);

/* Memory of a tape of that many steps. */
void hth_store_lay_out(hth_arena *arena, const struct hth_layer *layer, size_t steps, size_t batch,
                       struct hth_tape_layer *on);

/* Puts the rows that the first steps of a tape wrote into the ring, for the tape forgets these steps. */
void hth_store_forget(const struct hth_layer *layer, const struct hth_tape_layer *on, size_t steps,
                      size_t left, size_t batch);

/* HTH_INVALID where so many steps more would write a row that has no place. */
hth_status hth_store_check(const struct hth_tape *tape, size_t steps, hth_error *error);

/* "query 2 of head 0": what row of W `row` makes. */
void hth_store_name(const struct hth_layer *layer, size_t row, char *out, size_t size);

/* The errors of rows that an adjoint scan has gathered, of one of its rows. */
typedef struct hth_store_errors {
    hth_real *written; /* [K][width]: of the row that a step of the tape wrote, or would have */
    hth_real *before;  /* [rows][width]: of rows of before the tape, by place in the ring */
    unsigned char *reached; /* [rows]: whether a read has given such a row an error */
    uint32_t *list;         /* [rows]: which, in the order of their first error */
    size_t count;
    hth_store_scratch scratch;
} hth_store_errors;

#endif
