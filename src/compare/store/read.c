/* Reads results back from SQLite. */
#include "compare/store/sql.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Any program can change a SQLite file, so the type of every value is checked before the value is used. */
static hth_status wrong(const hth_store *store, sqlite3_stmt *row, int column, const char *right,
                        hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: a row has no %s in the column '%s': the file is damaged",
                    store->path, right, sqlite3_column_name(row, column));
}

static hth_status no_memory(const hth_store *store, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory to read %s", store->path);
}

static double number_at(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? (double)NAN
                                                           : sqlite3_column_double(row, column);
}

/* *out is valid until the next step of the row. */
static hth_status text_at(const hth_store *store, sqlite3_stmt *row, int column, const char **out,
                          hth_error *error) {
    if (sqlite3_column_type(row, column) != SQLITE_TEXT)
        return wrong(store, row, column, "text", error);
    *out = (const char *)sqlite3_column_text(row, column);
    return *out ? HTH_OK : no_memory(store, error);
}

static hth_status copy_at(const hth_store *store, sqlite3_stmt *row, int column, char **out,
                          hth_error *error) {
    const char *text;
    HTH_TRY(text_at(store, row, column, &text, error));
    *out = strdup(text);
    return *out ? HTH_OK : no_memory(store, error);
}

static hth_status whole_at(const hth_store *store, sqlite3_stmt *row, int column, int64_t *out,
                           hth_error *error) {
    *out = sqlite3_column_int64(row, column);
    if (sqlite3_column_type(row, column) == SQLITE_INTEGER && *out >= 0) return HTH_OK;
    return wrong(store, row, column, "whole number of at least 0", error);
}

/* ---- Lists of rows ------------------------------------------------------------------------ */

/* How to read a list of items: the size of an item, how a row is read into a zeroed item, and how an item's memory
 * is freed, also after an incomplete read (NULL: it owns none). */
typedef struct row_kind {
    size_t size;
    hth_status (*read)(const hth_store *store, sqlite3_stmt *row, void *item, hth_error *error);
    void (*release)(void *item);
} row_kind;

typedef struct row_list {
    void *items;
    size_t count;
} row_list;

/* Appends an item. The room starts at 16 and doubles whenever it is full. */
static hth_status add_row(const hth_store *store, sqlite3_stmt *row, const row_kind *kind,
                          row_list *list, hth_error *error) {
    const size_t count = list->count;
    if (count == 0 || (count >= 16 && (count & (count - 1)) == 0)) {
        void *longer = realloc(list->items, (count ? 2 * count : 16) * kind->size);
        if (!longer) return no_memory(store, error);
        list->items = longer;
    }
    void *item = (char *)list->items + count * kind->size;
    memset(item, 0, kind->size);
    list->count++;
    return kind->read(store, row, item, error);
}

static void free_rows(const row_kind *kind, row_list *list) {
    for (size_t i = 0; kind->release && i < list->count; i++)
        kind->release((char *)list->items + i * kind->size);
    free(list->items);
}

/* Reads all rows of a query and finishes the query. On an error the list is freed. */
static hth_status read_rows(hth_store *store, sqlite3_stmt *row, const row_kind *kind,
                            row_list *out, hth_error *error) {
    hth_status status = HTH_OK;
    *out = (row_list){NULL, 0};
    while (hth_sql_step(store, row, &status, error)) status = add_row(store, row, kind, out, error);
    sqlite3_finalize(row);
    if (status != HTH_OK) free_rows(kind, out);
    return status;
}

/* ---- Options and settings ----------------------------------------------------------------- */

hth_status hth_store_option(hth_store *store, const char *key, char *out, size_t size,
                            hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    const char *text;
    *out = '\0';
    HTH_TRY(hth_sql_prepare(store, &row, error, "SELECT value FROM experiment WHERE key = ?", "t",
                            key));
    if (hth_sql_step(store, row, &status, error)) {
        status = text_at(store, row, 0, &text, error);
        if (status == HTH_OK) snprintf(out, size, "%s", text);
    }
    sqlite3_finalize(row);
    return status;
}

static hth_status take_setting(const hth_store *store, sqlite3_stmt *row, hth_config *out,
                               hth_error *error) {
    const char *key, *value;
    HTH_TRY(text_at(store, row, 0, &key, error));
    HTH_TRY(text_at(store, row, 1, &value, error));
    return hth_config_set(out, key, value, NULL, error);
}

hth_status hth_store_settings(hth_store *store, int64_t variant, hth_config *out,
                              hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    HTH_TRY(hth_sql_prepare(store, &row, error, "SELECT key, value FROM settings WHERE variant = ?",
                            "i", variant));
    while (hth_sql_step(store, row, &status, error)) status = take_setting(store, row, out, error);
    sqlite3_finalize(row);
    return status;
}

/* ---- Variants, runs, lines ---------------------------------------------------------------- */

/* Requires a JSON object whose values are texts: {"optimiser.lr": "1e-4"}. */
static hth_status check_varied(const hth_store *store, sqlite3_stmt *row, int column,
                               const char *text, hth_error *error) {
    cJSON *object = cJSON_Parse(text);
    bool good = cJSON_IsObject(object);
    const cJSON *item;
    cJSON_ArrayForEach(item, object) good = good && item->string && cJSON_IsString(item);
    cJSON_Delete(object);
    return good ? HTH_OK : wrong(store, row, column, "JSON object of texts", error);
}

