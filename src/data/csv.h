/* Tables of numbers: a header with column names, then rows. */
#ifndef HTH_CSV_H
#define HTH_CSV_H

#include "data/file.h"

enum { HTH_MOST_COLUMNS = 10000 };

typedef struct hth_csv {
    const char *path; /* the caller's; for messages */
    hth_bytes file;   /* its fields end by '\0' after reading */
    char separator;   /* , ; or tab: the most frequent one in the header */
    size_t columns, rows;
    char **names;  /* [columns] */
    char **fields; /* [rows][columns] */
    size_t *lines; /* [rows]: line number in the file, from 1 */
} hth_csv;

/*
 * Reads a file, plain or compressed. Fields may be in double quotes ("" stands for a quote). Empty lines and blanks
 * around fields are ignored. HTH_INVALID if a row and the header differ in their number of fields, if a name occurs
 * twice, or if there are no rows.
 */
hth_status hth_csv_read(const char *path, hth_csv *out, hth_error *error);
void hth_csv_free(hth_csv *csv);

/* Finds the column with this name. HTH_INVALID if there is none ("did you mean"). */
hth_status hth_csv_column(const hth_csv *csv, const char *name, size_t *column, hth_error *error);
/* Whether a field is a finite number. *value: the number. */
bool hth_csv_is_number(const hth_csv *csv, size_t row, size_t column, double *value);
/* Reads a field that must be a finite number; otherwise HTH_INVALID with line and column, also for an empty field. */
hth_status hth_csv_number(const hth_csv *csv, size_t row, size_t column, double *value,
                          hth_error *error);

/* For lines that are read one by one. The separator of a header: the most frequent of , ; and tab. */
char hth_csv_separator(const char *header);
/* Takes the next field off the line at *at: ends it by '\0', without blanks around it and quotes. *at becomes NULL
 * after the last field. NULL, and *at too: quotes do not match. */
char *hth_csv_field(char separator, char **at);

#endif
