/* The catalogues of the core: what can be chosen and set, for validation, --help and the reference
 * pages. */
#ifndef HTH_CATALOGUES_H
#define HTH_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_network_section;     /* network.* */
extern const hth_catalogue hth_layer_kinds;         /* layer.name and layer.* */
extern const hth_catalogue hth_cells;               /* cell.name and cell.* */
extern const hth_catalogue hth_readout_section;     /* readout.* */
extern const hth_catalogue hth_losses;              /* loss.name and loss.* */
extern const hth_catalogue hth_regulariser_section; /* regulariser.* */
extern const hth_catalogue hth_init_section;        /* init.* */

#ifndef HTH_MOST_LAYERS
#define HTH_MOST_LAYERS 16
#endif
enum { HTH_MAX_LAYERS = HTH_MOST_LAYERS };
enum { HTH_FORWARD, HTH_BOTH_WAYS }; /* network.direction */

/* network.connections: which recurrent weights a layer has. */
typedef enum hth_connections {
    HTH_CONNECT_ALL,
    HTH_CONNECT_RING,
    HTH_CONNECT_RANDOM,
    HTH_CONNECT_NONE,
    HTH_CONNECT_GIVEN /* by arrays of the data, hth_layer_wire; all until then */
} hth_connections;

/* network.reads: what a layer reads. Each layer is read once, by the first above it that reads `below`, or else by the
 * readout. */
typedef enum hth_reads_what {
    HTH_READS_BELOW, /* the layers below that nobody has read so far; the first layer: the input */
    HTH_READS_INPUT, /* the input */
    HTH_READS_BELOW_INPUT, /* both */
    HTH_READS_BACKWARD /* the input from the end of each sequence: the layer runs against time */
} hth_reads_what;

/* The stack of layers that settings describe, from the input up. */
typedef struct hth_stack {
    size_t layers;
    size_t units[HTH_MAX_LAYERS];
    size_t kinds[HTH_MAX_LAYERS]; /* positions in hth_layer_kinds */
    size_t cells[HTH_MAX_LAYERS]; /* positions in hth_cells, of layers of units */
    hth_reads_what reads[HTH_MAX_LAYERS];
    hth_connections connections[HTH_MAX_LAYERS];
    bool
        mirrored; /* network.direction = both: the only layer has a second beside it, see hth_stack_mirror */
    bool backward; /* a layer runs against time, so that a tape is a whole sequence */
    bool
        differs; /* layers have kinds, cells or settings of their own: network.cells, layer<l>.cell.* */
} hth_stack;

/* HTH_INVALID for lists that do not fit together, an unknown cell, a setting of a layer that there is not. */
hth_status hth_stack_read(const hth_settings *settings, hth_stack *out, hth_error *error);

/* Adds the layer that a mirrored one has beside it. */
void hth_stack_mirror(hth_stack *stack);

/* Whether firing rates of whole sequences count (regulariser.rate, rate_over), so that a tape has to be one. */
hth_status hth_wants_whole_rates(const hth_settings *settings, bool *out, hth_error *error);

/* The verbs each_table and names of hth_layer_kinds and of hth_cells. */
bool hth_layers_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const struct hth_table *table),
                           void *context);
void hth_layers_names(const hth_settings *settings, char *out, size_t size);
bool hth_cells_each_table(const hth_settings *settings,
                          void (*visit)(void *context, const struct hth_table *table),
                          void *context);
void hth_cells_names(const hth_settings *settings, char *out, size_t size);

/* What follows "layer<l>." in the key of a setting of layer l alone; NULL for any other key. */
const char *hth_layer_key(const char *key, size_t *layer);

#endif
