/*
 * Leaky integrate-and-fire unit with a synaptic current (NIR's CubaLIF; Zenke & Ganguli 2018, eqs. 2-3):
 *
 *     tau_syn di/dt = -i + a     tau_m dv/dt = -v + i     z = H(v - v_th)
 *
 * in steps of dt, each by its exact decay, the current first and the voltage by the current as it is then:
 *
 *     i_t = sigma i_{t-1} + g a_t                          sigma = exp(-dt/tau_syn)   g = 1, or 1 - sigma
 *     v_t = alpha v_{t-1} + gain i_t - v_th z_{t-1}        alpha = exp(-dt/tau_m)     gain = 1, or 1 - alpha
 *     z_t = H(v_t - v_th), 0 while refractory
 *
 *     D = [ alpha   gain sigma ]     B = (gain g, g)     R = (-v_th or 0, 0)     Z = (psi_t, 0)
 *         [ 0       sigma      ]
 *
 * scale_input takes the second g and gain, which are those of the equations above. As tau_syn goes to 0 this is LIF. A
 * reset to zero has other D and R of v: see spiking.c.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"
#include "network/cells/spiking.h"

enum { SIGMA = HTH_SPIKING_CONSTANTS, INFLOW, GAIN_SIGMA, GAIN_INFLOW, CONSTANTS };

static hth_status prepare(const void *given, size_t n, hth_real *constants, hth_error *error) {
    const hth_spiking_options *o = given;
    const hth_real *gain = constants + HTH_SPIKING_GAIN * n;
    hth_real *sigma = constants + SIGMA * n, *inflow = constants + INFLOW * n;
    HTH_TRY(hth_spiking_prepare(o, n, constants, error));
    HTH_TRY(hth_units_expand(o->tau_syn, n, 1e-3, 1e9, "cell.tau_syn", sigma, error));
    for (size_t j = 0; j < n; j++) {
        const double decay = hth_exp64(-o->dt / (double)sigma[j]);
        sigma[j] = (hth_real)decay;
        inflow[j] = (hth_real)(o->scale_input ? 1 - decay : 1);
        constants[GAIN_SIGMA * n + j] = gain[j] * sigma[j];
        constants[GAIN_INFLOW * n + j] = gain[j] * inflow[j];
    }
    return HTH_OK;
}

static void step(const hth_row *row) {
    const hth_real *a = row->drive[0], *i_in = row->state_in[1], *v = row->state_out[0];
    const hth_real *sigma = row->constant[SIGMA], *inflow = row->constant[INFLOW];
    const hth_real *v_th = row->constant[HTH_SPIKING_V_TH];
    hth_real *i = row->state_out[1], *psi = row->field[HTH_SPIKING_PSI];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) i[j] = sigma[j] * i_in[j] + inflow[j] * a[j];
    hth_spiking_integrate(row, i);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) psi[j] = (v[j] - v_th[j]) / v_th[j];
    hth_spike(row->options, row->n, psi, v_th, row->constant[HTH_SPIKING_HEIGHT], row->state_in[2],
              row->state_out[2], row->z_out, psi);
}

static bool adapt(const void *options, hth_cell *cell) {
    return hth_spiking_adapt(options, HTH_CUBALIF, cell);
}

HTH_PART_OF(const hth_cell, hth_cell_cubalif) = {
    .part = {.name = "cubalif",
             .summary = "leaky integrate-and-fire unit with a synaptic current",
             .source = "NIR, CubaLIF (Pedersen et al. 2024); Zenke & Ganguli 2018, eqs. 2-3",
             .options = {"cell", hth_spiking_options_table, HTH_CUBALIF_OPTIONS}},
    .options_size = sizeof(hth_spiking_options),
    .drives = 1,
    .states = 2,
    .drive_names = {"a"},
    .state_names = {"v", "i"},
    .counters = 1,
    .fields = HTH_SPIKING_FIELDS,
    .constants = CONSTANTS,
    .observable = HTH_Z_SEPARATE,
    .spikes = true,
    .threshold = HTH_CONSTANT(HTH_SPIKING_V_TH),
    .reads = {{true, true, true}},
    .D = {{HTH_CONSTANT(HTH_SPIKING_ALPHA), HTH_CONSTANT(GAIN_SIGMA)},
          {{HTH_AT_ZERO, 0, 0, 0}, HTH_CONSTANT(SIGMA)}},
    .B = {{HTH_CONSTANT(GAIN_INFLOW)}, {HTH_CONSTANT(INFLOW)}},
    .R = {HTH_CONSTANT(HTH_SPIKING_RESET)},
    .Z = {HTH_FIELD(HTH_SPIKING_PSI)},
    .prepare = prepare,
    .adapt = adapt,
    .step = step,
    .bend = hth_spiking_bend,
};
