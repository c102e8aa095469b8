/* Bytes become lines and records; the settings and the first row decide which columns are read. */
#include "data/csv.h"
#include "data/row_formats.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, LONGEST_LINE = 1 << 24 };

/* ---- Bytes ---- */

/* Makes room for at least a block behind the bytes that wait. */
static hth_status make_room(hth_rows *r, hth_error *error) {
    if (r->from > 0) {
        memmove(r->buffer, r->buffer + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
    }
    if (r->capacity - r->to > BLOCK) return HTH_OK;
    const size_t more = 2 * r->capacity + 2 * BLOCK;
    char *buffer = more < LONGEST_LINE ? realloc(r->buffer, more) : NULL;
    if (!buffer && more >= LONGEST_LINE)
        return hth_fail(error, HTH_INVALID,
                        "%s: line %llu has more than %d bytes and no end: rows end by a line break",
                        r->source.name, (unsigned long long)r->number + 1, LONGEST_LINE / 2);
    if (!buffer) return hth_rows_no_memory(r, error);
    r->buffer = buffer;
    r->capacity = more;
    return HTH_OK;
}

hth_status hth_rows_more(hth_rows *r, hth_error *error) {
    HTH_TRY(make_room(r, error));
    while (!r->at_end) {
        if (r->source.wait && !r->source.wait(r->source.context)) {
            r->stopped = r->at_end = true;
            return HTH_OK;
        }
        const ssize_t got = read(r->source.file, r->buffer + r->to, r->capacity - r->to - 1);
        if (got > 0) {
            r->to += (size_t)got;
            return HTH_OK;
        }
        if (got < 0 && errno != EINTR)
            return hth_fail(error, HTH_FILE, "%s: %s", r->source.name, strerror(errno));
        r->at_end = got == 0;
    }
    return HTH_OK;
}

hth_status hth_rows_bytes(hth_rows *r, size_t bytes, bool *found, hth_error *error) {
    while (r->to - r->from < bytes && !r->at_end) HTH_TRY(hth_rows_more(r, error));
    *found = !r->stopped && r->to - r->from >= bytes;
    if (!*found && !r->stopped && r->to > r->from)
        return hth_fail(error, HTH_INVALID,
                        "%s: row %llu is cut short: %zu of its %zu bytes are there", r->source.name,
                        (unsigned long long)r->number + 1, r->to - r->from, bytes);
    r->line = r->buffer ? r->buffer + r->from : NULL;
    r->length = bytes;
    if (!*found) return HTH_OK;
    r->from += bytes;
    r->number++;
    return HTH_OK;
}

/* A line ends by \n, by \r\n, or with the input. Lines without content are passed over. */
hth_status hth_rows_line(hth_rows *r, bool *found, hth_error *error) {
    *found = true;
    if (r->held) {
        r->held = false;
        return HTH_OK;
    }
    size_t looked = 0;
    for (;;) {
        char *start = r->buffer + r->from;
        char *end = r->to > r->from + looked
                        ? memchr(start + looked, '\n', r->to - r->from - looked)
                        : NULL;
        if (!end && !r->at_end) {
            looked = r->to - r->from;
            HTH_TRY(hth_rows_more(r, error));
            continue;
        }
        /* What has no line break when reading stopped may be half a row; at the end of the input it is the last row. */
        *found = !r->stopped && (end || r->to > r->from);
        if (!*found) return HTH_OK;
        if (!end) end = r->buffer + r->to;
        r->number++;
        r->from = (size_t)(end - r->buffer) + (r->to > (size_t)(end - r->buffer));
        if (memchr(start, '\0', (size_t)(end - start)))
            return hth_fail(error, HTH_INVALID,
                            "%s: line %llu holds a byte 0, so that this is no text: for numbers "
                            "in bytes give data.format=float32",
                            r->source.name, (unsigned long long)r->number);
        while (end > start && strchr(" \r", end[-1])) end--;
        *end = '\0';
        r->line = start;
        r->length = (size_t)(end - start);
        looked = 0;
        if (start[strspn(start, " \t\r")]) return HTH_OK;
    }
}

/* ---- Which columns ---- */

static void column_name(const hth_rows *r, size_t column, char *out, size_t size) {
    if (r->names)
        snprintf(out, size, "%s", r->names[column]);
    else
        snprintf(out, size, "%zu", column + 1);
}

void hth_rows_place(const hth_rows *r, size_t column, char *out, size_t size) {
    char name[80];
    column_name(r, column, name, sizeof name);
    snprintf(out, size, "%s: %s %llu, column %s", r->source.name,
             r->format == HTH_ROWS_FLOAT32 || r->format == HTH_ROWS_NPY ? "row" : "line",
             (unsigned long long)r->number, name);
}

static hth_status unknown_column(const hth_rows *r, const char *setting, const char *name,
                                 hth_error *error) {
    const char *near =
        r->names ? hth_nearest(name, (const char *const *)r->names, r->columns) : NULL;
    const char *quote = near && strchr(near, ',') ? "\"" : ""; /* as it must be in a list */
    if (near)
        return hth_fail(
            error, HTH_INVALID,
            "%s: %s names the column '%.60s', which there is not; did you mean '%s%s%s'?",
            r->source.name, setting, name, quote, near, quote);
    char all[200] = "named 1, 2, ..., for no line has names";
    for (size_t c = 0, used = 0; r->names && c < r->columns && used < sizeof all; c++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", c ? ", " : "", r->names[c]);
    return hth_fail(error, HTH_INVALID,
                    "%s: %s names the column '%.60s', but the %zu columns are %s", r->source.name,
                    setting, name, r->columns, all);
}

/* "load" or "3" or "3-7", also "3..7": the first and the last column. */
static bool find_columns(const hth_rows *r, const char *name, size_t *first, size_t *last) {
    for (size_t c = 0; r->names && c < r->columns; c++)
        if (strcmp(r->names[c], name) == 0) {
            *first = *last = c;
            return true;
        }
    char *end;
    const unsigned long long from = strtoull(name, &end, 10);
    if (end == name || from < 1 || from > r->columns) return false;
    unsigned long long to = from;
    if (*end == '-' || strncmp(end, "..", 2) == 0) {
        const char *second = end + (*end == '-' ? 1 : 2);
        to = strtoull(second, &end, 10);
        if (end == second || to < from || to > r->columns) return false;
    }
    *first = (size_t)from - 1;
    *last = (size_t)to - 1;
    return *end == '\0';
}

static bool among(const size_t *columns, size_t count, size_t column) {
    for (size_t i = 0; i < count; i++)
        if (columns[i] == column) return true;
    return false;
}

static hth_status twice(const hth_rows *r, const char *setting, size_t column, hth_error *error) {
    char name[80];
    column_name(r, column, name, sizeof name);
    return hth_fail(error, HTH_INVALID, "%s: %s names the column %s twice: leave one out",
                    r->source.name, setting, name);
}

/* Reads a list of columns to out[HTH_MOST_COLUMNS], and cuts `text`, its copy. Where a part names none, all of it may be
 * the name of one column that has commas. */
static hth_status read_list(const hth_rows *r, const char *setting, const char *list, char *text,
                            size_t *out, size_t *count, hth_error *error) {
    size_t first = 0, last = 0, again = HTH_NOT_READ;
    for (char *at = text; at;) {
        const char *name = hth_csv_field(',', &at);
        if (!name || !*name || !find_columns(r, name, &first, &last)) {
            *count = strchr(list, ',') && find_columns(r, list, &out[0], &last) ? 1 : 0;
            return *count ? HTH_OK : unknown_column(r, setting, name ? name : list, error);
        }
        for (size_t c = first; c <= last; c++)
            if (among(out, *count, c))
                again = c;
            else
                out[(*count)++] = c;
    }
    return again == HTH_NOT_READ ? HTH_OK : twice(r, setting, again, error);
}

/* The columns that a setting names; *out from malloc. */
static hth_status select_columns(const hth_rows *r, const char *setting, const char *list,
                                 size_t **out, size_t *count, hth_error *error) {
    char *text = strdup(list);
    *out = malloc(HTH_MOST_COLUMNS * sizeof **out);
    *count = 0;
    const hth_status status = text && *out ? read_list(r, setting, list, text, *out, count, error)
                                           : hth_rows_no_memory(r, error);
    free(text);
    return status;
}

/* A field of the first row with a decimal comma, in out[size]; false: there is none. */
static bool find_decimal_comma(const hth_rows *r, char *out, size_t size) {
    char *copy = r->format == HTH_ROWS_CSV ? strdup(r->line) : NULL;
    bool found = false;
    for (char *at = copy; at && !found;) {
        const char *field = hth_csv_field(r->separator, &at);
        found = field && hth_rows_has_comma(field);
        if (found) snprintf(out, size, "%s", field);
    }
    free(copy);
    return found;
}

/* HTH_INVALID, and why no column is left. */
static hth_status nothing_left(const hth_rows *r, hth_error *error) {
    char field[61];
    if (find_decimal_comma(r, field, sizeof field))
        return hth_fail(error, HTH_INVALID,
                        "%s: line %llu: '%s' has a decimal comma; numbers are written with a point",
                        r->source.name, (unsigned long long)r->number, field);
    return hth_fail(error, HTH_INVALID,
                    "%s: no column is left to read beside the target; name some with data.inputs "
                    "(--inputs)",
                    r->source.name);
}

/* Without data.inputs: all columns that hold numbers in the first row, but not the targets of the same row. */
static hth_status select_rest(hth_rows *r, hth_error *error) {
    r->inputs = malloc((r->columns + 1) * sizeof *r->inputs);
    if (!r->inputs) return hth_rows_no_memory(r, error);
    for (size_t c = 0; c < r->columns; c++) {
        const bool hidden =
            c == r->id_column || (r->options->ahead == 0 && among(r->targets, r->target_count, c));
        if (!hidden && hth_rows_first_is_number(r, c)) r->inputs[r->input_count++] = c;
    }
    return r->input_count > 0 ? HTH_OK : nothing_left(r, error);
}

/* Takes the next name of data.classes, one that a cell can have. */
static hth_status add_class(hth_rows *r, char **at, hth_error *error) {
    const char *name = hth_csv_field(',', at);
    bool good = name && !hth_rows_is_missing(name);
    for (size_t i = 0; i < r->class_count && good; i++) good = strcmp(r->classes[i], name) != 0;
    r->classes[r->class_count] = (char *)(uintptr_t)name;
    r->class_count += good;
    if (good) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "data.classes is '%.100s', but must be a number of classes or different names with "
        "commas between, none of them empty, NaN, NA or null",
        r->options->classes);
}

/* data.classes: a count, or names. */
static hth_status read_classes(hth_rows *r, hth_error *error) {
    const char *text = r->options->classes;
    if (!*text) return HTH_OK;
    char *end;
    const unsigned long count = strtoul(text, &end, 10);
    if (!*end && count >= 2 && count <= 10000) r->class_count = count;
    r->class_text = strdup(text);
    if (!*end && r->class_count == 0)
        return hth_fail(error, HTH_INVALID,
                        "data.classes is '%s', but there must be 2 to 10000 classes", text);
    r->classes = r->class_count ? NULL : calloc(strlen(text) + 1, sizeof *r->classes);
    if (!r->class_text || (!r->class_count && !r->classes)) return hth_rows_no_memory(r, error);
    for (char *at = r->class_text; r->classes && at;) HTH_TRY(add_class(r, &at, error));
    if (r->target_count != 1)
        return hth_fail(error, HTH_INVALID,
                        "data.classes is given, so there is one target, the column with the class, "
                        "but data.target "
                        "names %zu: %s",
                        r->target_count, r->options->target);
    if (r->class_count >= 2) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "data.classes is '%s', but there must be at least 2 classes", text);
}

