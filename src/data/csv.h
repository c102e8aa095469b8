/* Tables of numbers: a header with the names of columns, then rows. */
#ifndef HTH_CSV_H
#define HTH_CSV_H

#include "data/file.h"

typedef struct hth_csv {
    const char *path; /* the caller's, for messages */
    hth_bytes file;   /* fields end by '\0' there once the table is open */
    char separator;   /* , ; or tab: the one that the header has most of */
    size_t columns, rows;
    char **names;  /* [columns] */
    char **fields; /* [rows][columns] */
    size_t *lines; /* [rows]: the line of the file, from 1 */
} hth_csv;

/*
 * Reads a file, plain or compressed. Fields may stand in double quotes ("" is a quote there); empty lines and blanks
 * around fields do not count. HTH_INVALID for a row with another number of fields than the header, a name that is
 * given twice, or no row at all.
 */
hth_status hth_csv_read(const char *path, hth_csv *out, hth_error *error);
void hth_csv_free(hth_csv *csv);

/* The column of that name. HTH_INVALID where there is none ("did you mean"). */
hth_status hth_csv_column(const hth_csv *csv, const char *name, size_t *column, hth_error *error);
/* Whether a field is a finite number, and which. */
bool hth_csv_is_number(const hth_csv *csv, size_t row, size_t column, double *value);
/* The same, or HTH_INVALID with line and column: a missing value is none. */
hth_status hth_csv_number(const hth_csv *csv, size_t row, size_t column, double *value,
                          hth_error *error);

#endif
