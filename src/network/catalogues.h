/* The catalogues of the core: what can be chosen and set, for validation, --help and the reference
 * pages. */
#ifndef HTH_CATALOGUES_H
#define HTH_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_network_section;     /* network.* */
extern const hth_catalogue hth_cells;               /* cell.name and cell.* */
extern const hth_catalogue hth_readout_section;     /* readout.* */
extern const hth_catalogue hth_losses;              /* loss.name and loss.* */
extern const hth_catalogue hth_regulariser_section; /* regulariser.* */
extern const hth_catalogue hth_init_section;        /* init.* */

enum { HTH_MAX_LAYERS = 16 };

/* The stack of layers that settings describe, from the input up. */
typedef struct hth_stack {
    size_t layers;
    size_t units[HTH_MAX_LAYERS];
    size_t cells[HTH_MAX_LAYERS]; /* positions in hth_cells */
    bool differs; /* layers have cells or settings of their own: network.cells, layer<l>.cell.* */
} hth_stack;

/* HTH_INVALID for lists that do not fit together, an unknown cell, a setting of a layer that there is not. */
hth_status hth_stack_read(const hth_settings *settings, hth_stack *out, hth_error *error);

/* The verbs each_table and names of hth_cells. */
bool hth_cells_each_table(const hth_settings *settings,
                          void (*visit)(void *context, const struct hth_table *table),
                          void *context);
void hth_cells_names(const hth_settings *settings, char *out, size_t size);

/* What follows "layer<l>." in the key of a setting of layer l alone; NULL for any other key. */
const char *hth_layer_key(const char *key, size_t *layer);

#endif
