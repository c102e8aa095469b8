/*
 * Scaled traces. Gains of the drive, g_j, and of the readout, G, are part of the network, and the derivative has
 * them too: a spike adds g_j to the trace of unit j, and a trace e adds G e to its filtered copy. A convention may
 * have other numbers g'_j and G' there,
 *
 *     ubar_t = alpha ubar_{t-1} + g' u_t     ebar_t = kappa ebar_{t-1} + G' e_t
 *
 * and the gradient is linear in both. So the errors are scaled instead: the readout's by G'/G g'_j/g_j, and what the
 * regulariser asks, which meets the trace unfiltered, by g'_j/g_j. One pass over them.
 */
#include "credit/past/scales.h"

#include "kernels/elementwise.h"

#include <string.h>

bool hth_scales_fit(const hth_cell *cell) {
    return cell->spikes && cell->B[0][0].where == HTH_AT_CONSTANT &&
           cell->D[0][0].where == HTH_AT_CONSTANT && cell->B[1][0].where == HTH_AT_ZERO;
}

/* Rows `stride` apart, by g'_j/g_j. */
static void scale_units(const hth_scales *s, const hth_layer *layer, size_t rows, size_t stride,
                        hth_real *rows_of) {
    const size_t n = layer->n;
    const hth_real *gain = layer->constants + layer->cell->B[0][0].index * n;
    const hth_real *alpha = layer->constants + layer->cell->D[0][0].index * n;
    for (size_t i = 0; s->trace != HTH_SCALE_DERIVATIVE && i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            const hth_real wanted = s->trace == HTH_SCALE_LEAK ? 1 - alpha[j] : HTH_C(1.0);
            rows_of[i * stride + j] *= wanted / gain[j];
        }
}

/* The readout's errors of a layer, `stride` apart, by G'/G too. */
static void scale_errors(const hth_scales *s, const hth_readout *r, const hth_layer *layer,
                         size_t rows, size_t stride, hth_real *errors) {
    const hth_real wanted = s->filtered == HTH_SCALE_LEAK ? 1 - r->kappa : HTH_C(1.0);
    const hth_real factor = wanted / r->gain;
    for (size_t i = 0; s->filtered != HTH_SCALE_DERIVATIVE && i < rows; i++) {
        HTH_SIMD
        for (size_t j = 0; j < layer->n; j++) errors[i * stride + j] *= factor;
    }
    scale_units(s, layer, rows, stride, errors);
}

void hth_scales_apply(const hth_scales *s, hth_learner *learner, hth_real *steady) {
    const hth_network *net = learner->network;
    const hth_reading *reads = &net->readout.reads;
    const size_t batch = learner->batch, rows = learner->adjoint.tape->steps * batch;
    hth_real *errors = hth_adjoint_errors(&learner->adjoint, net);
    if (s->trace == HTH_SCALE_DERIVATIVE && s->filtered == HTH_SCALE_DERIVATIVE) return;
    for (size_t p = 0; p < reads->count; p++) {
        const size_t l = reads->parts[p].layer, at = reads->parts[p].at;
        if (l == HTH_OF_INPUT) continue;
        const size_t n = net->layers[l].n;
        scale_errors(s, &net->readout, &net->layers[l], rows, reads->width, errors + at);
        if (!learner->steady[l]) continue;
        memcpy(steady, learner->steady[l], batch * n * sizeof *steady);
        scale_units(s, &net->layers[l], batch, n, steady);
        learner->steady[l] = steady;
        steady += batch * n;
    }
    hth_adjoint_split(&learner->adjoint);
}
