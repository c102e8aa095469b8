/* Making the error module: its settings, the network that it is, and its handles. */
#include "credit/episode/inspect.h"
#include "credit/episode/module.h"

#include "base/functions64.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_ROWS = 100 }; /* of a module that are run at a time, about; at least two steps */

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(hth_module_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(kind,
           .help = "spiking: LIF units and a leaky readout (eq. 58); linear: a matrix that acts on "
                   "filtered inputs and spikes and on the target (eq. 60)",
           .fallback = "spiking", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"spiking", "linear", NULL}),
    OPTION(units, .help = "units of a spiking module", .fallback = "60", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e6),
    OPTION(tau_m, .help = "membrane time constant of its units in ms", .fallback = "20",
           .kind = HTH_KIND_REAL, .min = 1e-3, .max = 1e9),
    OPTION(v_th, .help = "their threshold", .fallback = "0.4", .kind = HTH_KIND_REAL, .min = 1e-9,
           .max = 1e9),
    OPTION(gamma, .help = "height of their pseudo-derivative", .fallback = "0.3",
           .kind = HTH_KIND_REAL, .min = 0, .max = 100),
    OPTION(refractory, .help = "their refractory period in steps", .fallback = "5",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
    OPTION(tau_out, .help = "time constant of the filter of signals in steps; 0: none",
           .fallback = "20", .kind = HTH_KIND_REAL, .min = 0, .max = 1e9),
    OPTION(scale, .help = "scale of the module's initial output weights (init.w_out_scale)",
           .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1e6),
    OPTION(target,
           .help = "how it is told the target: raw, as numbers (the paper's words); population, by "
                   "neurons that spike at random (the authors' code)",
           .fallback = "raw", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"raw", "population", NULL}),
    OPTION(neurons, .help = "population: neurons for each number of the target", .fallback = "100",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(neuron_rate, .help = "population: the largest probability of a spike in a step",
           .fallback = "0.2", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(neuron_width,
           .help = "population: deviation of a neuron's tuning; targets are clipped to [-1, 1]",
           .fallback = "0.2", .kind = HTH_KIND_REAL, .min = 1e-6, .max = 1e6),
};

const hth_catalogue hth_module_section = {
    .kind = "module",
    .summary = "The network that gives learning signals (learner.signal = module, e-prop 2).",
    .common = {"module", table, HTH_COUNT(table)},
};

/* Numbers of xi. */
static size_t width_of(const hth_module_options *o, const hth_network *main, size_t targets) {
    const size_t each = o->target == HTH_TARGET_POPULATION ? (size_t)o->neurons : 1;
    return main->shape.inputs + main->layers[0].n + targets * each;
}

/* ---- The network ---- */

enum { TEXT = 32, MOST_TEXTS = 24 };
typedef struct list {
    hth_setting items[MOST_TEXTS * 3];
    char texts[MOST_TEXTS][TEXT];
    size_t count, used;
} list;

static void add(list *l, const char *key, const char *value) {
    l->items[l->count++] = (hth_setting){key, value, NULL};
}

static void add_number(list *l, const char *key, double value) {
    snprintf(l->texts[l->used], TEXT, "%.17g", value);
    add(l, key, l->texts[l->used++]);
}

/* What spikes are like, and products with them, is as in the main network; what a module has of its own counts more. */
static void list_spiking(const hth_module_options *o, const hth_settings *settings, list *l) {
    for (size_t i = 0; i < settings->count && l->count < MOST_TEXTS; i++)
        if (strncmp(settings->items[i].key, "cell.", 5) == 0 ||
            strcmp(settings->items[i].key, "network.events") == 0)
            l->items[l->count++] = settings->items[i];
    add(l, "cell.name", "lif");
    add_number(l, "network.units", (double)o->units);
    add_number(l, "cell.tau_m", o->tau_m);
    add_number(l, "cell.v_th", o->v_th);
    add_number(l, "cell.gamma", o->gamma);
    add_number(l, "cell.refractory", (double)o->refractory);
    add_number(l, "init.w_out_scale", o->scale);
}

static void list_linear(const hth_module_options *o, size_t n, list *l) {
    add(l, "cell.name", "rate");
    add(l, "cell.phi", "identity");
    add(l, "network.connections", "none");
    add(l, "network.bias", "false");
    add_number(l, "network.units", (double)n);
    add_number(l, "init.w_in_scale", o->scale);
    add(l, "init.w_out", "zero");
}

hth_status hth_module_network(const hth_settings *settings, const hth_network *main, size_t targets,
                              uint64_t seed, const hth_allocator *allocator, hth_network **out,
                              hth_error *error) {
    hth_module_options o;
    list l = {.count = 0};
    HTH_TRY(hth_options_read(&hth_module_section.common, settings, &o, error));
    const bool linear = o.kind == HTH_MODULE_LINEAR;
    const size_t n = main->layers[0].n;
    if (linear)
        list_linear(&o, n, &l);
    else
        list_spiking(&o, settings, &l);
    add(&l, "readout.bias", "false");
    add(&l, "readout.kappa", "0"); /* signals are filtered in module.c, all units at a time */
    const hth_shape shape = {.inputs = width_of(&o, main, targets),
                             .outputs = linear ? 1 : n,
                             .target = HTH_TARGET_VALUES};
    const hth_settings of = {l.items, l.count};
    /* Another seed than the main network's: the streams of its blocks have the same names. */
    return hth_network_create(&of, &shape, seed ^ UINT64_C(0x6d6f64756c65), allocator, out, error);
}

/* ---- The handles ---- */

hth_status hth_module_plan(const hth_settings *settings, const hth_network *main,
                           const hth_network *network, size_t targets, size_t steps, size_t batch,
                           size_t updates, uint64_t seed, hth_module *out, hth_error *error) {
    hth_module_options o;
    HTH_TRY(hth_options_read(&hth_module_section.common, settings, &o, error));
    *out = (hth_module){.options = o,
                        .network = network,
                        .kappa = o.tau_out > 0 ? (hth_real)hth_exp64(-1 / o.tau_out) : 0,
                        .steps = steps,
                        .batch = batch,
                        .block = batch < BLOCK_ROWS / 2 ? BLOCK_ROWS / batch : 2,
                        .updates = updates,
                        .inputs = main->shape.inputs,
                        .n = main->layers[0].n,
                        .targets = targets,
                        .width = width_of(&o, main, targets),
                        .seed = seed};
    const size_t outputs = o.kind == HTH_MODULE_LINEAR ? 1 : out->n;
    if (network->shape.inputs == out->width && network->readout.outputs == outputs) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "the module reads %zu numbers and gives %zu, but here it must read %zu and "
                    "give %zu: make it with hth_module_network for this network and these targets",
                    network->shape.inputs, network->readout.outputs, out->width, outputs);
}

