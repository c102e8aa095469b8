/*
 * The adjoint scan, shared by every learner. For t = K..1, letters as in cell.h:
 *
 *     zeta_t   = q_t + zbar_t                      dE/dz_t
 *     lambda_t = zeta_t Z_t + sbar_t               dE/ds_t
 *     delta_t  = lambda_t B_t + zeta_t Q_t         dE/da_t
 *     sbar_{t-1} = lambda_t D_t
 *     zbar_{t-1} = recurrence(delta_t, lambda_t)   full: W_rec^T delta + lambda R; see hth_crossing
 *
 * q_t is the sum of what errors.h lists. What is pushed from outside (hth_learner_push) is added to zbar_t and to
 * sbar_t before all that. A part may put other entries in the learner's table of derivatives, such as 0
 * for D_t (past/trace.c); then lambda is no derivative any more.
 *
 * sbar and zbar at the end of the tape are the boundary (the future axis); what the scan leaves in them
 * is the adjoint of the state at the start of the tape (for the past axis, and the target of the future
 * axis). Rows are the items of the batch, or any number of adjoints of one item: RTRL runs the scan with
 * one row per state variable to get the Jacobian of the whole tape.
 */
#ifndef HTH_SCAN_H
#define HTH_SCAN_H

#include "credit/adjoint/adjoint.h"

/* The scan through all layers, from the top down. */
HTH_VERB(void, hth_scan, (hth_adjoint * adjoint));
#define hth_scan HTH_NOW(hth_scan)

/* What a scan of a tape of one step leaves of a row whose only adjoint at its end is 1, of state k of all units or
 * (k = states) of their z: delta[drives*n], sbar[states][n], and zbar[n] without what W carries across. zbar NULL: not
 * wanted. */
HTH_VERB(void, hth_scan_unit,
         (const hth_adjoint *adjoint, size_t layer, size_t item, size_t k, hth_real *delta,
          hth_real *sbar, hth_real *zbar));
#define hth_scan_unit HTH_NOW(hth_scan_unit)

/* Puts in place of delta what each step by itself makes of its zeta, as if nothing came of its states later:
 * zeta_t (Z_t B_t + Q_t). The scan has kept zeta. */
HTH_VERB(void, hth_scan_apart, (const hth_adjoint *adjoint, size_t layer));
#define hth_scan_apart HTH_NOW(hth_scan_apart)

#endif
