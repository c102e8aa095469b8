/*
 * Sign-symmetric credit (Liao, Leibo & Poggio 2016, uniform feedback; here through time): it crosses by the signs of
 * the recurrent weights, of one size,
 *
 *     zbar_{t-1} = S^T delta_t + lambda_t R_reset      S = sign_scale sign(W_rec) mean |W_rec|
 *
 * the mean over the weights of the layer that are not 0. S is read anew from the weights for every tape, so nothing of
 * it is in the state. Where all weights have one size it is full. Memory g n^2 at work; operations as full, and two
 * passes over W_rec a tape.
 */
#include "credit/learner.h"

#include <math.h>

typedef struct sign_options {
    double scale;
} sign_options;

static const hth_option options[] = {
    {.name = "sign_scale",
     .help = "scale of the signs that credit crosses by, in mean sizes of a recurrent weight",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(sign_options, scale)},
};

/* The mean size of the weights that are not 0; 0 where all are. */
static double mean_size(const hth_layer *layer, const hth_real *w) {
    double sum = 0;
    size_t count = 0;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t from = 0; from < layer->n; from++) {
            const double size = fabs((double)w[row * layer->m + from]);
            sum += size;
            count += size > 0;
        }
    return count ? sum / (double)count : 0;
}

static void before(hth_learner *learner) {
    const sign_options *o = learner->recurrence.options;
    hth_real *const *S = learner->recurrence.kept;
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        const hth_real *w = learner->network->theta + layer->weight;
        const hth_real size = (hth_real)(o->scale * mean_size(layer, w));
        for (size_t row = 0; row < layer->rows; row++)
            for (size_t from = 0; from < layer->n; from++) {
                const hth_real weight = w[row * layer->m + from];
                S[l][row * layer->n + from] = weight > 0 ? size : weight < 0 ? -size : 0;
            }
    }
}

/* What is kept: the matrix S[drives*n][n] of each layer. */
static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const size_t layers = plan->network->layer_count;
    hth_real **S = HTH_TAKE(arena, hth_real *, layers);
    (void)given;
    for (size_t l = 0; l < layers; l++) {
        const hth_layer *layer = &plan->network->layers[l];
        hth_real *of = HTH_TAKE(arena, hth_real, hth_times(layer->rows, layer->n));
        if (!S) continue;
        S[l] = of;
        plan->adjoint.layers[l].cross = of;
    }
    return S;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"iii", true, "credit, carried from unit to unit by the signs of weights"};
    return 1;
}

const hth_recurrence hth_recurrence_sign = {
    .axis = {.part = {.name = "sign",
                      .summary = "credit crosses by the signs of the recurrent weights",
                      .source = "sign-symmetry: Liao, Leibo & Poggio 2016, through time",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(sign_options),
             .bias = HTH_BIASED,
             .operations = "g*n*n + 2*g*n*n/K",
             .lay_out = lay_out,
             .needs = needs},
    .crossing = {.resets = true, .multiplies = true},
    .before = before,
};
