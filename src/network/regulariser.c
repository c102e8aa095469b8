/*
 * Firing-rate regularisation (Bellec et al. 2019, eqs. 54-56). With f_j the mean of
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
 * loss.batch and loss.time say nothing of the other forms. Every step counts, whatever its weight in the loss; but
 * where items differ in length (chunk.lengths), each has its own T: T B is then the sum of these, and what only fills
 * the batch up has no part in rates and no pull. It is one pass over the z of the tape.
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

bool hth_regulariser_divides(const hth_regulariser *r) {
    return r->rate > 0 && r->rate_form == NEST;
}

hth_status hth_wants_whole_rates(const hth_settings *settings, bool *out, hth_error *error) {
    hth_regulariser r;
    HTH_TRY(hth_options_read(&hth_regulariser_section.common, settings, &r, error));
    *out = r.rate > 0 && r.rate_over == HTH_RATE_OF_SEQUENCE;
    return HTH_OK;
}

static size_t length_of(const hth_rates *of, size_t item) {
    return of->chunk->lengths ? of->chunk->lengths[item] : of->steps;
}

/* rates[b][j]: the spikes of each item, over its own steps. */
static void count_spikes(const hth_rates *of) {
    memset(of->rates, 0, of->batch * of->n * sizeof *of->rates);
    for (size_t i = 0; i < of->steps * of->batch; i++) {
        const size_t item = i % of->batch;
        const hth_real *z = of->z + i * of->stride;
        double *sum = of->rates + item * of->n;
        if (i / of->batch >= length_of(of, item)) continue;
        HTH_SIMD
        for (size_t j = 0; j < of->n; j++) sum[j] += (double)z[j];
    }
}

/* rates[0][j]: those of all items; returns the steps of all. */
static size_t join_items(const hth_rates *of) {
    size_t steps = length_of(of, 0);
    for (size_t b = 1; b < of->batch; b++) {
        for (size_t j = 0; j < of->n; j++) of->rates[j] += of->rates[b * of->n + j];
        steps += length_of(of, b);
    }
    return steps;
}

/* C of the form, for an item. */
static double factor(const hth_regulariser *r, const hth_rates *of, size_t item) {
    switch (r->rate_form) {
    case SUM:
        return r->rate;
    case MEAN:
        return r->rate / (double)of->n;
    case NEST:
        return 0.5 * r->rate * hth_loss_factor(&of->network->readout, of->totals, of->all, item);
    default:
        return 0.5 * r->rate;
    }
}

/* C sum_j (f_j - f*)^2 of the spikes that `item` has in so many steps, and its pull; of no steps there is no rate. */
static double pull_item(const hth_regulariser *r, const hth_rates *of, size_t item, size_t steps) {
    const double C = steps ? factor(r, of, item) : 0, count = steps ? (double)steps : 1;
    double sum = 0;
    for (size_t i = item * of->n; i < (item + 1) * of->n; i++) {
        const double off = of->rates[i] / count - r->rate_target;
        of->pull[i] = (hth_real)(2 * C * off / count);
        sum += C * off * off;
    }
    return sum;
}

double hth_regularise_rates(const hth_regulariser *r, const hth_rates *of) {
    double sum = 0;
    count_spikes(of);
    if (r->rate_form == NEST) {
        for (size_t b = 0; b < of->batch; b++) sum += pull_item(r, of, b, length_of(of, b));
        return sum;
    }
    sum = pull_item(r, of, 0, join_items(of));
    for (size_t b = 1; b < of->batch; b++)
        memcpy(of->pull + b * of->n, of->pull, of->n * sizeof *of->pull);
    return sum;
}
