/* The clock, and the memory of the process. */
#ifndef HTH_CLOCK_H
#define HTH_CLOCK_H

#include <stddef.h>

double hth_clock(void); /* seconds from an arbitrary start; never goes back */
/* Peak of this process, in bytes. known: what it was when it was last asked for, which saves time if it is that still;
 * 0: it was not. */
size_t hth_peak_memory(size_t known);

/* The least of the limits on this process's memory: the machine's, its control group's (of a container; version 1
 * or 2) and RLIMIT_AS. SIZE_MAX if none is known. */
size_t hth_machine_memory(void);

#endif
