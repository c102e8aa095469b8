/* The inside of a network handle: layers, readout, loss, and where their parameters are. */
#ifndef HTH_NETWORK_H
#define HTH_NETWORK_H

#include "kernels/compute.h"
#include "network/catalogues.h"
#include "network/layer.h"
#include "network/loss.h"
#include "network/reading.h"
#include "network/regulariser.h"
#include "network/store.h"

/* network.events: whether products skip what is 0 in [z; x]. Results do not depend on it. */
typedef enum hth_events_use { HTH_EVENTS_AUTO, HTH_EVENTS_ALWAYS, HTH_EVENTS_NEVER } hth_events_use;

/* network.delay, network.input_delay: each connection has one of least..most. */
typedef struct hth_delays {
    size_t least, most;
} hth_delays;

/*
 * Which connections of a layer go to which columns of u (wiring.c). Behind x, u has late copies of the input and of z:
 *
 *     u_t = [z_{t-1}; x_t; x_{t-1} .. x_{t-late_x}; z_{t-2} .. z_{t-1-late_z}; 1]
 *
 * A connection with a delay has its weight in one copy's column, and no weight in the others (`exists`).
 */
typedef struct hth_wiring {
    size_t late_x, late_z; /* 0: no delays */
    size_t x_at, x_width;  /* the input among what the layer reads; width 0: it does not read it */
    uint16_t *z_delay;     /* [n to][n from], 1 is z_{t-1}; NULL: all are 1 */
    uint16_t *x_delay;     /* [n to][x_width], 0 is x_t; NULL: all are 0 */
    /* network.connections = given: the diagonal of `connected` counts too, and so does x_connected; waits: until a mask
     * comes, all are there. */
    bool is_given, waits;
    unsigned char *x_connected; /* [n to][x_width]; NULL: the layer reads all */
    unsigned char *exists;      /* [n to][m - 1], of all that; NULL: no late copies, not given */
} hth_wiring;

/* n units that read [z; x; 1], m = n + inputs + 1 numbers, stored `stride` apart on the tape. x is what the layer reads
 * of others, and then late copies (hth_wiring). */
typedef struct hth_layer {
    const hth_layer_kind *kind;
    const hth_cell *cell; /* of its units; of other kinds their form, which has no derivatives */
    const void *options;  /* of the cell */
    size_t number;        /* of "layer<number>." in the names of blocks and settings */
    hth_real *constants;  /* [constants][n] */
    size_t n, inputs, m, stride, rows; /* rows = drives * n, but for a kind with its own shape */
    hth_store_form store;              /* of a kind that stores */
    size_t driven;     /* rows that read something; those after them are parameters (cell.h) */
    size_t weight;     /* offset of W[rows][m] in the parameters */
    const hth_real *W; /* the same, as a place */
    size_t initial;    /* offset of the initial state */
    bool has_bias, has_self, learns_initial;
    /* [n]: recurrent weights from a unit are at least 0 (1), or at most 0 (0); NULL: weights may have either sign. */
    hth_real *excites;
    hth_reading reads; /* x */
    bool backward;     /* runs over each item's sequence from its end: see hth_tape_slot */
    bool is_top;       /* the readout reads it, and no layer does but a store */
    hth_events_use events;
    bool is_complete;         /* no entry of W is missing */
    unsigned char *connected; /* [n to][n from], but for the diagonal; NULL: all are */
    hth_wiring wiring;
} hth_layer;

/* y_t = kappa y_{t-1} + gain W z_t (+ b)   (Bellec et al. 2019, eq. 41) */
typedef struct hth_readout {
    size_t outputs,
        n; /* n: numbers that it reads, of all layers that are at the top, and of the input */
    hth_reading reads;
    size_t weight, bias; /* offsets of W[outputs][n] and b[outputs] */
    hth_real kappa, gain;
    bool has_bias, filters_bias; /* b inside the leaky recursion, or added to y outside it */
    const hth_loss *loss;
    const void *loss_options;
    hth_real *class_weights; /* [outputs]; NULL: every class counts 1 */
    bool mean_over_batch, mean_over_time, mean_over_window;
} hth_readout;

struct hth_network {
    hth_shape shape;
    size_t layer_count;
    hth_layer *layers;
    double dropout; /* p: a unit is left out where others read it */
    uint64_t seed;  /* of what is drawn along the way */
    bool is_whole;  /* a layer runs against time, so that a tape is a whole sequence */
    bool
        feeds_back; /* a layer reads one above it, so that all layers take a step before the next */
    size_t embedding, embedding_weight; /* width (0: none) and offset of E[vocabulary][width] */
    hth_readout readout;
    hth_regulariser regulariser;
    size_t block_count;
    hth_block *blocks;
    size_t recurrent_count; /* parameters that states depend on come first: all but the readout's */
    size_t count;
    hth_real *theta;
    hth_real *
        squares; /* [2][n][n] of the widest layer, scratch of network.orthogonal; NULL: it is false */
    uint64_t
        changes; /* grows whenever parameters may have changed: copies of an older count are stale */
};

/* What loss.batch and loss.time make of an item's loss: its factor. totals[batch]: what loss.time divides by
 * (hth_tape); not looked at where it divides by nothing. */
