/* What a line or a record says: comma-separated values, values with blanks between, JSON, and numbers in bytes. */
#include "data/row_formats.h"
#include "data/csv.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hth_status hth_rows_no_memory(const hth_rows *r, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for a row", r->source.name);
}

/* ---- Cells ---- */

bool hth_rows_is_missing(const char *text) {
    static const char *const words[] = {"", "NaN", "nan", "NAN", "-nan", "NA", "null", "?"};
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

bool hth_rows_is_number(const char *text) {
    char *end;
    if (hth_rows_is_missing(text)) return true;
    const double value = strtod(text, &end);
    return end > text && !*end && isfinite(value);
}

bool hth_rows_has_comma(const char *text) {
    return strchr(text, ',') && strspn(text, "-+0123456789,.eE") == strlen(text);
}

/* The number of a class by its name; -1: there is none. */
static double class_of(const hth_rows *r, const char *text) {
    for (size_t i = 0; i < r->class_count; i++)
        if (strcmp(r->classes[i], text) == 0) return (double)i;
    return -1;
}

static hth_status bad_cell(const hth_rows *r, size_t column, const char *text, hth_error *error) {
    char place[300];
    hth_rows_place(r, column, place, sizeof place);
    if (r->classes && column == r->targets[0])
        return hth_fail(error, HTH_INVALID, "%s: '%.60s' is none of the classes %s", place, text,
                        r->options->classes);
    if (hth_rows_has_comma(text))
        return hth_fail(error, HTH_INVALID,
                        "%s: '%.60s' has a decimal comma; numbers are written with a point", place,
                        text);
    return hth_fail(error, HTH_INVALID,
                    "%s: '%.60s' is not a number; one that is missing is left empty", place, text);
}

static hth_status read_cell(hth_rows *r, size_t column, const char *text, hth_error *error) {
    double *out = &r->cells[column];
    *out = NAN;
    if (hth_rows_is_missing(text)) return HTH_OK;
    if (r->classes && column == r->targets[0]) {
        *out = class_of(r, text);
        return *out >= 0 ? HTH_OK : bad_cell(r, column, text, error);
    }
    char *end;
    *out = strtod(text, &end);
    return end > text && !*end && isfinite(*out) ? HTH_OK : bad_cell(r, column, text, error);
}

static hth_status read_id(hth_rows *r, const char *text, hth_error *error) {
    if (*text && strlen(text) < sizeof r->id) {
        snprintf(r->id, sizeof r->id, "%s", text);
        return HTH_OK;
    }
    return hth_fail(error, HTH_INVALID,
                    "%s: line %llu: the name of a row is '%.70s', but must have 1 to %d bytes",
                    r->source.name, (unsigned long long)r->number, text, HTH_ROW_ID - 1);
}

/* ---- Lines of fields ---- */

/* Takes the next field off a line; *at NULL after the last. NULL: quotes do not match. */
static char *next_field(const hth_rows *r, char **at) {
    if (r->separator != ' ') return hth_csv_field(r->separator, at);
    char *from = *at + strspn(*at, " \t"), *end = from + strcspn(from, " \t");
    char *next = end + strspn(end, " \t");
    *at = *next ? next : NULL;
    *end = '\0';
    return from;
}

static hth_status wrong_count(const hth_rows *r, size_t count, hth_error *error) {
    return hth_fail(error, HTH_INVALID, "%s: line %llu has %zu fields, but the first has %zu",
                    r->source.name, (unsigned long long)r->number, count, r->columns);
}

static hth_status read_fields(hth_rows *r, hth_error *error) {
    size_t count = 0;
    for (char *at = r->line; at; count++) {
        const char *field = next_field(r, &at);
        if (!field)
            return hth_fail(error, HTH_INVALID, "%s: line %llu: the quotes do not match",
                            r->source.name, (unsigned long long)r->number);
        if (count >= r->columns) continue;
        if (count == r->id_column) HTH_TRY(read_id(r, field, error));
        if (r->wanted[count]) HTH_TRY(read_cell(r, count, field, error));
    }
    return count == r->columns ? HTH_OK : wrong_count(r, count, error);
}

/* ---- Lines of JSON ---- */

static hth_status read_value(hth_rows *r, size_t column, const cJSON *value, hth_error *error) {
    r->cells[column] = NAN;
    if (!value || cJSON_IsNull(value)) return HTH_OK;
    if (cJSON_IsString(value)) return read_cell(r, column, value->valuestring, error);
    if (cJSON_IsBool(value)) {
        r->cells[column] = cJSON_IsTrue(value) ? 1 : 0;
        return HTH_OK;
    }
    r->cells[column] = value->valuedouble;
    return cJSON_IsNumber(value) && isfinite(value->valuedouble)
               ? HTH_OK
               : bad_cell(r, column, "an object or a list", error);
}

static hth_status read_json_id(hth_rows *r, const cJSON *value, hth_error *error) {
    char number[32] = "";
    if (cJSON_IsNumber(value)) snprintf(number, sizeof number, "%.17g", value->valuedouble);
    return read_id(r, cJSON_IsString(value) ? value->valuestring : number, error);
}

/* A key of the line that the first one did not have; NULL: there is none. */
static const char *new_key(const hth_rows *r, const cJSON *line) {
    for (const cJSON *item = line->child; item; item = item->next) {
        bool known = false;
        for (size_t c = 0; c < r->columns && !known; c++)
            known = strcmp(r->names[c], item->string) == 0;
        if (!known) return item->string;
    }
    return NULL;
}

/* Whether the row brings all targets and no input. */
static bool only_answers(const hth_rows *r) {
    for (size_t i = 0; i < r->target_count; i++)
        if (isnan(r->cells[r->targets[i]])) return false;
    for (size_t i = 0; i < r->input_count; i++)
        if (!isnan(r->cells[r->inputs[i]])) return false;
    return true;
}

/* Counts the columns that are read and that the line does not have. An answer under a name leaves out the inputs. */
static void count_absent(hth_rows *r, const cJSON *line) {
    hth_row_keys *keys = &r->keys;
    const char *unknown = new_key(r, line), *first = NULL;
    if (r->id_column != HTH_NOT_READ && (!unknown || only_answers(r))) return;
    for (size_t c = 0; c < r->columns; c++) {
        if (!r->wanted[c] || cJSON_GetObjectItemCaseSensitive(line, r->names[c])) continue;
        if (!first) first = r->names[c];
        r->absent[c]++;
    }
    if (!unknown || keys->renamed++ > 0) return;
    keys->number = r->number;
    snprintf(keys->absent, sizeof keys->absent, "%s", first ? first : "");
    snprintf(keys->unknown, sizeof keys->unknown, "%s", unknown);
}

/* A key that is missing is a number that is missing; in a list every place counts. */
static hth_status read_members(hth_rows *r, const cJSON *line, hth_error *error) {
    const cJSON *item = line->child;
    if (!r->names && cJSON_GetArraySize(line) != (int)r->columns)
        return wrong_count(r, (size_t)cJSON_GetArraySize(line), error);
    bool lacks = false;
    for (size_t c = 0; c < r->columns; c++) {
        const cJSON *value = r->names ? cJSON_GetObjectItemCaseSensitive(line, r->names[c]) : item;
        if (!r->names && item) item = item->next;
        if (c == r->id_column) HTH_TRY(read_json_id(r, value, error));
        if (!r->wanted[c]) continue;
        HTH_TRY(read_value(r, c, value, error));
        lacks = lacks || (r->names && !value);
    }
    if (lacks) count_absent(r, line);
    return HTH_OK;
}

static cJSON *parse_line(const hth_rows *r) {
    const char *end;
    cJSON *line = cJSON_ParseWithLengthOpts(r->line, r->length, &end, 0);
    const bool whole = line && end + strspn(end, " \t") >= r->line + r->length;
    if (whole && (cJSON_IsArray(line) || cJSON_IsObject(line))) return line;
    cJSON_Delete(line);
    return NULL;
}

static hth_status not_json(const hth_rows *r, hth_error *error) {
    return hth_fail(error, HTH_INVALID, "%s: line %llu is no list or object of JSON: '%.60s'",
                    r->source.name, (unsigned long long)r->number, r->line);
}

static hth_status read_json(hth_rows *r, hth_error *error) {
    cJSON *line = parse_line(r);
    if (!line) return not_json(r, error);
    hth_status status = HTH_OK;
    if (cJSON_IsArray(line) == (r->names != NULL))
        status = hth_fail(error, HTH_INVALID, "%s: line %llu is %s, but the first was not",
                          r->source.name, (unsigned long long)r->number,
                          r->names ? "a list" : "an object");
    if (status == HTH_OK) status = read_members(r, line, error);
    cJSON_Delete(line);
    return status;
}

/* ---- Numbers in bytes ---- */

static hth_status read_numbers(hth_rows *r, bool *found, hth_error *error) {
    *found = r->rows_left > 0;
    if (!*found) return HTH_OK;
    HTH_TRY(hth_rows_bytes(r, r->columns * r->npy.size, found, error));
    if (!*found) {
        if (r->stopped || r->rows_left == UINT64_MAX) return HTH_OK;
        return hth_fail(error, HTH_INVALID,
                        "%s: the .npy ends after row %llu, but its header has %llu rows more",
                        r->source.name, (unsigned long long)r->number,
                        (unsigned long long)r->rows_left);
    }
    if (r->rows_left != UINT64_MAX) r->rows_left--;
    for (size_t c = 0; c < r->columns; c++) {
        if (!r->wanted[c]) continue;
        r->cells[c] = hth_npy_number(&r->npy, (const unsigned char *)r->line + c * r->npy.size);
        if (isinf(r->cells[c])) return bad_cell(r, c, "infinity", error);
    }
    return HTH_OK;
}

hth_status hth_rows_read(hth_rows *r, bool *found, hth_error *error) {
    if (r->format == HTH_ROWS_FLOAT32 || r->format == HTH_ROWS_NPY)
        return read_numbers(r, found, error);
    HTH_TRY(hth_rows_line(r, found, error));
    if (!*found) return HTH_OK;
    return r->format == HTH_ROWS_JSON ? read_json(r, error) : read_fields(r, error);
}

/* ---- The first bytes ---- */

static hth_status too_many(const hth_rows *r, hth_error *error) {
    return hth_fail(error, HTH_INVALID, "%s: there are more than %d columns", r->source.name,
                    HTH_MOST_COLUMNS);
}

static hth_status add_name(hth_rows *r, const char *name, hth_error *error) {
    if (r->columns == HTH_MOST_COLUMNS) return too_many(r, error);
    for (size_t c = 0; c < r->columns; c++)
        if (strcmp(r->names[c], name) == 0)
            return hth_fail(error, HTH_INVALID, "%s: columns %zu and %zu are both named '%.60s'",
                            r->source.name, c + 1, r->columns + 1, name);
    r->names[r->columns] = strdup(name);
    return r->names[r->columns++] ? HTH_OK : hth_rows_no_memory(r, error);
}

/* Counts the fields of a line, and those that are numbers or missing. */
static hth_status count_fields(const hth_rows *r, size_t *count, size_t *numbers,
                               hth_error *error) {
    char *copy = strdup(r->line);
    if (!copy) return hth_rows_no_memory(r, error);
    bool matched = true;
    *count = *numbers = 0;
    for (char *at = copy; at; ++*count) {
        const char *field = next_field(r, &at);
        matched = matched && field;
        *numbers += field && hth_rows_is_number(field);
    }
    free(copy);
    if (matched) return *count > HTH_MOST_COLUMNS ? too_many(r, error) : HTH_OK;
    return hth_fail(error, HTH_INVALID, "%s: line %llu: the quotes do not match", r->source.name,
                    (unsigned long long)r->number);
}

/* Takes the names of the columns from the first line. */
static hth_status take_names(hth_rows *r, hth_error *error) {
    char *copy = strdup(r->line);
    r->names = calloc(HTH_MOST_COLUMNS, sizeof *r->names);
    hth_status status = r->names && copy ? HTH_OK : hth_rows_no_memory(r, error);
    r->columns = 0;
    for (char *at = copy; status == HTH_OK && at;) status = add_name(r, next_field(r, &at), error);
    free(copy);
    return status;
}

/* Whether a field of the first line is a name that a column had before. */
static bool has_old_name(const hth_rows *r, const cJSON *old, bool *found) {
    char *copy = strdup(r->line);
    *found = false;
    for (char *at = copy; at;) {
        const char *field = next_field(r, &at);
        const cJSON *name;
        cJSON_ArrayForEach(name, old) {
            *found = *found || (field && strcmp(field, name->valuestring) == 0);
        }
    }
    free(copy);
    return copy != NULL;
}

/* Whether they are as many texts as there are columns. */
static bool fit_columns(const hth_rows *r, const cJSON *old) {
    const cJSON *name;
    bool fit = cJSON_IsArray(old) && cJSON_GetArraySize(old) == (int)r->columns;
    cJSON_ArrayForEach(name, old) {
        fit = fit && cJSON_IsString(name);
    }
    return fit;
}

/* Gives the columns their old names. */
static hth_status use_names(hth_rows *r, const cJSON *old, hth_error *error) {
    const cJSON *name;
    r->names = calloc(HTH_MOST_COLUMNS, sizeof *r->names);
    if (!r->names) return hth_rows_no_memory(r, error);
    r->columns = 0;
    cJSON_ArrayForEach(name, old) {
        HTH_TRY(add_name(r, name->valuestring, error));
    }
    return HTH_OK;
}

/* The columns have the names of before (options->names) if there are as many and the first line is a row: it has numbers,
 * and, unless all are, none of these names. */
static hth_status recall_names(hth_rows *r, size_t numbers, hth_error *error) {
    cJSON *old = r->options->names ? cJSON_Parse(r->options->names) : NULL;
    bool named = numbers == 0;
    hth_status status = HTH_OK;
    if (fit_columns(r, old) && !named) {
        if (numbers < r->columns && !has_old_name(r, old, &named))
            status = hth_rows_no_memory(r, error);
        if (status == HTH_OK && !named) status = use_names(r, old, error);
    }
    cJSON_Delete(old);
    return status;
}

/* A first line whose fields are not all numbers names the columns, unless they have names from before. */
static hth_status begin_fields(hth_rows *r, bool *found, hth_error *error) {
    size_t numbers, count, unused;
    HTH_TRY(hth_rows_line(r, found, error));
    if (!*found) return HTH_OK;
    if (strncmp(r->line, "\xEF\xBB\xBF", 3) == 0) r->line += 3; /* the mark that says UTF-8 */
    if (r->format == HTH_ROWS_AUTO)
        r->format = strpbrk(r->line, ",;\t") ? HTH_ROWS_CSV : HTH_ROWS_BLANKS;
    r->separator = r->format == HTH_ROWS_BLANKS ? ' ' : hth_csv_separator(r->line);
    if (strpbrk(r->line, ";\t") && strchr(r->line, ',') &&
        strspn(r->line, "-+0123456789,.eE; \t") == strlen(r->line))
        return hth_fail(error, HTH_INVALID,
                        "%s: line %llu has commas beside another separator: '%.60s'; numbers are "
                        "written with a point",
                        r->source.name, (unsigned long long)r->number, r->line);
    HTH_TRY(count_fields(r, &r->columns, &numbers, error));
    HTH_TRY(recall_names(r, numbers, error));
    const bool is_row = numbers == r->columns || r->names;
    if (!is_row) HTH_TRY(take_names(r, error));
    r->held = is_row;
    if (!is_row) HTH_TRY(hth_rows_line(r, found, error));
    r->held = *found;
    return *found ? count_fields(r, &count, &unused, error) : HTH_OK;
}

static hth_status begin_json(hth_rows *r, bool *found, hth_error *error) {
    HTH_TRY(hth_rows_line(r, found, error));
    if (!*found) return HTH_OK;
    r->held = true;
    cJSON *line = parse_line(r);
    if (!line) return not_json(r, error);
    hth_status status = HTH_OK;
    if (cJSON_IsObject(line)) {
        r->names = calloc(HTH_MOST_COLUMNS, sizeof *r->names);
        if (!r->names) status = hth_rows_no_memory(r, error);
        for (const cJSON *item = line->child; item && status == HTH_OK; item = item->next)
            status = add_name(r, item->string, error);
    } else
        r->columns = (size_t)cJSON_GetArraySize(line);
    cJSON_Delete(line);
    if (status == HTH_OK && r->columns > HTH_MOST_COLUMNS) status = too_many(r, error);
    return status;
}

static hth_status read_npy_bytes(const hth_npy_source *source, void *out, size_t length,
                                 hth_error *error) {
    hth_rows *r = source->context;
    bool found;
    HTH_TRY(hth_rows_bytes(r, length, &found, error));
    if (!found)
        return hth_fail(error, HTH_INVALID, "%s: the .npy ends in its header", r->source.name);
    memcpy(out, r->line, length);
    return HTH_OK;
}

static hth_status begin_npy(hth_rows *r, hth_error *error) {
    /* Its length is not known; that of the numbers is found wrong, if it is, when they end. */
    const hth_npy_source source = {r->source.name, "rows", UINT64_MAX, r, read_npy_bytes};
    HTH_TRY(hth_npy_header(&source, &r->npy, error));
    const hth_npy *a = &r->npy;
    if (a->rank < 1 || a->rank > 2 || (a->fortran && a->rank > 1))
        return hth_fail(
            error, HTH_INVALID,
            "%s: the .npy has the shape %s%s, but rows are an array (rows, columns) in C order",
            r->source.name, hth_npy_shape_text(a).text, a->fortran ? " in Fortran order" : "");
    r->columns = a->rank == 2 ? a->shape[1] : 1;
    r->rows_left = a->shape[0];
    r->number = 0;
    if (*r->options->id)
        return hth_fail(
            error, HTH_INVALID,
            "data.id is '%s', but the rows of a .npy have no names: leave it out, or send text",
            r->options->id);
    if (r->columns >= 1 && r->columns <= HTH_MOST_COLUMNS) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%s: the .npy has %zu columns; up to %d can be read",
                    r->source.name, r->columns, HTH_MOST_COLUMNS);
}

