/* Moments of targets that are values, summed along a walk. The variance in nmse is computed from them. */
#ifndef HTH_MOMENTS_H
#define HTH_MOMENTS_H

#include "base/base.h"
#include "base/outcomes.h"

/* w: weights of steps and items, y*_k: target of output k. */
typedef struct hth_moments {
    size_t outputs;        /* 0: the targets are not values */
    double *sums;          /* [outputs] sum w y*_k, then sum_k sum w y*_k^2 */
    hth_outcomes outcomes; /* of the episodes of a world */
    bool has_outcomes;
} hth_moments;

hth_status hth_moments_create(const hth_shape *shape, hth_moments *out, hth_error *error);
void hth_moments_destroy(hth_moments *moments);
void hth_moments_clear(hth_moments *moments);
void hth_moments_add(hth_moments *moments, const hth_chunk *chunk);

/* The variance of the targets, summed over outputs; `weight`: sum of the weights. NAN if the targets do not vary. */
double hth_moments_variance(const hth_moments *moments, double weight);

#endif
