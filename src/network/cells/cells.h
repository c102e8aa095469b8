/* What cells.c lists: one line per cell. */
#ifndef HTH_CELLS_H
#define HTH_CELLS_H

#include "network/cell.h"

extern const hth_cell hth_cell_rate;     /* rate.c */
extern const hth_cell hth_cell_rate_pre; /* rate_pre.c */
extern const hth_cell hth_cell_lstm;     /* lstm.c */
extern const hth_cell hth_cell_gru;      /* gru.c */
extern const hth_cell hth_cell_lif;      /* lif.c */
extern const hth_cell hth_cell_alif;     /* alif.c */

#endif
