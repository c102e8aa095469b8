/*
 * Tangents: the derivative of a step, applied to changes of the joint state X (joint.h), forwards in time, where
 * the scan goes backwards. Letters as in cell.h; layers from the bottom up:
 *
 *     da = W_rec dz_{t-1} (+ W_in dz of the layer below, at t)
 *     ds_t = D ds_{t-1} + B da + R dz_{t-1}
 *     dz_t = Z ds_t + Q da
 *     dy_t = kappa dy_{t-1} + gain W_out dz_t              a leaky readout
 *
 * J_t, the Jacobian of the joint state, is never formed. Rows are tangents: of the items of the
 * batch, one each, or any number of one item.
 */
#ifndef HTH_TANGENT_H
#define HTH_TANGENT_H

#include "credit/adjoint/scan.h"

typedef struct hth_tangent_layer {
    size_t first;     /* where the layer's states begin in X */
    hth_real *packed; /* W_rec^T, then W_in^T; read where there are many rows */
} hth_tangent_layer;

typedef struct hth_tangent {
    const hth_tape *tape;
    size_t N;    /* numbers of X */
    size_t item; /* of which item all rows are tangents; HTH_EVERY_ITEM: row b belongs to item b */
    hth_tangent_layer *layers;
    hth_real *scratch; /* [rows][room]: da, then ds_t, then derivatives, of one layer */
    size_t room;
    hth_real *read; /* [rows][widest layer]: dz as others read it; where there is dropout */
    size_t widest;
    hth_real *ones; /* a derivative that is 1 */
} hth_tangent;

/* Memory for at most `rows` tangents at a time. */
void hth_tangent_lay_out(hth_arena *arena, hth_tangent *tangent, const hth_network *network,
                         size_t rows);

/* Takes the weights of the tape's network, for steps of up to `rows` rows; once a tape. */
void hth_tangent_begin(hth_tangent *tangent, const hth_tape *tape, size_t rows);

/* X[rows][N] <- J_t X. Threaded over the rows. `rows` as given to _begin. */
void hth_tangent_step(hth_tangent *tangent, size_t t, size_t rows, hth_real *X);

/* X[rows][N] = dX_t/da_t da: what changes da[rows][drives*n] of the drive of a layer do to the state of this
 * same step. At most as many rows as given to _begin. */
void hth_tangent_drive(hth_tangent *tangent, size_t t, size_t layer, size_t rows,
                       const hth_real *da, hth_real *X);

#endif
