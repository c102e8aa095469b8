/* The state of a run in progress; the files of this folder share it. */
#ifndef HTH_RUN_H
#define HTH_RUN_H

#include "run/train.h"
#include "session/checkpoint.h"
#include "session/score.h"
#include "settings/phases.h"

#include <stdio.h>

enum { HTH_LINE_TRAINING = 1, HTH_LINE_VALIDATION = 2 }; /* counters.line_due */

typedef struct hth_run {
    const hth_observer *observer;
    const hth_ranks *ranks; /* this one writes files if it is rank 0 */
    hth_outcome *outcome;
    hth_settings all, settings; /* of the run, and of its phase; without phases they are the same */
    size_t phases;              /* 0: a run without */
    bool joint;                 /* all phases are learned together, as one */
    uint64_t at;                /* the phase that session and validation are opened for */
    hth_phase_list own;         /* holds the list `settings` of a phase */
    hth_session session;
    hth_walk walk;         /* of the phase; not of episodes */
    hth_scorer validation; /* source.kind NULL: the run does not validate */
    hth_rundir dir;
    hth_identity identity;
    hth_counters counters;
    bool passing;                /* hth_train_passing */
    const hth_config *unwritten; /* settings.yaml is still to be written; NULL: it is there */
    hth_held_best *best;         /* of a passing run, still to be written; NULL: none */
    FILE *metrics;               /* metrics.jsonl */
    FILE *board;                 /* the event file for TensorBoard; NULL: not wanted */
    uint64_t report_every, validate_every; /* in steps; 0: at the ends of epochs, or never */
    uint64_t validate_epochs;              /* in epochs; 0: validation does not follow epochs */
    /* begun: clock at the start of this process. before: seconds of earlier processes. */
    double begun, before;
    double line_time, saved, told; /* clock of the last line, checkpoint and progress report */
    size_t memory_bytes;           /* peak, as last looked at */
    uint64_t begun_step;           /* counters.walked.step at the start of this process */
    bool warned;                   /* warn_of_rate has warned */
    bool away;                     /* data of the checkpoint's phase could not be opened */
    bool counted;                  /* warn_of_few has looked */
    double rates;                  /* sum of spike rates since warn_of_rate last looked */
    unsigned reports;              /* number of reports in that sum */
} hth_run;

/* ---- train.c: ranks and checkpoints -------------------------------------------------------- */

/* Whether this rank is the one that writes files. */
bool hth_run_writes(const hth_run *run);
/* Writes what a passing run has put off: its settings, and the best parameters. */
hth_status hth_run_catch_up(hth_run *run, hth_error *error);
/* Saves a checkpoint. Lines and the rest first: a checkpoint must not be ahead of the files. */
hth_status hth_run_save(hth_run *run, hth_error *error);

/* ---- begin.c: how a run begins, and what it closes at its end -------------------------------- */

/* A new run with nothing open. NULL without memory. */
hth_run *hth_run_make(const hth_config *config, const hth_ranks *ranks,
                      const hth_observer *observer, hth_outcome *outcome, hth_error *error);
/* Opens the session and the validation data. */
hth_status hth_run_open_handles(hth_run *run, const hth_guest_kind *guest, hth_error *error);
/* Opens all of a run. The directory is made only when everything else can be opened. */
hth_status hth_run_open_all(hth_run *run, const hth_config *config, const char *out, bool resume,
                            const hth_guest_kind *guest, hth_error *error);
/* Closes what is open and frees the run. */
void hth_run_close(hth_run *run);

/* ---- due.c: when a line is due, and when training ends ------------------------------------- */

/* The epochs that have ended. */
uint64_t hth_run_epochs_done(const hth_counters *counters);
/* Whether the run, or its phase, has done all its steps or epochs, or stops early. */
bool hth_run_finished(const hth_run *run);
/* Decides after a tape of `steps` steps whether a line is due, and whether it needs a validation. The last step always
 * gets a line with validation. Intervals are counted from the start of the phase. */
void hth_run_find_due(hth_run *run, size_t steps);
/* Sets the intervals of lines and validations that the settings leave open: 100 lines and 10 validations per run, or by
 * epochs if the data have any. */
void hth_run_set_intervals(hth_run *run);

/* ---- phases.c: one task after the other ----------------------------------------------------- */

/* Takes the settings of the first phase, if there are phases. Before the session is opened. */
hth_status hth_run_open_phases(hth_run *run, hth_error *error);
/* Opens the data of each other phase once, so that what is wrong with them shows before the first step. */
hth_status hth_run_check_phases(hth_run *run, hth_error *error);
/* Makes session, validation and settings those of a phase; `run` is a hth_run. For checkpoints: see hth_phase_turn. */
hth_status hth_run_turn(void *run, uint64_t phase, hth_error *error);
/* Makes the walk that trains, once the counters are those that it goes on from. */
void hth_run_set_walk(hth_run *run);
/* Between phases: measures the row of the matrix that is due, before the first phase and at the end of each, and goes
 * on to the next phase. *stopped: interrupted; the next call begins with the same row. */
hth_status hth_run_between(hth_run *run, bool *stopped, hth_error *error);
/* resume.c. HTH_MISMATCH where the settings of a run that goes on from a checkpoint say of what it has done already that
 * it is otherwise than settings.yaml has it: it is past its new end, a phase that is over had another length, it began
 * otherwise or learned from other data. */
hth_status hth_run_check_resumed(const hth_run *run, hth_error *error);
/* What is said of the matrix so far; NAN without phases. */
hth_transfer_facts hth_run_transfer(const hth_run *run);
/* What came of the phases as a JSON object; the caller frees it. NULL: no memory. */
char *hth_run_phases_text(const hth_run *run);

/* ---- progress.c: what a run tells its observer -------------------------------------------- */

/* Gives the observer one sentence. */
void hth_run_tell(const hth_run *run, const char *sentence);
/* Tells the observer that data are being read, or that reading is over. */
void hth_run_tell_reading(const hth_run *run, bool reading);
/* Tells the observer what was read, if reading took long, and what in the data is likely a mistake. */
void hth_run_tell_data(const hth_run *run, const hth_source *source);
/* The state of the run at clock `now`. Training loss and metric are those since the last line; those of the last line
 * if no step followed it. */
hth_progress hth_run_describe(hth_run *run, double now);
/* Reports progress to the observer, at most four times a second. Called after every tape; `run` is a hth_run. */
void hth_run_tick(void *run);

/* ---- report.c: what a run writes of itself ------------------------------------------------ */

/* Writes the line of metrics.jsonl that is due; validates first if the line needs it. If the validation is interrupted,
 * the line stays due. The best parameters are written, or held if the run is passing. HTH_FILE when the file cannot be written, and the errors of the validation. */
hth_status hth_run_report(hth_run *run, hth_error *error);
/* Scores the data of a scorer, with the metric of these settings. *stopped: interrupted, without a result. */
hth_status hth_run_score(hth_run *run, hth_scorer *scorer, const hth_run_metric *metric,
                         double *loss, double *value, bool *stopped, hth_error *error);
/* Scores the test data, if there are any, and writes summary.json, unless the run is passing. If the test is interrupted, writes no summary and
 * sets *ending to HTH_INTERRUPTED. HTH_FILE when the file cannot be written, and the errors of the test. */
hth_status hth_run_sum_up(hth_run *run, hth_ending *ending, hth_error *error);

#endif
