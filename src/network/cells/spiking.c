/*
 * The voltage, its reset, the spike and its pseudo-derivative. A spike takes effect at the next step:
 *
 *     subtract   v_t = alpha v_{t-1} + gain a_t - v_th z_{t-1}      D = alpha                R = -v_th
 *     zero       v_t = alpha (1 - z_{t-1}) v_{t-1} + gain a_t       D = alpha (1 - z_{t-1})  R = -alpha v_{t-1}
 *
 * Credit through a reset is in R, which reset_gradient = false makes 0; but that a unit which forgot its voltage has
 * nothing of its past in it is in D, and holds for every learner.
 * With x = (v - threshold)/v_th the spike is z = H(x), and
 *
 *     psi = dz/dv = gamma/v_th * shape(x)        (Bellec et al. 2019 print it without 1/v_th)
 *
 *     triangular    max(0, 1 - |x/w|)                           Bellec et al. 2018, 2019
 *     fast-sigmoid  1 / (1 + |x/w|)^2                           Zenke & Ganguli 2018
 *     gaussian      exp(-(x/w)^2 / 2)
 *     arctan        1 / (1 + (x/w)^2)                           Fang et al. 2021
 *
 * For the proof that gradients are right, spike = smooth replaces H by gamma * integral of shape, the
 * function whose derivative psi is: then the network is differentiable and central differences apply.
 */
#include "network/cells/spiking.h"

#include "kernels/elementwise.h"

enum { TRIANGULAR, FAST_SIGMOID, GAUSSIAN, ARCTAN };
enum { ABOVE, AT_OR_ABOVE };
enum { INTERVAL, SILENT };

#define AT(field) .offset = offsetof(hth_spiking_options, field)

