/*
 * Adam (Kingma & Ba 2015):
 *
 *     m <- b1 m + (1-b1) g     v <- b2 v + (1-b2) g^2
 *     theta <- theta - rate m^ / (sqrt(v^) + epsilon),   m^ = m / (1 - b1^k),  v^ = v / (1 - b2^k)
 *
 * Option epsilon_hat: epsilon is added to the uncorrected sqrt(v), the form of TensorFlow and NEST:
 *     theta <- theta - rate sqrt(1-b2^k)/(1-b1^k) m / (sqrt(v) + epsilon)
 */
#include "kernels/elementwise.h"
#include "optim/method.h"

typedef struct adam_options {
    double beta1, beta2, epsilon;
    bool epsilon_hat;
} adam_options;

static const hth_option options[] = {
    {.name = "beta1",
     .help = "what is kept of the mean gradient, in 0..1",
     .fallback = "0.9",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 0.999999999,
     .offset = offsetof(adam_options, beta1)},
    {.name = "beta2",
     .help = "what is kept of the mean squared gradient, in 0..1",
     .fallback = "0.999",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 0.999999999,
     .offset = offsetof(adam_options, beta2)},
    {.name = "epsilon",
     .help = "added to the root of the mean squared gradient",
     .fallback = "1e-8",
     .kind = HTH_KIND_REAL,
     .min = 1e-30,
     .max = 1e3,
     .offset = offsetof(adam_options, epsilon)},
    {.name = "epsilon_hat",
     .help = "add epsilon before the bias correction, as TensorFlow and NEST do",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(adam_options, epsilon_hat)},
};

/* In a form that becomes a vector instruction in either precision. */
#ifdef HTH_DOUBLE
#define hth_square_root sqrt
#else
#define hth_square_root sqrtf
#endif

enum { RATE, DECAY, FACTOR, B1, B2, REST1, REST2, EPSILON };

static void prepare(hth_update *u) {
    const adam_options *o = u->options;
    const double c1 = 1 - hth_pow64(o->beta1, (double)u->step);
    const double c2 = 1 - hth_pow64(o->beta2, (double)u->step);
    u->number[RATE] = (hth_real)(u->rate * sqrt(c2) / c1);
    u->number[DECAY] = (hth_real)u->decay;
    u->number[FACTOR] = (hth_real)u->factor;
    u->number[B1] = (hth_real)o->beta1;
    u->number[B2] = (hth_real)o->beta2;
    u->number[REST1] = (hth_real)(1 - o->beta1);
    u->number[REST2] = (hth_real)(1 - o->beta2);
    u->number[EPSILON] = (hth_real)(o->epsilon_hat ? o->epsilon : o->epsilon * sqrt(c2));
}

static void update(const hth_update *u) {
    const hth_real rate = u->number[RATE], decay = u->number[DECAY], factor = u->number[FACTOR];
    const hth_real b1 = u->number[B1], b2 = u->number[B2], epsilon = u->number[EPSILON];
    const hth_real rest1 = u->number[REST1], rest2 = u->number[REST2];
    hth_real *theta = u->theta, *m = u->moment[0], *v = u->moment[1];
    const hth_real *gradient = u->gradient;
    HTH_SIMD
    for (size_t i = 0; i < u->count; i++) {
        hth_real g = factor * gradient[i] + decay * theta[i];
        m[i] = b1 * m[i] + rest1 * g;
        v[i] = b2 * v[i] + rest2 * g * g;
        theta[i] -= rate * m[i] / (hth_square_root(v[i]) + epsilon);
    }
}

static double squares(const void *of, uint64_t step) {
    const adam_options *o = of;
    return step > 0 ? 1 / (1 - hth_pow64(o->beta2, (double)step)) : 0;
}

HTH_PART_OF(const hth_method, hth_method_adam) = {
    .part = {.name = "adam",
             .summary = "adaptive moments",
             .source = "Kingma & Ba 2015",
             .options = {"optimiser", options, HTH_COUNT(options)}},
    .options_size = sizeof(adam_options),
    .moments = 2,
    .prepare = prepare,
    .update = update,
    .squares = squares,
};
