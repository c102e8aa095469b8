/*
 * The postsynaptic factor that Clopath et al. 2010 fitted to long-term potentiation (Bellec et al. 2019, eq. 57):
 *
 *     post_t = [v_t - v+]_+ [vhat_t - v-]_+        vhat_t = q vhat_{t-1} + (1 - q) v_t
 *
 * with v+ = 0, v- = v_th/4 and a time constant of 10 ms. The paper does not say how vhat is normalised: a mean is
 * in the unit of v-; a sum is the other reading. One pass over the voltages of the tape.
 */
#include "credit/past/clopath.h"

#include "kernels/elementwise.h"

bool hth_clopath_fits(const hth_cell *cell) {
    return cell->threshold.where == HTH_AT_CONSTANT && !cell->own;
}

void hth_clopath_factor(const hth_clopath *o, const hth_tape *tape, size_t l, hth_real *vhat,
                        hth_real *post) {
    const hth_layer *layer = &tape->network->layers[l];
    const size_t n = layer->n, batch = tape->batch;
    const size_t slot = (layer->cell->states + layer->cell->counters) * batch * n;
    const hth_real *v_th =
        hth_entry_at(layer, &tape->layers[l], layer->cell->threshold, 0, 1, 0).data;
    const hth_real q = (hth_real)hth_exp64(-1 / o->tau), low = (hth_real)o->low;
    const hth_real high = (hth_real)o->high, gain = o->trace == HTH_CLOPATH_SUM ? 1 : 1 - q;
    for (size_t i = 0; i < tape->steps * batch; i++) {
        const size_t item = i % batch * n;
        const hth_real *v = tape->layers[l].state + (i / batch + 1) * slot + item;
        hth_real *trace = vhat + item, *to = post + i * n;
        HTH_SIMD
        for (size_t j = 0; j < n; j++) {
            trace[j] = q * trace[j] + gain * v[j];
            const hth_real now = v[j] - high * v_th[j], before = trace[j] - low * v_th[j];
            to[j] = (now > 0 ? now : 0) * (before > 0 ? before : 0);
        }
    }
}
