/* The catalogue of optimisers. */
#ifndef HTH_OPTIM_CATALOGUES_H
#define HTH_OPTIM_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_optimisers; /* optimiser.name and optimiser.* */
extern const hth_catalogue hth_schedules;  /* optimiser.schedule */
extern const hth_catalogue hth_keeps;      /* keep.name and keep.* */

#endif
