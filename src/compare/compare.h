/*
 * Compares many runs whose settings differ in few things: the section compare, the runs spread over the cores, and
 * the results. The results so far are in one SQLite file (store/store.h).
 */
#ifndef HTH_COMPARE_H
#define HTH_COMPARE_H

#include "files/observer.h"
#include "settings/config.h"

typedef struct hth_compare_progress {
    /* numbers of runs, also of earlier calls */
    size_t total, finished, diverged, failed, running;
    double seconds, eta_seconds; /* seconds of this call, and seconds left; NAN: not known yet */
} hth_compare_progress;

/* Functions that are called from this process. Each may be NULL. */
typedef struct hth_compare_observer {
    void (*progress)(void *context,
                     const hth_compare_progress *progress); /* about 4 times a second */
    void (*message)(void *context, const char *sentence);
    void *context;
    /* not 0: every run finishes its step, saves and ends */
    const volatile sig_atomic_t *interrupted;
} hth_compare_observer;

/* Runs the missing runs of the comparison in the folder `out`, in `jobs` processes (0: one for each core). config
 * NULL: goes on with the comparison that the folder holds. All runs are checked before the first starts; if one is
 * refused, nothing has changed. Started runs of earlier calls that config does not ask for stay as they are. A run
 * that fails or diverges is recorded and is not an error. HTH_MISMATCH if the folder has results or started runs of
 * other settings. */
hth_status hth_compare(const hth_config *config, const char *out, int jobs,
                       const hth_compare_observer *observer, hth_ending *ending, hth_error *error);

/* Reads the settings of the first variant in the folder, from which callers learn the precision and the task. */
hth_status hth_compare_stored(const char *out, hth_config *config, hth_error *error);

#endif
