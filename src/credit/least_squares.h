/* The readout's weights by recursive least squares (learner.readout = rls): see least_squares.c. */
#ifndef HTH_LEAST_SQUARES_H
#define HTH_LEAST_SQUARES_H

#include "credit/learner.h"

/* learner.readout */
enum { HTH_READOUT_AS_PRESET, HTH_READOUT_BY_GRADIENT, HTH_READOUT_BY_RLS };

/* The settings, or what the preset says. */
hth_status hth_least_squares_read(const hth_settings *settings, const hth_preset *preset,
                                  hth_least_squares_options *out, hth_error *error);

hth_least_squares *hth_least_squares_lay_out(hth_arena *arena, const hth_learner *plan);
/* P begins anew. */
void hth_least_squares_begin(hth_least_squares *ls);
/* A sequence begins. */
void hth_least_squares_reset(hth_least_squares *ls);
/* Goes over the tape: adds to the readout's part of the gradient the step that its weights take, W - gradient. */
void hth_least_squares_learn(hth_learner *learner, const hth_tape *tape, hth_gradient *gradient);
size_t hth_least_squares_state(hth_least_squares *ls, hth_field *fields, size_t capacity);

#endif
