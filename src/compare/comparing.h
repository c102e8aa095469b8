/* A comparison in progress; compare.c, variants.c, settle.c and left.c share it. */
#ifndef HTH_COMPARING_H
#define HTH_COMPARING_H

#include "compare/compare.h"
#include "compare/pool.h"
#include "compare/store/store.h"
#include "files/folder.h"

enum { HTH_MOST_HEARD = 64, HTH_MOST_UNSTORED = 64 };

/* The settings of a variant, with one thread and the seed of a run. */
typedef struct hth_known_settings {
    hth_config *config; /* NULL: none */
    int64_t variant;
    size_t count; /* without the seed */
} hth_known_settings;

/* A comparison in progress. */
typedef struct hth_comparing {
    const hth_compare_observer *observer;
    hth_rundir dir;
    hth_store *store;
    hth_stored_run *runs;
    hth_stored_variant *variants;
    const hth_stored_variant **by_id; /* the same, ordered by id */
    hth_known_settings known[64];     /* of the latest variants, each at its number modulo 64 */
    /* run_count: runs of this call, which come first; after them stand runs that wait for a later call */
    size_t run_count, stored_count;
    size_t variant_count, next; /* next: the first run that may still have to start */
    hth_job *jobs;
    size_t job_count, running;
    bool keep, stopping;
    double begun, told;
    /* Results that are to be stored together, and since when the first of them waits for that. */
    hth_stored_result results[HTH_MOST_UNSTORED];
    size_t result_count;
    double waiting;
    /* Runs whose results are stored, and whose folders are left for others. */
    const hth_stored_run *spare[HTH_MOST_UNSTORED];
    size_t spare_count;
    uint64_t heard[HTH_MOST_HEARD]; /* digests of messages that runs have sent */
    size_t heard_count;
} hth_comparing;

/* ---- variants.c: variants and their settings ----------------------------------------------- */

/* Fills in by_id. */
hth_status hth_order_variants(hth_comparing *c, hth_error *error);
/* The variant of a run. */
const hth_stored_variant *hth_variant_of(const hth_comparing *c, const hth_stored_run *run);
/* A run's settings: the variant's, with the run's seed and one thread. They are valid until the next call. */
hth_status hth_run_settings(hth_comparing *c, const hth_stored_run *run, const hth_config **out,
                            hth_error *error);
/* Frees the settings that are known. */
void hth_forget_settings(hth_comparing *c);

/* ---- settle.c: what comes of a run that has ended ------------------------------------------- */

/* The folder of a run. */
hth_status hth_folder_of(const hth_comparing *c, const hth_stored_run *run, char *out,
                         hth_error *error);

/* Whether the call is to end before all runs have. */
bool hth_is_stopping(const hth_comparing *c);
/* Takes the results of a run that ended. There must be room for them. */
hth_status hth_settle(hth_comparing *c, const hth_job *job, hth_error *error);
/* Stores the results that were taken; only then may the folders of their runs be handed on or removed. The folder of a failed run
 * stays, so that the next call goes on from it. */
hth_status hth_store_results(hth_comparing *c, hth_error *error);
/* Gives a run that is to begin the folder of one that has ended, if there is one. */
void hth_hand_on(hth_comparing *c, const char *folder);
/* Frees them. */
void hth_drop_results(hth_comparing *c);
/* Removes the folders of runs whose results are stored: a call that was killed did not get to it. Folders of
 * unfinished runs, kept runs and unknown folders stay. */
void hth_sweep(const hth_comparing *c);

/* ---- left.c: how far all runs are, and the time that is left -------------------------------- */

/* Seconds left; NAN: not known. A variant without an estimate counts as the mean of the others. */
double hth_seconds_left(const hth_comparing *c);

#endif
