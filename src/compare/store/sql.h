/* Access to SQLite for the files of this folder. */
#ifndef HTH_STORE_SQL_H
#define HTH_STORE_SQL_H

#include "compare/store/store.h"

#include <sqlite3.h>

struct hth_store {
    sqlite3 *database;
    char path[1]; /* allocated with the length of the path */
};

/* names of hth_run_status in the table `runs`; ends with NULL */
extern const char *const hth_run_statuses[];

/* Fails with SQLite's own message about the file. */
hth_status hth_sql_complain(const hth_store *store, hth_error *error);
hth_status hth_sql_execute(hth_store *store, const char *sql, hth_error *error);
/* Prepares a statement. `format` has a letter for each parameter: i int64_t, n double (NAN: NULL), c double that is
 * a count, t text, which must stay unchanged while the statement exists. The caller calls sqlite3_finalize(*out). */
hth_status hth_sql_prepare(hth_store *store, sqlite3_stmt **out, hth_error *error, const char *sql,
                           const char *format, ...);
/* Steps to the next row. False at the end, or after an error, when *status is not HTH_OK. */
bool hth_sql_step(hth_store *store, sqlite3_stmt *statement, hth_status *status, hth_error *error);
/* Executes a statement that gives no rows. */
hth_status hth_sql_change(hth_store *store, hth_error *error, const char *sql, const char *format,
                          ...);
/* Statements on this store may call canonical(value) and canonical_varied(object), which give settings in one
 * spelling. */
hth_status hth_sql_know_canonical(hth_store *store, hth_error *error);
/* Ends the transaction: commits, or rolls back if status is an error. */
hth_status hth_sql_conclude(hth_store *store, hth_status status, hth_error *error);

#endif
