/*
 * Where direct errors come from. Two sources add to q:
 *
 *     the signal       the readout's errors, by F; the readout learns with them, or else by least squares. The layers
 *     that the readout reads
 *                      pass them down by their weights, or the signal fills lower layers itself
 *     the regulariser  dE_reg/dz of each layer, the same at all steps of an item (network/regulariser.c). A past
 *                      may put other numbers in their place (past/scales.c)
 *
 * With a regulariser the readout's errors are kept apart as well: filtered traces below a leaky readout meet these
 * alone. Cost: one pass over q of each layer, with a regulariser.
 */
#include "credit/errors.h"

#include "credit/window.h"
#include "kernels/vectors.h"

/* The regulariser's errors of a layer, [n]; NULL: none, as of steps that only fill up the batch. */
static const hth_real *steady(const hth_adjoint *adjoint, size_t l, size_t t, size_t item) {
    const hth_chunk *chunk = &adjoint->tape->chunk;
    const hth_real *of = ((const hth_real *const *)adjoint->source)[l];
    if (!of || (chunk->lengths && t >= chunk->lengths[item])) return NULL;
    return of + item * adjoint->tape->network->layers[l].n;
}

static void enter(const hth_adjoint *adjoint, size_t l) {
    const size_t n = adjoint->tape->network->layers[l].n, rows = adjoint->rows;
    for (size_t i = 0; i < adjoint->tape->steps * rows; i++) {
        const hth_real *of = steady(adjoint, l, i / rows, i % rows);
        if (of) hth_add(n, of, adjoint->layers[l].q + i * n);
    }
}

const hth_real *hth_errors_steady(const hth_learner *learner, size_t l, size_t t, size_t item) {
    return learner->steady[l] ? steady(&learner->adjoint, l, t, item) : NULL;
}

const hth_real *hth_errors_direct(const hth_learner *learner, size_t l, size_t t, size_t item) {
    const hth_layer *layer = &learner->network->layers[l];
    if (!layer->is_top) return hth_errors_steady(learner, l, t, item);
    return learner->adjoint.layers[l].q + (t * learner->batch + item) * layer->n;
}

void hth_errors_enter(hth_learner *learner) {
    const hth_adjoint *adjoint = &learner->adjoint;
    for (size_t l = 0; adjoint->enter && l < learner->network->layer_count; l++)
        if (adjoint->is_filled || learner->network->layers[l].is_top) adjoint->enter(adjoint, l);
}

void hth_errors_of_signal(hth_learner *learner, hth_tape *tape, hth_gradient *gradient) {
    const hth_readout *r = &learner->network->readout;
    const hth_signal *signal = learner->axes.signal;
    const hth_window *window = hth_window_open(learner, tape);
    hth_real *errors =
        signal->reaches_units ? hth_adjoint_errors(&learner->adjoint, learner->network) : NULL;
    const bool by_matrix = signal->reaches_units && !signal->set;
    const bool by_gradient = !learner->least_squares;
    hth_readout_backward to = {
        .weight = by_gradient ? gradient->values + r->weight : NULL,
        .bias = by_gradient && r->has_bias ? gradient->values + r->bias : NULL,
        .feedback = by_matrix && !signal->feedback_at ? signal->feedback(learner) : NULL,
        .feedback_at = signal->feedback_at,
        .context = learner,
        .q = !by_matrix ? NULL
             : window   ? window->errors
                        : errors,
        .spent = window ? window->spent : NULL,
        .start = learner->start,
        .scratch = learner->scratch,
    };
    /* The errors go from the readout to the layers that it reads, and to others where the signal fills them. */
    hth_readout_learn(tape, &to);
    if (signal->set) signal->set(learner, errors);
    if (signal->fill) signal->fill(learner, learner->scratch);
    hth_adjoint_split(&learner->adjoint);
    for (size_t l = 0; signal->reaches_units && l < tape->network->layer_count; l++)
        learner->steady[l] = tape->layers[l].pull;
}

void hth_errors_lay_out(hth_arena *arena, hth_learner *learner, size_t steps) {
    const hth_network *net = learner->network;
    const bool has_steady = net->regulariser.rate > 0;
    learner->steady = HTH_TAKE(arena, const hth_real *, net->layer_count);
    hth_adjoint_lay_out_errors(arena, &learner->adjoint, net, steps, has_steady);
    learner->adjoint.enter = has_steady ? enter : NULL;
    learner->adjoint.source = learner->steady;
}
