/*
 * Writes a plan into the store. Settings that are stored already are compared with the plan's one by one, and what
 * is missing is added. All of it is one transaction.
 */
#include "compare/folder.h"
#include "compare/store/sql.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The plan, and the store's content before it. */
typedef struct wanting {
    hth_store *store;
    const hth_plan *plan;
    const char *out; /* the folder of the comparison */
    hth_stored_variant *variants;
    char **varied; /* what each varies, in one spelling: 1e-4 and 0.0001 are the same */
    hth_stored_run *runs;
    size_t variant_count, run_count;
    hth_error *error;
} wanting;

static bool has_ended(const hth_stored_run *run) {
    return run->status == HTH_RUN_FINISHED || run->status == HTH_RUN_DIVERGED;
}

/* A run that would contradict changed settings: one with results, or else one that has started; NULL: none. */
static const hth_stored_run *evidence(const wanting *w, const hth_stored_variant *variant) {
    const hth_stored_run *begun = NULL;
    for (size_t i = 0; i < w->run_count; i++) {
        const hth_stored_run *run = &w->runs[i];
        if (run->variant != variant->id) continue;
        if (has_ended(run)) return run;
        if (!begun && hth_run_begun(w->out, variant->arm, run)) begun = run;
    }
    return begun;
}

/* May differ from call to call, because it never changes a number. */
static const char free_key[] = "train.checkpoint_every";

/* Finds the first key whose value differs between the plan and the store; NULL: none. *then, *now: both values. */
static const char *difference(const hth_identity *identity, const hth_settings *stored,
                              const char **then, const char **now) {
    /* Look at all keys of the plan. One that the store lacks is younger: its default says what held before. */
    for (size_t i = 0; i < identity->count; i++) {
        const hth_setting *found = hth_settings_find(stored, identity->items[i].key);
        *now = identity->items[i].value;
        *then = found ? found->value : "not set";
        if (strcmp(identity->items[i].key, free_key) == 0) continue;
        if (found ? !hth_same_value(*then, *now) : !identity->items[i].by_default)
            return identity->items[i].key;
    }
    /* Look for keys that only the store has. */
    for (size_t i = 0; i < stored->count; i++) {
        bool known = false;
        for (size_t j = 0; j < identity->count; j++)
            known = known || strcmp(identity->items[j].key, stored->items[i].key) == 0;
        *now = "not set";
        *then = stored->items[i].value;
        if (!known) return stored->items[i].key;
    }
    return NULL;
}

/* Refuses settings that differ from those of a run that has started. */
static hth_status refuse(const wanting *w, const hth_stored_variant *stored,
                         const hth_stored_run *run, const char *key, const char *then,
                         const char *now) {
    char folder[HTH_PATH_LENGTH];
    if (has_ended(run))
        return hth_fail(w->error, HTH_MISMATCH,
                        "%s has results of arm '%s' with %s '%.60s', the settings now say '%.60s': "
                        "give the arm another label, or compare in another directory",
                        w->store->path, stored->arm, key, then, now);
    HTH_TRY(hth_run_folder(w->out, stored->arm, run, folder, w->error));
    return hth_fail(w->error, HTH_MISMATCH,
                    "a run of arm '%s' is under way in %s with %s '%.60s', the settings now say "
                    "'%.60s': give the arm another label, or compare in another directory, or "
                    "remove that folder to give the run up",
                    stored->arm, folder, key, then, now);
}

/* *same: whether the stored settings equal the plan's. If not, the variant has no results yet and may be replaced. */
static hth_status compare_settings(const wanting *w, const hth_stored_variant *stored,
                                   const hth_variant *wanted, bool *same) {
    hth_config *config;
    const char *then, *now;
    HTH_TRY(hth_config_create(&config, w->error));
    hth_status status = hth_store_settings(w->store, stored->id, config, w->error);
    const hth_settings given = hth_config_given(config);
    const char *key = status == HTH_OK ? difference(&wanted->identity, &given, &then, &now) : NULL;
    const hth_stored_run *run = key ? evidence(w, stored) : NULL;
    *same = status == HTH_OK && !key;
    if (run) status = refuse(w, stored, run, key, then, now);
    hth_config_destroy(config);
    return status;
}

static hth_status add_variant(hth_store *store, const hth_variant *v, int64_t *id,
                              hth_error *error) {
    const char *name = "";
    for (size_t i = 0; i < v->identity.count; i++)
        if (strcmp(v->identity.items[i].key, "learner.name") == 0)
            name = v->identity.items[i].value;
    HTH_TRY(hth_sql_change(
        store, error, "INSERT INTO variants (position, arm, learner, varied) VALUES (0, ?, ?, ?)",
        "ttt", v->arm, name, v->varied));
    *id = sqlite3_last_insert_rowid(store->database);
    for (size_t i = 0; i < v->identity.count; i++)
        HTH_TRY(hth_sql_change(store, error, "INSERT INTO settings VALUES (?, ?, ?)", "itt", *id,
                               v->identity.items[i].key, v->identity.items[i].value));
    return HTH_OK;
}

