/*
 * Parameters from a file with torch's names: see torch.h. A module may have any name ("rnn.", "encoder.lstm.", none);
 * it is found by its weight_ih_l0. All is read into a copy of the parameters, which replaces them when all of it fits.
 */
#include "session/torch_form.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char first[] = "weight_ih_l0";

enum { NAME = 40, PREFIX = 18 }; /* PREFIX and the longest of torch's names fill a NAME */

/* A file being read into a network. */
typedef struct adoption {
    const char *from;
    hth_safetensors *file;
    hth_network *network;
    hth_torch_form form;
    char prefix[PREFIX + 1];    /* "rnn." */
    hth_real *parameters;       /* a copy of the network's */
    char taken[120], left[200]; /* what the observer is told */
} adoption;

/* ---- Finding ------------------------------------------------------------------------------ */

static bool ends_in(const char *name, const char *ending) {
    const size_t length = strlen(name), of = strlen(ending);
    return length >= of && strcmp(name + length - of, ending) == 0;
}

static const hth_tensor *find(const hth_safetensors *file, const char *name) {
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    return NULL;
}

/* Tensor PREFIX + what + "_" + ending; its name in name[40]. NULL: there is none. */
static const hth_tensor *find_part(const adoption *a, const char *what, const char *ending,
                                   char name[NAME]) {
    snprintf(name, NAME, "%.18s%.9s_%.11s", a->prefix, what, ending);
    return find(a->file, name);
}

bool hth_torch_has(const hth_safetensors *file) {
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count; i++)
        if (ends_in(tensors[i].name, first)) return true;
    return false;
}

/* The name of the module, from that of its weight_ih_l0. */
static hth_status find_prefix(adoption *a, hth_error *error) {
    size_t count, found = 0;
    const hth_tensor *tensors = hth_safetensors_list(a->file, &count);
    for (size_t i = 0; i < count; i++) {
        if (!ends_in(tensors[i].name, first)) continue;
        const size_t length = strlen(tensors[i].name) - strlen(first);
        if (found++)
            return hth_fail(error, HTH_MISMATCH,
                            "%.200s has two recurrent modules, '%.40s' and '%.*s': leave one in it",
                            a->from, a->prefix, (int)(length < 40 ? length : 40), tensors[i].name);
        if (length > PREFIX)
            return hth_fail(error, HTH_MISMATCH,
                            "%.200s: the name '%.60s' is too long: call the module rnn, so that "
                            "it becomes rnn.%s",
                            a->from, tensors[i].name, first);
        snprintf(a->prefix, sizeof a->prefix, "%.*s", (int)length, tensors[i].name);
    }
    return HTH_OK;
}

/* ---- The recurrent module ----------------------------------------------------------------- */

static bool has_shape(const hth_tensor *tensor, size_t rows, size_t columns) {
    return tensor && tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
}

/* "LSTM of 16 units", from the shape of a weight_hh, gates x units and units. */
static void name_module(const hth_tensor *hh, char *out, size_t size) {
    static const char *const names[] = {NULL, "RNN", NULL, "GRU", "LSTM"};
    const uint64_t units = hh && hh->rank == 2 ? hh->shape[1] : 0;
    const uint64_t gates = units ? hh->shape[0] / units : 0;
    if (gates < HTH_COUNT(names) && names[gates] && units * gates == hh->shape[0])
        snprintf(out, size, "a torch.nn.%s of %llu units", names[gates], (unsigned long long)units);
    else
        snprintf(out, size, "no recurrent module of torch that is known");
}

/* The module in the file must be that of the network: its kind, its size, its layers and directions. */
static hth_status check_module(const adoption *a, hth_error *error) {
    const hth_torch_form *form = &a->form;
    char name[NAME], next[24], has[80];
    const hth_tensor *hh = find_part(a, "weight_hh", "l0", name);
    const hth_tensor *ih = find_part(a, "weight_ih", "l0", name);
    if (find_part(a, "weight_hr", "l0", name))
        return hth_fail(error, HTH_MISMATCH,
                        "%.200s: %s is the projection of a torch.nn.LSTM with proj_size, which "
                        "lstm does not have",
                        a->from, name);
    if (!has_shape(hh, form->cell->rows * form->units, form->units)) {
        name_module(hh, has, sizeof has);
        return hth_fail(error, HTH_MISMATCH,
                        "%.200s has %s, but this network has %zu units of %s (a torch.nn.%s)",
                        a->from, has, form->units, form->cell->name, form->cell->module);
    }
    if (!has_shape(ih, form->cell->rows * form->units, form->inputs))
        return hth_fail(error, HTH_MISMATCH,
                        "%.200s: the module reads %llu inputs, but the network's first layer %zu",
                        a->from, (unsigned long long)(ih->rank == 2 ? ih->shape[1] : 0),
                        form->inputs);
    if ((find_part(a, "weight_ih", "l0_reverse", name) != NULL) != form->both)
        return hth_fail(error, HTH_MISMATCH,
                        "%.200s: the module is %sbidirectional, but network.direction is %s",
                        a->from, form->both ? "not " : "", form->both ? "both" : "forward");
    snprintf(next, sizeof next, "l%zu", form->layers);
    if (find_part(a, "weight_ih", next, name))
        return hth_fail(error, HTH_MISMATCH,
                        "%.200s: the module has more than the network's %zu layer%s", a->from,
                        form->layers, form->layers == 1 ? "" : "s");
    return HTH_OK;
}

