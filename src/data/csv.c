/* Cuts a text into rows and fields, in place, and reads numbers from it. */
#include "data/csv.h"
#include "base/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hth_status no_memory(const hth_csv *csv, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for the table", csv->path);
}

void hth_csv_free(hth_csv *csv) {
    free(csv->file.data);
    free(csv->names);
    free(csv->fields);
    free(csv->lines);
    *csv = (hth_csv){0};
}

/* ---- Fields ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Removes blanks at both ends and ends the text by '\0'. */
static char *trim(char *from, char *to) {
    while (from < to && is_blank(*from)) from++;
    while (to > from && is_blank(to[-1])) to--;
    *to = '\0';
    return from;
}

/* Reads a field in quotes: removes them, and moves *at behind the closing one. NULL if there is none. */
static char *unquote(char **at) {
    char *from = *at + 1, *to = from;
    for (char *c = from; *c; c++) {
        if (*c == '"' && c[1] != '"') {
            *at = c + 1;
            *to = '\0';
            return from;
        }
        c += *c == '"';
        *to++ = *c;
    }
    return NULL; /* the closing quote is missing */
}

char *hth_csv_field(char separator, char **at) {
    char *c = *at;
    while (*c && *c != separator && is_blank(*c)) c++;
    if (*c == '"') {
        char *field = unquote(&c);
        while (field && is_blank(*c) && *c != separator) c++;
        if (!field || (*c && *c != separator)) {
            *at = NULL;
            return NULL;
        }
        *at = *c ? c + 1 : NULL;
        return field;
    }
    char *from = c, *end = strchr(c, separator);
    if (!end) end = c + strlen(c);
    *at = *end ? end + 1 : NULL;
    return trim(from, end);
}

static hth_status cut_line(const hth_csv *csv, char *line, size_t number, char **fields,
                           hth_error *error) {
    size_t count = 0;
    for (char *at = line; at; count++) {
        char *field = hth_csv_field(csv->separator, &at);
        if (!field)
            return hth_fail(error, HTH_INVALID, "%s: line %zu: the quotes do not match", csv->path,
                            number);
        if (count < csv->columns) fields[count] = field;
    }
    if (count == csv->columns) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%s: line %zu has %zu fields, but the header has %zu",
                    csv->path, number, count, csv->columns);
}

/* ---- Lines ---- */

static bool is_empty(const char *line) {
    while (is_blank(*line)) line++;
    return *line == '\0';
}

/* Ends the line by '\0' and returns the next line, or NULL. */
static char *end_line(char *line) {
    char *end = strchr(line, '\n');
    if (!end) return NULL;
    *end = '\0';
    return end + 1;
}

char hth_csv_separator(const char *header) {
    const char all[] = ",;\t";
    size_t counts[3] = {0}, most = 0;
    for (const char *c = header; *c; c++)
        for (size_t i = 0; i < 3; i++) counts[i] += *c == all[i];
    for (size_t i = 1; i < 3; i++) most = counts[i] > counts[most] ? i : most;
    return all[most];
}

static size_t count_fields(const char *header, char separator) {
    size_t count = 1;
    bool quoted = false;
    for (const char *c = header; *c; c++) {
        quoted = quoted != (*c == '"');
        count += *c == separator && !quoted;
    }
    return count;
}

static hth_status read_names(hth_csv *csv, char *header, hth_error *error) {
    csv->separator = hth_csv_separator(header);
    csv->columns = count_fields(header, csv->separator);
    csv->names = calloc(csv->columns, sizeof *csv->names);
    if (!csv->names) return no_memory(csv, error);
    if (csv->columns > HTH_MOST_COLUMNS)
        return hth_fail(error, HTH_INVALID, "%s: the header has %zu columns; up to %d can be read",
                        csv->path, csv->columns, HTH_MOST_COLUMNS);
    HTH_TRY(cut_line(csv, header, 1, csv->names, error));
    for (size_t i = 0; i < csv->columns; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(csv->names[i], csv->names[k]) == 0)
                return hth_fail(error, HTH_INVALID, "%s: columns %zu and %zu are both named '%s'",
                                csv->path, k + 1, i + 1, csv->names[i]);
    return HTH_OK;
}