static hth_status refresh(hth_store *store, int64_t id, const hth_variant *v, hth_error *error) {
    for (size_t i = 0; i < v->identity.count; i++)
        if (strcmp(v->identity.items[i].key, free_key) == 0)
            return hth_sql_change(store, error, "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)",
                                  "itt", id, free_key, v->identity.items[i].value);
    return HTH_OK;
}

static hth_status no_memory(const wanting *w) {
    return hth_fail(w->error, HTH_NO_MEMORY, "not enough memory for the plan of a comparison");
}

/* Fills in w->varied. */
static hth_status spell_varied(wanting *w) {
    w->varied = calloc(w->variant_count + 1, sizeof *w->varied);
    if (!w->varied) return no_memory(w);
    for (size_t i = 0; i < w->variant_count; i++)
        if (!(w->varied[i] = hth_canonical_varied(w->variants[i].varied))) return no_memory(w);
    return HTH_OK;
}

static void free_varied(const wanting *w) {
    for (size_t i = 0; w->varied && i < w->variant_count; i++) cJSON_free(w->varied[i]);
    free(w->varied);
}

/* Finds or makes the row of a variant and puts it at its position. *id: the row. */
static hth_status place_variant(const wanting *w, const hth_variant *v, size_t position,
                                int64_t *id) {
    bool found = false;
    char *varied = hth_canonical_varied(v->varied);
    if (!varied) return no_memory(w);
    /* A stored variant with the same arm and varied values: keep it if its settings are the same, otherwise delete
     * it. */
    hth_status status = HTH_OK;
    for (size_t i = 0; i < w->variant_count && !found && status == HTH_OK; i++) {
        const hth_stored_variant *stored = &w->variants[i];
        if (strcmp(stored->arm, v->arm) != 0 || strcmp(w->varied[i], varied) != 0) continue;
        *id = stored->id;
        status = compare_settings(w, stored, v, &found);
        if (status == HTH_OK && !found)
            status =
                hth_sql_change(w->store, w->error, "DELETE FROM variants WHERE id = ?", "i", *id);
    }
    cJSON_free(varied);
    HTH_TRY(status);
    /* Refresh or add, and store the position. */
    HTH_TRY(found ? refresh(w->store, *id, v, w->error) : add_variant(w->store, v, id, w->error));
    return hth_sql_change(
        w->store, w->error,
        "UPDATE variants SET position = ?, update_steps = ?, sequence_steps = ? WHERE id = ?",
        "icci", (int64_t)position, (double)v->update_steps, (double)v->sequence_steps, *id);
}

/* id: the row of variant number `variant` of the plan. */
static hth_status want_seeds(hth_store *store, const hth_plan *plan, size_t variant, int64_t id,
                             hth_error *error) {
    for (size_t i = 0; i < plan->seed_count; i++) {
        if (!hth_plan_has(plan, variant, i)) continue;
        const int64_t seed = (int64_t)plan->seeds[i];
        HTH_TRY(hth_sql_change(store, error,
                               "INSERT OR IGNORE INTO runs (variant, seed) VALUES (?, ?)", "ii", id,
                               seed));
        HTH_TRY(hth_sql_change(
            store, error,
            "UPDATE runs SET status = 'waiting' WHERE variant = ? AND seed = ? AND status "
            "= 'failed'",
            "ii", id, seed));
    }
    return HTH_OK;
}

static hth_status put_option(hth_store *store, const char *key, const char *value,
                             hth_error *error) {
    return hth_sql_change(store, error, "INSERT OR REPLACE INTO experiment VALUES (?, ?)", "tt",
                          key, value);
}

/* The seeds as a JSON list, and how many variants there are: the plan of all parts, not of this one alone. */
static hth_status put_seeds(hth_store *store, const hth_plan *plan, hth_error *error) {
    enum { LONGEST = 20 }; /* digits of a seed, with the comma */
    const size_t size = plan->seed_count * LONGEST + 3;
    char number[24], *list = malloc(size);
    size_t used = 0;
    if (!list) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the plan's seeds");
    for (size_t i = 0; i < plan->seed_count; i++)
        used += (size_t)snprintf(list + used, size - used, "%c%llu", i ? ',' : '[',
                                 (unsigned long long)plan->seeds[i]);
    snprintf(list + used, size - used, "]");
    hth_status status = put_option(store, "compare.seeds", list, error);
    free(list);
    snprintf(number, sizeof number, "%zu", plan->count);
    return status == HTH_OK ? put_option(store, "compare.variants", number, error) : status;
}

