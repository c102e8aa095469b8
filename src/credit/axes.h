/*
 * The choices on the four axes, and the presets that name known combinations. A new choice is one file
 * and one line in a list below.
 */
#ifndef HTH_AXES_H
#define HTH_AXES_H

#include "base/options.h"

#define HTH_SIGNALS(X)                                                                             \
    X(readout)                                                                                     \
    X(random)                                                                                      \
    X(global)                                                                                      \
    X(resampled)                                                                                   \
    X(none)                                                                                        \
    X(direct)                                                                                      \
    X(adaptive)                                                                                    \
    X(sign) /* signal/<name>.c */
#define HTH_RECURRENCES(X)                                                                         \
    X(full) X(diagonal) X(none) X(learned) X(random) X(sign) /* recurrence/<name>.c */
#define HTH_PASTS(X)                                                                               \
    X(none)                                                                                        \
    X(trace)                                                                                       \
    X(instantaneous)                                                                               \
    X(pattern)                                                                                     \
    X(influence)                                                                                   \
    X(rank_one)                                                                                    \
    X(kronecker)                                                                                   \
    X(reverse_kronecker)                                                                           \
    X(kernel)                               /* past/<name>.c */
#define HTH_FUTURES(X) X(zero) X(synthetic) /* future/<name>.c */

/* How many steps a tape has when learner.steps does not say it. */
typedef enum hth_default_steps {
    HTH_WHOLE_SEQUENCE, /* must be the whole: fewer are refused */
    HTH_TRUNCATED,      /* the whole sequence, or 20 where it has more than 1000 steps or no end */
    HTH_WHOLE_TRIALS, /* the gradient is that of the sequence for any: as few equal tapes as do not exceed
                       * 1000 steps, 20 steps where it has no end; one update a sequence */
    HTH_FOUR_STEPS, /* as Bellec et al. 2019, tasks 3.1 and 3.2, or the whole where that is less */
    HTH_ONE_STEP
} hth_default_steps;

/* A preset is a name for a choice on each axis, and for the settings of those parts that make the
 * algorithm what it is; what a user gives counts more. */
enum { HTH_PRESET_SETTINGS = 7 };
typedef struct hth_preset {
    hth_part part;
    const char *signal, *recurrence, *past, *future;
    hth_default_steps steps;
    const char *settings[HTH_PRESET_SETTINGS][2]; /* key, value; until the first without a key */
} hth_preset;

const hth_preset *hth_preset_at(size_t index); /* presets.c */

/* What the chosen preset says of a setting, or NULL. */
const char *hth_preset_value(const hth_preset *preset, const char *key);

/* What settings choose. */
typedef struct hth_axes {
    const hth_preset *preset;
    const struct hth_signal *signal;
    const struct hth_recurrence *recurrence;
    const struct hth_past *past;
    const struct hth_future *future;
} hth_axes;

/* The derivative itself, and credit that crosses nothing: the scans of pasts take these too. */
extern const struct hth_crossing hth_crosses_fully,
    hth_crosses_nothing; /* recurrence/full.c, none.c */

hth_status hth_axes_read(const hth_settings *settings, hth_axes *axes, hth_error *error);

/* What a part does to the gradient: nothing, nothing in the mean over draws, or more. */
typedef enum hth_bias { HTH_EXACT, HTH_UNBIASED, HTH_BIASED } hth_bias;

/* What the gradient is, by construction, to that of the whole sequence of `total` steps when it is cut into
 * tapes of `steps`. */
hth_bias hth_axes_bias(const hth_axes *axes, size_t steps, size_t total);

#endif
