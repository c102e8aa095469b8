/* The clock, and the memory of the process. */
#ifndef HTH_CLOCK_H
#define HTH_CLOCK_H

#include <stddef.h>

double hth_clock(void);       /* seconds that only go on, from no particular time */
size_t hth_peak_memory(void); /* of the process, in bytes */

#endif