static hth_status choose_columns(hth_rows *r, hth_error *error) {
    const hth_row_options *o = r->options;
    size_t *ids = NULL, id_count = 0;
    /* The column with names of rows, the targets, the inputs. */
    r->id_column = HTH_NOT_READ;
    if (*o->id) {
        hth_status status = select_columns(r, "data.id", o->id, &ids, &id_count, error);
        if (status == HTH_OK) r->id_column = ids[0];
        if (status == HTH_OK && id_count > 1)
            status =
                hth_fail(error, HTH_INVALID,
                         "data.id is '%.60s', but must be one column: it names the rows", o->id);
        free(ids);
        HTH_TRY(status);
    }
    HTH_TRY(select_columns(r, "data.target", o->target, &r->targets, &r->target_count, error));
    if (*o->inputs)
        HTH_TRY(select_columns(r, "data.inputs", o->inputs, &r->inputs, &r->input_count, error));
    else
        HTH_TRY(select_rest(r, error));
    for (size_t i = 0; o->ahead == 0 && i < r->input_count; i++)
        if (among(r->targets, r->target_count, r->inputs[i])) {
            char name[80];
            column_name(r, r->inputs[i], name, sizeof name);
            return hth_fail(error, HTH_INVALID,
                            "column %s is both input and target of the same row (data.ahead is 0): "
                            "the network would "
                            "only copy it; set data.ahead, or leave it out of data.inputs",
                            name);
        }
    HTH_TRY(read_classes(r, error));
    /* What is wanted of a row. */
    r->values = calloc(r->input_count + r->target_count, sizeof *r->values);
    r->wanted = calloc(r->columns, sizeof *r->wanted);
    if (!r->values || !r->wanted) return hth_rows_no_memory(r, error);
    for (size_t i = 0; i < r->input_count; i++) r->wanted[r->inputs[i]] = true;
    for (size_t i = 0; i < r->target_count; i++) r->wanted[r->targets[i]] = true;
    return HTH_OK;
}

