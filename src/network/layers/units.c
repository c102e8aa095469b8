/*
 * Elementwise units of one cell: unit j sees its own state and drive alone, s_t, z_t = unit(s_{t-1}, a_t, z_{t-1}). The
 * cell's table has their derivatives, by which errors go back (cell.h).
 */
#include "network/layers/layers.h"

static void step(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                 size_t from, size_t to) {
    hth_row row = {0};
    for (size_t b = from; b < to; b++) {
        hth_layer_row(layer, on, t, batch, b, &row);
        layer->cell->step(&row);
    }
}

const hth_layer_kind hth_layer_kind_units = {
    .form = {.part = {.name = "units",
                      .summary = "elementwise units of a cell (cell.name, network.cells)"}},
    .has_cell = true,
    .step = step,
};
