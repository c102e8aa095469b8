/*
 * LIF, ALIF and CubaLIF whose time constants, threshold or adaptation are learned (cell.learn). Each is a parameter a
 * of the unit, a drive that reads the constant alone (cell.h), and stands for
 *
 *     p = p_0 exp(a)        p_0: what the setting says; a is 0 at the start
 *
 * so that time constants, thresholds and rises stay positive, a decay exp(-dt/tau) stays between 0 and 1, a rise of 0
 * stays 0, and weight decay draws p to p_0. (Beyond exp(+-40) nothing changes any more.) With r = dt/tau,
 *
 *     alpha = exp(-r)       dalpha/da = alpha r
 *
 * The equations are those of the cells' own files, with both resets in one formula: k = 1 - z_{t-1} and h = 0 where the
 * reset is to zero, k = 1 and h = v_th else,
 *
 *     v_t = alpha k v_{t-1} + gain x_t - h z_{t-1}        x_t: the drive, or the current
 *
 *     D     = alpha k     R = -h - [zero] alpha v_{t-1}     Z = psi_t
 *     B     tau_m: (k v_{t-1} - [scale_input] x_t) alpha r_m     v_th: -h z_{t-1}
 *           tau_a: b_{t-1} rho r_a     tau_syn: (i_{t-1} - [scale_input] a_t) sigma r_s, of i_t; times gain, of v_t
 *     Q     v_th: -psi_t (v_t - beta b_t)     beta: -psi_t beta b_t
 *
 * B of b_t has Q_{t-1} of both, for the path from z_{t-1} to b_t is the unit's own (cell.h). Q of v_th is the
 * derivative of the spike, a function of x = (v - v_th - beta b)/v_th. A spike that is smooth and not scaled by the
 * threshold is v_th times such a function: z_t is then added. ALIF has rho - beta psi_{t-1} in D, of which the second
 * number is carried from step to step beside the states, as the refractory steps are.
 *
 * Published forms differ in what is learned, not in what can be: tau itself (Yin et al. 2021), the decay (Perez-Nieves
 * et al. 2021), a sigmoid's argument (Fang et al. 2021), which is near ours where tau is many steps.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"
#include "network/cells/spiking.h"

/* RATE: dt/tau_m; OTHER_RATE: dt/tau_a or dt/tau_syn. NONE is 0, what is not learned. */
enum { RATE, V_TH, OTHER_RATE, BETA, NONE, CONSTANTS };

/* The first three are those of spiking.h: psi, D and R of v. */
enum {
    PSI = HTH_SPIKING_PSI,
    KEPT = HTH_SPIKING_KEPT,
    LOST = HTH_SPIKING_LOST,
    GAIN,      /* dv/da */
    BY_TAU_M,  /* dv/da of tau_m */
    BY_RESET,  /* dv/da of v_th */
    BY_V_TH,   /* dz/da of v_th at a given v */
    THRESHOLD, /* v_th */
    LIF_FIELDS,
    OWN_PATH = LIF_FIELDS, /* db_t/db_{t-1} */
    BY_RISE,               /* dz/db */
    BY_TAU_A,              /* db/da of tau_a */
    BY_BETA,               /* dz/da of beta */
    ALIF_FIELDS,
    THROUGH = LIF_FIELDS, /* dv_t/di_{t-1} */
    SIGMA,                /* di_t/di_{t-1} */
    INFLOW,               /* di/da */
    I_BY_TAU_SYN,
    V_BY_TAU_SYN,
    CUBALIF_FIELDS
};

static const char *const names[] = {"tau_m", "v_th", "tau_a", "beta", "tau_syn"};

/* exp(a), within bounds in which nothing overflows. */
static inline hth_real factor(hth_real a) {
    const hth_real low = a > HTH_C(-40.0) ? a : HTH_C(-40.0);
    return hth_exp(low < HTH_C(40.0) ? low : HTH_C(40.0));
}

/* The parameters a[n] of the units. */
static const hth_real *own(const hth_row *row, hth_spiking_own what) {
    const int learn = ((const hth_spiking_options *)row->options)->learn;
    size_t g = 1;
    for (int bit = 1; bit < (int)what; bit <<= 1) g += (learn & bit) != 0;
    return learn & (int)what ? row->drive[g] : row->constant[NONE];
}

/* ---- Steps ---- */

