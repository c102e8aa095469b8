/*
 * What LIF, ALIF and CubaLIF share: the options, the voltage and its reset, the spike and its pseudo-derivative, the
 * refractory rule.
 */
#ifndef HTH_SPIKING_H
#define HTH_SPIKING_H

#include "kernels/level.h"
#include "network/cell.h"

#include <math.h>

/* LIF reads all but the first and the last two; learn: hth_spiking_own. */
typedef struct hth_spiking_options {
    const char *tau_syn;
    const char *tau_m, *v_th;
    double dt, gamma, width;
    int64_t refractory;
    int pseudo_derivative;
    bool reset_gradient, scale_input, scale_by_threshold;
    int spike, threshold_at, refractory_rule, reset, learn;
    const char *tau_a, *beta;
} hth_spiking_options;

enum { HTH_RESET_SUBTRACT, HTH_RESET_ZERO };
enum { HTH_SPIKE_STEP, HTH_SPIKE_SMOOTH };

/* What of a unit may be learned, bits of cell.learn in the order of their drives. */
typedef enum hth_spiking_own {
    HTH_OWN_TAU_M = 1,
    HTH_OWN_V_TH = 2,
    HTH_OWN_TAU_A = 4,
    HTH_OWN_BETA = 8,
    HTH_OWN_TAU_SYN = 16
} hth_spiking_own;

/* Which of the cells that share this. */
typedef enum hth_spiking_kind { HTH_LIF, HTH_ALIF, HTH_CUBALIF } hth_spiking_kind;

/* One table: first what CubaLIF has beside LIF, then LIF's options, then what ALIF has beside them. */
enum {
    HTH_LIF_OPTIONS_FROM = 1,
    HTH_LIF_OPTIONS = 15,
    HTH_CUBALIF_OPTIONS = 16,
    HTH_ALIF_OPTIONS = 17
};
#ifdef HTH_LEVEL
#define hth_spiking_options_table HTH_JOIN(hth_spiking_options_table, HTH_LEVEL)
extern const hth_option hth_spiking_options_table[HTH_LIF_OPTIONS_FROM + HTH_ALIF_OPTIONS];
#endif

/* alpha = exp(-dt/tau_m), the gain of the drive, v_th, -v_th or 0, and what psi is where its shape is 1: constants of
 * all these cells. */
enum {
    HTH_SPIKING_ALPHA,
    HTH_SPIKING_GAIN,
    HTH_SPIKING_V_TH,
    HTH_SPIKING_RESET,
    HTH_SPIKING_HEIGHT,
    HTH_SPIKING_CONSTANTS
};

/* The pseudo-derivative; and where the reset is to zero, dv_t/dv_{t-1} and dv_t/dz_{t-1}. */
enum {
    HTH_SPIKING_PSI,
    HTH_SPIKING_FIELDS,
    HTH_SPIKING_KEPT = HTH_SPIKING_FIELDS,
    HTH_SPIKING_LOST
};

HTH_VERB(hth_status, hth_spiking_prepare,
         (const hth_spiking_options *options, size_t n, hth_real *constants, hth_error *error));
#define hth_spiking_prepare HTH_NOW(hth_spiking_prepare)

/* The verb `adapt`: where the reset is to zero, D and R of the voltage are fields; with cell.learn, the cell is that of
 * spiking_learned.c. */
HTH_VERB(bool, hth_spiking_adapt, (const void *options, hth_spiking_kind kind, hth_cell *cell));
#define hth_spiking_adapt HTH_NOW(hth_spiking_adapt)

/* spiking_learned.c: makes of a cell one with the drives, the derivatives and the verbs of what options->learn
 * names. */
HTH_VERB(void, hth_spiking_learn,
         (const hth_spiking_options *options, hth_spiking_kind kind, hth_cell *cell));
#define hth_spiking_learn HTH_NOW(hth_spiking_learn)

/* v_t, state 0, of the row, from v_{t-1}, z_{t-1} and what flows in, times the gain; and the fields of its reset. */
HTH_VERB(void, hth_spiking_integrate, (const hth_row *row, const hth_real *inflow));
#define hth_spiking_integrate HTH_NOW(hth_spiking_integrate)

/*
 * From x[j] = (v - threshold)/v_th: the spikes z, the pseudo-derivatives psi = dz/dv, and the
 * refractory counters.
 * psi may be the array x.
 */
HTH_VERB(void, hth_spike,
         (const hth_spiking_options *options, size_t n, const hth_real *x, const hth_real *v_th,
          const hth_real *height, const hth_real *counter_in, hth_real *counter_out, hth_real *z,
          hth_real *psi));
#define hth_spike HTH_NOW(hth_spike)

/* The same of one unit, for a loop that does all of a step at once: where spikes are steps, psi triangular and the
 * reset a subtraction. Where no unit is ever refractory the counters are 0, as they were made, and stay so unwritten.
 * */
HTH_VERB(bool, hth_spikes_plainly, (const hth_spiking_options *options));
#define hth_spikes_plainly HTH_NOW(hth_spikes_plainly)
/* a spike: x above it */
HTH_VERB(hth_real, hth_spike_edge, (const hth_spiking_options *options));
#define hth_spike_edge HTH_NOW(hth_spike_edge)

/* what a spike adds to a counter; 0: units are never refractory */
HTH_VERB(hth_real, hth_spike_rest, (const hth_spiking_options *options));
#define hth_spike_rest HTH_NOW(hth_spike_rest)

/* dpsi/dv of a row whose voltage is state 0, after its step: 0 while a unit is refractory, as psi is. */
HTH_VERB(void, hth_spiking_bend, (const hth_row *row, hth_real *out));
#define hth_spiking_bend HTH_NOW(hth_spiking_bend)

static inline hth_real hth_triangle(hth_real x, hth_real inverse_width) {
    const hth_real y = 1 - (hth_real)fabs(x) * inverse_width;
    return y > 0 ? y : 0;
}

/* A counter of steps to rest, after a step with spike z or none. */
static inline hth_real hth_count_down(hth_real counter, hth_real rest, hth_real z) {
    const hth_real next = counter + rest * z - 1;
    return next > 0 ? next : 0;
}

#endif
