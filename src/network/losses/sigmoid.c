/*
 * Sigmoid cross-entropy, for independent bits b in 0..1:
 *
 *     E = - sum_k b log sigma(y) + (1-b) log(1 - sigma(y)) = sum_k softplus(y) - b y
 *     dE/dy = sigma(y) - b
 *
 * in nats, or in bits (loss and gradient divided by ln 2; Bellec et al. 2019, task 3.1, where b and 1-b
 * are printed the wrong way round).
 */
#include "kernels/elementwise.h"
#include "network/losses/losses.h"

typedef struct sigmoid_options {
    int unit;
} sigmoid_options;

static const hth_option options[] = {
    {.name = "unit",
     .help = "unit of the loss, and of its gradient",
     .fallback = "nats",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"nats", "bits", NULL},
     .offset = offsetof(sigmoid_options, unit)},
};

static const double per_nat = 1.4426950408889634; /* bits: 1 / ln 2 */

static double factor(const hth_loss_tile *tile) {
    return ((const sigmoid_options *)tile->options)->unit ? per_nat : 1;
}

static double measure(const hth_loss_tile *tile, hth_real *y) {
    double total = 0;
    for (size_t i = 0; i < tile->items; i++) {
        double sum = 0;
        for (size_t k = 0; k < tile->rows; k++) {
            hth_real v = y[k * tile->stride + i];
            hth_real b = hth_item_target(tile->chunk, tile->outputs, i, tile->first + k);
            sum += (double)hth_softplus(v) - (double)(b * v);
        }
        total += sum * (double)hth_loss_weight(tile, i);
    }
    return total * factor(tile);
}

static void error_of(const hth_loss_tile *tile, const hth_real *y, size_t width, hth_real *error) {
    const hth_real scale = (hth_real)factor(tile);
    for (size_t k = 0; k < tile->rows; k++)
        for (size_t i = 0; i < tile->items; i++)
            error[k * width + i] =
                (hth_sigmoid(y[k * tile->stride + i]) -
                 hth_item_target(tile->chunk, tile->outputs, i, tile->first + k)) *
                hth_loss_weight(tile, i) * scale;
}

static hth_loss_scale scale(const void *given, size_t outputs) {
    const bool bits = ((const sigmoid_options *)given)->unit;
    (void)outputs;
    return (hth_loss_scale){.unit = bits ? "bits" : "nats", .nats = bits ? 1 / per_nat : 1};
}

/* Each bit with its probability. */
static void draw(const void *given, size_t outputs, int32_t class, const hth_real *y,
                 const hth_random *random, uint64_t index, hth_real *error) {
    (void)given, (void)class;
    for (size_t k = 0; k < outputs; k++) {
        const hth_real p = hth_sigmoid(y[k]);
        error[k] = p - (hth_random_uniform(random, index * outputs + k) < (double)p);
    }
}

static void root(const void *given, size_t outputs, int32_t class, const hth_real *y, size_t at,
                 hth_real *error) {
    (void)given, (void)class;
    for (size_t k = 0; k < outputs; k++) error[k] = 0;
    const double p = (double)hth_sigmoid(y[at]);
    error[at] = (hth_real)sqrt(p * (1 - p));
}

HTH_PART_OF(const hth_loss, hth_loss_sigmoid) = {
    .part = {.name = "sigmoid",
             .summary = "cross-entropy of independent bits",
             .source = "Bellec et al. 2019, Methods 3.1",
             .options = {"loss", options, HTH_COUNT(options)}},
    .options_size = sizeof(sigmoid_options),
    .least = 0,
    .most = 1,
    .scale = scale,
    .measure = measure,
    .error = error_of,
    .draw = draw,
    .root = root,
};
