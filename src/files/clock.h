/* The clock, and the memory of the process. */
#ifndef HTH_CLOCK_H
#define HTH_CLOCK_H

#include <stddef.h>

double hth_clock(void);       /* seconds that only go on, from no particular time */
size_t hth_peak_memory(void); /* of the process, in bytes */

/* What this process may have: the memory of the machine, of its control group (of containers; version 1 or 2) or
 * RLIMIT_AS, whichever is least. SIZE_MAX where nothing says it. */
size_t hth_machine_memory(void);

#endif
