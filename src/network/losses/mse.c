/*
 * Squared error, E = 1/2 sum_k (y_k - y*_k)^2, dE/dy = y - y* (Bellec et al. 2019, before eq. 41). The
 * sum over outputs has no 1/n_out.
 */
#include "network/losses/losses.h"

static double measure(const hth_loss_tile *tile, hth_real *y) {
    double total = 0;
    for (size_t i = 0; i < tile->items; i++) {
        double sum = 0;
        for (size_t k = 0; k < tile->rows; k++) {
            double e = (double)y[k * tile->items + i] -
                       (double)hth_item_target(tile->chunk, tile->outputs, i, tile->first + k);
            sum += e * e;
        }
        total += 0.5 * sum * (double)hth_item_weight(tile->chunk, i);
    }
    return total;
}

static void error_of(const hth_loss_tile *tile, const hth_real *y, hth_real *error) {
    for (size_t k = 0; k < tile->rows; k++)
        for (size_t i = 0; i < tile->items; i++)
            error[k * tile->items + i] =
                (y[k * tile->items + i] -
                 hth_item_target(tile->chunk, tile->outputs, i, tile->first + k)) *
                hth_item_weight(tile->chunk, i);
}

const hth_loss hth_loss_mse = {
    .part = {.name = "mse",
             .summary = "half the squared error, summed over outputs",
             .source = "Bellec et al. 2019, text before eq. 41",
             .options = {"loss", NULL, 0}},
    .measure = measure,
    .error = error_of,
};
