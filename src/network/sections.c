/* The tables of the sections network and readout. */
#include "network/sections.h"

static const hth_option network_items[] = {
    {.name = "units",
     .help = "units of each recurrent layer, from the input up; one number a layer",
     .fallback = "32",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, units)},
    {.name = "layers",
     .help = "kind of each layer, one name a layer (units, units); empty: layer.name in all. "
             "Settings of kinds are layer.<name>, and of one layer alone layer<l>.layer.<name>",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, layers)},
    {.name = "cells",
     .help =
         "cell of each recurrent layer, one name a layer (alif, lstm); empty: cell.name in all. "
         "Settings of cells are cell.<name>, and of one layer alone layer<l>.cell.<name>, which "
         "count more; layers count from 0",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, cells)},
    {.name = "reads",
     .help = "what each layer reads, one word a layer: below, the layers below that none between "
             "reads; input; below+input; backward, the input from the end of each sequence (whole "
             "sequences only). Empty: below in all. The first layer has the input below it",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, reads)},
    {.name = "embedding",
     .help = "width of the learned vectors that stand for tokens; needed for token input",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(hth_network_options, embedding)},
    {.name = "bias",
     .help = "biases of the recurrent units; auto: none for spiking cells",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"auto", "true", "false", NULL},
     .offset = offsetof(hth_network_options, bias)},
    {.name = "self_connections",
     .help =
         "weights from a unit to itself; auto: none for spiking cells, and where connections is "
         "none",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"auto", "true", "false", NULL},
     .offset = offsetof(hth_network_options, self)},
    {.name = "connections",
     .help =
         "recurrent weights between different units: all; ring, from each unit to the next; "
         "random, by seed; given, by the arrays w_rec_mask and w_in_mask of the data (first layer "
         "only); none (a layer of cell rate with alpha 1 is then a dense one). One "
         "word for all layers, or one a layer. Those that do not exist stay 0",
     .fallback = "all",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, connections)},
    {.name = "density",
     .help = "connections = random: the probability that a recurrent weight exists; init scales "
             "are those of a network with all",
     .fallback = "0.1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     .offset = offsetof(hth_network_options, density)},
    {.name = "delay",
     .help = "steps after which a unit's z reaches the units of its layer: a number for all "
             "connections, or a range such as 1..8, from which each draws its own by seed. 1: the "
             "next step. The reset of a spiking unit has no delay",
     .fallback = "1",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, delay)},
    {.name = "input_delay",
     .help = "the same of the input, where a layer reads it, such as 0..8. 0: the same step",
     .fallback = "0",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_network_options, input_delay)},
    {.name = "excitatory",
     .help = "Dale's law: this fraction of the units of each layer, the first, has recurrent "
             "weights to others of at least 0, the rest of at most 0; after each update a weight "
             "that would have changed its sign is 0. A list says it of each unit: 1, 1, 0 or "
             "80 x 1, 20 x 0. -1: weights of a unit may have either sign",
     .fallback = "-1",
     .kind = HTH_KIND_UNITS,
     .min = -1,
     .max = 1,
     .offset = offsetof(hth_network_options, excitatory)},
    {.name = "orthogonal",
     .help = "the recurrent weights of each gate stay an orthogonal matrix, so that nothing that "
             "they pass on grows or vanishes: after each update they become the nearest one (and "
             "at the start, those of init.w_rec). Layers with all connections, of delay 1",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(hth_network_options, orthogonal)},
    {.name = "initial",
     .help = "state at the start of a sequence: zero, or learned with the weights",
     .fallback = "zero",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"zero", "learned", NULL},
     .offset = offsetof(hth_network_options, initial)},
    {.name = "direction",
     .help = "forward; or both: beside the layer a second one of as many units, which runs over "
             "the sequence from its end, and a readout of both: reads = input, backward. Whole "
             "sequences only, one layer",
     .fallback = "forward",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"forward", "both", NULL},
     .offset = offsetof(hth_network_options, direction)},
    {.name = "dropout",
     .help = "probability that a unit is left out at a step where the layers above and the readout "
             "read it, not where its own layer does (Zaremba et al. 2014); what stays counts "
             "1/(1 - dropout). Only where the network learns",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 0.999,
     .offset = offsetof(hth_network_options, dropout)},
    {.name = "events",
     .help = "whether the products with what a layer reads, spikes above all, take only what is "
             "not 0: auto, in layers of spiking cells and where that is faster; always; never. "
             "The results are the same. Tapes of up to 4 steps (times items) never do",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"auto", "always", "never", NULL},
     .offset = offsetof(hth_network_options, events)},
};

const hth_catalogue hth_network_section = {
    .kind = "network",
    .summary = "The stack of recurrent layers.",
    .common = {"network", network_items, HTH_COUNT(network_items)},
};

static const hth_option readout_items[] = {
    {.name = "reads",
     .help = "what the readout reads: top, the layers that no other reads (network.reads); or "
             "top+input, the numbers of the input too",
     .fallback = "top",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"top", "top+input", NULL},
     .offset = offsetof(hth_readout_options, reads)},
    {.name = "feedback",
     .help = "layer 0 reads the outputs of the step before, too, behind the input (init.w_fb; an "
             "array w_fb of the data): FORCE, echo state networks that generate. The units do not "
             "learn: learner=rls or readout-only",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(hth_readout_options, feedback)},
    {.name = "kappa",
     .help = "leak of the readout, y_t = kappa y_{t-1} + W z_t, in 0..1; 0: no filter; -1: "
             "exp(-1/30), 30 steps, where the readout reads units that spike, else 0",
     .fallback = "-1",
     .kind = HTH_KIND_REAL,
     .min = -1,
     .max = 1,
     .offset = offsetof(hth_readout_options, kappa)},
    {.name = "tau_out",
     .help = "time constant in steps, kappa = exp(-1/tau_out), in place of kappa; 0: kappa counts",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e9,
     .offset = offsetof(hth_readout_options, tau_out)},
    {.name = "scale",
     .help =
         "scale W z_t, not the bias, by 1 - kappa (NEST, tutorials) or by 1 (Bellec et al. 2019)",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(hth_readout_options, scale)},
    {.name = "bias",
     .help = "whether the readout has biases",
     .fallback = "true",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(hth_readout_options, bias)},
    {.name = "bias_place",
     .help =
         "biases added after the filter (code of 2020) or inside it (Bellec et al. 2019, eq. 41)",
     .fallback = "outside",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"outside", "inside", NULL},
     .offset = offsetof(hth_readout_options, bias_place)},
};

const hth_catalogue hth_readout_section = {
    .kind = "readout",
    .summary = "The leaky linear readout above the top layer.",
    .common = {"readout", readout_items, HTH_COUNT(readout_items)},
};