const hth_option hth_spiking_options_table[HTH_LIF_OPTIONS_FROM + HTH_ALIF_OPTIONS] = {
    {.name = "tau_syn",
     .help = "time constant of the synaptic current in ms; one number or one per unit",
     .fallback = "5",
     .kind = HTH_KIND_UNITS,
     .min = 1e-3,
     .max = 1e9,
     AT(tau_syn)},
    {.name = "tau_m",
     .help = "membrane time constant in ms; one number or one per unit",
     .fallback = "20",
     .kind = HTH_KIND_UNITS,
     .min = 1e-3,
     .max = 1e9,
     AT(tau_m)},
    {.name = "v_th",
     .help = "firing threshold (baseline); one number or one per unit",
     .fallback = "1.5",
     .kind = HTH_KIND_UNITS,
     .min = 1e-9,
     .max = 1e9,
     AT(v_th)},
    {.name = "dt",
     .help = "length of a time step in ms",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 1e-6,
     .max = 1e6,
     AT(dt)},
    {.name = "gamma",
     .help = "height of the pseudo-derivative",
     .fallback = "0.3",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 100,
     AT(gamma)},
    {.name = "width",
     .help = "width of the pseudo-derivative, in units of v_th",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 1e-6,
     .max = 1e6,
     AT(width)},
    {.name = "refractory",
     .help = "refractory period in steps, as refractory_rule counts it; 0: none",
     .fallback = "5",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e6,
     AT(refractory)},
    {.name = "pseudo_derivative",
     .help = "shape of dz/dv around the threshold",
     .fallback = "triangular",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"triangular", "fast-sigmoid", "gaussian", "arctan", NULL},
     AT(pseudo_derivative)},
    {.name = "reset_gradient",
     .help =
         "whether credit flows from a spike through the reset it causes (R = dv/dz) or not (R = 0)",
     .fallback = "true",
     .kind = HTH_KIND_BOOL,
     AT(reset_gradient)},
    {.name = "scale_input",
     .help = "scale the drive by 1 - exp(-dt/tau_m) (as Bellec et al. 2018, NEST) or by 1 "
             "(2019); cubalif scales what enters the current by 1 - exp(-dt/tau_syn) too",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     AT(scale_input)},
    {.name = "scale_by_threshold",
     .help =
         "divide the pseudo-derivative by v_th, as the authors' code does and the paper does not",
     .fallback = "true",
     .kind = HTH_KIND_BOOL,
     AT(scale_by_threshold)},
    {.name = "spike",
     .help =
         "step: spikes; smooth: the function whose derivative the pseudo-derivative is, for checks",
     .fallback = "step",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"step", "smooth", NULL},
     AT(spike)},
    {.name = "threshold_at",
     .help = "a spike when v > threshold (TensorFlow code) or v >= threshold (NEST)",
     .fallback = "above",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"above", "at-or-above", NULL},
     AT(threshold_at)},
    {.name = "refractory_rule",
     .help =
         "interval: the smallest interval of two spikes is cell.refractory steps (Bellec et al. "
         "2019, NEST); silent: that many steps between them are silent, so the interval is one "
         "more (code of Bellec et al. 2018, which looks back)",
     .fallback = "interval",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"interval", "silent", NULL},
     AT(refractory_rule)},
    {.name = "reset",
     .help = "what a spike does to the voltage at the next step: subtract takes v_th away; zero "
             "makes the unit forget it, v_t = alpha (1 - z_{t-1}) v_{t-1} + drive",
     .fallback = "subtract",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"subtract", "zero", NULL},
     AT(reset)},
    {.name = "learn",
     .help =
         "what of each unit is learned with the weights, from what the settings say: tau_m, v_th, "
         "alif tau_a and beta too, cubalif tau_syn too. Each is its setting times exp(a), a the "
         "parameter that is learned, 0 at the start (optimiser.lr_cell): time constants, "
         "thresholds and rises stay positive. Empty: nothing",
     .fallback = "",
     .kind = HTH_KIND_CHOICES,
     .choices = (const char *const[]){"tau_m", "v_th", "tau_a", "beta", "tau_syn", NULL},
     AT(learn)},
    {.name = "tau_a",
     .help = "time constant of the adaptive threshold in ms; one number or one per unit",
     .fallback = "200",
     .kind = HTH_KIND_UNITS,
     .min = 1e-3,
     .max = 1e9,
     AT(tau_a)},
    {.name = "beta",
     .help = "rise of the threshold per spike; one number or one per unit, 0 for units that do not "
             "adapt, e.g. \"100 x 0, 100 x 0.03\"",
     .fallback = "0.03",
     .kind = HTH_KIND_UNITS,
     .min = 0,
     .max = 1e6,
     AT(beta)},
};

hth_status hth_spiking_prepare(const hth_spiking_options *o, size_t n, hth_real *constants,
                               hth_error *error) {
    hth_real *alpha = constants + HTH_SPIKING_ALPHA * n, *gain = constants + HTH_SPIKING_GAIN * n;
    hth_real *v_th = constants + HTH_SPIKING_V_TH * n, *reset = constants + HTH_SPIKING_RESET * n;
    hth_real *height = constants + HTH_SPIKING_HEIGHT * n;
    HTH_TRY(hth_units_expand(o->tau_m, n, 1e-3, 1e9, "cell.tau_m", alpha, error));
    HTH_TRY(hth_units_expand(o->v_th, n, 1e-9, 1e9, "cell.v_th", v_th, error));
    for (size_t j = 0; j < n; j++) {
        double decay = hth_exp64(-o->dt / (double)alpha[j]);
        alpha[j] = (hth_real)decay;
        gain[j] = (hth_real)(o->scale_input ? 1 - decay : 1);
        reset[j] = o->reset_gradient ? -v_th[j] : 0;
        height[j] = (hth_real)o->gamma / (o->scale_by_threshold ? v_th[j] : 1);
    }
    return HTH_OK;
}

