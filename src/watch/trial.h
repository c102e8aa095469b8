/* One sequence of a trained network as a table, a row for each step: what pictures of a trial and files of numbers
 * are made of. */
#ifndef HTH_TRIAL_H
#define HTH_TRIAL_H

#include "watch/record.h"

/* The synapse from column `from` of [z; x; 1] to drive row `row` of the layer. */
typedef struct hth_synapse {
    size_t row, from;
} hth_synapse;

/* Where each quantity begins in a row, and how many numbers it has. */
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
    hth_stretch y, target; /* outputs; targets, or the class */
    hth_stretch weight, signal,
        trace; /* 1; units of the top layer; one a synapse. 0: not asked for */
    hth_synapse *synapses;
    double *values;     /* [steps][width] */
    double *thresholds; /* [units]: of the voltages; NAN: there is none */
} hth_trial;

/* Sequence `sequence` (from 0) of what the recorder walks over, from its step `first` (from 0); at most most_steps of
 * it (0: all). HTH_INVALID where it has no such step. Traces of the synapses where it has them. free it with
 * hth_trial_free, also after an error. */
hth_status hth_trial_record(hth_recorder *recorder, size_t layer, uint64_t sequence, uint64_t first,
                            uint64_t most_steps, const hth_synapse *synapses, size_t synapse_count,
                            hth_trial *out, hth_error *error);
void hth_trial_free(hth_trial *trial);

static inline double hth_trial_value(const hth_trial *trial, size_t step, size_t column) {
    return trial->values[step * trial->width + column];
}

/* The `wanted` columns that change most from step to step, in order, or fewer; returns how many. */
size_t hth_trial_liveliest(const hth_trial *trial, hth_stretch of, size_t wanted, size_t *out);

/* The `wanted` traces that move for most of the time, no two to the same unit as long as there are others, as indices
 * of trial->synapses, or fewer: traces that never change are not among them. Returns how many. */
size_t hth_trial_changing(const hth_trial *trial, size_t wanted, size_t *out);

/* The numbers as CSV: a header, a line a step. Columns: step, weight, x0.., z0.., s0_0.. (state 0), y0.., target0..
 * or class, L0.., e<row>_<from>... */
hth_status hth_trial_write_csv(const hth_trial *trial, const char *path, hth_error *error);

#endif