static hth_status put_options(hth_store *store, const hth_plan *plan, hth_error *error) {
    char number[40];
    HTH_TRY(put_seeds(store, plan, error));
    HTH_TRY(put_option(store, "version", hth_version(), error));
    HTH_TRY(put_option(store, "metric", plan->variants[0].metric, error));
    HTH_TRY(put_option(store, "loss", plan->variants[0].loss, error));
    HTH_TRY(put_option(store, "loss_unit", plan->variants[0].unit, error));
    HTH_TRY(
        put_option(store, "compare.measure", hth_compare_measures[plan->options.measure], error));
    HTH_TRY(put_option(store, "compare.keep", plan->options.keep ? "true" : "false", error));
    snprintf(number, sizeof number, "%.17g", plan->options.final);
    HTH_TRY(put_option(store, "compare.final", number, error));
    snprintf(number, sizeof number, "%lld", (long long)plan->options.smooth);
    return put_option(store, "compare.smooth", number, error);
}

static const char *arm_of(const wanting *w, const hth_stored_run *run) {
    for (size_t i = 0; i < w->variant_count; i++)
        if (w->variants[i].id == run->variant) return w->variants[i].arm;
    return "";
}

/* Deletes waiting runs that have not started. */
static hth_status drop_waiting(const wanting *w) {
    for (size_t i = 0; i < w->run_count; i++) {
        const hth_stored_run *run = &w->runs[i];
        if (run->status != HTH_RUN_WAITING || hth_run_begun(w->out, arm_of(w, run), run)) continue;
        HTH_TRY(hth_sql_change(w->store, w->error, "DELETE FROM runs WHERE id = ?", "i", run->id));
    }
    return HTH_OK;
}

/* Refuses a plan whose loss or metric differs from that of variants that are not in the plan. Those stay in the
 * table, where a column must mean the same in every row. */
static hth_status check_others(const wanting *w) {
    const hth_variant *v = &w->plan->variants[0];
    const char *const options[][3] = {{"loss", v->loss, "the loss"},
                                      {"loss_unit", v->unit, "the unit of the loss"},
                                      {"metric", v->metric, "the metric"}};
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    /* Find out whether the store has variants outside the plan. */
    HTH_TRY(hth_sql_prepare(w->store, &row, w->error, "SELECT 1 FROM variants WHERE position >= ?",
                            "i", (int64_t)w->plan->count));
    const bool others = hth_sql_step(w->store, row, &status, w->error);
    sqlite3_finalize(row);
    /* Compare the stored loss, unit and metric with the plan's. */
    for (size_t i = 0; i < HTH_COUNT(options) && others && status == HTH_OK; i++) {
        char then[64];
        status = hth_store_option(w->store, options[i][0], then, sizeof then, w->error);
        if (status != HTH_OK || !*then || strcmp(then, options[i][1]) == 0) continue;
        status = hth_fail(w->error, HTH_MISMATCH,
                          "%s has other arms, for which %s is %s, but here it is %s, and one table "
                          "cannot show both: compare in another directory",
                          w->store->path, options[i][2], then, options[i][1]);
    }
    return status;
}

static hth_status want_all(const wanting *w) {
    hth_store *store = w->store;
    HTH_TRY(drop_waiting(w));
    HTH_TRY(hth_sql_change(store, w->error, "UPDATE variants SET position = position + ?", "i",
                           (int64_t)w->plan->count));
    for (size_t i = 0; i < w->plan->count; i++) {
        int64_t id = 0;
        HTH_TRY(place_variant(w, &w->plan->variants[i], i, &id));
        HTH_TRY(want_seeds(store, w->plan, i, id, w->error));
    }
    /* Variants of the plan stay, also those whose runs all belong to other parts. */
    HTH_TRY(hth_sql_change(
        store, w->error,
        "DELETE FROM variants WHERE position >= ? AND id NOT IN (SELECT variant FROM runs)", "i",
        (int64_t)w->plan->count));
    HTH_TRY(check_others(w));
    return put_options(store, w->plan, w->error);
}

hth_status hth_store_want(hth_store *store, const hth_plan *plan, const char *out,
                          hth_error *error) {
    wanting w = {.store = store, .plan = plan, .out = out, .error = error};
    HTH_TRY(hth_sql_execute(store, "BEGIN IMMEDIATE", error));
    hth_status status = hth_store_variants(store, &w.variants, &w.variant_count, error);
    if (status == HTH_OK) status = hth_store_runs(store, &w.runs, &w.run_count, error);
    if (status == HTH_OK) status = spell_varied(&w);
    if (status == HTH_OK) status = want_all(&w);
    free_varied(&w);
    hth_store_free_variants(w.variants, w.variant_count);
    free(w.runs);
    return hth_sql_conclude(store, status, error);
}

hth_status hth_store_want_failed(hth_store *store, hth_error *error) {
    return hth_sql_change(store, error,
                          "UPDATE runs SET status = 'waiting' WHERE status = 'failed'", "");
}
