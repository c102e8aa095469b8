/* Functions of many doubles: see doubles.h. */
#include "kernels/doubles.h"

#include "base/functions64.h"
#include "kernels/elementwise.h"

void hth_turns64(size_t n, const double *x, double *cosine, double *sine) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) hth_turn64(x[i], &cosine[i], &sine[i]);
}

void hth_exps64(size_t n, double less, double *x) {
    HTH_SIMD
    for (size_t i = 0; i < n; i++) x[i] = hth_exp64(x[i] - less);
}
