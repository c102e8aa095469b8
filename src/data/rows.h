/*
 * Rows that arrive one after the other, from a file descriptor: a sensor, a pipe, a file. The settings of data=rows say
 * which columns are inputs and targets. The reader waits for a row as long as it takes.
 *
 *   row_reader.c   the settings
 *   rows.c         bytes become lines or records; which columns are read
 *   row_formats.c  a line or a record becomes numbers
 */
#ifndef HTH_ROWS_H
#define HTH_ROWS_H

#include "base/options.h"

typedef enum hth_row_format {
    HTH_ROWS_AUTO, /* by the first bytes */
    HTH_ROWS_CSV,
    HTH_ROWS_BLANKS,
    HTH_ROWS_JSON,
    HTH_ROWS_FLOAT32,
    HTH_ROWS_NPY
} hth_row_format;

typedef enum hth_row_missing {
    HTH_MISSING_HOLD,
    HTH_MISSING_MASK,
    HTH_MISSING_REFUSE
} hth_row_missing;

/* The settings of data=rows, whose texts belong to the settings. names is no setting: it is the list of JSON that
 * hth_rows_names gave when the stream was saved, or NULL. Rows of as many fields that come without a line of names have
 * these. */
typedef struct hth_row_options {
    const char *inputs, *target, *id, *classes, *names;
    int64_t ahead, late, columns;
    int format, missing;
    bool standardise, change;
} hth_row_options;

/* HTH_INVALID for values without meaning, or that contradict each other. */
hth_status hth_row_options_read(const hth_settings *settings, hth_row_options *out,
                                hth_error *error);

/* Where the bytes come from. */
typedef struct hth_row_source {
    int file;         /* descriptor, open for reading; the caller closes it */
    const char *name; /* for messages: "standard input"; must outlive the rows */
    /* Called before each wait for bytes, and after a signal broke one off; false: read no more. May be NULL. */
    bool (*wait)(void *context);
    void *context;
} hth_row_source;

/* One row; the rows own it until the next. A number that is missing is NAN. */
typedef struct hth_row {
    uint64_t number;            /* its line, or its place in a file of numbers; from 1 */
    const double *inputs;       /* [inputs] */
    const double *targets;      /* [targets]; with classes one number, the class */
    const char *id;             /* "" if there is none */
    bool has_input, has_target; /* a number among them is not missing */
} hth_row;

/* Objects of JSON whose keys are not those of the first one. With data.id a row may leave out what it does not bring:
 * there only rows with a new key count, unless they bring an answer alone. */
typedef struct hth_row_keys {
    uint64_t renamed; /* rows that lack a column that is read and have a new key */
    uint64_t number;  /* the line of the first of them, a column that it lacks, and its new key */
    char absent[80], unknown[80];
} hth_row_keys;

typedef struct hth_rows hth_rows;

/* Waits for the first row, which decides what columns there are. *out NULL: there is none, and at most a line of the
 * names of before (options->names). HTH_INVALID for columns that there are not and for bytes that are no rows; HTH_FILE
 * if the system cannot read; HTH_NO_MEMORY. `options` must outlive the rows. */
hth_status hth_rows_open(const hth_row_options *options, const hth_row_source *source,
                         hth_rows **out, hth_error *error);
void hth_rows_close(hth_rows *rows);

size_t hth_rows_inputs(const hth_rows *rows);
size_t hth_rows_targets(const hth_rows *rows); /* 1 with classes */
size_t hth_rows_classes(const hth_rows *rows); /* 0: targets are numbers */
/* Its name in the first line; where there is none, its number from 1. */
void hth_rows_input_name(const hth_rows *rows, size_t index, char *out, size_t size);
void hth_rows_target_name(const hth_rows *rows, size_t index, char *out, size_t size);
/* The same of the column that names rows; "" if there is none. */
void hth_rows_id_name(const hth_rows *rows, char *out, size_t size);
/* The names of all columns as a list of JSON, from malloc; "": they have none. NULL: no memory. */
char *hth_rows_names(const hth_rows *rows);
/* The name of a class as data.classes gives it; its number where that is a count. */
void hth_rows_class_name(const hth_rows *rows, size_t index, char *out, size_t size);

/* Of the rows so far. */
const hth_row_keys *hth_rows_keys(const hth_rows *rows);
/* How many rows lacked the key of the input or, from hth_rows_inputs on, of the target. */
uint64_t hth_rows_absent(const hth_rows *rows, size_t index);

/* *found false: the input has ended, or `wait` said to stop. Errors are those of opening, with line and column. */
hth_status hth_rows_next(hth_rows *rows, hth_row *out, bool *found, hth_error *error);

#endif
