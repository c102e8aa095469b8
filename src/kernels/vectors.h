/* Passes over vectors, elementwise; a multiply-add is rounded once. On the calling thread. x and y do not overlap. */
#ifndef HTH_VECTORS_H
#define HTH_VECTORS_H

#include "kernels/level.h"

/* y[n] += x */
HTH_VERB(void, hth_add, (size_t n, const hth_real *x, hth_real *y));
#define hth_add HTH_NOW(hth_add)

/* y[n] += a x */
HTH_VERB(void, hth_add_scaled, (size_t n, hth_real a, const hth_real *x, hth_real *y));
#define hth_add_scaled HTH_NOW(hth_add_scaled)

/* y[n] <- a x, elementwise */
HTH_VERB(void, hth_multiply, (size_t n, const hth_real *a, const hth_real *x, hth_real *y));
#define hth_multiply HTH_NOW(hth_multiply)

/* y[n] += a x, elementwise */
HTH_VERB(void, hth_add_product, (size_t n, const hth_real *a, const hth_real *x, hth_real *y));
#define hth_add_product HTH_NOW(hth_add_product)

/* y[n] <- a y */
HTH_VERB(void, hth_scale, (size_t n, hth_real a, hth_real *y));
#define hth_scale HTH_NOW(hth_scale)

/* y[n] <- fma(a, y, b x) */
HTH_VERB(void, hth_scale_and_add,
         (size_t n, hth_real a, hth_real b, const hth_real *x, hth_real *y));
#define hth_scale_and_add HTH_NOW(hth_scale_and_add)

#endif
