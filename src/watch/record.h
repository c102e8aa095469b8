/*
 * Watches a trained network at work: the newest checkpoint of a run goes through a split of its data, one step and
 * one item at a time. The caller can read inputs, states, outputs, learning signals and eligibility traces.
 */
#ifndef HTH_RECORD_H
#define HTH_RECORD_H

#include "base/options.h"
#include "files/observer.h"

typedef struct hth_recorder hth_recorder;

/* The run and the split to record. */
typedef struct hth_record_plan {
    const char *run, *split;       /* a run directory; train, validation or test */
    const hth_settings *overrides; /* override the run's settings; NULL: none */
    const hth_observer *observer;  /* is told while data are read; NULL: nobody */
    bool signals;                  /* also learning signals and traces, which take more time */
    /* Endless sequences, and a sequence that is all of the data, are cut into pieces of this many steps; the state
     * carries over from piece to piece. 0: pieces of 200 steps if the sequence is endless or longer than 20000
     * steps. */
    uint64_t most_steps;
} hth_record_plan;

/* The quantities that a recorder can give, and their sizes. */
typedef struct hth_record_shape {
    hth_shape stream;
    /* sequence_steps 0: sequences are cut into pieces, or their lengths differ */
    size_t layers, sequence_steps;
    bool has_end; /* the split has an end, after which it is read again; false: an endless task */
    bool has_signals; /* the top layer's learning signals */
    bool has_traces;
    const char *learner; /* the learner whose signals and traces are given; NULL: none */
    bool own;            /* that learner is the run's own */
} hth_record_shape;

typedef struct hth_record_layer {
    size_t units, inputs, states; /* states: differentiable states of a unit */
    size_t rows,
        columns; /* synapses: one row for each drive of each unit, columns [z; x; 1], late copies before the 1 */
    bool spikes, has_voltage;   /* has_voltage: state 0 is a membrane voltage */
    size_t heads, most, every;  /* of a store, as in hth_layer_facts; else 0 */
    const char *state_names[8]; /* the paper's letters: "v", "a" */
} hth_record_layer;

/* One step. Arrays belong to the recorder and are valid until its next call. */
typedef struct hth_instant {
    uint64_t sequence, step; /* from 0 */
    bool starts;             /* the network's state began anew before it */
    bool ends;               /* the last step of its sequence */
    bool over;               /* the last step of the split; after it the data begin again */
    const hth_real *x;       /* [inputs]; NULL: the input is `token` */
    int32_t token;
    const hth_real *outputs; /* [outputs], before any softmax or sigmoid */
    const hth_real *targets; /* [outputs]; NULL: the target is `target_class` */
    int32_t target_class;
    hth_real weight;
    const hth_real *signal; /* [units of the top layer]: L_t = F^T dE/dy_t; NULL: not asked for */
} hth_instant;

/* Opens a run for recording. Learning signals and traces come from the run's own learner, with tapes of one step,
 * if it keeps traces. Otherwise they come from eprop1-symmetric: they show what the network would offer to a local
 * rule. HTH_INVALID if the settings have no data for the split. */
hth_status hth_recorder_open(const hth_record_plan *plan, hth_recorder **out, hth_error *error);
void hth_recorder_close(hth_recorder *recorder);
hth_record_shape hth_recorder_shape(const hth_recorder *recorder);
hth_record_layer hth_recorder_layer(const hth_recorder *recorder, size_t layer);
/* Goes back to the first step. */
hth_status hth_recorder_rewind(hth_recorder *recorder, hth_error *error);
/* Runs one step and describes it in *out. */
hth_status hth_recorder_next(hth_recorder *recorder, hth_instant *out, hth_error *error);

/* Runs one step of the caller's own input, x[inputs] or a token, after what has been run; *outputs[outputs] belongs to
 * the recorder. */
hth_status hth_recorder_say(hth_recorder *recorder, const hth_real *x, int32_t token,
                            const hth_real **outputs, hth_error *error);
/* The network's step as a map of its states (credit/inspect.h); the caller destroys it before the recorder. Errors are
 * those of hth_step_map_create. */
struct hth_step_map;
hth_status hth_recorder_map(const hth_recorder *recorder, struct hth_step_map **out,
                            hth_error *error);
/* Why the targets of the data are not their next inputs, as what must be set instead; NULL: they are, or may be. */
const char *hth_recorder_strays(const hth_recorder *recorder);
/* What a token is as text, out[size]; "" where the data's tokens are none. */
void hth_recorder_spell(const hth_recorder *recorder, int32_t token, char *out, size_t size);
/* Whether the network reads its own outputs of the step before (readout.feedback). */
bool hth_recorder_feeds_back(const hth_recorder *recorder);
/* What must survive of the network's state, as hth_tape_state, and the position of the data. */
size_t hth_recorder_carried(hth_recorder *recorder, hth_field *fields, size_t capacity);

/* The (baseline) threshold of a unit's voltage; NAN: the unit has none. */
double hth_recorder_threshold(const hth_recorder *recorder, size_t layer, size_t unit);
/* z_t and state k of the current step, [units]. */
const hth_real *hth_recorder_z(const hth_recorder *recorder, size_t layer);
const hth_real *hth_recorder_state(const hth_recorder *recorder, size_t layer, size_t k);
/* Where the read of a head of a store pointed at the current step: rows[most] of the layer, oldest first, of which it
 * returns how many there are. */
size_t hth_recorder_reads(const hth_recorder *recorder, size_t layer, size_t head,
                          hth_row_read *rows);
/* The trace e_t = sum_k Z_t[k] eps_t[k] + Q_t u_t of one synapse (Bellec et al. 2019, eq. 4), or of all:
 * out[rows][columns], 0 without a connection. `column` is one of [z; x; 1], whatever the delay of its connection. */
hth_real hth_recorder_trace(const hth_recorder *recorder, size_t layer, size_t row, size_t column);
void hth_recorder_traces(const hth_recorder *recorder, size_t layer, hth_real *out);
/* The eligibility vectors eps_t of all synapses, out[states][rows][columns], 0 without a connection (eq. 2). */
void hth_recorder_vectors(const hth_recorder *recorder, size_t layer, hth_real *out);
/* out[rows][columns]: 1 for a synapse, 0 without one. */
void hth_recorder_synapses(const hth_recorder *recorder, size_t layer, hth_real *out);
uint64_t hth_recorder_seed(const hth_recorder *recorder); /* the run's seed */

#endif