/* v_t of what flows in, and v_th. */
static void integrate(const hth_row *row, const hth_real *inflow) {
    const hth_spiking_options *o = row->options;
    const hth_real to_zero = o->reset == HTH_RESET_ZERO ? 1 : 0;
    const hth_real through = o->reset_gradient ? 1 : 0, scaled = o->scale_input ? 1 : 0;
    const hth_real *a_m = own(row, HTH_OWN_TAU_M), *a_th = own(row, HTH_OWN_V_TH);
    const hth_real *rate = row->constant[RATE], *v_th = row->constant[V_TH];
    const hth_real *v_in = row->state_in[0], *z_in = row->z_in;
    hth_real *v = row->state_out[0], *kept = row->field[KEPT], *lost = row->field[LOST];
    hth_real *gain = row->field[GAIN], *by_tau = row->field[BY_TAU_M];
    hth_real *by_reset = row->field[BY_RESET], *threshold = row->field[THRESHOLD];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        const hth_real r = rate[j] * factor(-a_m[j]), alpha = hth_exp(-r);
        const hth_real k = 1 - to_zero * z_in[j];
        threshold[j] = v_th[j] * factor(a_th[j]);
        const hth_real h = (1 - to_zero) * threshold[j];
        kept[j] = alpha * k;
        lost[j] = -through * (h + to_zero * alpha * v_in[j]);
        gain[j] = 1 - scaled * alpha;
        v[j] = kept[j] * v_in[j] + gain[j] * inflow[j] - h * z_in[j];
        by_tau[j] = alpha * r * (k * v_in[j] - scaled * inflow[j]);
        by_reset[j] = -h * z_in[j];
    }
}

/* z_t and psi_t, where adaptation raises the threshold by `rise`, and what v_th does to z_t. */
static void spike(const hth_row *row, size_t counter, const hth_real *rise) {
    const hth_spiking_options *o = row->options;
    const hth_real gamma = (hth_real)o->gamma;
    const hth_real of_z = o->spike == HTH_SPIKE_SMOOTH && !o->scale_by_threshold ? 1 : 0;
    const hth_real *v = row->state_out[0], *threshold = row->field[THRESHOLD];
    hth_real *psi = row->field[PSI], *by_v_th = row->field[BY_V_TH], *height = by_v_th;
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        psi[j] = (v[j] - threshold[j] - rise[j]) / threshold[j];
        height[j] = gamma / (o->scale_by_threshold ? threshold[j] : 1);
    }
    hth_spike(o, row->n, psi, threshold, height, row->state_in[counter], row->state_out[counter],
              row->z_out, psi);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++)
        by_v_th[j] = of_z * row->z_out[j] - psi[j] * (v[j] - rise[j]);
}

static void step_lif(const hth_row *row) {
    integrate(row, row->drive[0]);
    spike(row, 1, row->constant[NONE]);
}

static void step_alif(const hth_row *row) {
    const hth_real *a_a = own(row, HTH_OWN_TAU_A), *a_beta = own(row, HTH_OWN_BETA);
    const hth_real *rate = row->constant[OTHER_RATE], *beta = row->constant[BETA];
    const hth_real *b_in = row->state_in[1], *z_in = row->z_in, *path_in = row->state_in[3];
    hth_real *b = row->state_out[1], *path = row->state_out[3], *psi = row->field[PSI];
    hth_real *own_path = row->field[OWN_PATH], *by_rise = row->field[BY_RISE];
    hth_real *by_tau = row->field[BY_TAU_A], *by_beta = row->field[BY_BETA], *rise = by_beta;
    integrate(row, row->drive[0]);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        const hth_real r = rate[j] * factor(-a_a[j]), rho = hth_exp(-r);
        b[j] = rho * b_in[j] + z_in[j];
        by_tau[j] = rho * r * b_in[j];
        own_path[j] = rho + path_in[j];
        by_rise[j] = beta[j] * factor(a_beta[j]);
        rise[j] = by_rise[j] * b[j];
    }
    spike(row, 2, rise);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        by_rise[j] *= -psi[j];
        path[j] = by_rise[j];
        by_beta[j] = by_rise[j] * b[j];
    }
}