HTH_VERB(double, hth_loss_factor,
         (const hth_readout *readout, const double *totals, size_t batch, size_t item));
#define hth_loss_factor HTH_NOW(hth_loss_factor)

/* loss.time = mean or window: a loss is divided by what all of its sequence adds up to. */
static inline bool hth_loss_divides(const hth_readout *readout) {
    return readout->mean_over_time || readout->mean_over_window;
}

/* Whether the readout reads one layer and nothing else, as it is: the last, which runs with time. */
static inline bool hth_reads_last_alone(const hth_network *network) {
    return hth_reads_one(&network->readout.reads) && !network->is_whole && !(network->dropout > 0);
}

/* Whether a layer is read by another. */
static inline bool hth_is_deep(const hth_network *network) {
    bool deep = false;
    for (size_t l = 0; l < network->layer_count; l++) deep = deep || !network->layers[l].is_top;
    return deep;
}

/* How many outputs layer 0 reads, of the step before: all (readout.feedback), or 0. */
static inline size_t hth_network_fed(const hth_network *network) {
    return network->layers[0].reads.fed;
}

/* Whether a layer keeps rows. */
static inline bool hth_has_store(const hth_network *network) {
    bool stores = false;
    for (size_t l = 0; l < network->layer_count; l++)
        stores = stores || network->layers[l].kind->stores;
    return stores;
}

/* Whether a layer with states reads a store, so that these hold what has been read. */
static inline bool hth_store_is_read(const hth_network *network) {
    bool read = network->feeds_back;
    for (size_t l = 0; l < network->layer_count; l++)
        read = read || (network->layers[l].kind->stores && !network->layers[l].is_top);
    return read;
}

/* Whether a store reads the layer. */
static inline bool hth_is_stored(const hth_network *network, size_t layer) {
    bool stored = false;
    for (size_t l = layer + 1; l < network->layer_count; l++)
        for (size_t i = 0; network->layers[l].kind->stores && i < network->layers[l].reads.count;
             i++)
            stored = stored || network->layers[l].reads.parts[i].layer == layer;
    return stored;
}

/* Numbers per unit in a layer's initial state: its states, and z where that is free. */
size_t hth_layer_initial_rows(const hth_layer *layer);

/* Sets the entries of W that do not exist to 0: missing connections, self-connections, biases and the
 * columns that a drive does not read. `weight` is W itself or a gradient of it. */
void hth_layer_mask(const hth_layer *layer, hth_real *weight);

/* The same of rows from..to-1 alone, w[to-from][m]. */
void hth_layer_mask_rows(const hth_layer *layer, size_t from, size_t to, hth_real *w);

/* Dale's law, in the weights of a layer that has signs: recurrent weights of the wrong sign become 0. */
void hth_layer_keep_signs(const hth_layer *layer, hth_real *weight);

/* Whether there are recurrent weights from one unit to another, or to itself. */
bool hth_layer_connects(const hth_layer *layer, size_t to, size_t from);

/* wiring.c. Numbers of late copies in u, and the first column of those of z. */
static inline size_t hth_layer_late(const hth_layer *layer) {
    return layer->inputs - layer->reads.width;
}

static inline size_t hth_layer_late_z(const hth_layer *layer) {
    return layer->m - 1 - layer->wiring.late_z * layer->n;
}

/* Reads "5" or "1..5", from `lowest` up. HTH_INVALID for anything else. */
hth_status hth_delays_read(const hth_settings *settings, const char *key, const char *text,
                           size_t lowest, hth_delays *out, hth_error *error);
/* Takes memory for the wiring of a layer whose sizes and late copies are known. */
void hth_wiring_lay_out(hth_arena *arena, hth_layer *layer);
/* Draws the delays of a layer. */
void hth_wiring_draw(hth_layer *layer, const hth_delays *z, const hth_delays *x, uint64_t seed,
                     size_t index);
/* Makes `exists` of what is known of the connections. */
void hth_wiring_settle(hth_layer *layer);
/* Moves weights that are drawn or given as if nothing had a delay to the columns of their delays. */
void hth_wiring_spread(const hth_layer *layer, hth_real *weight);

/* connections.c: which recurrent weights there are, once layer->connected has its memory. */
void hth_layer_connect(hth_layer *layer, hth_connections kind, double density, uint64_t seed,
                       size_t index);

/* hth_network_create without the draws of the parameters, which take most of its time: for sizes alone. */
hth_status hth_network_sketch(const hth_settings *settings, const hth_shape *shape, uint64_t seed,
                              const hth_allocator *allocator, hth_network **out, hth_error *error);
/* orthogonal.c: HTH_INVALID where the layer's wiring has no orthogonal matrix. */
hth_status hth_orthogonal_check(const hth_layer *layer, hth_error *error);

/* radius.c: the size of the largest eigenvalue of w[n][n], whose rows are `stride` numbers apart. HTH_NO_MEMORY: it
 * takes memory for two such matrices for as long as it runs. */
hth_status hth_spectral_radius(size_t n, const hth_real *w, size_t stride, double *out,
                               hth_error *error);

/* init.c: draws all parameters. HTH_INVALID where the wiring does not have what is to be drawn; HTH_NO_MEMORY. */
hth_status hth_network_draw(hth_network *network, const hth_settings *settings, uint64_t seed,
                            hth_error *error);

#endif
