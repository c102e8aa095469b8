/* The additive predictor of returns: see returns.h. Memory features^2; an episode costs 3 features^2 multiply-adds. */
#include "worlds/returns.h"

#include <stdlib.h>
#include <string.h>

hth_status hth_additive_create(size_t features, hth_additive *out, hth_error *error) {
    const double ridge = 1e-2; /* of the weights, in squared rewards */
    hth_additive a = {.features = features};
    a.w = calloc(features, sizeof *a.w);
    a.P = calloc(hth_times(features, features), sizeof *a.P);
    a.sum = calloc(features, sizeof *a.sum);
    a.k = calloc(features, sizeof *a.k);
    if (!a.w || !a.P || !a.sum || !a.k) {
        hth_additive_destroy(&a);
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for a predictor of returns with %zu features", features);
    }
    for (size_t i = 0; i < features; i++) a.P[i * features + i] = 1 / ridge;
    *out = a;
    return HTH_OK;
}

void hth_additive_destroy(hth_additive *of) {
    free(of->w);
    free(of->P);
    free(of->sum);
    free(of->k);
    *of = (hth_additive){0};
}

double hth_additive_share(const hth_additive *of, const double *features) {
    double share = 0;
    for (size_t i = 0; i < of->features; i++) share += of->w[i] * features[i];
    return share;
}

void hth_additive_learn(hth_additive *of, const double *sum, double back) {
    const size_t n = of->features;
    double denominator = 1;
    /* k = P phi / (1 + phi . P phi) */
    for (size_t i = 0; i < n; i++) {
        of->k[i] = 0;
        for (size_t j = 0; j < n; j++) of->k[i] += of->P[i * n + j] * sum[j];
        denominator += of->k[i] * sum[i];
    }
    if (!(denominator > 0)) return;
    /* w += k error, P -= k k' denominator: P stays symmetric. */
    const double error = (back - hth_additive_share(of, sum)) / denominator;
    for (size_t i = 0; i < n; i++) of->w[i] += of->k[i] * error;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) of->P[i * n + j] -= of->k[i] * of->k[j] / denominator;
}

void hth_redistribute(const hth_additive *of, size_t steps, const double *phi, double *rewards) {
    double missing = 0;
    for (size_t t = 0; t < steps; t++) {
        const double share = hth_additive_share(of, phi + t * of->features);
        missing += rewards[t] - share;
        rewards[t] = share;
    }
    for (size_t t = 0; t < steps; t++) rewards[t] += missing / (double)steps;
}