/* Reads PREFIX + what + "_" + ending into out[rows][columns], columns 0: a list. Biases that are not there are 0. */
static hth_status read_part(const adoption *a, const char *what, const char *ending, size_t rows,
                            size_t columns, hth_real *out, hth_error *error) {
    hth_field field = {.dtype = HTH_DTYPE_REAL, .count = rows * (columns ? columns : 1)};
    const hth_tensor *tensor = find_part(a, what, ending, field.name);
    field.data = out;
    if (!tensor && columns == 0) return HTH_OK;
    if (columns > 0 && !has_shape(tensor, rows, columns))
        return hth_fail(error, HTH_MISMATCH, "%.200s: there is no %s of %zu x %zu", a->from,
                        field.name, rows, columns);
    return hth_safetensors_restore(a->file, &field, 1, HTH_RESTORE_CONVERT, error);
}

/* The four arrays of a layer, zeros where a bias is missing. */
typedef struct arrays {
    hth_real *ih, *hh, *b_ih, *b_hh;
} arrays;

/* W from the four arrays. Rows of ours that torch has in both of its halves add up their biases. */
static void fill_layer(const hth_torch_form *form, const hth_torch_layer *layer, const arrays *of,
                       hth_real *weight) {
    const hth_torch_cell *cell = form->cell;
    const size_t n = form->units, in = layer->inputs, m = layer->block->columns;
    memset(weight, 0, layer->block->rows * m * sizeof *weight);
    for (size_t r = 0; r < cell->rows; r++)
        for (size_t j = 0; j < n; j++) {
            hth_real *inputs = weight + (cell->input[r] * n + j) * m;
            hth_real *units = weight + (cell->recurrent[r] * n + j) * m;
            const size_t row = r * n + j;
            memcpy(inputs + n, of->ih + row * in, in * sizeof *inputs);
            memcpy(units, of->hh + row * n, n * sizeof *units);
            inputs[m - 1] += of->b_ih[row];
            units[m - 1] += of->b_hh[row];
        }
}

/* A weight other than 0 where the network has no connection, or of the wrong sign, would be lost. */
static hth_status check_connections(const adoption *a, size_t index, const hth_torch_layer *layer,
                                    const hth_real *weight, hth_real *room, hth_error *error) {
    const size_t count = layer->block->rows * layer->block->columns;
    memcpy(room, weight, count * sizeof *room);
    hth_layer_keep_weights(a->network, index, room);
    for (size_t i = 0; i < count; i++)
        if (room[i] != weight[i])
            return hth_fail(
                error, HTH_MISMATCH,
                "%.200s: layer %s has weights that this network does not (network.bias, "
                "self_connections, connections, excitatory)",
                a->from, layer->ending);
    return HTH_OK;
}

static hth_status take_layer(const adoption *a, size_t index, const hth_torch_layer *layer,
                             hth_error *error) {
    const size_t n = a->form.units, rows = a->form.cell->rows * n, in = layer->inputs;
    const size_t size = layer->block->rows * layer->block->columns;
    hth_real *weight = a->parameters + layer->block->offset;
    /* Room for the four arrays, then for a copy of the weights. */
    hth_real *room = calloc(rows * (in + n + 2) + size, sizeof *room);
    if (!room) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %.200s", a->from);
    const arrays of = {room, room + rows * in, room + rows * (in + n), room + rows * (in + n + 1)};
    hth_status status = read_part(a, "weight_ih", layer->ending, rows, in, of.ih, error);
    if (status == HTH_OK) status = read_part(a, "weight_hh", layer->ending, rows, n, of.hh, error);
    if (status == HTH_OK) status = read_part(a, "bias_ih", layer->ending, rows, 0, of.b_ih, error);
    if (status == HTH_OK) status = read_part(a, "bias_hh", layer->ending, rows, 0, of.b_hh, error);
    if (status == HTH_OK) {
        fill_layer(&a->form, layer, &of, weight);
        status = check_connections(a, index, layer, weight, of.b_hh + rows, error);
    }
    free(room);
    return status;
}

/* ---- Readout and embedding ---------------------------------------------------------------- */

/* The weights of a Linear or an Embedding: `name` if it is there, else the only matrix of that shape outside of the
 * module. NULL: there is none, or more than one. */
