/* Relative error and angle of two arrays. */
#include "check/nearness.h"

#include <math.h>

hth_nearness hth_nearness_of(const hth_real *a, const hth_real *b, size_t count) {
    double worst = 0, largest = 0, ab = 0, aa = 0, bb = 0;
    bool finite = true;
    /* Largest difference and value, and the inner products. */
    for (size_t i = 0; i < count; i++) {
        const double x = (double)a[i], y = (double)b[i];
        finite = finite && isfinite(x) && isfinite(y);
        if (fabs(x - y) > worst) worst = fabs(x - y);
        if (fabs(y) > largest) largest = fabs(y);
        ab += x * y, aa += x * x, bb += y * y;
    }
    /* Relative error and cosine. The cosine of an array of zeros is 0, of two of them NAN. */
    const double norm = sqrt(aa) * sqrt(bb);
    return (hth_nearness){
        .relative_error = !finite      ? (double)INFINITY
                          : worst == 0 ? 0
                                       : worst / largest, /* infinite if b is 0 and a is not */
        .cosine = norm > 0   ? ab / norm
                  : aa == bb ? (double)NAN
                             : 0,
        .largest = largest,
        .not_finite = !finite,
    };
}
