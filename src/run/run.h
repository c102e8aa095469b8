/* A run while it goes on, as the files of this room share it. */
#ifndef HTH_RUN_H
#define HTH_RUN_H

#include "run/train.h"
#include "session/checkpoint.h"
#include "session/score.h"

#include <stdio.h>

enum { HTH_LINE_TRAINING = 1, HTH_LINE_VALIDATION = 2 }; /* counters.line_due */

typedef struct hth_run {
    const hth_observer *observer;
    hth_outcome *outcome;
    hth_settings settings;
    hth_session session;
    hth_scorer validation; /* source.kind NULL: none */
    hth_rundir dir;
    hth_identity identity;
    hth_counters counters;
    FILE *metrics;                         /* metrics.jsonl */
    uint64_t report_every, validate_every; /* steps; 0: at the ends of epochs, or never */
    uint64_t validate_epochs;              /* 0: not by epochs */
    double begun, before;                  /* clock at the start; seconds before it */
    double line_time, saved, told;         /* clock of the last line, checkpoint, progress */
    uint64_t begun_step;
    bool warned;      /* of the rate at which units fire, */
    double rates;     /* the sum */
    unsigned reports; /* of so many reports */
} hth_run;

/* ---- progress.c: what a run tells its observer -------------------------------------------- */

void hth_run_tell(const hth_run *run, const char *sentence);
void hth_run_tell_reading(const hth_run *run, bool reading);
/* What was read, if that took long, and what in it is likely not meant. */
void hth_run_tell_data(const hth_run *run, const hth_source *source);
/* Where the run stands at that clock; losses are those since the last line, or else of it. */
hth_progress hth_run_describe(const hth_run *run, double now);
/* Called after every tape (`run` is a hth_run); cheap unless it is time to tell. */
void hth_run_tick(void *run);

/* ---- report.c: what a run writes of itself ------------------------------------------------ */

/* Writes the line of metrics.jsonl that is due, after its validation. When that is interrupted, it stays
 * due. */
hth_status hth_run_report(hth_run *run, hth_error *error);
/* summary.json, after a pass over the test data. *ending becomes HTH_INTERRUPTED when that pass is cut
 * short; there is no summary then. */
hth_status hth_run_sum_up(hth_run *run, hth_ending *ending, hth_error *error);

#endif
