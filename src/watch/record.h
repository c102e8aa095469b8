/*
 * Watching a trained network at work: the newest checkpoint of a run goes through a split of its data, one step
 * and one item at a time, and whoever asks sees inputs, states, outputs, learning signals and eligibility traces.
 */
#ifndef HTH_RECORD_H
#define HTH_RECORD_H

#include "base/options.h"

typedef struct hth_recorder hth_recorder;

/* What is to be seen. */
typedef struct hth_record_plan {
    const char *run, *split;       /* a run directory; train, validation or test */
    const hth_settings *overrides; /* of the run's settings; NULL: none */
    bool signals;                  /* learning signals and traces, too, which cost more time */
    /* Steps of the pieces into which sequences without an end are cut, and a sequence that is all of the data; the
     * state goes on from one to the next. 0: 200 where there is no end or it is beyond 20000 steps. */
    uint64_t most_steps;
} hth_record_plan;

/* What there is to see. */
typedef struct hth_record_shape {
    hth_shape stream;
    size_t layers, sequence_steps; /* 0: cut into pieces, or lengths differ */
    bool has_end; /* the split is read once, and then begins anew; false: a task goes on for ever */
    bool has_signals; /* learning signals of the top layer */
    bool has_traces;
    const char *learner; /* whose signals and traces they are; NULL: none */
    bool own;            /* that learner is the run's own */
} hth_record_shape;

typedef struct hth_record_layer {
    size_t units, inputs, states; /* differentiable states of a unit */
    size_t rows, columns;         /* synapses: a row for each drive of each unit; [z; x; 1] */
    bool spikes, has_voltage;     /* state 0 is a membrane voltage */
    const char *state_names[8];   /* letters of the paper: "v", "a" */
} hth_record_layer;

/* A step. Arrays belong to the recorder and are valid until its next call. */
typedef struct hth_instant {
    uint64_t sequence, step; /* from 0 */
    bool ends;               /* the last step of its sequence */
    bool over;               /* the last step of all data of the split: it begins anew after it */
    const hth_real *x;       /* [inputs]; NULL: token */
    int32_t token;
    const hth_real *outputs; /* [outputs], before any softmax or sigmoid */
    const hth_real *targets; /* [outputs]; NULL: target_class */
    int32_t target_class;
    hth_real weight;
    const hth_real *signal; /* [units of the top layer]: L_t = F^T dE/dy_t; NULL: not asked for */
} hth_instant;

/* HTH_INVALID where the settings have no data for the split. Learning signals and traces are those of the run's
 * learner where that keeps traces, one step a tape; else those of eprop1-symmetric, which say what the network
 * would offer to a local rule. */
hth_status hth_recorder_open(const hth_record_plan *plan, hth_recorder **out, hth_error *error);
void hth_recorder_close(hth_recorder *recorder);
hth_record_shape hth_recorder_shape(const hth_recorder *recorder);
hth_record_layer hth_recorder_layer(const hth_recorder *recorder, size_t layer);
/* The first step comes next again. */
hth_status hth_recorder_rewind(hth_recorder *recorder, hth_error *error);
/* One step on. */
hth_status hth_recorder_next(hth_recorder *recorder, hth_instant *out, hth_error *error);

/* The (baseline) threshold of a unit's voltage; NAN where it has none. */
double hth_recorder_threshold(const hth_recorder *recorder, size_t layer, size_t unit);
/* Of the step at hand: z_t and state k, [units]. */
const hth_real *hth_recorder_z(const hth_recorder *recorder, size_t layer);
const hth_real *hth_recorder_state(const hth_recorder *recorder, size_t layer, size_t k);
/* e_t = sum_k Z_t[k] eps_t[k] + Q_t u_t of one synapse (Bellec et al. 2019, eq. 4), and of all,
 * out[rows][columns]: 0 where there is no connection. */
hth_real hth_recorder_trace(const hth_recorder *recorder, size_t layer, size_t row, size_t column);
void hth_recorder_traces(const hth_recorder *recorder, size_t layer, hth_real *out);
/* out[rows][columns]: 1 where there is a synapse, else 0. */
void hth_recorder_synapses(const hth_recorder *recorder, size_t layer, hth_real *out);
uint64_t hth_recorder_seed(const hth_recorder *recorder); /* the run's */

#endif
