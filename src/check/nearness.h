/* How near one gradient is to another. */
#ifndef HTH_NEARNESS_H
#define HTH_NEARNESS_H

#include "base/base.h"

/* The distance of two arrays: max|a-b| / max|b|, and the cosine of their angle. */
typedef struct hth_nearness {
    double relative_error, cosine, largest; /* largest = max|b| */
    /* A number is not finite: the comparison fails whatever the tolerance, and relative_error is infinite. */
    bool not_finite;
} hth_nearness;
hth_nearness hth_nearness_of(const hth_real *a, const hth_real *b, size_t count);

#endif
