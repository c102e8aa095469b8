/*
 * Learning from rows that arrive one after the other, without end: predict, then learn. A row goes through the network
 * at once; its answer comes with a later row (data.ahead), with the same row, or late under the row's name (data.id).
 * Memory does not grow with the number of rows.
 */
#ifndef HTH_ONLINE_H
#define HTH_ONLINE_H

#include "data/rows.h"
#include "files/observer.h"
#include "run/online_score.h"
#include "settings/config.h"

typedef struct hth_online hth_online;

typedef struct hth_online_plan {
    const hth_config *config; /* checked settings, with data=rows; must outlive the stream */
    hth_row_source source;
    const char *load; /* snapshot to go on from; NULL: begin anew */
    bool freeze;      /* predict and keep score, learn nothing */
    /* With load: the source begins with the rows that the snapshot has seen; pass over them. */
    bool from_start;
    double drift;                 /* threshold of hth_online_drifts; 0: do not look */
    const hth_observer *observer; /* told which parameters train.from has given; may be NULL */
} hth_online_plan;

/* What came of a row; the stream owns what it points to until the next. */
typedef struct hth_online_row {
    uint64_t row;   /* counted from 1 since the first, over all snapshots */
    const char *id; /* "" if rows have no names */
    bool predicted; /* false: the row only brought the answer of an earlier one, or was dropped */
    bool dropped;   /* it has no answer, and its name still waits for one */
    /* [count]: the targets of the row that is data.ahead later, in their own unit; with classes the probability of each
     * */
    const double *forecast;
    size_t count;
    bool drifted;   /* the error has risen (plan.drift) */
    double seconds; /* that predicting and learning took */
} hth_online_row;

/* Makes the model, with the parameters of train.from if that is set, and waits for the first row, or loads the
 * snapshot. The caller closes *out; NULL: a snapshot was given, and there are no rows after it. HTH_INVALID for settings
 * without meaning, HTH_MISMATCH for a snapshot of another network or of other columns, HTH_DAMAGED, HTH_FILE,
 * HTH_NO_MEMORY. */
hth_status hth_online_open(const hth_online_plan *plan, hth_online **out, hth_error *error);
void hth_online_close(hth_online *online);

/* Takes the next row: predicts, then learns from the answers that it brings. *found false: there is none, or `wait` of
 * the source said to stop. After HTH_INVALID the stream is as it was after the row before. */
hth_status hth_online_next(hth_online *online, hth_online_row *out, bool *found, hth_error *error);

/* Writes all that the stream is to one file, whole or not at all: parameters, tape, learner, optimiser, scales, score
 * and answers that are awaited. A stream that loads it goes on with the same bits. Errors are those of
 * hth_safetensors_write. */
hth_status hth_online_save(hth_online *online, const char *path, hth_error *error);
/* Where no row has come: writes the snapshot that was to go on, as it is, to another path, or to its own. */
hth_status hth_online_pass_on(const char *snapshot, const char *path, hth_error *error);
/* Whether the file is such a snapshot. */
bool hth_online_is_snapshot(const char *path);
/* Adds the settings of a snapshot to an empty config. */
hth_status hth_online_settings(const char *path, hth_config *config, hth_error *error);

const hth_online_score *hth_online_score_of(const hth_online *online);
const hth_rows *hth_online_rows(const hth_online *online);
uint64_t hth_online_count(const hth_online *online); /* rows so far, over all snapshots */
/* Late answers whose row was forgotten, or had its answer. */
uint64_t hth_online_lost(const hth_online *online);
/* Rows without an answer whose name still waits for one: neither predicted nor learned from. */
uint64_t hth_online_dropped(const hth_online *online);
/* How often the error has risen (plan.drift); *last: the row of the last time, 0: never. */
uint64_t hth_online_drifted(const hth_online *online, uint64_t *last);
size_t hth_online_bytes(const hth_online *online); /* of the model and the stream */

#endif
