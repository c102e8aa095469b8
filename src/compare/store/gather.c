/*
 * Adds the results of other files. SQLite reads another file only outside a transaction, and few at a time; so what
 * they hold first goes to tables of this connection alone (temp), and from there to the file, in one transaction.
 */
#include "compare/store/sql.h"

#include <stdlib.h>

/* Rows of the tables of other files; `file` tells these apart. They may be many, so they are not kept in memory. */
static const char tables[] =
    "CREATE TEMP TABLE new_experiment (file INTEGER, key TEXT, value TEXT);"
    "CREATE TEMP TABLE new_variants AS SELECT 0 AS file, '' AS same, * FROM main.variants WHERE 0;"
    "CREATE TEMP TABLE new_settings AS SELECT 0 AS file, * FROM main.settings WHERE 0;"
    "CREATE TEMP TABLE new_runs AS SELECT 0 AS file, * FROM main.runs WHERE 0;"
    "CREATE TEMP TABLE new_lines AS SELECT 0 AS file, * FROM main.lines WHERE 0;";

#define FILE_NUMBER "(SELECT count(DISTINCT file) FROM temp.new_variants)"

static const char copy[] =
    "INSERT INTO temp.new_experiment SELECT " FILE_NUMBER ", key, value FROM other.experiment;"
    "INSERT INTO temp.new_settings SELECT " FILE_NUMBER ", * FROM other.settings;"
    "INSERT INTO temp.new_runs SELECT " FILE_NUMBER ", * FROM other.runs;"
    "INSERT INTO temp.new_lines SELECT " FILE_NUMBER ", * FROM other.lines;"
    "INSERT INTO temp.new_variants SELECT " FILE_NUMBER
    ", canonical_varied(varied), * FROM other.variants;";

/* The variants of the file. A variant is known by its arm and what is varied in it. */
static const char know_variants[] =
    "DROP TABLE IF EXISTS temp.known;"
    "CREATE TEMP TABLE known AS SELECT id, arm, canonical_varied(varied) AS same FROM variants;"
    "CREATE INDEX temp.known_same ON known (arm, same);";

/* The first spelling of each one that is new. */
static const char add_variants[] =
    "INSERT INTO variants (position, arm, learner, varied, update_steps, sequence_steps)"
    " SELECT position, arm, learner, varied, update_steps, sequence_steps FROM"
    " (SELECT *, min(file) FROM temp.new_variants AS n WHERE NOT EXISTS"
    " (SELECT 1 FROM temp.known AS k WHERE k.arm = n.arm AND k.same = n.same) GROUP BY arm, same)"
    " ORDER BY position;";

/* Which variant of the file each of the others is; then settings that the file does not have. */
static const char match_variants[] =
    "CREATE TEMP TABLE matches AS SELECT n.file, n.id AS old, k.id AS new"
    " FROM temp.new_variants AS n JOIN temp.known AS k ON k.arm = n.arm AND k.same = n.same;"
    "CREATE INDEX temp.matches_old ON matches (file, old);"
    "INSERT OR IGNORE INTO settings SELECT m.new, s.key, s.value FROM temp.new_settings AS s"
    " JOIN temp.matches AS m ON m.file = s.file AND m.old = s.variant ORDER BY s.file;"
    "INSERT OR IGNORE INTO experiment SELECT key, value FROM temp.new_experiment ORDER BY file;"
    "INSERT OR REPLACE INTO experiment SELECT key, value FROM temp.new_experiment"
    " WHERE key LIKE 'compare.%' ORDER BY file;";

/* A setting of an arm that is not the same in two files. What never changes a number may differ. */
static const char find_difference[] =
    "SELECT v.arm, s.key, kept.value, s.value FROM temp.new_settings AS s"
    " JOIN temp.matches AS m ON m.file = s.file AND m.old = s.variant"
    " JOIN variants AS v ON v.id = m.new"
    " LEFT JOIN settings AS kept ON kept.variant = v.id AND kept.key = s.key"
    " WHERE s.key <> 'train.checkpoint_every' AND kept.value IS NOT s.value"
    " AND canonical(kept.value) IS NOT canonical(s.value) LIMIT 1";

static const char find_other_option[] =
    "SELECT n.key, kept.value, n.value FROM temp.new_experiment AS n JOIN experiment AS kept ON "
    "kept.key = n.key"
    " WHERE kept.value <> n.value AND n.key NOT LIKE 'compare.%' LIMIT 1";

#define RESULTS                                                                                    \
    "steps, parameters, learner_bytes, memory_bytes, test_loss, test_metric, seconds, "            \
    "steps_per_second, message, kept, acc, la, bwt, fwt, forgetting"

/* The runs of each file's whole plan, which wait until a part has them; those of an earlier plan wait no longer, unless
 * they have begun here. A file of an older program names no seeds. */
static const char add_planned[] =
    "CREATE TEMP TABLE planned AS SELECT DISTINCT m.new, s.value AS seeds"
    " FROM temp.new_experiment AS s JOIN temp.new_experiment AS c ON c.file = s.file"
    " JOIN temp.new_variants AS n ON n.file = s.file AND n.position < CAST(c.value AS INTEGER)"
    " JOIN temp.matches AS m ON m.file = n.file AND m.old = n.id"
    " WHERE s.key = 'compare.seeds' AND c.key = 'compare.variants';"
    "DELETE FROM runs WHERE status = 'waiting' AND id NOT IN (SELECT run FROM lines)"
    " AND EXISTS (SELECT 1 FROM temp.planned);"
    "INSERT OR IGNORE INTO runs (variant, seed) SELECT p.new, s.value"
    " FROM temp.planned AS p JOIN json_each(p.seeds) AS s JOIN variants AS v ON v.id = p.new"
    " ORDER BY s.value, v.position;";

