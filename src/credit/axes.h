/*
 * The choices on the four axes, and the presets that name known combinations. A new choice is one file
 * and one line in a list below.
 */
#ifndef HTH_AXES_H
#define HTH_AXES_H

#include "base/options.h"

#define HTH_SIGNALS(X) X(readout) X(none) /* signal/<name>.c */
#define HTH_PASTS(X) X(none) X(influence) /* past/<name>.c */
#define HTH_FUTURES(X) X(zero)            /* future/<name>.c */

/* The cases of the scan itself: scan.c. */
typedef enum hth_recurrence {
    HTH_RECURRENCE_FULL,     /* credit crosses all recurrent weights */
    HTH_RECURRENCE_DIAGONAL, /* a unit's own weight and reset only (SnAp-1) */
    HTH_RECURRENCE_NONE      /* neither recurrent weights nor reset (e-prop, RFLO) */
} hth_recurrence;

/* How many steps a tape has when learner.steps does not say it. */
typedef enum hth_default_steps {
    HTH_WHOLE_SEQUENCE, /* must be the whole: fewer are refused */
    HTH_TRUNCATED,      /* the whole sequence, or 20 where it has more than 1000 steps or no end */
    HTH_ONE_STEP
} hth_default_steps;

/* A preset is a name for a choice on each axis. */
typedef struct hth_preset {
    hth_part part;
    const char *signal, *recurrence, *past, *future;
    hth_default_steps steps;
} hth_preset;

const hth_preset *hth_preset_at(size_t index); /* presets.c */

/* What settings choose. */
typedef struct hth_axes {
    const hth_preset *preset;
    const struct hth_signal *signal;
    hth_recurrence recurrence;
    const struct hth_past *past;
    const struct hth_future *future;
} hth_axes;

hth_status hth_axes_read(const hth_settings *settings, hth_axes *axes, hth_error *error);

/* Whether the gradient is, by construction, that of the whole sequence of `total` steps when it is cut
 * into tapes of `steps`. */
bool hth_axes_exact(const hth_axes *axes, size_t steps, size_t total);

#endif
