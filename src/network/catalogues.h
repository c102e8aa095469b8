/* The catalogues of the core: what can be chosen and set, for validation, --help and the reference
 * pages. */
#ifndef HTH_CATALOGUES_H
#define HTH_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_network_section;     /* network.* */
extern const hth_catalogue hth_cells;               /* cell.name and cell.* */
extern const hth_catalogue hth_readout_section;     /* readout.* */
extern const hth_catalogue hth_losses;              /* loss.name and loss.* */
extern const hth_catalogue hth_regulariser_section; /* regulariser.* */
extern const hth_catalogue hth_init_section;        /* init.* */

#endif
