/*
 * Scaled traces. Gains of the drive, g_j, and of the readout, G, are part of the network, and the derivative has
 * them too: a spike adds g_j to the trace of unit j, and a trace e adds G e to its filtered copy. A convention may
 * have other numbers g'_j and G' there,
 *
 *     ubar_t = alpha ubar_{t-1} + g' u_t     ebar_t = kappa ebar_{t-1} + G' e_t
 *
 * and the gradient is linear in both. So the errors are scaled instead: q_t by G'/G g'_j/g_j, and what the
 * regulariser asks, which meets the trace unfiltered, by g'_j/g_j. One pass over q.
 */
#include "credit/past/scales.h"

#include "kernels/elementwise.h"

bool hth_scales_fit(const hth_cell *cell) {
    return cell->spikes && cell->B[0][0].where == HTH_AT_CONSTANT &&
           cell->D[0][0].where == HTH_AT_CONSTANT;
}

static void scale_units(const hth_scales *s, const hth_layer *layer, size_t rows,
                        const hth_real *from, hth_real *to) {
    const size_t n = layer->n;
    const hth_real *gain = layer->constants + layer->cell->B[0][0].index * n;
    const hth_real *alpha = layer->constants + layer->cell->D[0][0].index * n;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            const hth_real wanted = s->trace == HTH_SCALE_LEAK ? 1 - alpha[j] : HTH_C(1.0);
            to[i * n + j] = from[i * n + j] * (wanted / gain[j]);
        }
}

static void scale_layer(const hth_scales *s, const hth_adjoint *adjoint, size_t l, hth_real *pull) {
    const hth_tape *tape = adjoint->tape;
    const hth_layer *top = &tape->network->layers[l];
    hth_adjoint_layer *a = &adjoint->layers[l];
    const hth_readout *r = &tape->network->readout;
    const size_t rows = tape->steps * tape->batch;
    if (s->filtered != HTH_SCALE_DERIVATIVE) {
        const hth_real wanted = s->filtered == HTH_SCALE_LEAK ? 1 - r->kappa : HTH_C(1.0);
        const hth_real factor = wanted / r->gain;
        HTH_SIMD
        for (size_t i = 0; i < rows * top->n; i++) a->q[i] *= factor;
    }
    if (s->trace == HTH_SCALE_DERIVATIVE) return;
    scale_units(s, top, rows, a->q, a->q);
    if (!a->pull) return;
    scale_units(s, top, tape->batch, a->pull, pull);
    a->pull = pull;
}

void hth_scales_apply(const hth_scales *s, hth_adjoint *adjoint, hth_real *pull) {
    const hth_network *net = adjoint->tape->network;
    for (size_t l = 0; l < net->layer_count; l++) {
        if (!net->layers[l].is_top) continue;
        scale_layer(s, adjoint, l, pull);
        pull += adjoint->tape->batch * net->layers[l].n;
    }
}
