/*
 * The choices on the four axes, and the presets that name known combinations. A new choice is one file
 * and one line in a list below.
 */
#ifndef HTH_AXES_H
#define HTH_AXES_H

#include "credit/inspect.h"

#ifndef HTH_SIGNALS
#define HTH_SIGNALS(X)                                                                             \
    X(readout)                                                                                     \
    X(random)                                                                                      \
    X(global)                                                                                      \
    X(resampled)                                                                                   \
    X(none)                                                                                        \
    X(direct)                                                                                      \
    X(adaptive)                                                                                    \
    X(module)                                                                                      \
    X(sign) /* signal/<name>.c */
#endif
#ifndef HTH_RECURRENCES
#define HTH_RECURRENCES(X)                                                                         \
    X(full) X(diagonal) X(none) X(learned) X(random) X(sign) /* recurrence/<name>.c */
#endif
#ifndef HTH_PASTS
#define HTH_PASTS(X)                                                                               \
    X(none)                                                                                        \
    X(trace)                                                                                       \
    X(instantaneous)                                                                               \
    X(pattern)                                                                                     \
    X(influence)                                                                                   \
    X(rank_one)                                                                                    \
    X(kronecker)                                                                                   \
    X(reverse_kronecker)                                                                           \
    X(window)                                                                                      \
    X(kernel) /* past/<name>.c */
#endif
#ifndef HTH_FUTURES
#define HTH_FUTURES(X) X(zero) X(synthetic) /* future/<name>.c */
#endif

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

/* What the gradient is, by construction, to that of the whole sequence of `total` steps when it is cut into
 * tapes of `steps`. */
hth_bias hth_axes_bias(const hth_axes *axes, size_t steps, size_t total);

#endif