/* ---- Opening, and the next row ---- */

/* Whether the columns have the names of before, in any order. */
static bool are_old_names(const hth_rows *r) {
    cJSON *old = r->options->names ? cJSON_Parse(r->options->names) : NULL;
    bool are = cJSON_GetArraySize(old) == (int)r->columns;
    const cJSON *name;
    cJSON_ArrayForEach(name, old) {
        bool found = false;
        for (size_t c = 0; c < r->columns; c++)
            found = found || (cJSON_IsString(name) && strcmp(r->names[c], name->valuestring) == 0);
        are = are && found;
    }
    cJSON_Delete(old);
    return are;
}

static hth_status open_rows(hth_rows *r, bool *found, hth_error *error) {
    HTH_TRY(make_room(r, error));
    HTH_TRY(hth_rows_begin(r, found, error));
    if (!*found && r->names && !are_old_names(r))
        return hth_fail(error, HTH_INVALID, "%s: there are no rows", r->source.name);
    if (!*found) return HTH_OK;
    r->cells = calloc(r->columns, sizeof *r->cells);
    r->absent = calloc(r->columns, sizeof *r->absent);
    if (!r->cells || !r->absent) return hth_rows_no_memory(r, error);
    return choose_columns(r, error);
}

hth_status hth_rows_open(const hth_row_options *options, const hth_row_source *source,
                         hth_rows **out, hth_error *error) {
    hth_rows *r = calloc(1, sizeof *r);
    if (!r) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for a row", source->name);
    r->options = options;
    r->source = *source;
    bool found = true;
    const hth_status status = open_rows(r, &found, error);
    *out = status == HTH_OK && found ? r : NULL;
    if (!*out) hth_rows_close(r);
    return status;
}

