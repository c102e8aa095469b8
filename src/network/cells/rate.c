/*
 * Leaky rate unit of Marschall et al. 2019 (p. 1-2):
 *
 *     r_t = (1 - alpha) r_{t-1} + alpha phi(a_t)        z_t = s_t = r_t
 *     D = 1 - alpha     B = alpha phi'(a_t)
 *
 * alpha belongs in B: where it was left out, every gradient is 1/alpha too large.
 */
#include "network/cells/activation.h"
#include "network/cells/cells.h"

typedef struct rate_options {
    const char *alpha;
    int phi;
} rate_options;

enum { ALPHA, KEEP }; /* constants: alpha, 1 - alpha */

static const hth_option options[] = {
    {.name = "alpha",
     .help = "leak per step, dt/tau, in 0..1; one number or one per unit",
     .fallback = "1",
     .kind = HTH_KIND_UNITS,
     .min = 0,
     .max = 1,
     .offset = offsetof(rate_options, alpha)},
    {.name = "phi",
     .help = "activation function",
     .fallback = "tanh",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"tanh", "relu", "sigmoid", "softplus", "identity", NULL},
     .offset = offsetof(rate_options, phi)},
};

static hth_status prepare(const void *given, size_t n, hth_real *constants, hth_error *error) {
    const rate_options *o = given;
    hth_real *alpha = constants + ALPHA * n, *keep = constants + KEEP * n;
    HTH_TRY(hth_units_expand(o->alpha, n, 0, 1, "cell.alpha", alpha, error));
    for (size_t j = 0; j < n; j++) keep[j] = 1 - alpha[j];
    return HTH_OK;
}

static void step(const hth_row *row) {
    const rate_options *o = row->options;
    const hth_real *r_in = row->state_in[0], *alpha = row->constant[ALPHA];
    const hth_real *keep = row->constant[KEEP];
    hth_real *r = row->state_out[0], *z = row->z_out, *B = row->field[0];
    hth_activate((hth_activation)o->phi, row->n, row->drive[0], r, B);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        r[j] = keep[j] * r_in[j] + alpha[j] * r[j];
        B[j] *= alpha[j];
        z[j] = r[j];
    }
}

HTH_PART_OF(const hth_cell, hth_cell_rate) = {
    .part = {.name = "rate",
             .summary = "leaky rate unit, r = (1-alpha) r + alpha phi(drive)",
             .source = "Marschall et al. 2019, p. 1-2",
             .options = {"cell", options, HTH_COUNT(options)}},
    .options_size = sizeof(rate_options),
    .drives = 1,
    .states = 1,
    .drive_names = {"a"},
    .state_names = {"r"},
    .fields = 1,
    .constants = 2,
    .observable = HTH_Z_IS_STATE,
    .reads = {{true, true, true}},
    .D = {{HTH_CONSTANT(KEEP)}},
    .B = {{HTH_FIELD(0)}},
    .Z = {HTH_ONE},
    .prepare = prepare,
    .step = step,
};
