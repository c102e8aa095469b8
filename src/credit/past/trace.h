/* What eligibility traces keep, and the scan that takes them over a tape. Internal to trace*.c. */
#ifndef HTH_TRACE_H
#define HTH_TRACE_H

#include "credit/descend.h"

enum { HTH_TRACE_MOST = HTH_MAX_STATES + 2 }; /* numbers in X of a unit: states, z, f */

/* A slot is an item of a group that passes together. */
typedef struct hth_trace_layer {
    size_t e;              /* numbers in X of a unit */
    hth_real *eps;         /* [batch][e][rows][m] */
    hth_real *initial;     /* [batch][e][initial rows][n]: the same for learned initial states */
    hth_real *xbar;        /* [slots][e][n]: at the start of the tape */
    hth_real *end;         /* [slots][e][n]: what the future axis put into its end */
    hth_real *Phi;         /* [slots][e][e][n] */
    hth_trace_bound bound; /* of eps, of tapes of one step and one item */
    hth_real *gamma;       /* [slots][K][e][rows] */
    bool idle[HTH_MAX_DRIVES]; /* no number in X depends on that drive */
    hth_real *vhat;            /* [batch][n]: filtered voltage; postsynaptic = clopath only */
    hth_real *post;            /* [K][batch][n] */
    hth_real *boundary;        /* [states][batch][n]: sbar at the end of the tape; has_end only */
} hth_trace_layer;

typedef struct hth_trace {
    hth_trace_layer *layers;
    hth_adjoint rows; /* the scan with one row per number in X */
    bool follows_z;   /* where z is a state of its own, it is in X */
    /* Where z is the state, zbar counts with sbar: they are adjoints of one number. */
    bool together;
    bool has_end;     /* the future axis may put something into the end of a tape: `boundary` */
    bool is_zero;     /* eps is 0 */
    bool is_blank;    /* eps counts as 0, whatever stands there */
    hth_real *steady; /* [batch][n], scratch of scaled traces */
} hth_trace;

static inline bool hth_trace_has_z(const hth_trace *kept, const hth_layer *layer) {
    return kept->follows_z && layer->cell->observable == HTH_Z_SEPARATE;
}

static inline bool hth_trace_adds_z(const hth_trace *kept, const hth_layer *layer) {
    return kept->together && layer->cell->observable == HTH_Z_IS_STATE;
}

/* One scan for an item of the batch: row k is the adjoint of X_end[k] of all units. */
void hth_trace_scan(hth_trace *kept, size_t item);

/* What it has left of a layer: Phi, and Gamma of all steps. */
void hth_trace_transition(const hth_trace *kept, size_t layer, size_t slot);
void hth_trace_gamma(const hth_trace *kept, size_t layer, size_t slot);

/* The three in one, of a tape of one step: Phi of all layers, and Gamma where the scan would have left it. */
void hth_trace_single(hth_trace *kept, size_t item, size_t slot);

/* xbar and end of an item, from the adjoint of the batch. */
void hth_trace_adjoints(const hth_learner *learner, size_t layer, size_t item, size_t slot);

/* The pass over the traces (trace_pass.c): a tape's only step of all items, delta_1 u_1^T; a group of items, from
 * `first` on, over a tape of a few steps; one item over any tape; one over a tape of one step, where the weights
 * descend (false: they do not); and learned initial states. */
void hth_trace_add_step(const hth_learner *learner, size_t layer, hth_real *gradient);
void hth_trace_carry_group(hth_learner *learner, size_t layer, size_t first, size_t items,
                           hth_real *gradient);
void hth_trace_carry_weights(hth_learner *learner, size_t layer, size_t item, hth_real *gradient);
bool hth_trace_descend(hth_learner *learner);
void hth_trace_carry_initial(hth_learner *learner, size_t layer, size_t item, size_t slot,
                             hth_real *gradient);

/* What a row of a store keeps (trace_rows.c): see hth_past. */
size_t hth_trace_row_size(const hth_learner *plan, const hth_reading *reads);
void hth_trace_freeze(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row);
void hth_trace_contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                        const hth_real *zbar, hth_real *values);

#endif
