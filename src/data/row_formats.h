/* The inside of a row reader: see rows.h. */
#ifndef HTH_ROW_FORMATS_H
#define HTH_ROW_FORMATS_H

#include "data/npy.h"
#include "data/rows.h"

#define HTH_NOT_READ SIZE_MAX

enum { HTH_ROW_ID = 64 };

struct hth_rows {
    const hth_row_options *options;
    hth_row_source source;
    /* Bytes from..to of the buffer have arrived and have not been used. */
    char *buffer;
    size_t capacity, from, to;
    bool at_end, stopped;
    uint64_t number; /* of the last line or record */
    bool held;       /* the last line has not been used: it was looked at only */
    char *line;
    size_t length;

    hth_row_format format;
    char separator;
    hth_npy npy;        /* float32: as if it had that header */
    uint64_t rows_left; /* npy: of its header; UINT64_MAX: not known */
    char **names;       /* [columns], each from malloc; NULL: columns have numbers only */
    size_t columns;
    double *cells; /* [columns], of the last row; NAN: missing, or not read */
    char id[HTH_ROW_ID];
    bool *wanted;             /* [columns]: the cell is read */
    size_t *inputs, *targets; /* columns */
    size_t input_count, target_count, id_column;
    char **classes; /* [class_count] names, into class_text; NULL: numbers */
    char *class_text;
    size_t class_count;
    double *values;   /* inputs, then targets */
    uint64_t *absent; /* [columns]: rows without this key */
    hth_row_keys keys;
};

/* Waits until a line, or `bytes` bytes, have arrived, and moves rows->line to them. *found false: the input has
 * ended. */
hth_status hth_rows_line(hth_rows *rows, bool *found, hth_error *error);
hth_status hth_rows_bytes(hth_rows *rows, size_t bytes, bool *found, hth_error *error);
/* Waits for some more bytes; rows->at_end if there are none. */
hth_status hth_rows_more(hth_rows *rows, hth_error *error);

/* HTH_NO_MEMORY, with its sentence. */
hth_status hth_rows_no_memory(const hth_rows *rows, hth_error *error);
/* "standard input: line 12, column load" */
void hth_rows_place(const hth_rows *rows, size_t column, char *out, size_t size);

/* Decides format, columns and names from the first bytes and the first line. *found false: there are no rows. */
hth_status hth_rows_begin(hth_rows *rows, bool *found, hth_error *error);
/* Reads the next row to rows->cells and rows->id. */
hth_status hth_rows_read(hth_rows *rows, bool *found, hth_error *error);
/* Whether a field says that there is no value: "", NaN, ... */
bool hth_rows_is_missing(const char *text);
/* Whether a field would be a number but for its decimal comma. */
bool hth_rows_has_comma(const char *text);
/* Whether the field of a first row is a number or missing. */
bool hth_rows_is_number(const char *text);
/* Whether column c of the row at rows->line, which hth_rows_begin has looked at, holds a number. */
bool hth_rows_first_is_number(const hth_rows *rows, size_t column);

#endif
