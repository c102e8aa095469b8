/* A step of the adjoint scan for any cell. */
#ifndef HTH_SCAN_STEP_H
#define HTH_SCAN_STEP_H

#include "credit/adjoint/adjoint.h"

/* Step t of a row; of zbar without what W carries across. */
HTH_VERB(void, hth_scan_step, (const hth_adjoint *adjoint, size_t layer, size_t t, size_t row));
#define hth_scan_step HTH_NOW(hth_scan_step)

#endif
