/* A sum of four sines, which the tasks sines and full-force aim at. */
#ifndef HTH_SINES_H
#define HTH_SINES_H

#include "base/functions64.h"
#include "base/options.h"

typedef struct hth_sines {
    double amplitude, period, dt;
} hth_sines;

#define HTH_SINES_OPTION(type, field, ...)                                                         \
    {                                                                                              \
        .name = #field, .offset = offsetof(type, sines) + offsetof(hth_sines, field),              \
        .kind = HTH_KIND_REAL, __VA_ARGS__                                                         \
    }
/* The options of a task whose struct `type` has a member `sines`. */
#define HTH_SINES_OPTIONS(type)                                                                    \
    HTH_SINES_OPTION(type, amplitude, .help = "of the sum", .fallback = "0.8666666666666667",      \
                     .min = 0, .max = 1e6),                                                        \
        HTH_SINES_OPTION(type, period, .help = "of the slowest sine, in units of time",            \
                         .fallback = "60", .min = 1e-6, .max = 1e9),                               \
        HTH_SINES_OPTION(type, dt, .help = "units of time of a step", .fallback = "0.1",           \
                         .min = 1e-9, .max = 1e6)

/* The sum at step t: amplitude sum_k weight_k sin(2 pi k t dt / period), weights 1, 1/2, 1/6, 1/3. */
static inline double hth_sines_at(const hth_sines *s, uint64_t t) {
    static const double weights[] = {1, 1 / 2.0, 1 / 6.0, 1 / 3.0};
    double sum = 0;
    for (size_t k = 0; k < HTH_COUNT(weights); k++) {
        const double turns = (double)(k + 1) * (double)t * s->dt / s->period;
        sum += weights[k] * hth_sin_turns64(turns - (double)(uint64_t)turns);
    }
    return s->amplitude * sum;
}

#endif
