/* Shared by mse and nmse: squared errors, from a loss that is made of them. */
#ifndef HTH_SQUARES_H
#define HTH_SQUARES_H

#include "metrics/metrics.h"

static inline const char *hth_squares_refuse(const hth_metric_case *of) {
    const bool has = of->shape.target == HTH_TARGET_VALUES && of->loss.squares > 0;
    return has ? NULL : "that needs targets that are values and loss.name mse";
}

/* sum_t,k w (y - y*)^2 / sum_t w */
static inline double hth_mean_squares(const hth_scored *of) {
    return of->loss.squares * hth_mean_loss(of->report);
}

#endif
