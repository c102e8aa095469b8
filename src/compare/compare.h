/*
 * Many runs of settings that differ in few things, side by side: the section compare, the runs spread
 * over the cores, and what came of them. What has come so far is in one SQLite file (store/store.h).
 */
#ifndef HTH_COMPARE_H
#define HTH_COMPARE_H

#include "files/observer.h"
#include "settings/config.h"

typedef struct hth_compare_progress {
    size_t total, finished, diverged, failed, running; /* runs; those of earlier calls included */
    double seconds, eta_seconds;                       /* of this call; NAN: not known yet */
} hth_compare_progress;

/* Called from this process. Either may be NULL. */
typedef struct hth_compare_observer {
    void (*progress)(void *context,
                     const hth_compare_progress *progress); /* about 4 times a second */
    void (*message)(void *context, const char *sentence);
    void *context;
    const volatile sig_atomic_t *interrupted; /* not 0: all runs finish the step, save and end */
} hth_compare_observer;

/* Runs in `jobs` processes (0: one a core) what is missing of the comparison in the directory `out`. All
 * runs are checked before the first begins, and nothing has changed when one of them is refused. config
 * NULL: what the directory has been asked for already. HTH_MISMATCH when results are there that other
 * settings have given, or runs under way. Runs of earlier calls that are under way and not asked for now
 * stay as they are. A run that fails or diverges is recorded, and no error. */
hth_status hth_compare(const hth_config *config, const char *out, int jobs,
                       const hth_compare_observer *observer, hth_ending *ending, hth_error *error);

/* The settings of the first runs in the directory: what precision they have, what they are about. */
hth_status hth_compare_stored(const char *out, hth_config *config, hth_error *error);

#endif