/* Which run of the file a new one becomes: it is waiting or has failed here, and has ended there. Where two parts have
 * it, as they do after arms were added, one that has not failed is taken. */
static const char add_runs[] =
    "INSERT OR IGNORE INTO runs (variant, seed) SELECT m.new, r.seed FROM temp.new_runs AS r"
    " JOIN temp.matches AS m ON m.file = r.file AND m.old = r.variant"
    " JOIN variants AS v ON v.id = m.new ORDER BY r.seed, v.position;"
    "CREATE TEMP TABLE becomes AS SELECT max(r.status <> 'failed'), r.rowid AS new_row, r.file,"
    " r.id AS old, h.id AS new FROM temp.new_runs AS r"
    " JOIN temp.matches AS m ON m.file = r.file AND m.old = r.variant"
    " JOIN runs AS h ON h.variant = m.new AND h.seed = r.seed"
    " WHERE h.status IN ('waiting', 'failed') AND r.status <> 'waiting' GROUP BY h.id;"
    "CREATE INDEX temp.becomes_old ON becomes (file, old);"
    "CREATE INDEX temp.becomes_new ON becomes (new);"
    "UPDATE runs SET (status, " RESULTS ") = (SELECT r.status, " RESULTS " FROM temp.new_runs AS r"
    " WHERE r.rowid = (SELECT new_row FROM temp.becomes WHERE new = runs.id))"
    " WHERE id IN (SELECT new FROM temp.becomes);"
    "DELETE FROM lines WHERE run IN (SELECT new FROM temp.becomes);";

hth_status hth_store_take_begin(hth_store *store, hth_error *error) {
    HTH_TRY(hth_sql_know_canonical(store, error));
    return hth_sql_execute(store, tables, error);
}

hth_status hth_store_take(hth_store *store, const char *path, hth_error *error) {
    hth_store *other;
    HTH_TRY(hth_store_view(path, &other, error)); /* ours, and not empty */
    hth_store_close(other);
    HTH_TRY(hth_store_open(path, &other, error)); /* of today's layout from here on */
    hth_store_close(other);
    HTH_TRY(hth_sql_change(store, error, "ATTACH DATABASE ? AS other", "t", path));
    hth_status status = hth_sql_execute(store, "BEGIN", error);
    if (status == HTH_OK)
        status = hth_sql_conclude(store, hth_sql_execute(store, copy, error), error);
    const hth_status left =
        hth_sql_execute(store, "DETACH DATABASE other", status == HTH_OK ? error : NULL);
    return status == HTH_OK ? left : status;
}

/* HTH_MISMATCH with the first difference that a query finds; where: the columns of its text. */
static hth_status refuse_difference(hth_store *store, const char *query, bool of_arm,
                                    hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    HTH_TRY(hth_sql_prepare(store, &row, error, query, ""));
    if (hth_sql_step(store, row, &status, error)) {
        const char *text[4] = {"", "", "", ""};
        for (int i = 0; i < sqlite3_column_count(row); i++)
            if (sqlite3_column_text(row, i)) text[i] = (const char *)sqlite3_column_text(row, i);
        const char *const *at = of_arm ? text + 1 : text;
        status = hth_fail(error, HTH_MISMATCH,
                          "%s: the parts are not of one comparison: %s%s%s%s is '%.60s' in one and "
                          "'%.60s' in another",
                          store->path, of_arm ? "in arm '" : "", of_arm ? text[0] : "",
                          of_arm ? "' " : "", at[0], at[1], at[2]);
    }
    sqlite3_finalize(row);
    return status;
}

/* The columns of the table lines but the run, as they stand in the schema. */
static hth_status add_lines(hth_store *store, hth_error *error) {
    static const char columns[] =
        "step, epoch, train_loss, train_metric, validation_loss, validation_metric, spike_rate, "
        "learning_rate, seconds, steps_per_second, memory_bytes, regulariser";
    char query[700];
    snprintf(query, sizeof query,
             "INSERT INTO lines (run, %s) SELECT b.new, %s FROM temp.new_lines AS l JOIN "
             "temp.becomes AS b"
             " ON b.file = l.file AND b.old = l.run ORDER BY b.new, step",
             columns, columns);
    return hth_sql_execute(store, query, error);
}

static hth_status add_all(hth_store *store, hth_error *error) {
    HTH_TRY(hth_sql_execute(store, know_variants, error));
    HTH_TRY(hth_sql_execute(store, add_variants, error));
    HTH_TRY(hth_sql_execute(store, know_variants, error));
    HTH_TRY(hth_sql_execute(store, match_variants, error));
    HTH_TRY(refuse_difference(store, find_difference, true, error));
    HTH_TRY(refuse_difference(store, find_other_option, false, error));
    HTH_TRY(hth_sql_execute(store, add_planned, error));
    HTH_TRY(hth_sql_execute(store, add_runs, error));
    return add_lines(store, error);
}

hth_status hth_store_taken(hth_store *store, hth_error *error) {
    HTH_TRY(hth_sql_execute(store, "BEGIN IMMEDIATE", error));
    const hth_status status = add_all(store, error);
    return hth_sql_conclude(store, status, error);
}
