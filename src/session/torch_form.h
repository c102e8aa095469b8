/* The form that networks here and modules of torch share, for both directions of the exchange. */
#ifndef HTH_TORCH_FORM_H
#define HTH_TORCH_FORM_H

#include "network/inspect.h"
#include "session/torch.h"

/* A cell that torch has: row block r of its weight_ih is our gate input[r], and of its weight_hh our gate recurrent[r].
 * The biases have the rows of the weights; those of gates that both have are added up. */
typedef struct hth_torch_cell {
    const char *name, *module; /* "lstm", "LSTM" */
    size_t gates, rows;        /* row blocks of ours and of torch's */
    size_t input[4], recurrent[4];
} hth_torch_cell;

typedef struct hth_torch_form {
    const hth_torch_cell *cell;
    size_t layers, units, inputs; /* layers: of each direction; inputs of the lowest */
    bool relu, both;              /* relu: of an RNN, else tanh; both: directions */
} hth_torch_form;

/* Finds the form of a network with these settings. HTH_INVALID with the reason when torch has no such module. */
hth_status hth_torch_form_of(const hth_network *network, const hth_settings *settings,
                             hth_torch_form *out, hth_error *error);

/* A layer of one direction: its block here, and the ending of torch's names: "l0", "l0_reverse". */
typedef struct hth_torch_layer {
    const hth_block *block;
    size_t inputs;
    char ending[32];
} hth_torch_layer;

/* The layers in torch's order, at most HTH_MAX_LAYERS; returns how many. */
size_t hth_torch_layers(const hth_network *network, const hth_torch_form *form,
                        hth_torch_layer out[HTH_MAX_LAYERS]);
/* The block with this name; NULL: the network has none. */
const hth_block *hth_torch_block(const hth_network *network, const char *name);

#endif
