/* metrics.jsonl and summary.json. */
#ifndef HTH_LINES_H
#define HTH_LINES_H

#include "files/observer.h"

#include <stdio.h>

/* Opens the file at its end; a link is not followed. keep_to: first removes lines of later steps and an unfinished
 * line; 0: empties the file. Unreadable lines are kept, and reported to the observer (may be NULL). */
hth_status hth_metrics_open(const char *path, uint64_t keep_to, const hth_observer *observer,
                            FILE **out, hth_error *error);
/* Appends a line and flushes it to the system. */
hth_status hth_metrics_append(FILE *file, const hth_progress *line, hth_error *error);
/* Syncs appended lines to the disk. */
void hth_metrics_sync(FILE *file);

/* Writes a number for JSON with `digits` digits, or null if it is not finite. */
const char *hth_json_number(double value, int digits, char out[32]);

/* A line that was read. NAN: null or missing. */
typedef struct hth_line {
    uint64_t step, epoch;
    double train_loss, train_metric, validation_loss, validation_metric;
    double spike_rate, regulariser, learning_rate, seconds, steps_per_second, memory_bytes;
} hth_line;

/* Reads all readable lines; *damaged (may be NULL): number of the others. free() *lines. */
hth_status hth_metrics_read(const char *path, hth_line **lines, size_t *count, size_t *damaged,
                            hth_error *error);

/* The result of a run. NAN: not known. */
typedef struct hth_summary {
    const char *metric, *task, *cell,
        *learner;           /* task: or the reader; cell: "alif, lstm" if layers differ */
    uint64_t learner_bytes; /* memory that the learner keeps from tape to tape */
    uint64_t steps, epochs, updates, parameters, best_step, seed;
    double stop_step; /* the step at which train.stop_at was reached; NAN: it was not */
    /* the number of validations without a better one that ended the run (train.patience); 0: another end */
    uint64_t patience;
    uint64_t sequence_steps; /* 0: sequences have no end, or differ in length */
    double train_loss, train_metric, validation_loss, validation_metric;
    double best_validation_loss, best_validation_metric, test_loss, test_metric, seconds;
    const char *phases; /* what came of them, as a JSON object; NULL: a run without phases */
} hth_summary;

hth_status hth_summary_write(const char *path, const hth_summary *summary, hth_error *error);

#endif
