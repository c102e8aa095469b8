/* mse = sum_t,k w (y - y*)^2 / (N n_out), where N is the sum of the weights w. */
#include "metrics/squares.h"

static double value(const hth_scored *of) {
    return hth_mean_squares(of) / (double)of->targets->outputs;
}

const hth_metric hth_metric_mse = {
    .part = {.name = "mse", .summary = "mean of (y - y*)^2 over steps and outputs"},
    .range = "0 and more",
    .refuses = hth_squares_refuse,
    .value = value,
};
