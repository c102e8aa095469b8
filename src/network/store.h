/*
 * The memory of a layer of kind `store` (layers/store.c): rows of a key and a value, one written every few steps, and
 * what a tape has of them.
 *
 * Rows of a sequence are numbered from 0; row j is written at step (j + 1) every - 1, and a read at step t sees those
 * written before t, of a bounded memory the newest. So time alone says which rows there are. Rows written on the tape
 * are read from what the tape keeps of their step; when the tape forgets that step, its row goes to a ring.
 *
 * Where the row that has been used least gives way instead (layers/store_used.c), the places of the ring are the rows
 * of an item in any order, and each step that writes keeps which place its row takes.
 */
#ifndef HTH_STORE_H
#define HTH_STORE_H

#include "base/base.h"

#include <string.h>

struct hth_layer;
struct hth_tape_layer;
struct hth_tape;

/* What happens when all rows are written: the oldest gives way, no step more is taken, the least used gives way. */
typedef enum hth_store_writing {
    HTH_STORE_RING,
    HTH_STORE_APPEND,
    HTH_STORE_LEAST_USED
} hth_store_writing;

/* Numbers of a_t: the query of each head, then (learned) the strength of each, then (not literal) key and value. */
typedef struct hth_store_form {
    size_t heads, key, value; /* numbers of one query or key, of one value */
    size_t width;             /* of a row: key and value, or (literal) one vector that is both */
    size_t rows, every, top; /* rows kept; steps from one to the next; rows a read weighs, 0: all */
    bool cosine, learned, literal;
    hth_store_writing write;
    double strength;
    double decay; /* of the usage of a row, a step */
} hth_store_form;

/* Where strengths and rows begin in a_t. */
static inline size_t hth_store_strengths(const hth_store_form *store) {
    return store->heads * store->key;
}

static inline size_t hth_store_writes(const hth_store_form *store) {
    return store->heads * (store->key + store->learned);
}

/* What a read works with: a number for each row that it may see. */
typedef struct hth_store_scratch {
    double *weights;
    hth_real *scores;
    uint32_t *best; /* [rows] */
    uint64_t
        *age; /* least-used: 1 + the number of the row; 0: it has been overwritten. Else NULL */
} hth_store_scratch;

/* For reads of a tape of that many steps. */
void hth_store_scratch_lay_out(hth_arena *arena, const hth_store_form *store, size_t steps,
                               hth_store_scratch *out);

/* What a tape has of a store. */
typedef struct hth_tape_store {
    hth_real *said;             /* [K][batch][rows of W]: a_t of each step */
    hth_real *ring;             /* [batch][rows][width]: row j of before the tape at j mod rows */
    hth_store_scratch *scratch; /* [batch] */
    /* Least-used; else NULL. [K+1][batch][rows]: how much the row at each place has been used before a step */
    hth_real *usage;
    int32_t *place; /* [K][batch]: which place the row takes that a step writes */
    uint64_t *
        wrote; /* [batch][rows]: 1 + the number of the row of before the tape at a place; 0: none */
    const uint64_t *time; /* steps of the sequence before the tape */
} hth_tape_store;

/* Rows first..end-1 are seen at a step; those from `frozen` on were written on the tape. */
typedef struct hth_store_rows {
    size_t first, end, frozen;
} hth_store_rows;

/* Least-used: as many of before the tape as there are places, and all of the tape. */
static inline hth_store_rows hth_store_seen(const hth_store_form *store, uint64_t time, size_t t) {
    const size_t end = (size_t)((time + t) / store->every);
    const size_t frozen = (size_t)(time / store->every);
    const size_t last = store->write == HTH_STORE_LEAST_USED ? frozen : end;
    return (hth_store_rows){
        .first = last > store->rows ? last - store->rows : 0, .end = end, .frozen = frozen};
}

/* Least-used: the place that the row takes which step t writes. A restored one may be anything. */
static inline size_t hth_store_place(const hth_store_form *store, const hth_tape_store *on,
                                     size_t batch, size_t t, size_t item) {
    return (size_t)(uint32_t)on->place[t * batch + item] % store->rows;
}

/* Where the `at`-th of the rows stands that are seen, one of before the tape. */
static inline size_t hth_store_place_of(const hth_store_form *store, size_t first, size_t at) {
    return store->write == HTH_STORE_LEAST_USED ? at : (first + at) % store->rows;
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

/* The rows that an item sees at a step, in order: those of before the tape in one part or two, then the tape's own.
 * Least-used: by place, then the tape's own, overwritten ones too. */
enum { HTH_STORE_PARTS = 3 };
void hth_store_parts(const struct hth_layer *layer, const struct hth_tape_layer *on, size_t t,
                     size_t batch, size_t item, hth_store_part out[HTH_STORE_PARTS]);

/* Memory of a tape of that many steps. */
void hth_store_lay_out(hth_arena *arena, const struct hth_layer *layer, size_t steps, size_t batch,
                       struct hth_tape_layer *on);

/* A sequence begins: no row has been used. */
void hth_store_reset(const struct hth_layer *layer, const struct hth_tape_layer *on, size_t batch);

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
