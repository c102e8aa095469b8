/* The state of a run in progress; the files of this folder share it. */
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
    hth_scorer validation; /* source.kind NULL: the run does not validate */
    hth_rundir dir;
    hth_identity identity;
    hth_counters counters;
    FILE *metrics;                         /* metrics.jsonl */
    FILE *board;                           /* the event file for TensorBoard; NULL: not wanted */
    uint64_t report_every, validate_every; /* in steps; 0: at the ends of epochs, or never */
    uint64_t validate_epochs;              /* in epochs; 0: validation does not follow epochs */
    /* begun: clock at the start of this process. before: seconds of earlier processes. */
    double begun, before;
    double line_time, saved, told; /* clock of the last line, checkpoint and progress report */
    uint64_t begun_step;           /* counters.walked.step at the start of this process */
    bool warned;                   /* warn_of_rate has warned */
    double rates;                  /* sum of spike rates since warn_of_rate last looked */
    unsigned reports;              /* number of reports in that sum */
} hth_run;

/* ---- progress.c: what a run tells its observer -------------------------------------------- */

/* Gives the observer one sentence. */
void hth_run_tell(const hth_run *run, const char *sentence);
/* Tells the observer that data are being read, or that reading is over. */
void hth_run_tell_reading(const hth_run *run, bool reading);
/* Tells the observer what was read, if reading took long, and what in the data is likely a mistake. */
void hth_run_tell_data(const hth_run *run, const hth_source *source);
/* The state of the run at clock `now`. Training loss and metric are those since the last line; those of the last line
 * if no step followed it. */
hth_progress hth_run_describe(const hth_run *run, double now);
/* Reports progress to the observer, at most four times a second. Called after every tape; `run` is a hth_run. */
void hth_run_tick(void *run);

/* ---- report.c: what a run writes of itself ------------------------------------------------ */

/* Writes the line of metrics.jsonl that is due; validates first if the line needs it. If the validation is interrupted,
 * the line stays due. HTH_FILE when the file cannot be written, and the errors of the validation. */
hth_status hth_run_report(hth_run *run, hth_error *error);
/* Scores the test data, if there are any, and writes summary.json. If the test is interrupted, writes no summary and
 * sets *ending to HTH_INTERRUPTED. HTH_FILE when the file cannot be written, and the errors of the test. */
hth_status hth_run_sum_up(hth_run *run, hth_ending *ending, hth_error *error);

#endif
