/*
 * nmse = sum_t,k w (y - y*)^2 / sum_t,k w (y* - m_k)^2, where m_k is the mean of target k over the same steps. It
 * is 1 for a readout that stays at the mean (Bellec et al. 2019, Fig. 1 c-d).
 */
#include "metrics/squares.h"

#include <math.h>

static double value(const hth_scored *of) {
    const double weight = of->report->weight;
    if (!(weight > 0)) return NAN;
    return hth_mean_squares(of) / hth_moments_variance(of->targets, weight);
}

const hth_metric hth_metric_nmse = {
    .part = {.name = "nmse",
             .summary = "mse over the mean variance of the targets: 1 for a readout that stays at "
                        "their mean",
             .source = "Bellec et al. 2019, Fig. 1 c-d"},
    .range = "0 and more",
    .refuses = hth_squares_refuse,
    .value = value,
};
