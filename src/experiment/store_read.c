/* Reading results back from SQLite. */
#include "experiment/store_sql.h"

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

/* Makes room for one more item of a list that is about to hold `count`; NULL: no memory, and the list as
 * it was. */
static void *extend(void *items, size_t count, size_t size) {
    if (count && (count < 16 || (count & (count - 1)))) return items;
    return realloc(items, (count ? 2 * count : 16) * size);
}

static hth_status no_memory(const hth_store *store, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory to read %s", store->path);
}

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

void hth_store_free_variants(hth_stored_variant *variants, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(variants[i].arm);
        free(variants[i].learner);
        free(variants[i].varied);
    }
    free(variants);
}

hth_status hth_store_variants(hth_store *store, hth_stored_variant **out, size_t *count,
                              hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    hth_stored_variant *list = NULL;
    size_t used = 0;
    HTH_TRY(hth_sql_prepare(store, &row, error,
                            "SELECT id, arm, learner, varied FROM variants ORDER BY position, id",
                            ""));
    while (hth_sql_step(store, row, &status, error)) {
        hth_stored_variant *longer = extend(list, used, sizeof *list);
        if (longer) {
            list = longer;
            list[used++] = (hth_stored_variant){sqlite3_column_int64(row, 0), text_at(row, 1),
                                                text_at(row, 2), text_at(row, 3)};
        }
        if (!longer || !list[used - 1].arm || !list[used - 1].learner || !list[used - 1].varied)
            status = no_memory(store, error);
    }
    sqlite3_finalize(row);
    if (status != HTH_OK) {
        hth_store_free_variants(list, used);
        return status;
    }
    *out = list;
    *count = used;
    return HTH_OK;
}

static hth_run_status status_at(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    for (int i = 0; text && hth_run_statuses[i]; i++)
        if (strcmp(text, hth_run_statuses[i]) == 0) return (hth_run_status)i;
    return HTH_RUN_WAITING;
}

static void read_run(sqlite3_stmt *row, hth_stored_run *run) {
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
}

hth_status hth_store_runs(hth_store *store, hth_stored_run **out, size_t *count, hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    hth_stored_run *list = NULL;
    size_t used = 0;
    HTH_TRY(hth_sql_prepare(
        store, &row, error,
        "SELECT runs.id, variant, seed, status, steps, parameters, learner_bytes, "
        "memory_bytes, test_loss, test_metric, seconds, steps_per_second, message, kept FROM "
        "runs JOIN variants ON variants.id = variant ORDER BY seed, position, variant",
        ""));
    while (hth_sql_step(store, row, &status, error)) {
        hth_stored_run *longer = extend(list, used, sizeof *list);
        if (!longer) {
            status = no_memory(store, error);
            break;
        }
        list = longer;
        read_run(row, &list[used++]);
    }
    sqlite3_finalize(row);
    if (status != HTH_OK) {
        free(list);
        return status;
    }
    *out = list;
    *count = used;
    return HTH_OK;
}

static void read_line(sqlite3_stmt *row, hth_line *line) {
    *line = (hth_line){
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
}

hth_status hth_store_lines(hth_store *store, int64_t run, hth_line **out, size_t *count,
                           hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    hth_line *list = NULL;
    size_t used = 0;
    HTH_TRY(
        hth_sql_prepare(store, &row, error,
                        "SELECT step, epoch, train_loss, train_metric, validation_loss, "
                        "validation_metric, spike_rate, learning_rate, seconds, steps_per_second, "
                        "memory_bytes, regulariser FROM lines WHERE run = ? ORDER BY step",
                        "i", run));
    while (hth_sql_step(store, row, &status, error)) {
        hth_line *longer = extend(list, used, sizeof *list);
        if (!longer) {
            status = no_memory(store, error);
            break;
        }
        list = longer;
        read_line(row, &list[used++]);
    }
    sqlite3_finalize(row);
    if (status != HTH_OK) {
        free(list);
        return status;
    }
    *out = list;
    *count = used;
    return HTH_OK;
}
