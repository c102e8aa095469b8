/* Records a trained network on many sequences, as arrays in a file: `hitherto predict` and `hitherto record`. */
#ifndef HTH_RECORDING_H
#define HTH_RECORDING_H

#include "session/score.h"
#include "watch/trial.h"

typedef struct hth_recording_plan {
    hth_record_plan of;
    /* also record inputs, z, states and learning signals; false: outputs and targets alone */
    bool inside;
    size_t layer;    /* the layer whose units are recorded */
    uint64_t trials; /* number of sequences; 0: the whole split, or 1 if it is endless */
    const hth_synapse *synapses; /* synapses of the layer whose traces are recorded */
    size_t synapse_count;
} hth_recording_plan;

typedef struct hth_recording_size {
    size_t sequences, steps; /* steps of the longest sequence */
} hth_recording_size;

/*
 * Writes `path`, whole or not at all: a .npz, or a .csv of the outputs alone. Arrays of the .npz have the shape
 * [sequences][steps of the longest][numbers]; entries after the end of a shorter sequence are 0.
 *
 *     outputs    before any softmax or sigmoid
 *     targets    [..][..][outputs], or [..][..] classes as int32
 *     weights    [..][..] of the loss
 *     lengths    [sequences] as uint64
 *   and with `inside`
 *     inputs     [..][..][inputs], or [..][..] tokens as int32
 *     z, and each state by the cell's name for it (v, a, c, h): [..][..][units]
 *     signals    L_t = F^T dE/dy_t, [..][..][units of the top layer]
 *     reads      of a store: weights of the rows that each head reads, oldest first, [..][..][heads times rows]
 *     read_steps the step of the sequence that wrote each of these rows, as int32; -1: no row
 *     traces     e_t of each synapse (Bellec et al. 2019, eq. 4), [..][..][synapses]
 *     synapses   [synapses][2] as int32: drive row, column of [z; x; 1]
 *
 * *stopped: *watch->stop was set, and nothing was written. HTH_INVALID if the layer or a synapse does not exist.
 */
hth_status hth_recording_write(const hth_recording_plan *plan, const char *path,
                               const hth_watch *watch, hth_recording_size *out, bool *stopped,
                               hth_error *error);

#endif