void hth_module_lay_out(hth_arena *arena, hth_module *m) {
    const bool spikes = m->options.kind == HTH_MODULE_SPIKING;
    hth_tape **tapes = HTH_TAKE(arena, hth_tape *, m->updates);
    hth_real *xi = HTH_TAKE(arena, hth_real, hth_times(m->block * m->batch, m->width));
    hth_real *fired = HTH_TAKE(arena, hth_real, m->network->layers[0].n);
    hth_real *packed =
        HTH_TAKE(arena, hth_real, spikes ? hth_packed_size(m->network->layers[0].n, m->n) : 0);
    if (!arena->base) return;
    m->tapes = tapes;
    m->xi = xi;
    m->fired = fired;
    m->packed = packed;
}

hth_status hth_module_learner(const hth_module *m, hth_compute *compute,
                              const hth_allocator *allocator, hth_learner **out, hth_error *error) {
    /* Errors come by hth_learner_signals: nothing is said of the readout. */
    static const hth_setting bptt[] = {{"learner.name", "bptt", NULL},
                                       {"learner.signal", "module", NULL}};
    const hth_settings settings = {bptt, HTH_COUNT(bptt)};
    return hth_learner_create(&settings, m->network, m->steps, m->batch, 0, compute, allocator, out,
                              error);
}

hth_status hth_module_open(hth_module *m, hth_compute *compute, const hth_allocator *allocator,
                           hth_error *error) {
    HTH_TRY(hth_module_learner(m, compute, allocator, &m->learner, error));
    for (size_t k = 0; k < m->updates; k++)
        HTH_TRY(hth_learner_tape(m->learner, compute, allocator, &m->tapes[k], error));
    return HTH_OK;
}

void hth_module_close(hth_module *m) {
    for (size_t k = 0; m->tapes && k < m->updates; k++) hth_tape_destroy(m->tapes[k]);
    hth_learner_destroy(m->learner);
}
