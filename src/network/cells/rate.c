/*
 * Leaky rate unit of Marschall et al. 2019 (p. 1-2):
 *
 *     r_t = (1 - alpha) r_{t-1} + alpha phi(a_t)        z_t = s_t = r_t
 *     D = 1 - alpha     B = alpha phi'(a_t)
 *
 * alpha belongs in B: where it was left out, every gradient is 1/alpha too large.
 *
 * Where alpha is learned (cell.learn), it is a sigmoid, which is alpha_0 of the settings at a = 0. So it stays in 0..1,
 * and a is a drive that reads the constant alone (cell.h):
 *
 *     alpha = sigmoid(log(alpha_0/(1 - alpha_0)) + a)        B of it = alpha (1 - alpha) (phi(a_t) - r_{t-1})
 */
#include "network/cells/activation.h"
#include "network/cells/cells.h"

typedef struct rate_options {
    const char *alpha;
    int phi, learn;
} rate_options;

enum { ALPHA, KEEP }; /* constants: alpha, 1 - alpha */
enum { LOGIT };       /* in place of them, where alpha is learned: log(alpha_0/(1 - alpha_0)) */
enum { B_A, FIELDS, D_R = FIELDS, B_ALPHA, LEARNED_FIELDS };

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
    {.name = "learn",
     .help = "what of each unit is learned with the weights: alpha, from what the settings say, "
             "which must be between 0 and 1; it stays there (optimiser.lr_cell). Empty: nothing",
     .fallback = "",
     .kind = HTH_KIND_CHOICES,
     .choices = (const char *const[]){"alpha", NULL},
     .offset = offsetof(rate_options, learn)},
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
    hth_real *r = row->state_out[0], *z = row->z_out, *B = row->field[B_A];
    hth_activate((hth_activation)o->phi, row->n, row->drive[0], r, B);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        r[j] = keep[j] * r_in[j] + alpha[j] * r[j];
        B[j] *= alpha[j];
        z[j] = r[j];
    }
}

/* ---- alpha is learned ---- */

static hth_status prepare_learned(const void *given, size_t n, hth_real *constants,
                                  hth_error *error) {
    const rate_options *o = given;
    hth_real *logit = constants + LOGIT * n;
    HTH_TRY(hth_units_expand(o->alpha, n, 0, 1, "cell.alpha", logit, error));
    for (size_t j = 0; j < n; j++) {
        const double alpha = (double)logit[j];
        if (!(alpha > 0 && alpha < 1))
            return hth_fail(error, HTH_INVALID,
                            "cell.alpha is %g, but cell.learn names alpha: it must begin between 0 "
                            "and 1, such as 0.5",
                            alpha);
        logit[j] = (hth_real)hth_log64(alpha / (1 - alpha));
    }
    return HTH_OK;
}

static void step_learned(const hth_row *row) {
    const rate_options *o = row->options;
    const hth_real *r_in = row->state_in[0], *a_alpha = row->drive[1];
    const hth_real *logit = row->constant[LOGIT];
    hth_real *r = row->state_out[0], *z = row->z_out, *B = row->field[B_A];
    hth_real *D = row->field[D_R], *B_alpha = row->field[B_ALPHA];
    hth_activate((hth_activation)o->phi, row->n, row->drive[0], r, B);
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        const hth_real alpha = hth_sigmoid(logit[j] + a_alpha[j]);
        D[j] = 1 - alpha;
        B[j] *= alpha;
        B_alpha[j] = alpha * (1 - alpha) * (r[j] - r_in[j]);
        r[j] = (1 - alpha) * r_in[j] + alpha * r[j];
        z[j] = r[j];
    }
}

static void values(const void *given, size_t n, const hth_real *constants, size_t drive,
                   const hth_real *a, hth_real *out) {
    (void)given;
    (void)drive;
    for (size_t j = 0; j < n; j++) out[j] = hth_sigmoid(constants[LOGIT * n + j] + a[j]);
}

static bool adapt(const void *given, hth_cell *cell) {
    if (!((const rate_options *)given)->learn) return false;
    const size_t g = hth_cell_add_own(cell, "alpha");
    cell->fields = LEARNED_FIELDS;
    cell->D[0][0] = (hth_entry)HTH_FIELD(D_R);
    cell->B[0][g] = (hth_entry)HTH_FIELD(B_ALPHA);
    cell->prepare = prepare_learned;
    cell->step = step_learned;
    cell->own = values;
    return true;
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
    .fields = FIELDS,
    .constants = 2,
    .observable = HTH_Z_IS_STATE,
    .reads = {{true, true, true}},
    .D = {{HTH_CONSTANT(KEEP)}},
    .B = {{HTH_FIELD(B_A)}},
    .Z = {HTH_ONE},
    .prepare = prepare,
    .adapt = adapt,
    .step = step,
};
