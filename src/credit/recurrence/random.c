/*
 * Feedback alignment through time (Lillicrap et al. 2016, carried from layers to steps): credit crosses by a fixed
 * random matrix R in place of the recurrent weights, one for each drive,
 *
 *     zbar_{t-1} = R^T delta_t + lambda_t R_reset
 *
 * drawn by seed from N(0, random_scale^2/n), as init.w_rec = normal draws W_rec, where the network has connections. R
 * is not trained, so nothing of it is in the state. With R = W_rec it is full. Memory g n^2; operations as full.
 */
#include "base/random.h"
#include "credit/learner.h"

#include <math.h>

typedef struct random_options {
    double scale;
} random_options;

static const hth_option options[] = {
    {.name = "random_scale",
     .help = "scale of the random matrix that credit crosses by: deviation scale/sqrt(units)",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(random_options, scale)},
};

/* Streams beside that of the signal, whose matrix is number 0. */
enum { STREAM_LAYERS = 64 };

static void draw(const hth_layer *layer, double scale, hth_random random, hth_real *R) {
    const size_t n = layer->n;
    const double deviation = scale / sqrt((double)n);
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t from = 0; from < n; from++) {
            const bool exists =
                layer->cell->reads[row / n].z && hth_layer_connects(layer, row % n, from);
            const double deviate = hth_random_normal(&random, (uint64_t)(row * n + from));
            R[row * n + from] = exists ? (hth_real)(deviation * deviate) : 0;
        }
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const random_options *o = given;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        const hth_layer *layer = &plan->network->layers[l];
        const hth_random random = {plan->seed, HTH_RANDOM_FEEDBACK, STREAM_LAYERS + (uint32_t)l};
        hth_real *R = HTH_TAKE(arena, hth_real, hth_times(layer->rows, layer->n));
        if (!R) continue;
        draw(layer, o->scale, random, R);
        plan->adjoint.layers[l].cross = R;
    }
    return NULL;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"iii", true, "credit, carried from unit to unit by weights of its own"};
    return 1;
}

const hth_recurrence hth_recurrence_random = {
    .axis = {.part = {.name = "random",
                      .summary = "credit crosses by a fixed random matrix in place of W^T",
                      .source = "feedback alignment: Lillicrap et al. 2016, through time",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(random_options),
             .bias = HTH_BIASED,
             .memory = "g*n*n",
             .operations = "g*n*n",
             .lay_out = lay_out,
             .needs = needs},
    .crossing = {.resets = true, .multiplies = true},
};