static hth_status read_variant(const hth_store *store, sqlite3_stmt *row, void *item,
                               hth_error *error) {
    hth_stored_variant *variant = item;
    HTH_TRY(whole_at(store, row, 0, &variant->id, error));
    HTH_TRY(copy_at(store, row, 1, &variant->arm, error));
    HTH_TRY(copy_at(store, row, 2, &variant->learner, error));
    HTH_TRY(copy_at(store, row, 3, &variant->varied, error));
    variant->update_steps = number_at(row, 4);
    variant->sequence_steps = number_at(row, 5);
    return check_varied(store, row, 3, variant->varied, error);
}

static void release_variant(void *item) {
    hth_stored_variant *variant = item;
    free(variant->arm);
    free(variant->learner);
    free(variant->varied);
}

void hth_store_free_variants(hth_stored_variant *variants, size_t count) {
    for (size_t i = 0; i < count; i++) release_variant(&variants[i]);
    free(variants);
}

hth_status hth_store_variants(hth_store *store, hth_stored_variant **out, size_t *count,
                              hth_error *error) {
    static const row_kind kind = {sizeof **out, read_variant, release_variant};
    sqlite3_stmt *row;
    row_list list;
    HTH_TRY(hth_sql_prepare(store, &row, error,
                            "SELECT id, arm, learner, varied, update_steps, sequence_steps FROM "
                            "variants ORDER BY position, id",
                            ""));
    HTH_TRY(read_rows(store, row, &kind, &list, error));
    *out = list.items;
    *count = list.count;
    return HTH_OK;
}

static hth_status status_at(const hth_store *store, sqlite3_stmt *row, int column,
                            hth_run_status *out, hth_error *error) {
    const char *text;
    HTH_TRY(text_at(store, row, column, &text, error));
    for (int i = 0; hth_run_statuses[i]; i++)
        if (strcmp(text, hth_run_statuses[i]) == 0) {
            *out = (hth_run_status)i;
            return HTH_OK;
        }
    return wrong(store, row, column, "state of a run", error);
}

static hth_status read_run(const hth_store *store, sqlite3_stmt *row, void *item,
                           hth_error *error) {
    hth_stored_run *run = item;
    int64_t seed, steps;
    const char *message;
    /* Columns whose type is checked. */
    HTH_TRY(whole_at(store, row, 0, &run->id, error));
    HTH_TRY(whole_at(store, row, 1, &run->variant, error));
    HTH_TRY(whole_at(store, row, 2, &seed, error));
    HTH_TRY(status_at(store, row, 3, &run->status, error));
    HTH_TRY(whole_at(store, row, 4, &steps, error));
    HTH_TRY(text_at(store, row, 12, &message, error));
    run->seed = (uint64_t)seed;
    run->steps = (uint64_t)steps;
    /* Copy the numbers; those that are NULL become NAN. */
    run->parameters = number_at(row, 5);
    run->learner_bytes = number_at(row, 6);
    run->memory_bytes = number_at(row, 7);
    run->test_loss = number_at(row, 8);
    run->test_metric = number_at(row, 9);
    run->seconds = number_at(row, 10);
    run->steps_per_second = number_at(row, 11);
    run->kept = sqlite3_column_int(row, 13) != 0;
    for (int i = 0; i < HTH_TRANSFER_FACTS; i++) run->transfer.of[i] = number_at(row, 14 + i);
    snprintf(run->message, sizeof run->message, "%s", message);
    return HTH_OK;
}

hth_status hth_store_runs(hth_store *store, hth_stored_run **out, size_t *count, hth_error *error) {
    static const row_kind kind = {sizeof **out, read_run, NULL};
    sqlite3_stmt *row;
    row_list list;
    HTH_TRY(hth_sql_prepare(
        store, &row, error,
        "SELECT runs.id, variant, seed, status, steps, parameters, learner_bytes, "
        "memory_bytes, test_loss, test_metric, seconds, steps_per_second, message, kept, acc, "
        "la, bwt, fwt, forgetting FROM runs JOIN variants ON variants.id = variant ORDER BY seed, "
        "position, variant",
        ""));
    HTH_TRY(read_rows(store, row, &kind, &list, error));
    *out = list.items;
    *count = list.count;
    return HTH_OK;
}

static hth_status read_line(const hth_store *store, sqlite3_stmt *row, void *item,
                            hth_error *error) {
    int64_t step, epoch;
    HTH_TRY(whole_at(store, row, 0, &step, error));
    HTH_TRY(whole_at(store, row, 1, &epoch, error));
    *(hth_line *)item = (hth_line){
        .step = (uint64_t)step,
        .epoch = (uint64_t)epoch,
        .train_loss = number_at(row, 2),
        .train_metric = number_at(row, 3),
        .validation_loss = number_at(row, 4),
        .validation_metric = number_at(row, 5),
        .spike_rate = number_at(row, 6),
        .learning_rate = number_at(row, 7),
        .seconds = number_at(row, 8),
        .steps_per_second = number_at(row, 9),
        .memory_bytes = number_at(row, 10),
        .regulariser = number_at(row, 11),
    };
    return HTH_OK;
}

hth_status hth_store_lines(hth_store *store, int64_t run, hth_line **out, size_t *count,
                           hth_error *error) {
    static const row_kind kind = {sizeof **out, read_line, NULL};
    sqlite3_stmt *row;
    row_list list;
    HTH_TRY(
        hth_sql_prepare(store, &row, error,
                        "SELECT step, epoch, train_loss, train_metric, validation_loss, "
                        "validation_metric, spike_rate, learning_rate, seconds, steps_per_second, "
                        "memory_bytes, regulariser FROM lines WHERE run = ? ORDER BY step",
                        "i", run));
    HTH_TRY(read_rows(store, row, &kind, &list, error));
    *out = list.items;
    *count = list.count;
    return HTH_OK;
}
