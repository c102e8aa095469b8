/* Reading results back from SQLite. */
#include "compare/store/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number_at(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? (double)NAN
                                                           : sqlite3_column_double(row, column);
}

/* A copy; NULL: no memory. */
static char *text_at(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    return strdup(text ? text : "");
}

/* ---- Lists of rows ------------------------------------------------------------------------ */

/* What a list holds: its size, how it is read from a row (false: no memory), and how what it owns is freed
 * (NULL: it owns nothing). */
typedef struct row_kind {
    size_t size;
    bool (*read)(sqlite3_stmt *row, void *item);
    void (*release)(void *item);
} row_kind;

typedef struct row_list {
    void *items;
    size_t count;
} row_list;

/* Room doubles at powers of 2 from 16 on. */
static bool add_row(sqlite3_stmt *row, const row_kind *kind, row_list *list) {
    const size_t count = list->count;
    if (count == 0 || (count >= 16 && (count & (count - 1)) == 0)) {
        void *longer = realloc(list->items, (count ? 2 * count : 16) * kind->size);
        if (!longer) return false;
        list->items = longer;
    }
    list->count++;
    return kind->read(row, (char *)list->items + count * kind->size);
}

static void free_rows(const row_kind *kind, row_list *list) {
    for (size_t i = 0; kind->release && i < list->count; i++)
        kind->release((char *)list->items + i * kind->size);
    free(list->items);
}

/* All rows of a query, which ends here. On error nothing is left of the list. */
static hth_status read_rows(hth_store *store, sqlite3_stmt *row, const row_kind *kind,
                            row_list *out, hth_error *error) {
    hth_status status = HTH_OK;
    *out = (row_list){NULL, 0};
    while (hth_sql_step(store, row, &status, error))
        if (!add_row(row, kind, out))
            status = hth_fail(error, HTH_NO_MEMORY, "not enough memory to read %s", store->path);
    sqlite3_finalize(row);
    if (status != HTH_OK) free_rows(kind, out);
    return status;
}

/* ---- Options and settings ----------------------------------------------------------------- */

hth_status hth_store_option(hth_store *store, const char *key, char *out, size_t size,
                            hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    *out = '\0';
    HTH_TRY(hth_sql_prepare(store, &row, error, "SELECT value FROM experiment WHERE key = ?", "t",
                            key));
    if (hth_sql_step(store, row, &status, error))
        snprintf(out, size, "%s", (const char *)sqlite3_column_text(row, 0));
    sqlite3_finalize(row);
    return status;
}

hth_status hth_store_settings(hth_store *store, int64_t variant, hth_config *out,
                              hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    HTH_TRY(hth_sql_prepare(store, &row, error, "SELECT key, value FROM settings WHERE variant = ?",
                            "i", variant));
    while (hth_sql_step(store, row, &status, error))
        status = hth_config_set(out, (const char *)sqlite3_column_text(row, 0),
                                (const char *)sqlite3_column_text(row, 1), NULL, error);
    sqlite3_finalize(row);
    return status;
}

/* ---- Variants, runs, lines ---------------------------------------------------------------- */

static bool read_variant(sqlite3_stmt *row, void *item) {
    hth_stored_variant *variant = item;
    *variant = (hth_stored_variant){sqlite3_column_int64(row, 0), text_at(row, 1), text_at(row, 2),
                                    text_at(row, 3)};
    return variant->arm && variant->learner && variant->varied;
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
                            "SELECT id, arm, learner, varied FROM variants ORDER BY position, id",
                            ""));
    HTH_TRY(read_rows(store, row, &kind, &list, error));
    *out = list.items;
    *count = list.count;
    return HTH_OK;
}

static hth_run_status status_at(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    for (int i = 0; text && hth_run_statuses[i]; i++)
        if (strcmp(text, hth_run_statuses[i]) == 0) return (hth_run_status)i;
    return HTH_RUN_WAITING;
}

static bool read_run(sqlite3_stmt *row, void *item) {
    hth_stored_run *run = item;
    const char *message = (const char *)sqlite3_column_text(row, 12);
    *run = (hth_stored_run){
        .id = sqlite3_column_int64(row, 0),
        .variant = sqlite3_column_int64(row, 1),
        .seed = (uint64_t)sqlite3_column_int64(row, 2),
        .status = status_at(row, 3),
        .steps = (uint64_t)sqlite3_column_int64(row, 4),
        .parameters = number_at(row, 5),
        .learner_bytes = number_at(row, 6),
        .memory_bytes = number_at(row, 7),
        .test_loss = number_at(row, 8),
        .test_metric = number_at(row, 9),
        .seconds = number_at(row, 10),
        .steps_per_second = number_at(row, 11),
        .kept = sqlite3_column_int(row, 13) != 0,
    };
    snprintf(run->message, sizeof run->message, "%s", message ? message : "");
    return true;
}

hth_status hth_store_runs(hth_store *store, hth_stored_run **out, size_t *count, hth_error *error) {
    static const row_kind kind = {sizeof **out, read_run, NULL};
    sqlite3_stmt *row;
    row_list list;
    HTH_TRY(hth_sql_prepare(
        store, &row, error,
        "SELECT runs.id, variant, seed, status, steps, parameters, learner_bytes, "
        "memory_bytes, test_loss, test_metric, seconds, steps_per_second, message, kept FROM "
        "runs JOIN variants ON variants.id = variant ORDER BY seed, position, variant",
        ""));
    HTH_TRY(read_rows(store, row, &kind, &list, error));
    *out = list.items;
    *count = list.count;
    return HTH_OK;
}

static bool read_line(sqlite3_stmt *row, void *item) {
    *(hth_line *)item = (hth_line){
        .step = (uint64_t)sqlite3_column_int64(row, 0),
        .epoch = (uint64_t)sqlite3_column_int64(row, 1),
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
    return true;
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