/* JSON begins with a bracket; .npy with a byte that is in no text. */
static hth_status guess_format(hth_rows *r, bool *found, hth_error *error) {
    static const char npy[] = "\x93NUMPY";
    const bool open = r->format == HTH_ROWS_AUTO;
    while (r->to == r->from && !r->at_end) HTH_TRY(hth_rows_more(r, error));
    while (open && r->to - r->from < 6 && !r->at_end && r->buffer[r->from] == npy[0])
        HTH_TRY(hth_rows_more(r, error));
    *found = r->to > r->from && !r->stopped;
    if (!*found) return HTH_OK;
    const char *first = r->buffer + r->from;
    r->buffer[r->to] = '\0'; /* there is always room for one byte more */
    if (!open) return HTH_OK;
    if (r->to - r->from >= 6 && memcmp(first, npy, 6) == 0) r->format = HTH_ROWS_NPY;
    const char begins = first[strspn(first, " \t\r\n")];
    if (begins == '{' || begins == '[') r->format = HTH_ROWS_JSON;
    return HTH_OK;
}

hth_status hth_rows_begin(hth_rows *r, bool *found, hth_error *error) {
    r->format = (hth_row_format)r->options->format;
    r->rows_left = UINT64_MAX;
    HTH_TRY(guess_format(r, found, error));
    if (!*found) return HTH_OK;
    switch (r->format) {
    case HTH_ROWS_FLOAT32:
        r->npy = (hth_npy){.dtype = "<f4", .kind = HTH_NPY_FLOAT, .size = 4};
        r->columns = (size_t)r->options->columns;
        return HTH_OK;
    case HTH_ROWS_NPY:
        return begin_npy(r, error);
    case HTH_ROWS_JSON:
        return begin_json(r, found, error);
    default:
        return begin_fields(r, found, error);
    }
}

bool hth_rows_first_is_number(const hth_rows *r, size_t column) {
    if (r->format == HTH_ROWS_FLOAT32 || r->format == HTH_ROWS_NPY) return true;
    bool is_number = false;
    if (r->format == HTH_ROWS_JSON) {
        cJSON *line = parse_line(r);
        const cJSON *value = line ? cJSON_GetArrayItem(line, (int)column) : NULL;
        is_number = value && (cJSON_IsNumber(value) || cJSON_IsBool(value) || cJSON_IsNull(value) ||
                              (cJSON_IsString(value) && hth_rows_is_number(value->valuestring)));
        cJSON_Delete(line);
        return is_number;
    }
    char *copy = strdup(r->line);
    size_t c = 0;
    for (char *at = copy; at; c++) {
        const char *field = next_field(r, &at);
        if (c == column && field) is_number = hth_rows_is_number(field);
    }
    free(copy);
    return is_number;
}