static void step_cubalif(const hth_row *row) {
    const hth_real scaled = ((const hth_spiking_options *)row->options)->scale_input ? 1 : 0;
    const hth_real *a = row->drive[0], *a_syn = own(row, HTH_OWN_TAU_SYN);
    const hth_real *rate = row->constant[OTHER_RATE], *i_in = row->state_in[1];
    hth_real *i = row->state_out[1], *sigma = row->field[SIGMA], *inflow = row->field[INFLOW];
    hth_real *i_by_tau = row->field[I_BY_TAU_SYN], *v_by_tau = row->field[V_BY_TAU_SYN];
    hth_real *through = row->field[THROUGH], *gain = row->field[GAIN];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        const hth_real r = rate[j] * factor(-a_syn[j]);
        sigma[j] = hth_exp(-r);
        inflow[j] = 1 - scaled * sigma[j];
        i[j] = sigma[j] * i_in[j] + inflow[j] * a[j];
        i_by_tau[j] = sigma[j] * r * (i_in[j] - scaled * a[j]);
    }
    integrate(row, i);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        through[j] = gain[j] * sigma[j];
        v_by_tau[j] = gain[j] * i_by_tau[j];
        gain[j] *= inflow[j];
    }
    spike(row, 2, row->constant[NONE]);
}

/* ---- Options ---- */

/* What a unit of the cell does not have cannot be learned. */
static hth_status check(const hth_spiking_options *o, const char *cell, int has, hth_error *error) {
    for (size_t i = 0; i < HTH_COUNT(names); i++)
        if (o->learn & ~has & (1 << i))
            return hth_fail(error, HTH_INVALID,
                            "cell.learn names %s, which units of cell %s do not have; it must be a "
                            "list of any of %s",
                            names[i], cell,
                            has & HTH_OWN_BETA      ? "tau_m, v_th, tau_a, beta"
                            : has & HTH_OWN_TAU_SYN ? "tau_m, v_th, tau_syn"
                                                    : "tau_m, v_th");
    return HTH_OK;
}

/* dt/tau. */
static hth_status find_rate(const hth_spiking_options *o, const char *tau, const char *key,
                            size_t n, hth_real *rate, hth_error *error) {
    HTH_TRY(hth_units_expand(tau, n, 1e-3, 1e9, key, rate, error));
    for (size_t j = 0; j < n; j++) rate[j] = (hth_real)(o->dt / (double)rate[j]);
    return HTH_OK;
}

static hth_status prepare_membrane(const hth_spiking_options *o, size_t n, hth_real *constants,
                                   hth_error *error) {
    HTH_TRY(find_rate(o, o->tau_m, "cell.tau_m", n, constants + RATE * n, error));
    for (size_t j = 0; j < n; j++) constants[NONE * n + j] = 0;
    return hth_units_expand(o->v_th, n, 1e-9, 1e9, "cell.v_th", constants + V_TH * n, error);
}

static hth_status prepare_lif(const void *given, size_t n, hth_real *constants, hth_error *error) {
    HTH_TRY(check(given, "lif", HTH_OWN_TAU_M | HTH_OWN_V_TH, error));
    return prepare_membrane(given, n, constants, error);
}

static hth_status prepare_alif(const void *given, size_t n, hth_real *constants, hth_error *error) {
    const hth_spiking_options *o = given;
    HTH_TRY(check(o, "alif", HTH_OWN_TAU_M | HTH_OWN_V_TH | HTH_OWN_TAU_A | HTH_OWN_BETA, error));
    HTH_TRY(prepare_membrane(o, n, constants, error));
    HTH_TRY(find_rate(o, o->tau_a, "cell.tau_a", n, constants + OTHER_RATE * n, error));
    return hth_units_expand(o->beta, n, 0, 1e6, "cell.beta", constants + BETA * n, error);
}

static hth_status prepare_cubalif(const void *given, size_t n, hth_real *constants,
                                  hth_error *error) {
    const hth_spiking_options *o = given;
    HTH_TRY(check(o, "cubalif", HTH_OWN_TAU_M | HTH_OWN_V_TH | HTH_OWN_TAU_SYN, error));
    HTH_TRY(prepare_membrane(o, n, constants, error));
    return find_rate(o, o->tau_syn, "cell.tau_syn", n, constants + OTHER_RATE * n, error);
}

/* Which parameter a drive is. */
static hth_spiking_own what_of(const hth_spiking_options *o, size_t drive) {
    int bit = 1;
    for (size_t g = 0;; bit <<= 1) {
        if (o->learn & bit) g++;
        if (g == drive) return (hth_spiking_own)bit;
    }
}

