/* What a check works with and finds, as arrays that another program can be held against. */
#ifndef HTH_GRADIENTS_H
#define HTH_GRADIENTS_H

#include "check/subject.h"

/*
 * Writes an .npz file: inputs, outputs, targets or classes, and weights of the sample's steps, (sequences, steps,
 * numbers); loss (1), E as the gradients differentiate it; and for each block of parameters, such as layer0.weight, its
 * values, gradient.layer0.weight, that of backpropagation through time, `exact`, and learner.layer0.weight, `own`.
 * Whole or not at all. HTH_NO_MEMORY, HTH_FILE.
 */
hth_status hth_gradients_write(const char *path, const hth_subject *subject, const hth_real *exact,
                               const hth_real *own, hth_error *error);

#endif
