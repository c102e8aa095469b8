/*
 * Rate unit with the leak before the nonlinearity (Bellec et al. 2019, "artificial neuron models",
 * eq. 30):
 *
 *     s_t = alpha s_{t-1} + a_t        z_t = phi(s_t)
 *     D = alpha     B = 1     Z = phi'(s_t)
 */
#include "network/cells/activation.h"
#include "network/cells/cells.h"

typedef struct rate_pre_options {
    const char *alpha;
    int phi;
} rate_pre_options;

enum { ALPHA };

static const hth_option options[] = {
    {.name = "alpha",
     .help =
         "what is kept of the state per step, exp(-dt/tau), in 0..1; one number or one per unit",
     .fallback = "0",
     .kind = HTH_KIND_UNITS,
     .min = 0,
     .max = 1,
     .offset = offsetof(rate_pre_options, alpha)},
    {.name = "phi",
     .help = "activation function",
     .fallback = "sigmoid",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"tanh", "relu", "sigmoid", "softplus", "identity", NULL},
     .offset = offsetof(rate_pre_options, phi)},
};

static hth_status prepare(const void *given, size_t n, hth_real *constants, hth_error *error) {
    const rate_pre_options *o = given;
    return hth_units_expand(o->alpha, n, 0, 1, "cell.alpha", constants + ALPHA * n, error);
}

static void step(const hth_row *row) {
    const rate_pre_options *o = row->options;
    const hth_real *a = row->drive[0], *s_in = row->state_in[0], *alpha = row->constant[ALPHA];
    hth_real *s = row->state_out[0];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) s[j] = alpha[j] * s_in[j] + a[j];
    hth_activate((hth_activation)o->phi, row->n, s, row->z_out, row->field[0]);
}

HTH_PART_OF(const hth_cell, hth_cell_rate_pre) = {
    .part = {.name = "rate-pre",
             .summary = "rate unit with a leaky drive, s = alpha s + drive, z = phi(s)",
             .source = "Bellec et al. 2019, eq. 30",
             .options = {"cell", options, HTH_COUNT(options)}},
    .options_size = sizeof(rate_pre_options),
    .drives = 1,
    .states = 1,
    .drive_names = {"a"},
    .state_names = {"s"},
    .fields = 1,
    .constants = 1,
    .observable = HTH_Z_SEPARATE,
    .reads = {{true, true, true}},
    .D = {{HTH_CONSTANT(ALPHA)}},
    .B = {{HTH_ONE}},
    .Z = {HTH_FIELD(0)},
    .prepare = prepare,
    .step = step,
};