static const hth_tensor *find_matrix(const adoption *a, const hth_block *block) {
    size_t count, found = 0;
    const hth_tensor *tensors = hth_safetensors_list(a->file, &count), *only = NULL;
    const hth_tensor *named = find(a->file, block->name);
    if (named) return has_shape(named, block->rows, block->columns) ? named : NULL;
    for (size_t i = 0; i < count; i++) {
        if (!ends_in(tensors[i].name, ".weight") ||
            !has_shape(&tensors[i], block->rows, block->columns))
            continue;
        only = &tensors[i];
        found++;
    }
    return found == 1 ? only : NULL;
}

static void note(char *list, size_t size, const char *format, ...) HTH_PRINTF(3, 4);
static void note(char *list, size_t size, const char *format, ...) {
    const size_t used = strlen(list);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(list + used, size - used, format, arguments);
    va_end(arguments);
}

/* Copies a tensor into a block of the copy. */
static hth_status take_tensor(const adoption *a, const hth_tensor *tensor, const hth_block *block,
                              hth_error *error) {
    hth_field field = {.dtype = HTH_DTYPE_REAL, .count = block->rows * block->columns};
    field.data = a->parameters + block->offset;
    snprintf(field.name, sizeof field.name, "%s", tensor->name);
    return hth_safetensors_restore(a->file, &field, 1, HTH_RESTORE_CONVERT, error);
}

/* A matrix with a list of biases beside it, or without if `bias_block` is NULL. */
static hth_status take_matrix(adoption *a, const char *weight_name, const char *bias_name,
                              hth_error *error) {
    const hth_block *block = hth_torch_block(a->network, weight_name);
    const hth_block *bias_block = bias_name ? hth_torch_block(a->network, bias_name) : NULL;
    const hth_tensor *matrix = block ? find_matrix(a, block) : NULL, *bias = NULL;
    char name[80] = "";
    if (!block) return HTH_OK;
    if (matrix) {
        snprintf(name, sizeof name, "%.*sbias", (int)(strlen(matrix->name) - 6), matrix->name);
        bias = bias_name ? find(a->file, name) : NULL;
    }
    /* A matrix that fits alone is not taken: its biases would be lost. */
    const bool fits = matrix && strlen(matrix->name) < NAME &&
                      (!bias || (bias_block && bias->count == bias_block->columns));
    if (!fits) {
        note(a->left, sizeof a->left, "%s%s (no matrix of %zu x %zu%s)", *a->left ? ", " : "",
             block->name, block->rows, block->columns, bias ? " with as many biases" : "");
        return HTH_OK;
    }
    note(a->taken, sizeof a->taken, ", %.*s", (int)(strlen(matrix->name) - 7), matrix->name);
    HTH_TRY(take_tensor(a, matrix, block, error));
    if (bias) return take_tensor(a, bias, bias_block, error);
    if (bias_block)
        memset(a->parameters + bias_block->offset, 0, bias_block->columns * sizeof *a->parameters);
    return HTH_OK;
}

/* ---- All of it ---------------------------------------------------------------------------- */

static hth_status take_all(adoption *a, hth_error *error) {
    hth_torch_layer layers[HTH_MAX_LAYERS];
    const size_t count = hth_torch_layers(a->network, &a->form, layers);
    for (size_t i = 0; i < count; i++) HTH_TRY(take_layer(a, i, &layers[i], error));
    HTH_TRY(take_matrix(a, "readout.weight", "readout.bias", error));
    return take_matrix(a, "embedding.weight", NULL, error);
}

static void tell(const adoption *a, const hth_observer *observer) {
    char sentence[700];
    if (!observer || !observer->message) return;
    snprintf(sentence, sizeof sentence, "Begins with parameters of %.200s: torch.nn.%s%s%s%s",
             a->from, a->form.cell->module, a->taken, *a->left ? "; not taken: " : "", a->left);
    observer->message(observer->context, sentence);
}

hth_status hth_torch_adopt(const char *from, hth_safetensors *file, const hth_settings *settings,
                           hth_network *network, const hth_observer *observer, hth_error *error) {
    const size_t size = hth_network_parameter_count(network) * sizeof(hth_real);
    adoption a = {.from = from, .file = file, .network = network};
    /* Refuse what torch does not have, and what does not fit. */
    HTH_TRY(hth_torch_form_of(network, settings, &a.form, error));
    HTH_TRY(find_prefix(&a, error));
    HTH_TRY(check_module(&a, error));
    /* Read all into a copy. */
    a.parameters = malloc(size);
    if (!a.parameters) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %.200s", from);
    memcpy(a.parameters, hth_network_parameters(network), size);
    const hth_status status = take_all(&a, error);
    if (status == HTH_OK) {
        memcpy(hth_network_parameters(network), a.parameters, size);
        tell(&a, observer);
    }
    free(a.parameters);
    return status;
}
