/*
 * Which networks torch has too. Our gates of an LSTM are i, f, o, g and torch's i, f, g, o; ours of a GRU are r, u, cx,
 * ch, where cx reads the inputs and ch the units, and torch's r, z, n, where z is our u and n has a row for either.
 * Both reset a GRU after the recurrent product. An RNN is a rate unit without a leak.
 */
#include "session/torch_form.h"

#include "settings/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hth_torch_cell cells[] = {
    {"lstm", "LSTM", 4, 4, {0, 1, 3, 2}, {0, 1, 3, 2}},
    {"gru", "GRU", 4, 3, {0, 1, 2}, {0, 1, 3}},
    {"rate", "RNN", 1, 1, {0}, {0}},
};

/* ---- Settings ----------------------------------------------------------------------------- */

/* The value of a cell's setting in a layer. */
static const char *of_layer(const hth_settings *settings, size_t layer, const char *key,
                            const char *fallback) {
    char own[64];
    snprintf(own, sizeof own, "layer%zu.%s", layer, key);
    const hth_setting *found = hth_settings_find(settings, own);
    return found ? found->value : hth_config_value(settings, key, fallback);
}

/* Whether a text is one number with this value. */
static bool is_number(const char *text, double value) {
    char *end;
    return strtod(text, &end) == value && end != text && !*end;
}

/* The cell's settings in a layer. */
static hth_status check_cell(const hth_settings *settings, size_t layer, hth_torch_form *form,
                             hth_error *error) {
    const char *output = of_layer(settings, layer, "cell.output", "tanh");
    const char *alpha = of_layer(settings, layer, "cell.alpha", "1");
    const char *phi = of_layer(settings, layer, "cell.phi", "tanh");
    const bool relu = strcmp(phi, "relu") == 0;
    if (strcmp(form->cell->name, "lstm") == 0 && strcmp(output, "tanh") != 0)
        return hth_fail(error, HTH_INVALID,
                        "cell.output is %.20s: a torch.nn.LSTM has the output o tanh(c) alone",
                        output);
    if (strcmp(form->cell->name, "rate") != 0) return HTH_OK;
    /* A rate unit. */
    if (!is_number(alpha, 1))
        return hth_fail(error, HTH_INVALID,
                        "cell.alpha is %.40s: a torch.nn.RNN has no leak, so it must be 1", alpha);
    if (!relu && strcmp(phi, "tanh") != 0)
        return hth_fail(error, HTH_INVALID, "cell.phi is %.20s: a torch.nn.RNN has tanh or relu",
                        phi);
    if (layer > 0 && relu != form->relu)
        return hth_fail(error, HTH_INVALID,
                        "layers differ in cell.phi: a torch.nn.RNN has one nonlinearity");
    form->relu = relu;
    return HTH_OK;
}

/* What stands around the recurrent layers. */
static hth_status check_around(const hth_settings *settings, hth_error *error) {
    const char *reads = hth_config_value(settings, "network.reads", "");
    const char *of_readout = hth_config_value(settings, "readout.reads", "top");
    const double kappa = strtod(hth_config_value(settings, "readout.kappa", "-1"), NULL);
    const double tau = strtod(hth_config_value(settings, "readout.tau_out", "0"), NULL);
    if (*reads)
        return hth_fail(error, HTH_INVALID,
                        "network.reads is '%.80s': in torch every layer reads the one below it",
                        reads);
    if (strcmp(of_readout, "top") != 0)
        return hth_fail(error, HTH_INVALID,
                        "readout.reads is %.20s: a torch.nn.Linear above the recurrent module "
                        "reads that alone",
                        of_readout);
    if (kappa > 0 || tau > 0)
        return hth_fail(error, HTH_INVALID,
                        "the readout leaks (readout.%s): a torch.nn.Linear does not",
                        tau > 0 ? "tau_out" : "kappa");
    return HTH_OK;
}

/* ---- The form ----------------------------------------------------------------------------- */

static hth_status find_cell(const char *name, hth_torch_form *form, hth_error *error) {
    for (size_t i = 0; i < HTH_COUNT(cells); i++)
        if (strcmp(cells[i].name, name) == 0) form->cell = &cells[i];
    if (form->cell) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "the cell is %.40s: torch has lstm (torch.nn.LSTM), gru (torch.nn.GRU) and "
                    "rate without a leak (torch.nn.RNN)",
                    name);
}

hth_status hth_torch_form_of(const hth_network *network, const hth_settings *settings,
                             hth_torch_form *out, hth_error *error) {
    const hth_network_facts facts = hth_network_look(network);
    const hth_layer_facts lowest = hth_layer_look(network, 0);
    hth_torch_form form = {.units = lowest.units, .inputs = lowest.inputs};
    const char *direction = hth_config_value(settings, "network.direction", "forward");
    form.both = strcmp(direction, "both") == 0;
    form.layers = form.both ? 1 : facts.layers;
    /* What is around the layers, then each layer: the same cell and as many units in all. */
    HTH_TRY(find_cell(lowest.cell, &form, error));
    HTH_TRY(check_around(settings, error));
    for (size_t l = 0; l < facts.layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        if (strcmp(layer.cell, lowest.cell) != 0 || layer.units != lowest.units)
            return hth_fail(error, HTH_INVALID,
                            "layer %zu has %zu units of %.20s and layer 0 has %zu of %.20s: the "
                            "layers of a torch.nn.%s have the same cell and size",
                            l, layer.units, layer.cell, lowest.units, lowest.cell,
                            form.cell->module);
        if (layer.columns != layer.units + layer.inputs + 1)
            return hth_fail(error, HTH_INVALID,
                            "connections of layer %zu have delays (network.delay, input_delay): "
                            "those of torch have none",
                            l);
        HTH_TRY(check_cell(settings, layer.number, &form, error));
    }
    *out = form;
    return HTH_OK;
}

const hth_block *hth_torch_block(const hth_network *network, const char *name) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(blocks[i].name, name) == 0) return &blocks[i];
    return NULL;
}

size_t hth_torch_layers(const hth_network *network, const hth_torch_form *form,
                        hth_torch_layer out[HTH_MAX_LAYERS]) {
    const size_t count = form->both ? 2 : form->layers;
    for (size_t i = 0; i < count; i++) {
        const bool reverse = form->both && i == 1;
        char name[40];
        snprintf(name, sizeof name, "layer%zu.%sweight", reverse ? 0 : i,
                 reverse ? "backward." : "");
        out[i].block = hth_torch_block(network, name);
        out[i].inputs = hth_layer_look(network, i).inputs;
        snprintf(out[i].ending, sizeof out[i].ending, "l%zu%s", reverse ? 0 : i,
                 reverse ? "_reverse" : "");
    }
    return count;
}
