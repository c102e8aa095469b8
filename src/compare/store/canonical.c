/*
 * Settings in one spelling: 1e-3 and 0.001 are the same number, and so is what varies by it. SQL statements know these
 * as canonical(value) and canonical_varied(object).
 */
#include "compare/store/sql.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number with the fewest digits that give it back, as hth_same_value compares it; any other text as it is. */
static const char *canonical(const char *value, char number[32]) {
    enum { MOST_DIGITS = 17 };
    char *end;
    const double x = strtod(value, &end);
    if (end == value || *end || !isfinite(x)) return value;
    for (int digits = 1; digits <= MOST_DIGITS; digits++) {
        snprintf(number, 32, "%.*g", digits, x == 0 ? 0 : x);
        if (strtod(number, NULL) == x) break;
    }
    return number;
}

static int by_key(const void *a, const void *b) {
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* The items of an object, ordered by key; NULL without memory. */
static const cJSON **ordered(const cJSON *object, size_t *count) {
    const cJSON **items = calloc((size_t)cJSON_GetArraySize(object) + 1, sizeof *items), *item;
    *count = 0;
    if (!items) return NULL;
    cJSON_ArrayForEach(item, object) items[(*count)++] = item;
    qsort(items, *count, sizeof *items, by_key);
    return items;
}

static cJSON *canonical_object(const cJSON *object) {
    char number[32];
    size_t count;
    const cJSON **items = ordered(object, &count);
    cJSON *out = cJSON_CreateObject();
    bool good = items && out;
    for (size_t i = 0; i < count && good; i++) {
        const char *value = cJSON_GetStringValue(items[i]);
        good = cJSON_AddStringToObject(out, items[i]->string,
                                       canonical(value ? value : "", number)) != NULL;
    }
    free(items);
    if (good) return out;
    cJSON_Delete(out);
    return NULL;
}

char *hth_canonical_varied(const char *varied) {
    cJSON *object = cJSON_Parse(varied);
    cJSON *out = cJSON_IsObject(object) ? canonical_object(object) : NULL;
    char *text = out ? cJSON_PrintUnformatted(out) : NULL;
    cJSON_Delete(object);
    cJSON_Delete(out);
    return text;
}

static void sql_canonical(sqlite3_context *context, int count, sqlite3_value **values) {
    const char *value = (const char *)sqlite3_value_text(values[0]);
    char number[32];
    (void)count;
    if (value) sqlite3_result_text(context, canonical(value, number), -1, SQLITE_TRANSIENT);
}

static void sql_canonical_varied(sqlite3_context *context, int count, sqlite3_value **values) {
    const char *varied = (const char *)sqlite3_value_text(values[0]);
    (void)count;
    char *text = varied ? hth_canonical_varied(varied) : NULL;
    if (text)
        sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
    else
        sqlite3_result_error(context, "what is varied is no JSON object", -1);
    cJSON_free(text);
}

hth_status hth_sql_know_canonical(hth_store *store, hth_error *error) {
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    sqlite3 *database = store->database;
    if (sqlite3_create_function(database, "canonical", 1, flags, NULL, sql_canonical, NULL, NULL) ==
            SQLITE_OK &&
        sqlite3_create_function(database, "canonical_varied", 1, flags, NULL, sql_canonical_varied,
                                NULL, NULL) == SQLITE_OK)
        return HTH_OK;
    return hth_sql_complain(store, error);
}
