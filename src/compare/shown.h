/* What a part of a comparison shows to the others, so that parts of something else are refused before they run. */
#ifndef HTH_COMPARE_SHOWN_H
#define HTH_COMPARE_SHOWN_H

#include "compare/plan.h"

/* Writes the plan's settings into the folder of a part, whole or not at all. HTH_FILE, HTH_NO_MEMORY. */
hth_status hth_show_plan(const hth_plan *plan, const char *folder, hth_error *error);

/* HTH_MISMATCH if the part in the folder was called with other settings for a variant of the plan. Variants that only
 * one of them has may be added. HTH_OK if it shows nothing yet; HTH_FILE, HTH_NO_MEMORY. */
hth_status hth_compare_shown(const hth_plan *plan, const char *folder, hth_error *error);

#endif
