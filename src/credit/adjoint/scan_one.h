/*
 * A step of the adjoint scan in two loops, for layers whose units have one state: rate units, LSTM, GRU. The general
 * step (scan.c) takes a pass over the units for each derivative; this one has its bits.
 */
#ifndef HTH_SCAN_ONE_H
#define HTH_SCAN_ONE_H

#include "credit/adjoint/adjoint.h"

/* Whether a layer's steps can be taken so in this scan. */
HTH_VERB(bool, hth_scan_is_one, (const hth_adjoint *adjoint, size_t layer));
#define hth_scan_is_one HTH_NOW(hth_scan_is_one)

/* Step t of a row; of zbar without what W carries across. */
HTH_VERB(void, hth_scan_one, (const hth_adjoint *adjoint, size_t layer, size_t t, size_t row));
#define hth_scan_one HTH_NOW(hth_scan_one)

#endif
