/* A comparison in progress; compare.c, settle.c and left.c share it. */
#ifndef HTH_COMPARING_H
#define HTH_COMPARING_H

#include "compare/compare.h"
#include "compare/pool.h"
#include "compare/store/store.h"
#include "files/folder.h"

enum { HTH_MOST_HEARD = 64 };

/* A comparison in progress. */
typedef struct hth_comparing {
    const hth_compare_observer *observer;
    hth_rundir dir;
    hth_store *store;
    hth_stored_run *runs;
    hth_stored_variant *variants;
    /* run_count: runs of this call, which come first; after them stand runs that wait for a later call */
    size_t run_count, stored_count;
    size_t variant_count, next; /* next: the first run that may still have to start */
    hth_job *jobs;
    size_t job_count, running;
    bool keep, stopping;
    double begun, told;
    uint64_t heard[HTH_MOST_HEARD]; /* digests of messages that runs have sent */
    size_t heard_count;
} hth_comparing;

/* The variant of a run. */
const hth_stored_variant *hth_variant_of(const hth_comparing *c, const hth_stored_run *run);
/* The folder of a run. */
hth_status hth_folder_of(const hth_comparing *c, const hth_stored_run *run, char *out,
                         hth_error *error);

/* ---- settle.c: what comes of a run that has ended ------------------------------------------- */

/* Whether the call is to end before all runs have. */
bool hth_is_stopping(const hth_comparing *c);
/* Stores the results of a run that ended; only then may its folder be removed. The folder of a failed run stays, so
 * that the next call goes on from it. */
hth_status hth_settle(hth_comparing *c, const hth_job *job, hth_error *error);
/* Removes the folders of runs whose results are stored: a call that was killed did not get to it. Folders of
 * unfinished runs, kept runs and unknown folders stay. */
void hth_sweep(const hth_comparing *c);

/* ---- left.c: how far all runs are, and the time that is left -------------------------------- */

/* Seconds left; NAN: not known. A variant without an estimate counts as the mean of the others. */
double hth_seconds_left(const hth_comparing *c);

#endif
