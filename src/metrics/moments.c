/* Sums over targets: see moments.h. */
#include "metrics/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

hth_status hth_moments_create(const hth_shape *shape, hth_moments *out, hth_error *error) {
    *out = (hth_moments){.has_outcomes = shape->target == HTH_TARGET_ACTIONS};
    if (shape->target != HTH_TARGET_VALUES) return HTH_OK;
    out->sums = calloc(shape->outputs + 1, sizeof *out->sums);
    if (!out->sums) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a metric");
    out->outputs = shape->outputs;
    return HTH_OK;
}

void hth_moments_destroy(hth_moments *moments) {
    free(moments->sums);
    *moments = (hth_moments){0};
}

void hth_moments_clear(hth_moments *moments) {
    moments->outcomes = (hth_outcomes){0};
    if (moments->sums) memset(moments->sums, 0, (moments->outputs + 1) * sizeof *moments->sums);
}

void hth_moments_add(hth_moments *moments, const hth_chunk *chunk) {
    const size_t items = chunk->steps * chunk->batch, outputs = moments->outputs;
    for (size_t i = 0; moments->sums && i < items; i++) {
        const double weight = chunk->weights ? (double)chunk->weights[i] : 1;
        for (size_t k = 0; k < outputs; k++) {
            const double y = (double)chunk->targets[i * outputs + k];
            moments->sums[k] += weight * y;
            moments->sums[outputs] += weight * y * y;
        }
    }
}

double hth_moments_variance(const hth_moments *moments, double weight) {
    double mean_squares = moments->sums[moments->outputs] / weight;
    for (size_t k = 0; k < moments->outputs; k++) {
        const double mean = moments->sums[k] / weight;
        mean_squares -= mean * mean;
    }
    return mean_squares > 0 ? mean_squares : (double)NAN;
}