static void values(const void *given, size_t n, const hth_real *constants, size_t drive,
                   const hth_real *a, hth_real *out) {
    const hth_spiking_options *o = given;
    const hth_spiking_own what = what_of(o, drive);
    const size_t at = what == HTH_OWN_TAU_M  ? RATE
                      : what == HTH_OWN_V_TH ? V_TH
                      : what == HTH_OWN_BETA ? BETA
                                             : OTHER_RATE;
    for (size_t j = 0; j < n; j++) {
        const hth_real p = constants[at * n + j];
        out[j] = (at == V_TH || at == BETA ? p : (hth_real)o->dt / p) * factor(a[j]);
    }
}

/* ---- The table ---- */

/* A drive of its own, if it is learned: which fields have what it does to state i, and to z (PSI: nothing). Returns
 * which it is, or 0. */
static size_t add(const hth_spiking_options *o, hth_cell *cell, hth_spiking_own what, size_t i,
                  unsigned char by, unsigned char to_z) {
    size_t index = 0;
    if (!(o->learn & (int)what)) return 0;
    while (1 << index != (int)what) index++;
    const size_t g = hth_cell_add_own(cell, names[index]);
    if (by != PSI) cell->B[i][g] = (hth_entry)HTH_FIELD(by);
    if (to_z != PSI) cell->Q[g] = (hth_entry)HTH_FIELD(to_z);
    return g;
}

/* v_th: the drive that is it, or 0. */
static void become_alif(const hth_spiking_options *o, size_t v_th, hth_cell *cell) {
    cell->fields = ALIF_FIELDS;
    cell->counters = 2;
    cell->D[1][1] = (hth_entry)HTH_FIELD(OWN_PATH);
    cell->Z[1] = (hth_entry)HTH_FIELD(BY_RISE);
    add(o, cell, HTH_OWN_TAU_A, 1, BY_TAU_A, PSI);
    const size_t beta = add(o, cell, HTH_OWN_BETA, 1, PSI, BY_BETA);
    /* The last output, which raises the threshold, depends on them too. */
    if (v_th) cell->B[1][v_th] = (hth_entry)HTH_PREVIOUS(BY_V_TH);
    if (beta) cell->B[1][beta] = (hth_entry)HTH_PREVIOUS(BY_BETA);
    cell->prepare = prepare_alif;
    cell->step = step_alif;
}

static void become_cubalif(const hth_spiking_options *o, hth_cell *cell) {
    cell->fields = CUBALIF_FIELDS;
    cell->D[0][1] = (hth_entry)HTH_FIELD(THROUGH);
    cell->D[1][1] = (hth_entry)HTH_FIELD(SIGMA);
    cell->B[1][0] = (hth_entry)HTH_FIELD(INFLOW);
    add(o, cell, HTH_OWN_TAU_SYN, 1, I_BY_TAU_SYN, PSI);
    if (o->learn & HTH_OWN_TAU_SYN)
        cell->B[0][cell->drives - 1] = (hth_entry)HTH_FIELD(V_BY_TAU_SYN);
    cell->prepare = prepare_cubalif;
    cell->step = step_cubalif;
}

void hth_spiking_learn(const hth_spiking_options *o, hth_spiking_kind kind, hth_cell *cell) {
    const bool to_zero = o->reset == HTH_RESET_ZERO;
    /* What all have: LIF. */
    cell->fields = LIF_FIELDS;
    cell->constants = CONSTANTS;
    cell->threshold = (hth_entry)HTH_CONSTANT(V_TH);
    if (o->learn & HTH_OWN_V_TH) cell->threshold = (hth_entry)HTH_FIELD(THRESHOLD);
    cell->D[0][0] = (hth_entry)HTH_FIELD(KEPT);
    cell->R[0] = (hth_entry)HTH_FIELD(LOST);
    cell->B[0][0] = (hth_entry)HTH_FIELD(GAIN);
    add(o, cell, HTH_OWN_TAU_M, 0, BY_TAU_M, PSI);
    const size_t v_th = add(o, cell, HTH_OWN_V_TH, 0, to_zero ? PSI : BY_RESET, BY_V_TH);
    cell->prepare = prepare_lif;
    cell->step = step_lif;
    cell->own = values;
    cell->bend = NULL;
    /* What the others have beside it. */
    if (kind == HTH_ALIF) become_alif(o, v_th, cell);
    if (kind == HTH_CUBALIF) become_cubalif(o, cell);
}
