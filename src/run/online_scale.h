/* Running mean and deviation of a column (Welford 1962), in double precision. */
#ifndef HTH_ONLINE_SCALE_H
#define HTH_ONLINE_SCALE_H

#include <math.h>

/* All double, so that a snapshot keeps it as a list of numbers. */
typedef struct hth_scale {
    double count, mean, squares; /* squares: of the distances from the mean, summed */
} hth_scale;

static inline void hth_scale_add(hth_scale *s, double value) {
    const double distance = value - s->mean;
    s->count += 1;
    s->mean += distance / s->count;
    s->squares += distance * (value - s->mean);
}

/* 1 as long as all values were equal. */
static inline double hth_scale_deviation(const hth_scale *s) {
    return s->count > 1 && s->squares > 0 ? sqrt(s->squares / s->count) : 1;
}

static inline double hth_scale_to(const hth_scale *s, double value) {
    return (value - s->mean) / hth_scale_deviation(s);
}

static inline double hth_scale_from(const hth_scale *s, double value) {
    return s->mean + value * hth_scale_deviation(s);
}

#endif