void hth_rows_close(hth_rows *r) {
    if (!r) return;
    for (size_t c = 0; r->names && c < r->columns; c++) free(r->names[c]);
    free(r->names);
    free(r->buffer);
    free(r->cells);
    free(r->absent);
    free(r->wanted);
    free(r->inputs);
    free(r->targets);
    free(r->classes);
    free(r->class_text);
    free(r->values);
    free(r);
}

size_t hth_rows_inputs(const hth_rows *r) {
    return r->input_count;
}
size_t hth_rows_targets(const hth_rows *r) {
    return r->target_count;
}
size_t hth_rows_classes(const hth_rows *r) {
    return r->class_count;
}

void hth_rows_input_name(const hth_rows *r, size_t index, char *out, size_t size) {
    column_name(r, r->inputs[index], out, size);
}

void hth_rows_target_name(const hth_rows *r, size_t index, char *out, size_t size) {
    column_name(r, r->targets[index], out, size);
}

void hth_rows_id_name(const hth_rows *r, char *out, size_t size) {
    *out = '\0';
    if (r->id_column != HTH_NOT_READ) column_name(r, r->id_column, out, size);
}

char *hth_rows_names(const hth_rows *r) {
    if (!r->names) return strdup("");
    cJSON *list = cJSON_CreateStringArray((const char *const *)r->names, (int)r->columns);
    char *text = list ? cJSON_PrintUnformatted(list) : NULL;
    cJSON_Delete(list);
    return text;
}

void hth_rows_class_name(const hth_rows *r, size_t index, char *out, size_t size) {
    if (r->classes)
        snprintf(out, size, "%s", r->classes[index]);
    else
        snprintf(out, size, "%zu", index);
}

const hth_row_keys *hth_rows_keys(const hth_rows *r) {
    return &r->keys;
}

uint64_t hth_rows_absent(const hth_rows *r, size_t index) {
    const bool input = index < r->input_count;
    return r->absent[input ? r->inputs[index] : r->targets[index - r->input_count]];
}

static hth_status check_class(const hth_rows *r, double value, hth_error *error) {
    if (!r->class_count || isnan(value) ||
        (value >= 0 && value < (double)r->class_count && value == floor(value)))
        return HTH_OK;
    char place[300];
    hth_rows_place(r, r->targets[0], place, sizeof place);
    return hth_fail(error, HTH_INVALID,
                    "%s: class %g, but with data.classes=%s classes are 0 to %zu", place, value,
                    r->options->classes, r->class_count - 1);
}

hth_status hth_rows_next(hth_rows *r, hth_row *out, bool *found, hth_error *error) {
    HTH_TRY(hth_rows_read(r, found, error));
    if (!*found) return HTH_OK;
    *out = (hth_row){.number = r->number,
                     .inputs = r->values,
                     .targets = r->values + r->input_count,
                     .id = r->id};
    /* The wanted numbers, in the order in which they were named. */
    for (size_t i = 0; i < r->input_count; i++) {
        r->values[i] = r->cells[r->inputs[i]];
        out->has_input = out->has_input || !isnan(r->values[i]);
    }
    for (size_t i = 0; i < r->target_count; i++) {
        const double value = r->cells[r->targets[i]];
        HTH_TRY(check_class(r, value, error));
        r->values[r->input_count + i] = value;
        out->has_target = out->has_target || !isnan(value);
    }
    return HTH_OK;
}
