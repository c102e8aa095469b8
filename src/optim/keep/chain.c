/*
 * The complex synapse (Benna & Fusi 2016, eq. 3 and 4): a chain of variables u_1 = theta, u_2, .. u_m, as vessels of
 * growing size joined by narrowing tubes, through which what was learned sinks and comes back. With d the method's step
 * and eta the parameter's learning rate,
 *
 *     x = (beta/alpha)^(1/(2m-2))     C_k = x^(k-1)     g_k = x^(1-k)/alpha
 *     u_1 <- u_1 + d + eta g_1 (u_2 - u_1)/C_1
 *     u_k <- u_k + eta (g_(k-1) (u_(k-1) - u_k) + g_k (u_(k+1) - u_k))/C_k,      u_(m+1) = 0
 *
 * all from the values before the update. So sum_k C_k u_k changes by d, and by what leaks from the last. Memories fade
 * as t^(-1/2) from alpha to beta updates times eta, and no task need end.
 */
#include "base/functions64.h"
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

#include <string.h>

typedef struct chain_options {
    int64_t variables;
    double alpha, beta;
} chain_options;

static const hth_option options[] = {
    {.name = "variables",
     .help = "m, of each synapse, with the weight itself",
     .fallback = "6",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = HTH_MOST_KEPT + 1,
     .offset = offsetof(chain_options, variables)},
    {.name = "alpha",
     .help = "the shortest time scale, in updates times the learning rate, which must be less than "
             "half of it",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 1e-12,
     .max = 1e300,
     .offset = offsetof(chain_options, alpha)},
    {.name = "beta",
     .help = "the longest time scale, in updates times the learning rate",
     .fallback = "1024",
     .kind = HTH_KIND_REAL,
     .min = 1e-12,
     .max = 1e300,
     .offset = offsetof(chain_options, beta)},
};

static size_t arrays(const void *of) {
    const chain_options *o = of;
    return (size_t)o->variables - 1;
}

/* number[2k-2] and number[2k-1] of u_k: what of the differences to u_(k-1) and to u_(k+1) flows into it. */
static void prepare(const void *of, double rate, hth_real *number) {
    const chain_options *o = of;
    const int64_t m = o->variables;
    const double x = m > 1 ? hth_pow64(o->beta / o->alpha, 1.0 / (double)(2 * m - 2)) : 1;
    double size = 1, narrow = 1 / o->alpha, before = 0;
    for (int64_t k = 1; k <= m; k++, size *= x, narrow /= x) {
        number[2 * k - 2] = (hth_real)(rate * before / size);
        number[2 * k - 1] = (hth_real)(k < m ? rate * narrow / size : rate / o->beta);
        before = narrow;
    }
}

/* A memory that has always been there. */
static void begin(const hth_keep_piece *p) {
    for (size_t k = 0; k < arrays(p->options); k++)
        memcpy(p->kept[k], p->theta, p->count * sizeof *p->theta);
}

static void after(const hth_keep_piece *p) {
    const size_t last = arrays(p->options);
    for (size_t i = 0; i < p->count; i++) {
        hth_real left = 0, here = p->was[i];
        for (size_t k = 0; k <= last; k++) {
            hth_real *u = k == 0 ? &p->theta[i] : &p->kept[k - 1][i];
            const hth_real right = k < last ? p->kept[k][i] : 0;
            *u += p->number[2 * k] * (left - here) + p->number[2 * k + 1] * (right - here);
            left = here;
            here = right;
        }
    }
}

HTH_PART_OF(const hth_keep, hth_keep_chain) = {
    .part = {.name = "chain",
             .summary = "a complex synapse: variables of growing time scales, one after the other",
             .source = "Benna & Fusi 2016, eq. 3 and 4; Kaplanis et al. 2018",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(chain_options),
    .arrays = arrays,
    .operations = 4,
    .prepare = prepare,
    .begin = begin,
    .after = after,
};
