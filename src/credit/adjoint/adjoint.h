/*
 * What the adjoint scan (scan.h) works on: for each layer the errors that enter it, the adjoint of its state at the
 * place that the scan is at, and what it leaves for the gradient.
 */
#ifndef HTH_ADJOINT_H
#define HTH_ADJOINT_H

#include "credit/axes.h"
#include "network/tape.h"

/* A learner's own table of a layer's derivatives, letters as in cell.h. The cell's entries stand in it, until a part
 * puts others in their place: 0, 1, or its own numbers of this step, given[index]. */
enum { HTH_AT_GIVEN = HTH_AT_PREVIOUS + 1, HTH_MOST_GIVEN = 1 };
#define HTH_GIVEN(k)                                                                               \
    { HTH_AT_GIVEN, k, 0, 0 }
typedef struct hth_derivatives {
    hth_entry D[HTH_MAX_STATES][HTH_MAX_STATES], B[HTH_MAX_STATES][HTH_MAX_DRIVES];
    hth_entry R[HTH_MAX_STATES], Z[HTH_MAX_STATES], Q[HTH_MAX_DRIVES];
    const hth_real *given[HTH_MOST_GIVEN]; /* [K][batch][n] */
} hth_derivatives;

struct hth_adjoint;

/* How credit crosses from unit to unit: what a recurrence is to the scan. */
typedef struct hth_crossing {
    bool resets;     /* zbar_{t-1} has lambda R, the way of the reset */
    bool multiplies; /* and cross^T delta, the layer's `cross`: one product for all rows */
    bool is_local; /* credit stays in a unit, so that a synapse can follow it: traces have it too */
    /* Adds to zbar_{t-1}[n] of a row what delta_t sends besides. NULL: nothing. */
    void (*cross)(const struct hth_adjoint *adjoint, size_t layer, const hth_real *delta,
                  hth_real *zbar);
    /* Sets sbar_{t-1} and zbar_{t-1} of a row in place of all that, from sbar_t, lambda_t and zeta_t. NULL: no. */
    void (*replace)(const struct hth_adjoint *adjoint, size_t layer, size_t row);
} hth_crossing;

typedef struct hth_adjoint_layer {
    hth_derivatives table;
    hth_real *q;     /* [K][rows][n]: direct error; NULL: zero */
    hth_real *delta; /* [K][rows][drives*n] */
    hth_real *sbar;  /* [states][rows][n] */
    hth_real *zbar;  /* [rows][n] */
    hth_real *late;  /* [rows][late_z * n]: adjoint of the late copies of z; NULL: there are none */
    hth_real *lambda;      /* [states][rows][n], scratch */
    hth_real *zeta;        /* [rows][n], scratch */
    hth_real *packed;      /* cross, for the products of this scan */
    hth_real *packed_late; /* the same of the weights with delays */
    /* [drives*n][n]: what takes delta to zbar, where crossing->multiplies. NULL: W_rec itself. */
    const hth_real *cross;
    hth_real *zetas; /* [K][rows][n]: zeta of every step; NULL: not kept */
    hth_real *whole; /* the same of all of dE/dz, for whoever watches; NULL: nobody does */
    /* [K][rows][n]: adjoints from outside that are added to zbar, and to sbar of state `pushed`, of every step; NULL:
     * none. */
    const hth_real *push_z, *push_s;
    size_t pushed;
    bool is_given; /* q has the readout's errors before the scan */
    hth_real
        *passed; /* [K][rows][n]: what a store gives, where dropout has to go over it; or NULL */
    hth_store_errors *rows; /* [rows], of a store */
    hth_real *direct;       /* [K][rows][inputs], of a store of what it reads; NULL: none */
} hth_adjoint_layer;

typedef struct hth_adjoint {
    const hth_tape *tape;
    const hth_crossing *crossing;
    void *across; /* what the recurrence keeps, for `cross` and `replace` */
    size_t rows;
    size_t lowest;   /* layers below it are left out: they do not learn (hth_learner_freeze) */
    size_t from, to; /* the steps that the gradient is of, as far as the tape has them */
    size_t item; /* of which item all rows are adjoints; HTH_EVERY_ITEM: row b belongs to item b */
    bool is_filled;   /* q of all layers is there before the scan: none passes down to another */
    bool skips_start; /* sbar and zbar at the start of the tape are not wanted */
    hth_adjoint_layer *layers;
    hth_real *input; /* [K][rows][inputs of the bottom layer]: dE/dx; NULL: not wanted */
    /* [K][rows][readout.n]: the readout's errors, of all that it reads. NULL: it reads the last layer alone, and they
     * are all of that layer's q. */
    hth_real *errors;
    /* Adds to q of a layer what enters it from `source`, once all that passes down to it is there. NULL: nothing. */
    void (*enter)(const struct hth_adjoint *adjoint, size_t layer);
    const void *source;
} hth_adjoint;

#define HTH_EVERY_ITEM SIZE_MAX

/* Memory for an adjoint of `rows` rows over tapes of K steps; with_top_q: errors enter at the top. */
void hth_adjoint_lay_out(hth_arena *arena, hth_adjoint *adjoint, const hth_network *network,
                         size_t steps, size_t rows, bool with_top_q);

/* Memory for the readout's errors, where they have to be apart from q. */
void hth_adjoint_lay_out_errors(hth_arena *arena, hth_adjoint *adjoint, const hth_network *network,
                                size_t steps, bool apart);

/* Memory for dE/dx of inputs that are numbers. */
void hth_adjoint_lay_out_inputs(hth_arena *arena, hth_adjoint *adjoint, const hth_network *network,
                                size_t steps);

/* Where the readout leaves the direct errors, and their way from there to the layers that it reads. */
hth_real *hth_adjoint_errors(const hth_adjoint *adjoint, const hth_network *network);
void hth_adjoint_split(hth_adjoint *adjoint);

/* What the readout says to z[n] of a layer at the tape's first step, dropout apart. */
const hth_real *hth_adjoint_first_error(const hth_adjoint *adjoint, size_t layer, size_t item);

/* Where a derivative of a layer's table is, at step t of an item. */
static inline hth_derivative hth_derivative_at(const hth_adjoint *adjoint, size_t layer,
                                               hth_entry entry, size_t t, size_t item) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *of = &tape->network->layers[layer];
    const hth_real *const *given = adjoint->layers[layer].table.given;
    if (entry.where == HTH_AT_GIVEN)
        return (hth_derivative){.data = given[entry.index] + (t * tape->batch + item) * of->n};
    return hth_entry_at(of, &tape->layers[layer], entry, t, tape->batch, item);
}

/* Sets the boundary at the end of the tape to zero. */
void hth_adjoint_clear_boundary(hth_adjoint *adjoint);

#endif
