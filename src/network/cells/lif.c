/*
 * Leaky integrate-and-fire unit (Bellec et al. 2019, eqs. 20-21):
 *
 *     v_t = alpha v_{t-1} + gain a_t - v_th z_{t-1}     alpha = exp(-dt/tau_m)
 *     z_t = H(v_t - v_th), 0 while refractory
 *     D = alpha     B = gain     R = -v_th (or 0)     Z = psi_t
 *
 * A reset to zero has other D and R: see spiking.c.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"
#include "network/cells/spiking.h"

/* All of a step in one loop; whether units `rest` after a spike is a constant of each instance. */
static inline void step_plainly(const hth_row *row, const bool rests) {
    const hth_spiking_options *o = row->options;
    const hth_real *a = row->drive[0], *v_in = row->state_in[0], *z_in = row->z_in;
    const hth_real *alpha = row->constant[HTH_SPIKING_ALPHA];
    const hth_real *gain = row->constant[HTH_SPIKING_GAIN];
    const hth_real *v_th = row->constant[HTH_SPIKING_V_TH];
    const hth_real *height = row->constant[HTH_SPIKING_HEIGHT];
    const hth_real edge = hth_spike_edge(o), w = (hth_real)(1 / o->width);
    hth_real *v = row->state_out[0], *z = row->z_out, *psi = row->field[HTH_SPIKING_PSI];
    const hth_real rest = hth_spike_rest(o), *counter = row->state_in[1];
    hth_real *next = row->state_out[1];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        v[j] = alpha[j] * v_in[j] + gain[j] * a[j] - v_th[j] * z_in[j];
        const hth_real x = (v[j] - v_th[j]) / v_th[j];
        const hth_real free_now = rests && counter[j] > 0 ? HTH_C(0.0) : HTH_C(1.0);
        z[j] = x > edge ? free_now : HTH_C(0.0);
        psi[j] = hth_triangle(x, w) * height[j] * free_now;
        if (rests) next[j] = hth_count_down(counter[j], rest, z[j]);
    }
}

static void step(const hth_row *row) {
    if (hth_spikes_plainly(row->options)) {
        if (hth_spike_rest(row->options) > 0)
            step_plainly(row, true);
        else
            step_plainly(row, false);
        return;
    }
    const hth_real *v_th = row->constant[HTH_SPIKING_V_TH], *v = row->state_out[0];
    hth_real *psi = row->field[HTH_SPIKING_PSI];
    hth_spiking_integrate(row, row->drive[0]);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) psi[j] = (v[j] - v_th[j]) / v_th[j];
    hth_spike(row->options, row->n, psi, v_th, row->constant[HTH_SPIKING_HEIGHT], row->state_in[1],
              row->state_out[1], row->z_out, psi);
}

static hth_status prepare(const void *options, size_t n, hth_real *constants, hth_error *error) {
    return hth_spiking_prepare(options, n, constants, error);
}

static bool adapt(const void *options, hth_cell *cell) {
    return hth_spiking_adapt(options, HTH_LIF, cell);
}

HTH_PART_OF(const hth_cell, hth_cell_lif) = {
    .part = {.name = "lif",
             .summary = "leaky integrate-and-fire unit",
             .source = "Bellec et al. 2019, eqs. 20-21",
             .options = {"cell", hth_spiking_options_table + HTH_LIF_OPTIONS_FROM,
                         HTH_LIF_OPTIONS}},
    .options_size = sizeof(hth_spiking_options),
    .drives = 1,
    .states = 1,
    .drive_names = {"a"},
    .state_names = {"v"},
    .counters = 1,
    .fields = HTH_SPIKING_FIELDS,
    .constants = HTH_SPIKING_CONSTANTS,
    .observable = HTH_Z_SEPARATE,
    .spikes = true,
    .threshold = HTH_CONSTANT(HTH_SPIKING_V_TH),
    .reads = {{true, true, true}},
    .D = {{HTH_CONSTANT(HTH_SPIKING_ALPHA)}},
    .B = {{HTH_CONSTANT(HTH_SPIKING_GAIN)}},
    .R = {HTH_CONSTANT(HTH_SPIKING_RESET)},
    .Z = {HTH_FIELD(HTH_SPIKING_PSI)},
    .prepare = prepare,
    .adapt = adapt,
    .step = step,
    .bend = hth_spiking_bend,
};
