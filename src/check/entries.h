/* Checks the table of a cell. */
#ifndef HTH_ENTRIES_H
#define HTH_ENTRIES_H

#include "check/report.h"

/* Reports a row for each derivative in the table of a layer's cell that is not 0, and one row for all that are 0.
 * With `z_is_smooth` false the derivatives of z are not compared, and the user is told. HTH_NO_MEMORY. */
hth_status hth_check_entries(hth_check_run *run, const hth_network *network, size_t layer,
                             bool z_is_smooth, hth_error *error);

#endif
