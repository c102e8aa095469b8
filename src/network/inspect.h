/* What the rooms above ask of a network and of a tape, without a look at their inside. */
#ifndef HTH_INSPECT_H
#define HTH_INSPECT_H

#include "base/options.h"
#include "base/random.h"
#include "network/catalogues.h"

/* What a network is like. Texts are those of tables, and stay. */
typedef struct hth_network_facts {
    hth_shape shape;
    size_t layers;
    size_t recurrent;     /* so many parameters, the first, are those that states depend on */
    const char *loss;     /* "softmax" */
    double least, most;   /* of the targets that it takes, where they are values; both 0: any */
    bool is_whole;        /* a layer runs against time, so that a tape is a whole sequence */
    bool mean_over_batch; /* loss.batch = mean */
    bool has_rates;       /* regulariser.rate > 0 */
    bool joins_rates;     /* the same, of rates that are means over the batch */
    bool has_signs;       /* network.excitatory */
    bool is_orthogonal;   /* network.orthogonal */
    bool waits;           /* network.connections = given, and no mask has come (hth_layer_wire) */
} hth_network_facts;
hth_network_facts hth_network_look(const hth_network *network);

/* What a layer is like: n units with g drives each that read [z; x; 1]. */
typedef struct hth_layer_facts {
    size_t number;                  /* of "layer<number>." in names of settings */
    size_t units, inputs;           /* n, and the numbers of x, without late copies */
    size_t fed;                     /* outputs of the step before that it reads behind x */
    size_t rows, columns;           /* of its weights: g n, n + inputs + 1 and more with delays */
    size_t weight;                  /* where they begin in the parameters */
    size_t drives;                  /* g; of other kinds, whose rows are not g n, 0 */
    const char *const *drive_names; /* [drives]: "u" */
    size_t states;                  /* differentiable states of a unit */
    const char *const *state_names; /* [states], as hth_tape_view takes them */
    const char *cell;               /* "alif" */
    const hth_options *options;     /* the settings that the cell has */
    bool stores;                    /* it is a store */
    bool strength_learned;          /* its reads have a strength of their own (store.strength) */
    size_t heads, most, every;      /* of a store: reads a step, rows that one weighs at most, and
                                     * steps from one row that is written to the next; else 0 */
    bool spikes, has_voltage;       /* state 0 is a membrane voltage */
    bool repeats;                   /* the layer below has the same cell with the same settings */
} hth_layer_facts;
hth_layer_facts hth_layer_look(const hth_network *network, size_t layer);

/* The names of the layers' cells: "alif, lstm"; one name where all have the same. Cut off at `size` bytes. */
enum { HTH_CELLS_LENGTH = 32 * HTH_MAX_LAYERS };
void hth_network_cells(const hth_network *network, char *out, size_t size);

/* How many parameters each unit of a layer learns of its own (cell.learn). */
size_t hth_layer_own_count(const hth_network *network, size_t layer);
/* What parameter k of them is in all units, out[units], as the setting of its name would say it: a time constant in ms.
 * Returns that name: "tau_m". */
const char *hth_layer_own(const hth_network *network, size_t layer, size_t k, hth_real *out);

/* Which weights of a layer there are, out[rows][columns]: 0 for a connection that the network does not have, else 1. */
void hth_layer_synapses(const hth_network *network, size_t layer, hth_real *out);
/* Which connections a layer has, or how late they are, as an array that comes with the data. */
typedef enum hth_wires_what {
    HTH_WIRE_MASK,       /* [units to][units from], 0 or 1 */
    HTH_WIRE_INPUT_MASK, /* [units][inputs] */
    HTH_WIRE_DELAY,      /* [units to][units from], steps from 1 */
    HTH_WIRE_INPUT_DELAY /* [units][inputs], steps from 0 */
} hth_wires_what;
typedef struct hth_wires {
    hth_wires_what what;
    const char *name; /* of the array, for errors */
    size_t rows, columns;
    const double *values; /* [rows][columns], borrowed */
} hth_wires;
/* Takes the array in place of what the settings say or draw. Weights keep their values, where their connections are. To
 * be called before a learner is made. HTH_MISMATCH for another shape or a network without such a setting, HTH_INVALID
 * for values that it does not take. */
hth_status hth_layer_wire(hth_network *network, size_t layer, const hth_wires *wires,
                          hth_error *error);
/* The column of the layer's weights that has, in this row, the weight which without delays would stand in `column`:
 * units, then inputs, then the bias. */
size_t hth_layer_column(const hth_network *network, size_t layer, size_t row, size_t column);
/* A number that is another, but for chance, where connections of a layer, or their delays, are others. 0: no layer has
 * any that an array gives, or delays. */
uint64_t hth_network_wiring(const hth_network *network);

/* Makes of such an array 0 where there is no connection, and leaves the rest. */
void hth_layer_keep_synapses(const hth_network *network, size_t layer, hth_real *values);
/* The same of weights, which also become 0 where their sign is not the one that network.excitatory gives the column. */
void hth_layer_keep_weights(const hth_network *network, size_t layer, hth_real *weight);
/* The same of the weights of all layers, in place. */
void hth_network_keep_weights(hth_network *network);
/* As hth_layer_synapses, of all parameters, out[count]. */
void hth_parameter_mask(const hth_network *network, hth_real *out);

