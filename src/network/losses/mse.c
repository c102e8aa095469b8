/*
 * Squared error, E = 1/2 sum_k (y_k - y*_k)^2, dE/dy = y - y* (Bellec et al. 2019, before eq. 41). What
 * is differentiated is always this sum over outputs, without 1/n_out. Marschall et al. 2019 do the same
 * but show the mean: report = mean divides what is reported, and nothing else, by n_out.
 */
#include "network/losses/losses.h"

enum { REPORT_SUM, REPORT_MEAN };

typedef struct mse_options {
    int report;
} mse_options;

static const hth_option options[] = {
    {.name = "report",
     .help =
         "what is reported: half the sum over outputs, or half the mean (Marschall et al. 2019); "
         "the gradient is that of the sum in either case",
     .fallback = "sum",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"sum", "mean", NULL},
     .offset = offsetof(mse_options, report)},
};

static double measure(const hth_loss_tile *tile, hth_real *y) {
    double total = 0;
    for (size_t i = 0; i < tile->items; i++) {
        double sum = 0;
        for (size_t k = 0; k < tile->rows; k++) {
            double e = (double)y[k * tile->stride + i] -
                       (double)hth_item_target(tile->chunk, tile->outputs, i, tile->first + k);
            sum += e * e;
        }
        total += 0.5 * sum * (double)hth_loss_weight(tile, i);
    }
    const mse_options *o = tile->options;
    return o->report == REPORT_MEAN ? total / (double)tile->outputs : total;
}

static void error_of(const hth_loss_tile *tile, const hth_real *y, size_t width, hth_real *error) {
    for (size_t k = 0; k < tile->rows; k++)
        for (size_t i = 0; i < tile->items; i++)
            error[k * width + i] =
                (y[k * tile->stride + i] -
                 hth_item_target(tile->chunk, tile->outputs, i, tile->first + k)) *
                hth_loss_weight(tile, i);
}

/* Of half the sum over outputs, or of half their mean. */
static hth_loss_scale scale(const void *given, size_t outputs) {
    const mse_options *o = given;
    const double mean_of = o->report == REPORT_MEAN ? (double)outputs : 1;
    return (hth_loss_scale){.unit = "squared error", .squares = 2 * mean_of};
}

/* Targets y + N(0, 1). */
static void draw(const void *given, size_t outputs, int32_t class, const hth_real *y,
                 const hth_random *random, uint64_t index, hth_real *error) {
    (void)given, (void)class, (void)y;
    for (size_t k = 0; k < outputs; k++)
        error[k] = (hth_real)hth_random_normal(random, index * outputs + k);
}

static void root(const void *given, size_t outputs, int32_t class, const hth_real *y, size_t at,
                 hth_real *error) {
    (void)given, (void)class, (void)y;
    for (size_t k = 0; k < outputs; k++) error[k] = k == at;
}

HTH_PART_OF(const hth_loss, hth_loss_mse) = {
    .part = {.name = "mse",
             .summary = "half the squared error, summed over outputs",
             .source = "Bellec et al. 2019, text before eq. 41",
             .options = {"loss", options, HTH_COUNT(options)}},
    .options_size = sizeof(mse_options),
    .scale = scale,
    .measure = measure,
    .error = error_of,
    .draw = draw,
    .root = root,
};
