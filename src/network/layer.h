/*
 * Kinds of layers. All layers have the same outside: n numbers z_t that others read, made of
 *
 *     u_t = [z_{t-1}; x_t; 1]     what the layer reads: its own last z, others (network.reads), a constant
 *     a_t = W u_t                 the drive: `drives` numbers for each of the n
 *
 * and arrays on the tape for what is carried from step to step (states, counters) and kept of a step (fields). What
 * layers read, W with its mask and its gradient sum_t delta_t u_t^T, the slots of the tape and their saving are the
 * same for all, and stand outside. A kind says what happens between a_t and z_t, and how errors come back. Each is one
 * file of layers/ and a name in the list of layers/layers.h.
 *
 * `units` is the kind of elementwise units, of any cell (cell.h). A kind whose numbers see one another has no table of
 * derivatives: it has `back`, which the adjoint scan calls in place of that table.
 */
#ifndef HTH_LAYER_H
#define HTH_LAYER_H

#include "network/cell.h"

struct hth_layer;
struct hth_tape_layer;

/* One item's errors at one step t: in, dE/dz_t and dE/ds_t; out, dE/da_t, and dE/ds_{t-1} in the place of dE/ds_t. */
typedef struct hth_layer_errors {
    const hth_real *zeta;           /* [n], all that reaches z_t */
    hth_real *sbar[HTH_MAX_STATES]; /* each [n] */
    hth_real *delta;                /* [drives][n], or [rows] of a kind with a shape of its own */
    struct hth_store_errors *rows;  /* of a store */
    hth_real
        *direct; /* [inputs], 0: dE/dx of what it reads, beside W^T dE/da; NULL: there is none */
} hth_layer_errors;

typedef struct hth_layer_kind {
    /*
     * Name, options (section `layer`), and how many numbers a layer has for each of its n: drives, states, counters,
     * fields, constants; what each drive reads; prepare, bias. Entries of derivatives are not looked at, nor is its
     * step. `units` has name and summary alone, for each of its layers has a cell, which says the rest.
     */
    hth_cell form;
    bool has_cell; /* network.cells, or cell.name, says of what cell the layer is */
    /* Keeps rows of memory (store.h). What it reads is read by the layers above and by the readout too. */
    bool stores;
    /* Optional: whether the layer below reads its z of the step before. */
    bool (*feeds_back)(const void *options);
    /* Optional: where rows of W are not drives times n, sets layer->rows, from the options, n and what it reads. */
    hth_status (*shape)(const void *options, struct hth_layer *layer, hth_error *error);
    /* Makes s_t, z_t and the fields of step t of the drive, for items from..to-1. */
    void (*step)(const struct hth_layer *layer, const struct hth_tape_layer *on, size_t t,
                 size_t batch, size_t from, size_t to);
    /* Takes an item's errors back over step t. W^T dE/da_t goes to what the layer reads, z_{t-1} too where the learner
     * lets credit cross. NULL: by the cell's table of derivatives, which learners may also follow forward. */
    void (*back)(const struct hth_layer *layer, const struct hth_tape_layer *on, size_t t,
                 size_t batch, size_t item, const hth_layer_errors *errors);
} hth_layer_kind;

const hth_layer_kind *hth_layer_kind_at(size_t index); /* layers.c: the visible array */

#endif
