/* The parameters of a run as torch has them: see torch.h. */
#include "session/reopen.h"
#include "session/torch_form.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 4 * HTH_MAX_LAYERS + 3 };

/* A file in the making: fields, and room for their numbers. */
typedef struct draft {
    hth_field fields[MOST_FIELDS];
    size_t count;
    hth_real *next; /* the first free number */
} draft;

/* Adds a field of rows x columns, or a list if columns is 0, and returns the place of its numbers. */
static hth_real *add(draft *d, size_t rows, size_t columns, const char *format, ...)
    HTH_PRINTF(4, 5);
static hth_real *add(draft *d, size_t rows, size_t columns, const char *format, ...) {
    hth_field *field = &d->fields[d->count++];
    va_list arguments;
    *field = (hth_field){.dtype = HTH_DTYPE_REAL,
                         .count = rows * (columns ? columns : 1),
                         .data = d->next,
                         .shape = {rows, columns}};
    va_start(arguments, format);
    vsnprintf(field->name, sizeof field->name, format, arguments);
    va_end(arguments);
    d->next += field->count;
    return field->data;
}

/* ---- Blocks ------------------------------------------------------------------------------- */

/* The four arrays of a layer from its rows of W = [recurrent, inputs, bias]. */
static void add_layer(draft *d, const hth_torch_form *form, const hth_torch_layer *layer,
                      const hth_real *weight) {
    const hth_torch_cell *cell = form->cell;
    const size_t n = form->units, in = layer->inputs, m = layer->block->columns;
    const size_t rows = cell->rows * n;
    hth_real *ih = add(d, rows, in, "rnn.weight_ih_%s", layer->ending);
    hth_real *hh = add(d, rows, n, "rnn.weight_hh_%s", layer->ending);
    hth_real *b_ih = add(d, rows, 0, "rnn.bias_ih_%s", layer->ending);
    hth_real *b_hh = add(d, rows, 0, "rnn.bias_hh_%s", layer->ending);
    for (size_t r = 0; r < cell->rows; r++)
        for (size_t j = 0; j < n; j++) {
            const hth_real *of_inputs = weight + (cell->input[r] * n + j) * m;
            const hth_real *of_units = weight + (cell->recurrent[r] * n + j) * m;
            const size_t row = r * n + j;
            memcpy(ih + row * in, of_inputs + n, in * sizeof *ih);
            memcpy(hh + row * n, of_units, n * sizeof *hh);
            /* A gate has one bias here: it becomes that of the inputs. */
            b_ih[row] = of_inputs[m - 1];
            b_hh[row] = of_units == of_inputs ? 0 : of_units[m - 1];
        }
}

/* A block that torch has as it is. */
static void add_block(draft *d, const hth_network *network, const hth_real *parameters,
                      const char *name, bool list) {
    const hth_block *block = hth_torch_block(network, name);
    if (!block) return;
    const size_t rows = list ? block->columns : block->rows;
    hth_real *out = add(d, rows, list ? 0 : block->columns, "%s", name);
    memcpy(out, parameters + block->offset, block->rows * block->columns * sizeof *out);
}

/* ---- The file ----------------------------------------------------------------------------- */

/* "rnn = torch.nn.LSTM(3, 16, num_layers=2), readout = torch.nn.Linear(16, 1)" */
static void describe(const hth_network *network, const hth_torch_form *form, char *out) {
    const hth_block *readout = hth_torch_block(network, "readout.weight");
    const hth_block *embedding = hth_torch_block(network, "embedding.weight");
    char layers[40] = "", table[80] = "";
    if (form->layers > 1) snprintf(layers, sizeof layers, ", num_layers=%zu", form->layers);
    if (embedding)
        snprintf(table, sizeof table, "embedding = torch.nn.Embedding(%zu, %zu), ", embedding->rows,
                 embedding->columns);
    snprintf(out, HTH_TORCH_TOLD,
             "%srnn = torch.nn.%s(%zu, %zu%s%s%s), readout = torch.nn.Linear(%zu, %zu%s)", table,
             form->cell->module, form->inputs, form->units, layers,
             form->relu ? ", nonlinearity='relu'" : "", form->both ? ", bidirectional=True" : "",
             readout->columns, readout->rows,
             hth_torch_block(network, "readout.bias") ? "" : ", bias=False");
}

static hth_status write_file(const char *path, hth_network *network, const hth_torch_form *form,
                             char *told, hth_error *error) {
    const hth_real *parameters = hth_network_parameters(network);
    hth_torch_layer layers[HTH_MAX_LAYERS];
    draft d = {.count = 0};
    /* All arrays lie in one: a second bias of each gate is all that there is more of. */
    hth_real *numbers = calloc(2 * hth_network_parameter_count(network) + 1, sizeof *numbers);
    if (!numbers) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %.200s", path);
    d.next = numbers;
    const size_t count = hth_torch_layers(network, form, layers);
    for (size_t i = 0; i < count; i++)
        add_layer(&d, form, &layers[i], parameters + layers[i].block->offset);
    add_block(&d, network, parameters, "readout.weight", false);
    add_block(&d, network, parameters, "readout.bias", true);
    add_block(&d, network, parameters, "embedding.weight", false);
    /* The metadata say how to make the modules. */
    describe(network, form, told);
    const hth_metadata metadata[] = {
        {"format", "pt"}, {"modules", told}, {"hitherto", hth_version()}};
    const hth_status status =
        hth_safetensors_write(path, d.fields, d.count, metadata, HTH_COUNT(metadata), error);
    free(numbers);
    return status;
}

/* Start values that are learned have no place in a module of torch. */
static hth_status check_initial(const hth_network *network, hth_error *error) {
    if (!hth_torch_block(network, "layer0.initial")) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "network.initial is learned: modules of torch begin at zero and do not hold "
                    "a state");
}

hth_status hth_torch_export(const char *run, const hth_settings *overrides, const char *path,
                            char *told, hth_error *error) {
    hth_session session;
    hth_config *config;
    hth_torch_form form;
    HTH_TRY(hth_run_open(run, "train", overrides, NULL, &config, &session, error));
    const hth_settings settings = hth_config_settings(config);
    hth_network *network = session.parts.network;
    hth_status status = hth_torch_form_of(network, &settings, &form, error);
    if (status == HTH_OK) status = check_initial(network, error);
    if (status == HTH_OK) status = write_file(path, network, &form, told, error);
    hth_session_close(&session);
    hth_config_destroy(config);
    return status;
}
