/*
 * A step of one task's units in update.c, each direction in one loop. Every row of derivatives is there: of one that is
 * 0, a row of zeros.
 */
#ifndef HTH_UPDATE_ROW_H
#define HTH_UPDATE_ROW_H

#include "kernels/level.h"
#include "network/cell.h"

typedef struct hth_update_row {
    size_t n, states, state; /* state: the one that z is read from */
    /* [n] each; Z of the other states is 0 */
    const hth_real *D[HTH_MAX_STATES][HTH_MAX_STATES], *B[HTH_MAX_STATES], *Z[HTH_MAX_STATES];
    hth_real *carry[HTH_MAX_STATES]; /* lambda_{t+1} or l_{t-1}; becomes that of step t */
} hth_update_row;

/* lambda_t of L_t; sets c_t = B^T lambda_t. */
HTH_VERB(void, hth_update_row_down, (const hth_update_row *row, const hth_real *L, hth_real *c));
#define hth_update_row_down HTH_NOW(hth_update_row_down)

/* l_t of S_t; sets Lbar_t = Z_t l_t, and adds L_t l_t to sbar, if any. */
HTH_VERB(void, hth_update_row_up,
         (const hth_update_row *row, const hth_real *S, const hth_real *L, hth_real *Lbar,
          hth_real *sbar));
#define hth_update_row_up HTH_NOW(hth_update_row_up)

#endif
