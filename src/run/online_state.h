/*
 * The inside of a stream: see online.h.
 *
 *   online_open.c   opening
 *   online.c        the way of a row
 *   online_score.c  sums of errors
 *   online_save.c   the snapshot
 */
#ifndef HTH_ONLINE_STATE_H
#define HTH_ONLINE_STATE_H

#include "run/online.h"
#include "run/online_scale.h"

typedef struct hth_online_counters {
    uint64_t rows, steps, lost;
    uint64_t model_bytes; /* of the saved model */
    /* Snapshots of before have none of these. */
    uint64_t dropped, drifts, drifted_at;
} hth_online_counters;

struct hth_online {
    const hth_config *config;
    hth_row_options options;
    char *names; /* options.names */
    hth_rows *rows;
    hth_model *model;
    bool freeze;
    double drift;
    /* columns that are read; targets (1 with classes); classes; inputs and outputs of the network */
    size_t inputs, targets, classes, width, outputs;
    size_t slots, slot_width; /* step s has slot s % slots */

    /* The rest is one block; what a snapshot keeps is listed in online_save.c. */
    void *block;
    size_t block_bytes;
    hth_online_counters *counters;
    hth_online_score *score;
    hth_scale *input_scale; /* [inputs] */
    hth_scale
        *output_scale; /* [targets]: of what the network learns, their values or their changes */
    hth_scale *base_scale; /* [targets]: of their values */
    double *held;          /* [inputs]: last values; NAN: none yet */
    double *known;         /* [targets]: last values; NAN: none yet */
    double *class_counts;  /* [classes] */
    /* [slots][slot_width], predictions whose answer is awaited: forecast[outputs], then [targets] each of the last
     * value that was known, of the mean so far, and of what the forecast was added to */
    double *slot;
    uint64_t *slot_name;      /* [slots]: digest of the row's name */
    uint64_t *slot_open;      /* [slots]: 1: it awaits an answer */
    hth_real *x, *y, *answer; /* [width], [outputs], [targets]: scratch */
    double *forecast;         /* [outputs] of the last row */
};

/* "time, load | load | standardise 1, ...": the names of the columns and what the numbers mean; free() it. NULL: no
 * memory. */
char *hth_online_columns(const hth_online *online);
/* *out: the names of the columns when the snapshot was made (hth_row_options); free() it. NULL: they had none. */
hth_status hth_online_names(const char *path, char **out, hth_error *error);
hth_status hth_online_load(hth_online *online, const char *path, hth_error *error);

#endif
