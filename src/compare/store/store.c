/*
 * Stores results in SQLite. A statement is prepared, gets its parameters by a short format, and is stepped. Errors
 * name the file and give SQLite's own message. A journal beside the file makes each transaction whole or absent.
 */
#include "compare/store/sql.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 4, APPLICATION = 0x48544843 /* "HTHC" */ };

static const char schema[] =
    "CREATE TABLE experiment (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE variants (id INTEGER PRIMARY KEY AUTOINCREMENT, position INTEGER NOT NULL,"
    " arm TEXT NOT NULL, learner TEXT NOT NULL, varied TEXT NOT NULL, update_steps REAL,"
    " sequence_steps REAL);"
    "CREATE TABLE settings (variant INTEGER NOT NULL REFERENCES variants ON DELETE CASCADE,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (variant, key)) WITHOUT ROWID;"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " variant INTEGER NOT NULL REFERENCES variants ON DELETE CASCADE, seed INTEGER NOT NULL,"
    " status TEXT NOT NULL DEFAULT 'waiting'"
    " CHECK (status IN ('waiting', 'finished', 'diverged', 'failed')),"
    " steps INTEGER NOT NULL DEFAULT 0, parameters INTEGER, learner_bytes INTEGER,"
    " memory_bytes INTEGER, test_loss REAL, test_metric REAL, seconds REAL, steps_per_second REAL,"
    " message TEXT NOT NULL DEFAULT '', kept INTEGER NOT NULL DEFAULT 0, acc REAL, la REAL,"
    " bwt REAL, fwt REAL, forgetting REAL, UNIQUE (variant, seed));"
    "CREATE TABLE lines (run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,"
    " step INTEGER NOT NULL, epoch INTEGER NOT NULL, train_loss REAL, train_metric REAL,"
    " validation_loss REAL, validation_metric REAL, spike_rate REAL, learning_rate REAL,"
    " seconds REAL, steps_per_second REAL, memory_bytes INTEGER, regulariser REAL,"
    " PRIMARY KEY (run, step)) WITHOUT ROWID;"
    "CREATE VIEW results AS SELECT variants.arm, variants.learner, variants.varied, runs.seed,"
    " runs.status, runs.steps, avg(lines.train_loss) AS final_train_loss,"
    " avg(lines.train_metric) AS final_train_metric,"
    " avg(lines.validation_loss) AS final_validation_loss,"
    " avg(lines.validation_metric) AS final_validation_metric, runs.test_loss, runs.test_metric,"
    " runs.steps_per_second, runs.learner_bytes, runs.memory_bytes, runs.seconds, runs.message"
    " FROM runs JOIN variants ON variants.id = runs.variant"
    " LEFT JOIN lines ON lines.run = runs.id AND lines.step > runs.steps * (1 - (SELECT value FROM"
    " experiment WHERE key = 'compare.final')) GROUP BY runs.id"
    " ORDER BY variants.position, runs.seed;";

/* How to upgrade layout 1, which had neither the regulariser of a line nor `kept`, layout 2, which did not
 * store how often a variant updates, and layout 3, which knew no phases. */
static const char *const upgrades[] = {
    "ALTER TABLE lines ADD COLUMN regulariser REAL;"
    "ALTER TABLE runs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
    "UPDATE runs SET kept = 1 WHERE status IN ('finished', 'diverged') AND"
    " EXISTS (SELECT 1 FROM experiment WHERE key = 'compare.keep' AND value = 'true');",
    "ALTER TABLE variants ADD COLUMN update_steps REAL;"
    "ALTER TABLE variants ADD COLUMN sequence_steps REAL;",
    "ALTER TABLE runs ADD COLUMN acc REAL; ALTER TABLE runs ADD COLUMN la REAL;"
    "ALTER TABLE runs ADD COLUMN bwt REAL; ALTER TABLE runs ADD COLUMN fwt REAL;"
    "ALTER TABLE runs ADD COLUMN forgetting REAL;",
};

const char *const hth_run_statuses[] = {"waiting", "finished", "diverged", "failed", NULL};

/* ---- Statements --------------------------------------------------------------------------- */

