/*
 * Compares many runs whose settings differ in few things: the section compare, the runs spread over the cores, and
 * the results. The results so far are in one SQLite file (store/store.h).
 */
#ifndef HTH_COMPARE_H
#define HTH_COMPARE_H

#include "compare/plan.h"
#include "files/draft.h"
#include "files/observer.h"

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

/* The same of one part of the comparison, in the folder OUT/parts/2-of-8, which hth_compare_part_folder names. Parts
 * may run at the same time, on many machines: each writes to its own folder alone. HTH_MISMATCH, too, if OUT/parts has
 * parts of another number or with other settings. */
hth_status hth_compare_part(const hth_config *config, const char *out, hth_part_of part, int jobs,
                            const hth_compare_observer *observer, hth_ending *ending,
                            hth_error *error);
hth_status hth_compare_part_folder(const char *out, hth_part_of part, char path[HTH_PATH_LENGTH],
                                   hth_error *error);

/* HTH_MISMATCH if OUT/parts has results of parts that cannot be of one whole with this one: there are others of them, or
 * they were called with other settings. plan NULL: not known. */
hth_status hth_compare_part_fits(const char *out, hth_part_of part, const hth_plan *plan,
                                 hth_error *error);

/* What hth_compare_gather found. */
typedef struct hth_gathered {
    size_t parts, of;         /* parts that are there, and how many there are to be */
    size_t ended, unfinished; /* runs of these parts */
} hth_gathered;

/* Puts the runs of all parts in OUT/parts into OUT/results.db, in one transaction. It may be called at any time, and
 * again: results of runs that have ended since are added. HTH_MISMATCH, and nothing has changed, if parts have other
 * settings or are parts of another number; HTH_FILE if there are none. */
hth_status hth_compare_gather(const char *out, hth_gathered *gathered, hth_error *error);

/* Reads the settings of the first variant in the folder, from which callers learn the precision and the task. */
hth_status hth_compare_stored(const char *out, hth_config *config, hth_error *error);

#endif
