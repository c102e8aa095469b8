/* The largest magnitude in an array. */
#ifndef HTH_KERNELS_LARGEST_H
#define HTH_KERNELS_LARGEST_H

#include "kernels/level.h"

/* Not finite where a number is not; 0 of none. On the calling thread. */
HTH_VERB(hth_real, hth_largest, (size_t n, const hth_real *x));
#define hth_largest HTH_NOW(hth_largest)

#endif
