/* metrics.jsonl and summary.json. */
#ifndef HTH_LINES_H
#define HTH_LINES_H

#include "files/observer.h"

#include <stdio.h>

/* Opens the file at its end; a link is not followed. keep_to: lines of later steps, and a line that was not finished,
 * are cut off first; 0 empties it. A line that cannot be read costs no other: it is kept, and the observer (may be
 * NULL) told. */
hth_status hth_metrics_open(const char *path, uint64_t keep_to, const hth_observer *observer,
                            FILE **out, hth_error *error);
/* Appends a line and hands it to the system. */
hth_status hth_metrics_append(FILE *file, const hth_progress *line, hth_error *error);
/* Forces what was appended onto the disk. */
void hth_metrics_sync(FILE *file);

/* A number as JSON has it, with so many digits; what is not finite is null. */
const char *hth_json_number(double value, int digits, char out[32]);

/* A line as it was written. NAN: null, or not there. */
typedef struct hth_line {
    uint64_t step, epoch;
    double train_loss, train_metric, validation_loss, validation_metric;
    double spike_rate, regulariser, learning_rate, seconds, steps_per_second, memory_bytes;
} hth_line;

/* All lines that can be read, and how many cannot (`damaged` may be NULL); free() *lines. */
hth_status hth_metrics_read(const char *path, hth_line **lines, size_t *count, size_t *damaged,
                            hth_error *error);

/* What came of a run. NAN: not known. */
typedef struct hth_summary {
    const char *metric, *task, *cell,
        *learner;           /* task: or the reader; cell: "alif, lstm" where layers differ */
    uint64_t learner_bytes; /* all that the learner keeps from tape to tape */
    uint64_t steps, epochs, updates, parameters, best_step, seed;
    double stop_step; /* where train.stop_at was reached; NAN: it was not */
    uint64_t
        patience; /* so many validations without a better one ended the run (train.patience); 0: they did not */
    uint64_t sequence_steps; /* 0: sequences have no end, or no one length */
    double train_loss, train_metric, validation_loss, validation_metric;
    double best_validation_loss, best_validation_metric, test_loss, test_metric, seconds;
} hth_summary;

hth_status hth_summary_write(const char *path, const hth_summary *summary, hth_error *error);

#endif
