/* The catalogue of kinds of layers. */
#include "network/layers/layers.h"
#include "network/catalogues.h"

#define POINTER(name) &hth_layer_kind_##name,
static const hth_layer_kind *const kinds[] = {HTH_LAYER_KINDS(POINTER)};

const hth_layer_kind *hth_layer_kind_at(size_t index) {
    return kinds[index];
}

static const hth_part *part_at(size_t index) {
    return &kinds[index]->form.part;
}

const hth_catalogue hth_layer_kinds = {
    .kind = "layer",
    .summary = "What a layer makes of its drive. network.layers names the kind of each.",
    .key = "layer.name",
    .fallback = "units",
    .common = {"layer", NULL, 0},
    .count = HTH_COUNT(kinds),
    .at = part_at,
    .each_table = hth_layers_each_table,
    .names = hth_layers_names,
};
