/*
 * Adaptive leaky integrate-and-fire unit (Bellec et al. 2019, eqs. 25-26):
 *
 *     v_t = alpha v_{t-1} + gain a_t - v_th z_{t-1}
 *     b_t = rho b_{t-1} + z_{t-1}                       rho = exp(-dt/tau_a)
 *     z_t = H(v_t - v_th - beta b_t), 0 while refractory
 *
 *     D = [ alpha        0                 ]     B = (gain, 0)   R = (-v_th or 0, 0)
 *         [ psi_{t-1}    rho - beta psi_{t-1} ]     Z = psi_t (1, -beta)
 *
 * The path of a unit's spike to its own threshold is in D: e-prop keeps it. beta = 0
 * is LIF; a mixed population is a vector beta with zeros. A reset to zero has other D and R of v: see spiking.c.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"
#include "network/cells/spiking.h"

enum { RHO = HTH_SPIKING_CONSTANTS, BETA, MINUS_BETA, CONSTANTS };
enum { PSI = HTH_SPIKING_PSI };

static hth_status prepare(const void *given, size_t n, hth_real *constants, hth_error *error) {
    const hth_spiking_options *o = given;
    hth_real *rho = constants + RHO * n;
    HTH_TRY(hth_spiking_prepare(o, n, constants, error));
    HTH_TRY(hth_units_expand(o->tau_a, n, 1e-3, 1e9, "cell.tau_a", rho, error));
    HTH_TRY(hth_units_expand(o->beta, n, 0, 1e6, "cell.beta", constants + BETA * n, error));
    for (size_t j = 0; j < n; j++) {
        rho[j] = (hth_real)hth_exp64(-o->dt / (double)rho[j]);
        constants[MINUS_BETA * n + j] = -constants[BETA * n + j];
    }
    return HTH_OK;
}

static void integrate(const hth_row *row) {
    const hth_real *b_in = row->state_in[1], *z_in = row->z_in, *v = row->state_out[0];
    const hth_real *v_th = row->constant[HTH_SPIKING_V_TH];
    const hth_real *rho = row->constant[RHO], *beta = row->constant[BETA];
    hth_real *b = row->state_out[1], *psi = row->field[PSI];
    hth_spiking_integrate(row, row->drive[0]);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        b[j] = rho[j] * b_in[j] + z_in[j];
        psi[j] = (v[j] - v_th[j] - beta[j] * b[j]) / v_th[j];
    }
}

/* All of a step in one loop; whether units `rest` after a spike is a constant of each instance. */
static inline void step_plainly(const hth_row *row, const bool rests) {
    const hth_spiking_options *o = row->options;
    const hth_real *a = row->drive[0], *v_in = row->state_in[0], *b_in = row->state_in[1];
    const hth_real *z_in = row->z_in, *alpha = row->constant[HTH_SPIKING_ALPHA];
    const hth_real *gain = row->constant[HTH_SPIKING_GAIN];
    const hth_real *v_th = row->constant[HTH_SPIKING_V_TH];
    const hth_real *height = row->constant[HTH_SPIKING_HEIGHT];
    const hth_real *rho = row->constant[RHO], *beta = row->constant[BETA];
    const hth_real edge = hth_spike_edge(o), w = (hth_real)(1 / o->width);
    hth_real *v = row->state_out[0], *b = row->state_out[1], *z = row->z_out;
    hth_real *psi = row->field[PSI];
    const hth_real rest = hth_spike_rest(o), *counter = row->state_in[2];
    hth_real *next = row->state_out[2];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        v[j] = alpha[j] * v_in[j] + gain[j] * a[j] - v_th[j] * z_in[j];
        b[j] = rho[j] * b_in[j] + z_in[j];
        const hth_real x = (v[j] - v_th[j] - beta[j] * b[j]) / v_th[j];
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
    hth_real *psi = row->field[PSI];
    integrate(row);
    hth_spike(row->options, row->n, psi, row->constant[HTH_SPIKING_V_TH],
              row->constant[HTH_SPIKING_HEIGHT], row->state_in[2], row->state_out[2], row->z_out,
              psi);
}

static bool adapt(const void *options, hth_cell *cell) {
    return hth_spiking_adapt(options, HTH_ALIF, cell);
}

HTH_PART_OF(const hth_cell, hth_cell_alif) = {
    .part = {.name = "alif",
             .summary = "leaky integrate-and-fire unit with an adaptive threshold (LSNN)",
             .source = "Bellec et al. 2019, eqs. 25-26",
             .options = {"cell", hth_spiking_options_table + HTH_LIF_OPTIONS_FROM,
                         HTH_ALIF_OPTIONS}},
    .options_size = sizeof(hth_spiking_options),
    .drives = 1,
    .states = 2,
    .drive_names = {"a"},
    .state_names = {"v", "a"},
    .counters = 1,
    .fields = HTH_SPIKING_FIELDS,
    .constants = CONSTANTS,
    .observable = HTH_Z_SEPARATE,
    .spikes = true,
    .threshold = HTH_CONSTANT(HTH_SPIKING_V_TH),
    .reads = {{true, true, true}},
    .D = {{HTH_CONSTANT(HTH_SPIKING_ALPHA)},
          {HTH_PREVIOUS(PSI), HTH_PREVIOUS_TIMES_PLUS(PSI, MINUS_BETA, RHO)}},
    .B = {{HTH_CONSTANT(HTH_SPIKING_GAIN)}},
    .R = {HTH_CONSTANT(HTH_SPIKING_RESET)},
    .Z = {HTH_FIELD(PSI), HTH_FIELD_TIMES(PSI, MINUS_BETA)},
    .prepare = prepare,
    .adapt = adapt,
    .step = step,
};
