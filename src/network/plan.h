/*
 * The plan of a network: what its settings say, read and checked before memory is asked for. network.c lays the network
 * out by it.
 */
#ifndef HTH_NETWORK_PLAN_H
#define HTH_NETWORK_PLAN_H

#include "network/network.h"
#include "network/sections.h"

/* Everything that is known before memory is asked for. */
typedef struct hth_network_plan {
    hth_network_options network;
    hth_readout_options readout;
    hth_loss_common loss;
    hth_regulariser regulariser;
    hth_delays delay, input_delay;
    const hth_loss *loss_kind;
    const hth_settings *settings;
    hth_stack stack;                 /* the two layers of both directions count */
    bool is_adapted[HTH_MAX_LAYERS]; /* the layer's options change its cell's table */
    size_t rows[HTH_MAX_LAYERS];     /* of W, by that table or the layer's own shape */
    hth_reading reads[HTH_MAX_LAYERS], readout_reads;
    bool is_top[HTH_MAX_LAYERS]; /* the readout reads it */
    bool feeds_back;             /* a layer reads one above it */
    size_t fed;                  /* outputs that layer 0 reads: all, or 0 */
    bool weighs_classes;
    double excitatory; /* the fraction; -1: none, or a list */
} hth_network_plan;

/* Reads the settings of a network for data of this shape; what the cells of layers have of their own is not kept.
 * HTH_INVALID for settings without a meaning. The plan borrows the texts. */
hth_status hth_plan_read(hth_network_plan *plan, const hth_settings *settings,
                         const hth_shape *shape, hth_error *error);

/* Whether network.excitatory says of each unit whether it excites; else it is a fraction, or -1. */
bool hth_plan_lists_signs(const hth_network_plan *plan);
const hth_layer_kind *hth_plan_kind(const hth_network_plan *plan, size_t layer);
const hth_cell *hth_plan_cell(const hth_network_plan *plan, size_t layer);
/* "layer<number>." before the names of a layer's blocks and settings: the second direction has those of the first. */
size_t hth_plan_number(const hth_network_plan *plan, size_t layer);
/* The options of a cell, of the layer with this number, into *out. */
hth_status hth_plan_read_cell(const hth_cell *cell, size_t number, const hth_settings *settings,
                              void *out, hth_error *error);
/* A layer's table, as its options change it: *changed says whether they do. */
hth_status hth_plan_adapt(const hth_network_plan *plan, size_t layer, hth_cell *cell, bool *changed,
                          hth_error *error);
/* layer->rows, those of W: n for each drive, or what the layer's kind says. */
hth_status hth_plan_shape(const hth_network_plan *plan, size_t index, hth_layer *layer,
                          hth_error *error);

#endif