/* beta, the strength of a read: hth_tape_reads says which, and its errors are the same. */
hth_status hth_tape_strength(const hth_tape *tape, size_t layer, size_t step, size_t item,
                             size_t head, double *strength, hth_error *error);
/* The tape has the items first.. of a batch of `all`; other tapes have the others. So loss.batch = mean divides by
 * `all`, and dropout leaves out the units that it would leave out on one tape of all items. Before the first step. */
void hth_tape_share(hth_tape *tape, size_t first, size_t all);

/* The steps of a tape from `first` on, as they were read and judged. Numbers of the input are copied to
 * x[steps][batch][inputs]; all else lies on the tape. */
hth_chunk hth_tape_again(const hth_tape *tape, size_t first, hth_real *x);
/* What the sequence adds up to, as another tape of the network has it. */
void hth_tape_expect_as(hth_tape *tape, const hth_tape *other);
/* From now on gradients of the tape are of the loss alone: regulariser.rate adds nothing. Before the first step. */
void hth_tape_spare_rates(hth_tape *tape);
/* The threshold of one unit at the oldest step of a tape of one item, in units of the voltage; NAN for a cell that has
 * none. */
double hth_tape_threshold(const hth_tape *tape, size_t layer, size_t unit);

/* The longest tape of at most that many steps at whose end alone the stores of the network write their rows, so that
 * a past can be kept with each; `most` where there is no store. */
size_t hth_network_tape(const hth_network *network, size_t most);

/* Writes what parameter `index` (0..count-1) is, as a person would say it: "gate u of unit 3, from unit 5", "unit 3,
 * bias" where a unit has one drive, "output 0, from unit 2". All numbers begin with 0. */
void hth_parameter_name(const hth_network *network, size_t index, char *out, size_t size);

/* What the loss that is reported is counted in, as far as metrics and labels ask. */
typedef struct hth_loss_scale {
    const char *unit; /* "nats", "bits", "squared error"; "units of its own" */
    double nats;      /* in one unit of a cross-entropy; 0: the loss is none */
    double
        squares; /* sum over outputs of (y - y*)^2 in one unit of a squared error; 0: the loss is none */
    bool
        one_class; /* the cross-entropy is of one class out of many, so that its exp is a perplexity */
    size_t heads; /* groups of outputs of which one competes; 0, 1: all do */
} hth_loss_scale;

hth_loss_scale hth_network_loss(const hth_network *network);

/* The loss of one item and step, as it is reported: `item` has its target or class and its weight, y[outputs] are its
 * outputs, which this overwrites. */
double hth_network_loss_of(const hth_network *network, const hth_chunk *item, hth_real *y);

/* Whether the loss says what targets the outputs stand for; then the verbs `draw` and `root` of the loss (loss.h). */
bool hth_network_draws_targets(const hth_network *network);
void hth_network_draw_target(const hth_network *network, int32_t given, const hth_real *y,
                             const hth_random *random, uint64_t index, hth_real *error);
void hth_network_target_root(const hth_network *network, int32_t given, const hth_real *y, size_t k,
                             hth_real *error);

/* Sets what changes in the loss along a run, the weight of an entropy, as it is at `progress`, 0 to 1, of the run, and
 * returns it; 0 for a loss without. as_reward: the caller adds the entropy to rewards, so that the loss has none. */
double hth_network_anneal(hth_network *network, double progress, bool as_reward);

/* Takes the newest steps off the tape until `steps` are left, as if they had never been written. Only steps that have
 * not been judged. */
void hth_tape_unwrite(hth_tape *tape, size_t steps);
/* The newest step turns out to be the last of its sequence; as inputs.ends, which was not known when it was written. */
void hth_tape_end(hth_tape *tape);

/*
 * What is done to the outputs of a layer's units at each step, once the cell has made them and before anybody reads
 * them:
 *
 *     z <- keep z + put + spread e,     e drawn from N(0, 1) for each item, step and unit
 *
 * A unit with keep = put = 0 is left out: the others work as in a network without it. Arrays have a number for each
 * unit; spread NULL: nothing is drawn.
 */
typedef struct hth_clamp {
    const hth_real *keep, *put, *spread;
    uint64_t seed;
} hth_clamp;
/* Clamps the steps that are written from now on; NULL: none. The clamp is borrowed until then. It is for passes without
 * learning: derivatives do not know of it. A reset begins the draws of the next sequence; those of the first sequence
 * are the same each time a clamp is given. */
void hth_tape_clamp(hth_tape *tape, size_t layer, const hth_clamp *clamp);

/* One entry of a cell's table of derivatives beside central differences of the cell's step. */
typedef struct hth_entry_trial {
    const char *cell;            /* "gru" */
    char name[32];               /* "B[h][u]": the change of state h with drive u */
    size_t count;                /* units and draws at which both are known; 0: nowhere */
    const hth_real *table;       /* [count] */
    const hth_real *differences; /* [count] */
    double tolerance,
        noise; /* relative to the largest difference; what rounding may add to any of them */
} hth_entry_trial;

/* Holds every entry of the table of a layer's cell against central differences of its step, at random states, drives
 * and outputs, and shows each to `visit`. With `z_is_smooth` false, as for spikes that are a step, entries that are or
 * hold dz/ds are shown with count 0: the table then has a pseudo-derivative. HTH_NO_MEMORY. */
hth_status hth_try_entries(const hth_network *network, size_t layer, bool z_is_smooth,
                           void (*visit)(void *context, const hth_entry_trial *trial),
                           void *context, hth_error *error);

#endif