bool hth_spiking_adapt(const void *given, hth_spiking_kind kind, hth_cell *cell) {
    const hth_spiking_options *o = given;
    if (o->learn) {
        hth_spiking_learn(o, kind, cell);
        return true;
    }
    if (o->reset == HTH_RESET_SUBTRACT) return false;
    cell->fields = HTH_SPIKING_LOST + 1;
    cell->D[0][0] = (hth_entry)HTH_FIELD(HTH_SPIKING_KEPT);
    cell->R[0] = (hth_entry)HTH_FIELD(HTH_SPIKING_LOST);
    return true;
}

static void subtract(const hth_row *row, const hth_real *inflow) {
    const hth_real *v_in = row->state_in[0], *z_in = row->z_in;
    const hth_real *alpha = row->constant[HTH_SPIKING_ALPHA];
    const hth_real *gain = row->constant[HTH_SPIKING_GAIN];
    const hth_real *v_th = row->constant[HTH_SPIKING_V_TH];
    hth_real *v = row->state_out[0];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++)
        v[j] = alpha[j] * v_in[j] + gain[j] * inflow[j] - v_th[j] * z_in[j];
}

static void forget(const hth_row *row, const hth_real *inflow) {
    const hth_spiking_options *o = row->options;
    const hth_real through = o->reset_gradient ? 1 : 0;
    const hth_real *v_in = row->state_in[0], *z_in = row->z_in;
    const hth_real *alpha = row->constant[HTH_SPIKING_ALPHA];
    const hth_real *gain = row->constant[HTH_SPIKING_GAIN];
    hth_real *v = row->state_out[0];
    hth_real *kept = row->field[HTH_SPIKING_KEPT], *lost = row->field[HTH_SPIKING_LOST];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        kept[j] = alpha[j] * (1 - z_in[j]);
        lost[j] = -through * (alpha[j] * v_in[j]);
        v[j] = kept[j] * v_in[j] + gain[j] * inflow[j];
    }
}

void hth_spiking_integrate(const hth_row *row, const hth_real *inflow) {
    const hth_spiking_options *o = row->options;
    if (o->reset == HTH_RESET_SUBTRACT)
        subtract(row, inflow);
    else
        forget(row, inflow);
}

static void shape_triangular(size_t n, hth_real w, const hth_real *x, hth_real *psi) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) psi[j] = hth_triangle(x[j], w);
}

static void shape_fast_sigmoid(size_t n, hth_real w, const hth_real *x, hth_real *psi) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        hth_real y = 1 + (hth_real)fabs(x[j]) * w;
        psi[j] = 1 / (y * y);
    }
}

static void shape_gaussian(size_t n, hth_real w, const hth_real *x, hth_real *psi) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) psi[j] = hth_exp(HTH_C(-0.5) * x[j] * w * x[j] * w);
}

static void shape_arctan(size_t n, hth_real w, const hth_real *x, hth_real *psi) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) psi[j] = 1 / (1 + x[j] * w * x[j] * w);
}

static void shape(int kind, size_t n, hth_real inverse_width, const hth_real *x, hth_real *psi) {
    switch (kind) {
    case TRIANGULAR:
        shape_triangular(n, inverse_width, x, psi);
        break;
    case FAST_SIGMOID:
        shape_fast_sigmoid(n, inverse_width, x, psi);
        break;
    case GAUSSIAN:
        shape_gaussian(n, inverse_width, x, psi);
        break;
    default:
        shape_arctan(n, inverse_width, x, psi);
        break;
    }
}

/* Integral of the shape from -infinity (or from 0 where that diverges less than it helps). */
static double integral(int kind, double x) {
    double u = fabs(x), sign = x < 0 ? -1 : 1;
    switch (kind) {
    case TRIANGULAR:
        return 0.5 + sign * (u < 1 ? u - 0.5 * u * u : 0.5);
    case FAST_SIGMOID:
        return 1 + sign * u / (1 + u);
    case GAUSSIAN:
        return 1.2533141373155003 * (1 + hth_erf64(x * 0.7071067811865476));
    default:
        return 1.5707963267948966 + hth_atan64(x);
    }
}

