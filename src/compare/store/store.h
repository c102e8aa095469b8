/*
 * The results of a comparison: one SQLite file, whose schema docs/compare.md describes. Every function that changes
 * more than one row is one transaction: a process that is killed at any moment has stored either all of it or
 * nothing.
 */
#ifndef HTH_STORE_H
#define HTH_STORE_H

#include "compare/plan.h"
#include "files/lines.h"
#include "session/transfer.h"

typedef struct hth_store hth_store;

typedef enum hth_run_status {
    HTH_RUN_WAITING,
    HTH_RUN_FINISHED,
    HTH_RUN_DIVERGED,
    HTH_RUN_FAILED
} hth_run_status;

/* A row of the table runs. NAN: not known. */
typedef struct hth_stored_run {
    int64_t id, variant;
    uint64_t seed;
    hth_run_status status;
    uint64_t steps;
    double parameters, learner_bytes, memory_bytes;
    double test_loss, test_metric, seconds, steps_per_second;
    hth_transfer_facts transfer; /* of a run with phases */
    char message[480];
    bool kept; /* the run's folder stays, because compare.keep was set when it ran */
} hth_stored_run;

/* A row of the table variants. */
typedef struct hth_stored_variant {
    int64_t id;
    char *arm, *learner, *varied;        /* varied: a JSON object */
    double update_steps, sequence_steps; /* as in hth_prospect; NAN: not known */
} hth_stored_variant;

/* What is varied, in one spelling: {"optimiser.lr":"0.001"} of {"optimiser.lr":"1e-3"}, ordered by key. cJSON_free() it.
 * NULL if it is no object, or without memory. */
char *hth_canonical_varied(const char *varied);

/* Opens the file, or makes it, and upgrades an older layout. HTH_FILE, and nothing has changed, if the file belongs
 * to another program. */
hth_status hth_store_open(const char *path, hth_store **out, hth_error *error);
/* Looks at the file without reading or changing it. *empty: it has no tables: a call that was to make them was killed.
 * HTH_FILE if it belongs to another program. */
hth_status hth_store_look(const char *path, bool *empty, hth_error *error);
/* Opens the file for reading: nothing is written, whatever its layout. HTH_FILE if it is empty. */
hth_status hth_store_view(const char *path, hth_store **out, hth_error *error);
void hth_store_close(hth_store *store);

/* Makes the table hold the plan's runs: inserts missing ones, and deletes waiting ones that are not in the plan and
 * have no folder in `out` (compare/folder.h). Started ones go on waiting. The plan's variants become the first
 * ones. HTH_MISMATCH, and nothing has changed, if a variant has results or started runs with other settings, or if
 * variants stay whose loss or metric is another one. */
hth_status hth_store_want(hth_store *store, const hth_plan *plan, const char *out,
                          hth_error *error);
/* Makes failed runs wait again. */
hth_status hth_store_want_failed(hth_store *store, hth_error *error);
/* What came of a run: its row, and its lines. */
typedef struct hth_stored_result {
    const hth_stored_run *run;
    hth_line *lines;
    size_t count;
} hth_stored_result;

/* Replaces the rows and lines of some runs, in one transaction. */
hth_status hth_store_finish(hth_store *store, const hth_stored_result *results, size_t count,
                            hth_error *error);

/* Begins to add other files, of which hth_store_take reads one after the other; hth_store_taken then adds all that they
 * hold, in one transaction. A run that has ended here stays; one that has ended there takes its place otherwise.
 * HTH_MISMATCH, and nothing has changed, if an arm has other settings in another file. */
hth_status hth_store_take_begin(hth_store *store, hth_error *error);
hth_status hth_store_take(hth_store *store, const char *path, hth_error *error);
hth_status hth_store_taken(hth_store *store, hth_error *error);

/* A setting of the whole comparison; *out[0] '\0': none. */
hth_status hth_store_option(hth_store *store, const char *key, char *out, size_t size,
                            hth_error *error);
/* Adds the settings of a variant to the list. */
hth_status hth_store_settings(hth_store *store, int64_t variant, hth_config *out, hth_error *error);
/* All variants, in the order of the arms. */
hth_status hth_store_variants(hth_store *store, hth_stored_variant **out, size_t *count,
                              hth_error *error);
void hth_store_free_variants(hth_stored_variant *variants, size_t count);
/* All runs: the first seed of each variant, then the second, ...; free() *out. */
hth_status hth_store_runs(hth_store *store, hth_stored_run **out, size_t *count, hth_error *error);
/* The lines of one run; free() *out. */
hth_status hth_store_lines(hth_store *store, int64_t run, hth_line **out, size_t *count,
                           hth_error *error);

#endif
