/* Learning from a tape that slides: see window.c. */
#ifndef HTH_WINDOW_H
#define HTH_WINDOW_H

#include "credit/learner.h"

/* learner.window_of: what counts once. */
enum { HTH_WINDOW_AS_PRESET, HTH_WINDOW_OF_STEPS, HTH_WINDOW_OF_LOSSES };

/* learner.window and learner.window_of, with the preset's */
typedef struct hth_window_options {
    int64_t steps; /* H; 0: the tape has K steps, and does not slide */
    int of;
} hth_window_options;

typedef struct hth_window {
    size_t steps; /* H */
    int of;
    /* Of the tape that was last learned from: its sequence, the time of its oldest step, and the times before which
     * all steps have been seen, and have been learned from. */
    uint64_t sequence, origin, seen, learned;
    uint64_t waits;   /* steps are still to be learned from, and their sequence has not ended */
    int32_t *spent;   /* [H]: what has been said of the step has been learned from */
    hth_real *errors; /* [H][batch][n]: direct errors of what is not spent */
} hth_window;

extern const hth_axis hth_window_axis;

/* The settings, or what the preset says. */
hth_status hth_window_read(const hth_settings *settings, const hth_preset *preset,
                           hth_window_options *out, hth_error *error);

/* Before the readout is learned from: what is kept takes the places that the steps have on the tape now. Returns what
 * is spent, and where the direct errors of the rest belong; NULL where the tape does not slide. */
const hth_window *hth_window_open(hth_learner *learner, const hth_tape *tape);

/* Adds the gradient of the layers, once the errors are there. */
void hth_window_learn(hth_learner *learner, hth_gradient *gradient);

/* All steps on the tape count as seen and learned from, and so do their verdicts. */
void hth_window_pass(hth_learner *learner, const hth_tape *tape);

/* Whether steps of an earlier sequence are on no tape any more, and were not learned from. */
bool hth_window_lost(const hth_learner *learner, const hth_tape *tape);

/* Whether steps of this one have been forgotten that were not learned from. */
bool hth_window_forgot(const hth_learner *learner, const hth_tape *tape);

#endif
