/*
 * A step of the adjoint scan in one loop, for layers whose local derivatives are those of LIF or ALIF, by whatever
 * name: one drive, which enters the first state alone; z is read of it, or of it and a second state that z's own past
 * moves (cells/alif.c). The general step takes a pass over the units for each derivative.
 */
#ifndef HTH_SCAN_SPIKING_H
#define HTH_SCAN_SPIKING_H

#include "credit/adjoint/adjoint.h"

/* Whether a layer's steps can be taken so in this scan. */
HTH_VERB(bool, hth_scan_is_spiking, (const hth_adjoint *adjoint, size_t layer));
#define hth_scan_is_spiking HTH_NOW(hth_scan_is_spiking)

/* Step t of a row; of zbar without what W carries across. */
HTH_VERB(void, hth_scan_spiking, (const hth_adjoint *adjoint, size_t layer, size_t t, size_t row));
#define hth_scan_spiking HTH_NOW(hth_scan_spiking)

#endif
