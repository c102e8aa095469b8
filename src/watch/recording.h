/* What a trained network does on many sequences, as arrays in a file: `hitherto predict` and `hitherto record`. */
#ifndef HTH_RECORDING_H
#define HTH_RECORDING_H

#include "session/score.h"
#include "watch/trial.h"

typedef struct hth_recording_plan {
    hth_record_plan of;
    bool inside;  /* inputs, z, states and learning signals too; else outputs and targets alone */
    size_t layer; /* whose units */
    uint64_t trials; /* sequences; 0: all of the split, or 1 where there is no end of them */
    const hth_synapse *synapses; /* of the layer, whose traces are wanted */
    size_t synapse_count;
} hth_recording_plan;

typedef struct hth_recording_size {
    size_t sequences, steps; /* steps: of the longest */
} hth_recording_size;

/*
 * Writes `path`, whole or not at all: a .npz, or a .csv of outputs where nothing inside is wanted. Arrays of the .npz are
 * [sequences][steps of the longest][numbers]; what lies after the end of a shorter one is 0.
 *
 *     outputs    before any softmax or sigmoid
 *     targets    [..][..][outputs], or [..][..] classes as int32
 *     weights    [..][..] of the loss
 *     lengths    [sequences] as uint64
 *   and with `inside`
 *     inputs     [..][..][inputs], or [..][..] tokens as int32
 *     z, and each state by the cell's name for it (v, a, c, h): [..][..][units]
 *     signals    L_t = F^T dE/dy_t, [..][..][units of the top layer]
 *     traces     e_t of each synapse (Bellec et al. 2019, eq. 4), [..][..][synapses]
 *     synapses   [synapses][2] as int32: drive row, column of [z; x; 1]
 *
 * *stopped: *watch->stop was set, and nothing was written. HTH_INVALID for a layer or a synapse that there is not.
 */
hth_status hth_recording_write(const hth_recording_plan *plan, const char *path,
                               const hth_watch *watch, hth_recording_size *out, bool *stopped,
                               hth_error *error);

#endif
