/* The table of each cell. */
#ifndef HTH_ENTRIES_H
#define HTH_ENTRIES_H

#include "check/report.h"

/* A row for each derivative in the table of a layer's cell that is not 0, and one row for all that are. With
 * `z_is_smooth` false, those of z are not compared, which is told. HTH_NO_MEMORY. */
hth_status hth_check_entries(hth_check_run *run, const hth_network *network, size_t layer,
                             bool z_is_smooth, hth_error *error);

#endif