hth_status hth_sql_complain(const hth_store *store, hth_error *error) {
    return hth_fail(error,
                    sqlite3_errcode(store->database) == SQLITE_NOMEM ? HTH_NO_MEMORY : HTH_FILE,
                    "%s: %s", store->path, sqlite3_errmsg(store->database));
}

hth_status hth_sql_execute(hth_store *store, const char *sql, hth_error *error) {
    if (sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK) return HTH_OK;
    return hth_sql_complain(store, error);
}

static int bind_number(sqlite3_stmt *statement, int at, double value) {
    return isfinite(value) ? sqlite3_bind_double(statement, at, value)
                           : sqlite3_bind_null(statement, at);
}

/* Binds a count: a whole number, or NULL if it is not known. */
static int bind_count(sqlite3_stmt *statement, int at, double value) {
    return isfinite(value) ? sqlite3_bind_int64(statement, at, (int64_t)value)
                           : sqlite3_bind_null(statement, at);
}

/* Binds all parameters; false if one was refused. */
static bool bind(sqlite3_stmt *statement, const char *format, va_list arguments) {
    int code = SQLITE_OK;
    for (int at = 1; *format && code == SQLITE_OK; format++, at++) {
        if (*format == 'i')
            code = sqlite3_bind_int64(statement, at, va_arg(arguments, int64_t));
        else if (*format == 'n')
            code = bind_number(statement, at, va_arg(arguments, double));
        else if (*format == 'c')
            code = bind_count(statement, at, va_arg(arguments, double));
        else
            code = sqlite3_bind_text(statement, at, va_arg(arguments, const char *), -1,
                                     SQLITE_STATIC);
    }
    return code == SQLITE_OK;
}

hth_status hth_sql_prepare(hth_store *store, sqlite3_stmt **out, hth_error *error, const char *sql,
                           const char *format, ...) {
    if (sqlite3_prepare_v2(store->database, sql, -1, out, NULL) != SQLITE_OK)
        return hth_sql_complain(store, error);
    va_list arguments;
    va_start(arguments, format);
    const bool bound = bind(*out, format, arguments);
    va_end(arguments);
    if (bound) return HTH_OK;
    sqlite3_finalize(*out);
    return hth_sql_complain(store, error);
}

bool hth_sql_step(hth_store *store, sqlite3_stmt *statement, hth_status *status, hth_error *error) {
    if (*status != HTH_OK) return false;
    const int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) *status = hth_sql_complain(store, error);
    return code == SQLITE_ROW;
}

hth_status hth_sql_change(hth_store *store, hth_error *error, const char *sql, const char *format,
                          ...) {
    sqlite3_stmt *statement;
    hth_status status = HTH_OK;
    if (sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL) != SQLITE_OK)
        return hth_sql_complain(store, error);
    va_list arguments;
    va_start(arguments, format);
    if (!bind(statement, format, arguments)) status = hth_sql_complain(store, error);
    va_end(arguments);
    hth_sql_step(store, statement, &status, error);
    sqlite3_finalize(statement);
    return status;
}

