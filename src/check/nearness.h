/* How near one gradient is to another. */
#ifndef HTH_NEARNESS_H
#define HTH_NEARNESS_H

#include "base/base.h"

/* How near two arrays are: max|a-b| / max|b|, and the cosine of their angle. */
typedef struct hth_nearness {
    double relative_error, cosine, largest; /* largest = max|b| */
    bool
        not_finite; /* a number is none: fails, whatever the tolerance; relative_error is infinite */
} hth_nearness;
hth_nearness hth_nearness_of(const hth_real *a, const hth_real *b, size_t count);

#endif
