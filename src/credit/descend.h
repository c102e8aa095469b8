/*
 * One pass over the synapses, for tapes of one step and one item whose gradient an update follows at once. The
 * gradient of a few rows of a layer's weights is formed in the nearest cache, and these weights descend by it before
 * the next rows come (optim/descent.h). So W, and what the past keeps of a synapse, are read and written once, and the
 * gradient never goes to memory. The terms are added in the order of the general way, from 0: the same bits.
 *
 * "After an error nothing has been changed" needs to know beforehand that the gradient will be finite. A bound of
 * order n + m shows it, from the largest magnitudes of what the gradient is made of.
 */
#ifndef HTH_DESCEND_H
#define HTH_DESCEND_H

#include "credit/learner.h"
#include "kernels/filter.h"
#include "optim/descent.h"

/* The rows of a matrix pass in parts of at most so many rows, some 2000 numbers; and how many parts there are. */
size_t hth_rows_of_part(size_t columns);
size_t hth_row_parts(size_t rows, size_t columns);

/* Sets g[to-from][m] to the gradient of the weights of these rows, which are those of a part. */
typedef void (*hth_rows_gradient)(const void *of, size_t part, size_t from, size_t to, hth_real *g);

/* All weights of a layer descend. Threaded over the parts; work: operations of all. */
void hth_descend_rows(hth_learner *learner, size_t layer, double work, hth_rows_gradient gradient,
                      const void *of);

/* Whether sums of so large terms stay finite; false where the bound is NaN. */
bool hth_is_bounded(double bound);

/* Whether the weights descend, where the gradient that they would get is bounded. If false, the layers' part of the
 * gradient has been cleared for the general way. */
bool hth_descends(hth_learner *learner, bool is_bounded);

/* The weights of all layers descend by the step's own gradient, delta u^T alone: what remains where the past keeps
 * nothing. False: see hth_descends. */
bool hth_descend_step(hth_learner *learner);

/* A bound of the magnitudes of each trace of a layer, carried along with them. NAN: not known. */
typedef struct hth_trace_bound {
    double eps[HTH_MOST_TRACES];
} hth_trace_bound;

void hth_trace_bound_set(hth_trace_bound *bound, double to);

/* Whether the gradient that a filter is about to give is finite. If so, the bound is taken over the step, as the filter
 * takes the traces. */
bool hth_filter_is_bounded(const hth_filter *filter, hth_trace_bound *bound);

/* hth_filter_run, with the weights of the layer in place of g. */
void hth_filter_descend(hth_learner *learner, size_t layer, const hth_filter *filter);

#endif
