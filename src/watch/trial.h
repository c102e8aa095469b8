/* One sequence of a trained network as a table with a row for each step. Pictures of a trial and files of numbers
 * are made from it. */
#ifndef HTH_TRIAL_H
#define HTH_TRIAL_H

#include "watch/record.h"

/* The synapse from number `from` of [z; x; 1], whatever its delay, to drive row `row` of the layer. */
typedef struct hth_synapse {
    size_t row, from;
} hth_synapse;

/* The first column of a quantity in a row, and how many numbers it has. */
typedef struct hth_stretch {
    size_t at, count;
} hth_stretch;

typedef struct hth_trial {
    size_t layer, steps, width;
    uint64_t first; /* the step of row 0 */
    hth_record_shape shape;
    hth_record_layer of;
    hth_stretch x;         /* inputs, or the token */
    hth_stretch z, state;  /* [units], [states][units] */
    hth_stretch y, target; /* y: outputs; target: targets, or the class */
    /* weight: 1 number; signal: one for each unit of the top layer; trace: one for each synapse. count 0: none */
    hth_stretch weight, signal, trace;
    /* Of a store: [heads][most] weights of the rows that are read, oldest first, then 0; and the step that wrote each,
     * then -1. count 0: the layer is none */
    hth_stretch read, wrote;
    hth_synapse *synapses;
    hth_row_read *rows; /* [most], scratch */
    double *values;     /* [steps][width] */
    double *thresholds; /* [units]: thresholds of the voltages; NAN: none */
} hth_trial;

/* Records sequence `sequence` (from 0) of the recorder's data, from its step `first` (from 0), at most most_steps
 * steps (0: all). Records the synapses' traces if the learner keeps traces. HTH_INVALID if there is no such step.
 * hth_trial_free frees *out, also after an error. */
hth_status hth_trial_record(hth_recorder *recorder, size_t layer, uint64_t sequence, uint64_t first,
                            uint64_t most_steps, const hth_synapse *synapses, size_t synapse_count,
                            hth_trial *out, hth_error *error);
void hth_trial_free(hth_trial *trial);

static inline double hth_trial_value(const hth_trial *trial, size_t step, size_t column) {
    return trial->values[step * trial->width + column];
}

/* Finds the `wanted` columns (or fewer) that change most from step to step, in ascending order. Returns how many. */
size_t hth_trial_liveliest(const hth_trial *trial, hth_stretch of, size_t wanted, size_t *out);

/* Finds the `wanted` traces (or fewer) that move most of the time, as indices into trial->synapses. Each unit gets
 * one before any gets a second. Traces that never change are left out. Returns how many. */
size_t hth_trial_changing(const hth_trial *trial, size_t wanted, size_t *out);

/* Writes the numbers as CSV: a header, then a line for each step. Columns: step, weight, x0.., z0.., s0_0.. (state
 * 0), y0.., target0.. or class, L0.., e<row>_<from>.., of a store read<head>_0.. and wrote<head>_0... */
hth_status hth_trial_write_csv(const hth_trial *trial, const char *path, hth_error *error);

#endif