static void smooth_spikes(const hth_spiking_options *o, size_t n, const hth_real *x,
                          const hth_real *v_th, hth_real *z) {
    for (size_t j = 0; j < n; j++) {
        double scale = o->scale_by_threshold ? 1 : (double)v_th[j];
        z[j] = (hth_real)(o->gamma * scale * o->width *
                          integral(o->pseudo_derivative, (double)x[j] / o->width));
    }
}

static void refractory(hth_real rest, size_t n, const hth_real *counter_in, hth_real *counter_out,
                       const hth_real *fired, hth_real *z, hth_real *psi) {
    HTH_SIMD
    for (size_t j = 0; j < n; j++) {
        hth_real free_now = counter_in[j] > 0 ? HTH_C(0.0) : HTH_C(1.0);
        z[j] *= free_now;
        psi[j] *= free_now;
        counter_out[j] = hth_count_down(counter_in[j], rest, free_now * fired[j]);
    }
}

bool hth_spikes_plainly(const hth_spiking_options *o) {
    return o->spike == HTH_SPIKE_STEP && o->pseudo_derivative == TRIANGULAR &&
           o->reset == HTH_RESET_SUBTRACT;
}

hth_real hth_spike_rest(const hth_spiking_options *o) {
    if (o->refractory == 0) return 0;
    return (hth_real)(o->refractory + (o->refractory_rule == SILENT ? 1 : 0));
}

hth_real hth_spike_edge(const hth_spiking_options *o) {
    return o->threshold_at == ABOVE ? 0 : -HTH_C(1e-30);
}

void hth_spike(const hth_spiking_options *o, size_t n, const hth_real *x, const hth_real *v_th,
               const hth_real *height, const hth_real *counter_in, hth_real *counter_out,
               hth_real *z, hth_real *psi) {
    const hth_real edge = hth_spike_edge(o);
    HTH_SIMD
    for (size_t j = 0; j < n; j++) counter_out[j] = x[j] > edge ? HTH_C(1.0) : HTH_C(0.0);
    if (o->spike == HTH_SPIKE_SMOOTH)
        smooth_spikes(o, n, x, v_th, z);
    else
        for (size_t j = 0; j < n; j++) z[j] = counter_out[j];
    shape(o->pseudo_derivative, n, (hth_real)(1 / o->width), x, psi);
    HTH_SIMD
    for (size_t j = 0; j < n; j++) psi[j] *= height[j];
    if (o->refractory > 0)
        refractory(hth_spike_rest(o), n, counter_in, counter_out, counter_out, z, psi);
    else
        for (size_t j = 0; j < n; j++) counter_out[j] = 0;
}

/* shape'(x) times the width, from y = |x/w| and what the shape is there; its sign is that of -x. */
static hth_real slope(int kind, hth_real y) {
    switch (kind) {
    case TRIANGULAR:
        return y < 1 ? 1 : 0;
    case FAST_SIGMOID:
        return 2 / ((1 + y) * (1 + y) * (1 + y));
    case GAUSSIAN:
        return y * hth_exp(HTH_C(-0.5) * y * y);
    default:
        return 2 * y / ((1 + y * y) * (1 + y * y));
    }
}

void hth_spiking_bend(const hth_row *row, hth_real *out) {
    const hth_spiking_options *o = row->options;
    const hth_real *v = row->state_out[0], *v_th = row->constant[HTH_SPIKING_V_TH];
    const hth_real *height = row->constant[HTH_SPIKING_HEIGHT];
    const hth_real *psi = row->field[HTH_SPIKING_PSI];
    const hth_real w = (hth_real)(1 / o->width);
    for (size_t j = 0; j < row->n; j++) {
        const hth_real x = (v[j] - v_th[j]) / v_th[j];
        const hth_real size =
            slope(o->pseudo_derivative, (hth_real)fabs(x) * w) * height[j] * w / v_th[j];
        out[j] = psi[j] == 0 || x == 0 ? 0 : x > 0 ? -size : size;
    }
}