static hth_status add_row(hth_csv *csv, char *line, size_t number, size_t *capacity,
                          hth_error *error) {
    if (csv->rows == *capacity) {
        const size_t more = *capacity ? *capacity * 2 : 256;
        char **fields =
            realloc(csv->fields, hth_times(more, hth_times(csv->columns, sizeof *fields)));
        if (fields) csv->fields = fields;
        size_t *lines = realloc(csv->lines, hth_times(more, sizeof *lines));
        if (lines) csv->lines = lines;
        if (!fields || !lines) return no_memory(csv, error);
        *capacity = more;
    }
    HTH_TRY(cut_line(csv, line, number, csv->fields + csv->rows * csv->columns, error));
    csv->lines[csv->rows++] = number;
    return HTH_OK;
}

static hth_status cut_table(hth_csv *csv, hth_error *error) {
    size_t capacity = 0, number = 1;
    char *line = csv->file.data;
    if (strlen(line) != csv->file.length)
        return hth_fail(error, HTH_INVALID, "%s: there is a byte 0, so that this is no text",
                        csv->path);
    if (strncmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3; /* skip the mark that says UTF-8 */
    for (char *next; line; line = next, number++) {
        next = end_line(line);
        if (number == 1)
            HTH_TRY(read_names(csv, line, error));
        else if (!is_empty(line))
            HTH_TRY(add_row(csv, line, number, &capacity, error));
    }
    if (csv->rows > 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: there are no rows below the header: the first line names the columns",
                    csv->path);
}

hth_status hth_csv_read(const char *path, hth_csv *out, hth_error *error) {
    hth_csv csv = {.path = path};
    HTH_TRY(hth_file_read(path, &csv.file, error));
    char *text = realloc(csv.file.data, csv.file.length + 1);
    hth_status status = text ? HTH_OK : no_memory(&csv, error);
    if (text) {
        csv.file.data = text;
        text[csv.file.length] = '\0';
        status = cut_table(&csv, error);
    }
    if (status == HTH_OK)
        *out = csv;
    else
        hth_csv_free(&csv);
    return status;
}

/* ---- Columns and numbers ---- */

hth_status hth_csv_column(const hth_csv *csv, const char *name, size_t *column, hth_error *error) {
    for (size_t i = 0; i < csv->columns; i++)
        if (strcmp(csv->names[i], name) == 0) {
            *column = i;
            return HTH_OK;
        }
    const char *near = hth_nearest(name, (const char *const *)csv->names, csv->columns);
    if (near)
        return hth_fail(error, HTH_INVALID, "%s: there is no column '%s'; did you mean '%s'?",
                        csv->path, name, near);
    char all[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < csv->columns && used < sizeof all; i++)
        used +=
            (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", csv->names[i]);
    return hth_fail(error, HTH_INVALID, "%s: there is no column '%s'; the columns are %s%s",
                    csv->path, name, all, used < sizeof all ? "" : "...");
}

bool hth_csv_is_number(const hth_csv *csv, size_t row, size_t column, double *value) {
    const char *text = csv->fields[row * csv->columns + column];
    char *end;
    *value = strtod(text, &end);
    return end > text && *end == '\0' && isfinite(*value);
}

hth_status hth_csv_number(const hth_csv *csv, size_t row, size_t column, double *value,
                          hth_error *error) {
    const char *text = csv->fields[row * csv->columns + column];
    if (hth_csv_is_number(csv, row, column, value)) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%s: line %zu, column %s: %s%.60s%s", csv->path,
                    csv->lines[row], csv->names[column], *text ? "'" : "", *text ? text : "",
                    *text ? "' is not a number"
                          : "a value is missing; fill it in or leave the row out");
}
