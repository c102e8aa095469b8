/* How the files of this folder talk to SQLite. */
#ifndef HTH_STORE_SQL_H
#define HTH_STORE_SQL_H

#include "compare/store/store.h"

#include <sqlite3.h>

struct hth_store {
    sqlite3 *database;
    char path[1]; /* as long as it is */
};

extern const char *const hth_run_statuses[]; /* as the table runs has them; ends with NULL */

/* What SQLite says of the file. */
hth_status hth_sql_complain(const hth_store *store, hth_error *error);
hth_status hth_sql_execute(hth_store *store, const char *sql, hth_error *error);
/* The format has a letter for each parameter: i int64_t, n double (NAN: NULL), c double that is a count, t
 * text, which must stay as it is. sqlite3_finalize(*out). */
hth_status hth_sql_prepare(hth_store *store, sqlite3_stmt **out, hth_error *error, const char *sql,
                           const char *format, ...);
/* The next row; false at the end, or with *status not HTH_OK. */
bool hth_sql_step(hth_store *store, sqlite3_stmt *statement, hth_status *status, hth_error *error);
/* A statement that gives no rows. */
hth_status hth_sql_change(hth_store *store, hth_error *error, const char *sql, const char *format,
                          ...);
/* Ends the transaction that has begun: commits, or takes everything back after an error. */
hth_status hth_sql_conclude(hth_store *store, hth_status status, hth_error *error);

#endif