hth_status hth_sql_conclude(hth_store *store, hth_status status, hth_error *error) {
    if (status == HTH_OK) status = hth_sql_execute(store, "COMMIT", error);
    if (status != HTH_OK) sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* ---- Opening ------------------------------------------------------------------------------ */

/* *out: the first number of a query's result; 0 if the result is empty. */
static hth_status read_number(hth_store *store, const char *query, int *out, hth_error *error) {
    sqlite3_stmt *statement;
    hth_status status = HTH_OK;
    *out = 0;
    HTH_TRY(hth_sql_prepare(store, &statement, error, query, ""));
    if (hth_sql_step(store, statement, &status, error)) *out = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

static hth_status read_version(hth_store *store, int *version, hth_error *error) {
    return read_number(store, "PRAGMA user_version", version, error);
}

/* Refuses a database of another program. The database names its program in application_id. Layouts 1 and 2 do not,
 * and are recognised by their tables. A database without any table belongs to nobody. */
static hth_status check_owner(hth_store *store, bool *empty, hth_error *error) {
    static const char own[] = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "
                              "('experiment', 'variants', 'settings', 'runs', 'lines')";
    int id, version, all, tables;
    HTH_TRY(read_number(store, "PRAGMA application_id", &id, error));
    HTH_TRY(read_version(store, &version, error));
    HTH_TRY(read_number(store, "SELECT count(*) FROM sqlite_master", &all, error));
    HTH_TRY(read_number(store, own, &tables, error));
    *empty = all == 0 && version == 0 && (id == 0 || id == APPLICATION);
    const bool old = id == 0 && (version == 1 || version == 2) && tables == 5;
    if (id == APPLICATION || old || *empty) return HTH_OK;
    return hth_fail(error, HTH_FILE,
                    "%s is a database of another program, not the results of a comparison: name "
                    "another directory",
                    store->path);
}

static hth_status check_version(const hth_store *store, int version, hth_error *error) {
    if (version >= 0 && version <= SCHEMA) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s was written by another version of hitherto (its tables are of kind %d, "
                    "this program knows kinds up to %d)",
                    store->path, version, SCHEMA);
}

/* Upgrades the database to the current layout, whatever layout it has. */
static hth_status bring_up(hth_store *store, int version, hth_error *error) {
    char last[80];
    hth_status status = HTH_OK;
    if (version == 0) status = hth_sql_execute(store, schema, error);
    for (int from = version; status == HTH_OK && from >= 1 && from < SCHEMA; from++)
        status = hth_sql_execute(store, upgrades[from - 1], error);
    snprintf(last, sizeof last, "PRAGMA user_version = %d; PRAGMA application_id = %d", SCHEMA,
             APPLICATION);
    return status == HTH_OK ? hth_sql_execute(store, last, error) : status;
}

/* Makes or upgrades the tables. The version is read again inside the transaction, because another process may have
 * done the same in the meantime. */
static hth_status make_tables(hth_store *store, hth_error *error) {
    int version = 0;
    HTH_TRY(hth_sql_execute(store, "PRAGMA foreign_keys = ON", error));
    HTH_TRY(read_version(store, &version, error));
    if (version == SCHEMA) return HTH_OK;
    HTH_TRY(hth_sql_execute(store, "BEGIN IMMEDIATE", error));
    hth_status status = read_version(store, &version, error);
    if (status == HTH_OK && version < SCHEMA) status = bring_up(store, version, error);
    return hth_sql_conclude(store, status, error);
}

/* Upgrades a copy in memory, so that the file stays unchanged. */
static hth_status look_at_copy(hth_store *store, int version, hth_error *error) {
    sqlite3 *file = store->database, *copy = NULL;
    int code = sqlite3_open(":memory:", &copy);
    sqlite3_backup *backup =
        code == SQLITE_OK ? sqlite3_backup_init(copy, "main", file, "main") : NULL;
    if (backup) code = sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE) {
        store->database = copy;
        sqlite3_close(file);
        return bring_up(store, version, error);
    }
    sqlite3_close(copy);
    return hth_fail(error, code == SQLITE_NOMEM ? HTH_NO_MEMORY : HTH_FILE, "%s cannot be read: %s",
                    store->path, sqlite3_errstr(code));
}

/* How a store is opened. LOOK: it stays empty or old, and is not read; VIEW: to be read, but not written. */
typedef enum opening { LOOK, VIEW, WRITE } opening;

static hth_status open_file(hth_store *store, opening how, bool *empty, hth_error *error) {
    enum { PATIENCE = 10000 }; /* milliseconds to wait for another process that is writing */
    const int flags = SQLITE_OPEN_READWRITE | (how == WRITE ? SQLITE_OPEN_CREATE : 0);
    int version;
    /* Open the file and check that it is ours. */
    if (sqlite3_open_v2(store->path, &store->database, flags, NULL) != SQLITE_OK)
        return hth_sql_complain(store, error);
    sqlite3_busy_timeout(store->database, PATIENCE);
    HTH_TRY(check_owner(store, empty, error));
    HTH_TRY(read_version(store, &version, error));
    HTH_TRY(check_version(store, version, error));
    /* Make, upgrade or copy the tables. */
    if (how == LOOK) return HTH_OK;
    if (how == WRITE) return make_tables(store, error);
    if (*empty)
        return hth_fail(error, HTH_FILE, "%s is empty: no comparison has begun there", store->path);
    return version < SCHEMA ? look_at_copy(store, version, error) : HTH_OK;
}

static hth_status open_store(const char *path, opening how, bool *empty, hth_store **out,
                             hth_error *error) {
    hth_store *store = calloc(1, sizeof *store + strlen(path));
    if (!store) return hth_fail(error, HTH_NO_MEMORY, "not enough memory to open %s", path);
    memcpy(store->path, path, strlen(path) + 1);
    hth_status status = open_file(store, how, empty, error);
    if (status == HTH_OK)
        *out = store;
    else
        hth_store_close(store);
    return status;
}

hth_status hth_store_look(const char *path, bool *empty, hth_error *error) {
    hth_store *store;
    HTH_TRY(open_store(path, LOOK, empty, &store, error));
    hth_store_close(store);
    return HTH_OK;
}

hth_status hth_store_open(const char *path, hth_store **out, hth_error *error) {
    bool empty;
    return open_store(path, WRITE, &empty, out, error);
}

hth_status hth_store_view(const char *path, hth_store **out, hth_error *error) {
    bool empty;
    return open_store(path, VIEW, &empty, out, error);
}

void hth_store_close(hth_store *store) {
    if (!store) return;
    sqlite3_close(store->database);
    free(store);
}

/* ---- Storing results ---------------------------------------------------------------------- */

static hth_status put_run(hth_store *store, const hth_stored_run *run, hth_error *error) {
    const double *of = run->transfer.of;
    return hth_sql_change(
        store, error,
        "UPDATE runs SET status = ?, steps = ?, parameters = ?, learner_bytes = ?, "
        "memory_bytes = ?, test_loss = ?, test_metric = ?, seconds = ?, steps_per_second = "
        "?, message = ?, kept = ?, acc = ?, la = ?, bwt = ?, fwt = ?, forgetting = ? WHERE id = ?",
        "ticccnnnntinnnnni", hth_run_statuses[run->status], (int64_t)run->steps, run->parameters,
        run->learner_bytes, run->memory_bytes, run->test_loss, run->test_metric, run->seconds,
        run->steps_per_second, run->message, (int64_t)run->kept, of[HTH_ACC], of[HTH_LA],
        of[HTH_BWT], of[HTH_FWT], of[HTH_FORGETTING], run->id);
}

static hth_status put_lines(hth_store *store, int64_t run, const hth_line *lines, size_t count,
                            hth_error *error) {
    sqlite3_stmt *insert;
    hth_status status = HTH_OK;
    /* The new lines replace the old ones. */
    HTH_TRY(hth_sql_change(store, error, "DELETE FROM lines WHERE run = ?", "i", run));
    HTH_TRY(hth_sql_prepare(
        store, &insert, error,
        "INSERT INTO lines (run, step, epoch, train_loss, train_metric, validation_loss, "
        "validation_metric, spike_rate, learning_rate, seconds, steps_per_second, regulariser, "
        "memory_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "i", run));
    /* Bind the numbers of each line and insert it. */
    for (size_t i = 0; i < count && status == HTH_OK; i++) {
        const hth_line *line = &lines[i];
        const double numbers[] = {
            line->train_loss,        line->train_metric,     line->validation_loss,
            line->validation_metric, line->spike_rate,       line->learning_rate,
            line->seconds,           line->steps_per_second, line->regulariser};
        sqlite3_bind_int64(insert, 2, (int64_t)line->step);
        sqlite3_bind_int64(insert, 3, (int64_t)line->epoch);
        for (size_t j = 0; j < HTH_COUNT(numbers); j++) bind_number(insert, (int)j + 4, numbers[j]);
        bind_count(insert, 13, line->memory_bytes);
        hth_sql_step(store, insert, &status, error);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    return status;
}

hth_status hth_store_finish(hth_store *store, const hth_stored_result *results, size_t count,
                            hth_error *error) {
    HTH_TRY(hth_sql_execute(store, "BEGIN IMMEDIATE", error));
    hth_status status = HTH_OK;
    for (size_t i = 0; i < count && status == HTH_OK; i++) {
        const hth_stored_result *result = &results[i];
        status = put_run(store, result->run, error);
        if (status == HTH_OK)
            status = put_lines(store, result->run->id, result->lines, result->count, error);
    }
    return hth_sql_conclude(store, status, error);
}
