/* Sines and cosines of many angles: see turns.h. */
#include "kernels/turns.h"

#include "base/functions64.h"
#include "kernels/elementwise.h"

void hth_turns64(size_t n, const double *x, double *cosine, double *sine) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) hth_turn64(x[i], &cosine[i], &sine[i]);
}
