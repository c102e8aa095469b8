/*
 * The joint state X of a network: per layer its states s, then z where that is a state of its own, then the late copies
 * of z (network.delay); and then y of a leaky readout. N numbers. What happens before a tape bears on what happens on
 * it and after it only through X, so that exact and unbiased pasts work with adjoints of X.
 */
#ifndef HTH_JOINT_H
#define HTH_JOINT_H

#include "credit/learner.h"

size_t hth_joint_layer_states(const hth_layer *layer);
size_t hth_joint_readout_states(const hth_network *network);
size_t hth_joint_states(const hth_network *network); /* N */
/* Where z of a layer begins in X: it is the last of the layer's states, late copies apart. */
size_t hth_joint_place_of_z(const hth_network *network, size_t layer);

/* Numbers of z, of all layers in what is read; they come before the input. */
static inline size_t hth_joint_read(const hth_reading *reads) {
    const hth_read_part *last = &reads->parts[reads->count - 1];
    return last->layer == HTH_OF_INPUT ? last->at : reads->width;
}

/* z[hth_joint_read] of all these, out of x[N]. */
void hth_joint_pick_z(const hth_network *network, const hth_reading *reads, const hth_real *x,
                      hth_real *z);

/* The boundary of one row at the end of the tape is x[N]. Direct errors of the row stand for the part of y;
 * without that, those of the row are left alone. */
void hth_joint_seed(hth_adjoint *adjoint, size_t row, const hth_real *x);
/* The adjoint of X that a scan left in one row; for y that of no error but the boundary's, y_end[outputs]
 * (NULL: zero). */
void hth_joint_gather(const hth_adjoint *adjoint, size_t row, const hth_real *y_end, hth_real *x);
/* The adjoint of X at the start of the tape that the learner is at, of one item. */
void hth_joint_start(const hth_learner *learner, size_t item, hth_real *x);
/* s and z (without y) of one item in slot 0..K of the tape: before the tape's first step, after each. */
void hth_joint_values(const hth_tape *tape, size_t slot, size_t item, hth_real *x);

/* e: the numbers of one unit that eligibility traces follow (trace.c): its states s, z with recurrence =
 * diagonal where that is a state of its own, and in the top layer below a leaky readout the filtered z.
 * 0 where a tape is always a whole sequence (network.direction = both): nothing is carried. */
size_t hth_trace_rows(const hth_learner *learner, size_t layer);

/* Whether credit goes from a unit to its own z, as with recurrence = diagonal, so that traces follow z. */
bool hth_trace_follows_z(const hth_learner *learner);

#endif
