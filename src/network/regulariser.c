/*
 * Firing-rate regularisation (Bellec et al. 2019, eqs. 54-56; algorithms.md 6.1 and 8/B11). With f_j the mean of
 * z_t[j] over T steps and the B items of the batch, in spikes per step,
 *
 *     E_reg = C sum_j (f_j - f*)^2        dE_reg/dz_t[j] = 2 C (f_j - f*) / (T B),
 *
 * the same at all steps. What the coefficient c means differs from place to place:
 *
 *     form        C      dE_reg/dz_t[j]               where
 *     half-sum    c/2    c (f_j - f*) / (T B)         eqs. 55 and 56 as printed, with c = 1; the authors' tutorials
 *     sum         c      2 c (f_j - f*) / (T B)       eq. 54, with c = 1
 *     mean        c/n    2 c (f_j - f*) / (n T B)     Methods 1.1: "mean over neurons", n units of the layer
 *     nest        c/2    c (f_bj - f*) / T            NEST: rates f_b of each item alone; the term of an item is
 *                                                     scaled as its loss is, by loss.batch and loss.time
 *
 * loss.batch and loss.time say nothing of the other forms. Every step counts, whatever its weight in the loss.
 * It is one pass over the z of the tape.
 */
#include "kernels/elementwise.h"
#include "network/network.h"

#include "network/catalogues.h"

#include <string.h>

enum { HALF_SUM, SUM, MEAN, NEST };

static const hth_option options[] = {
    {.name = "rate",
     .help = "c, how much firing rates f away from their target count; 0: not at all",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e12,
     .offset = offsetof(hth_regulariser, rate)},
    {.name = "rate_target",
     .help = "f*, the rate that is aimed at, in spikes per unit and step (0.01 is 10 Hz at 1 ms)",
     .fallback = "0.01",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(hth_regulariser, rate_target)},
    {.name = "rate_form",
     .help =
         "what c multiplies: half-sum, 1/2 sum_j (f_j - f*)^2 (Bellec et al. 2019, eqs. 55-56 "
         "as printed, and their code); sum, sum_j (f_j - f*)^2 (eq. 54); mean, that divided by "
         "the units of a layer (Methods 1.1); nest, half-sum of the rates of each item alone, "
         "scaled as its loss is (loss.batch, loss.time). In the others f_j is the mean over the "
         "batch too",
     .fallback = "half-sum",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"half-sum", "sum", "mean", "nest", NULL},
     .offset = offsetof(hth_regulariser, rate_form)},
    {.name = "rate_over",
     .help =
         "f_j is the mean over the steps of a sequence, which must then be one tape, or of each "
         "tape by itself",
     .fallback = "sequence",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"sequence", "tape", NULL},
     .offset = offsetof(hth_regulariser, rate_over)},
};

const hth_catalogue hth_regulariser_section = {
    .kind = "regulariser",
    .summary = "What is added to the loss to keep firing rates low. It is differentiated with the "
               "loss, and told apart from it.",
    .common = {"regulariser", options, HTH_COUNT(options)},
};

/* rates[b][j]: spikes per step. */
static void measure_items(const hth_rates *of) {
    memset(of->rates, 0, of->batch * of->n * sizeof *of->rates);
    for (size_t i = 0; i < of->steps * of->batch; i++) {
        const hth_real *z = of->z + i * of->stride;
        double *sum = of->rates + i % of->batch * of->n;
        HTH_SIMD
        for (size_t j = 0; j < of->n; j++) sum[j] += (double)z[j];
    }
    for (size_t i = 0; i < of->batch * of->n; i++) of->rates[i] /= (double)of->steps;
}

/* rates[0][j]: the mean over the items. */
static void join_items(const hth_rates *of) {
    for (size_t b = 1; b < of->batch; b++)
        for (size_t j = 0; j < of->n; j++) of->rates[j] += of->rates[b * of->n + j];
    for (size_t j = 0; j < of->n; j++) of->rates[j] /= (double)of->batch;
}

/* C of the form, for an item. */
static double factor(const hth_regulariser *r, const hth_rates *of, size_t item) {
    switch (r->rate_form) {
    case SUM:
        return r->rate;
    case MEAN:
        return r->rate / (double)of->n;
    case NEST:
        return 0.5 * r->rate * hth_loss_factor(&of->network->readout, of->chunk, item);
    default:
        return 0.5 * r->rate;
    }
}

double hth_regularise_rates(const hth_regulariser *r, const hth_rates *of) {
    const bool apart = r->rate_form == NEST;
    const double count = (double)of->steps * (apart ? 1 : (double)of->batch);
    double sum = 0;
    measure_items(of);
    if (!apart) join_items(of);
    for (size_t b = 0; b < (apart ? of->batch : 1); b++) {
        const double C = factor(r, of, b);
        for (size_t i = b * of->n; i < (b + 1) * of->n; i++) {
            const double off = of->rates[i] - r->rate_target;
            of->pull[i] = (hth_real)(2 * C * off / count);
            sum += C * off * off;
        }
    }
    for (size_t b = 1; !apart && b < of->batch; b++)
        memcpy(of->pull + b * of->n, of->pull, of->n * sizeof *of->pull);
    return sum;
}
