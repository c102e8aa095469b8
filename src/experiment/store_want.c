/*
 * The plan goes into the store: what is there already is compared with it, setting by setting, and what
 * is missing is added. All of it is one transaction.
 */
#include "experiment/store_sql.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* {"optimiser.lr":"1e-4"} and {"optimiser.lr":"0.0001"} are the same. */
static bool same_varied(const char *a, const char *b) {
    cJSON *one = cJSON_Parse(a), *other = cJSON_Parse(b);
    bool same = one && other && cJSON_GetArraySize(one) == cJSON_GetArraySize(other);
    const cJSON *item;
    cJSON_ArrayForEach(item, one) {
        const cJSON *twin = cJSON_GetObjectItemCaseSensitive(other, item->string);
        same = same && cJSON_IsString(twin) && hth_same_value(item->valuestring, twin->valuestring);
    }
    cJSON_Delete(one);
    cJSON_Delete(other);
    return same;
}

/* Whether the variant has results that a change of its settings would contradict. */
static hth_status has_results(hth_store *store, int64_t variant, bool *has, hth_error *error) {
    sqlite3_stmt *row;
    hth_status status = HTH_OK;
    HTH_TRY(hth_sql_prepare(
        store, &row, error,
        "SELECT 1 FROM runs WHERE variant = ? AND status IN ('finished', 'diverged')", "i",
        variant));
    *has = hth_sql_step(store, row, &status, error);
    sqlite3_finalize(row);
    return status;
}

/* What may change from call to call: it never changes a number. */
static const char free_key[] = "train.checkpoint_every";

/* Of two lists of settings, the first key that differs; NULL: none. */
static const char *difference(const hth_identity *identity, const hth_settings *stored,
                              const char **then, const char **now) {
    for (size_t i = 0; i < identity->count; i++) {
        const hth_setting *found = hth_settings_find(stored, identity->items[i].key);
        *now = identity->items[i].value;
        *then = found ? found->value : "not set";
        if (strcmp(identity->items[i].key, free_key) == 0) continue;
        if (!found || !hth_same_value(*then, *now)) return identity->items[i].key;
    }
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

/* *same: the stored variant is what is wanted. False: it is not, and has no results. */
static hth_status compare_settings(hth_store *store, int64_t id, const hth_variant *wanted,
                                   bool *same, hth_error *error) {
    hth_config *config;
    bool results = false;
    const char *then, *now;
    HTH_TRY(hth_config_create(&config, error));
    hth_status status = hth_store_settings(store, id, config, error);
    const hth_settings stored = hth_config_given(config);
    const char *key = status == HTH_OK ? difference(&wanted->identity, &stored, &then, &now) : NULL;
    if (key) status = has_results(store, id, &results, error);
    *same = status == HTH_OK && !key;
    if (status == HTH_OK && results)
        status =
            hth_fail(error, HTH_MISMATCH,
                     "%s has results of arm '%s' with %s '%.60s', the settings now say '%.60s': "
                     "give the arm another label, or compare in another directory",
                     store->path, wanted->arm, key, then, now);
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

/* The row of a variant, new or old, in its place. */
static hth_status place_variant(hth_store *store, const hth_stored_variant *stored, size_t count,
                                const hth_variant *v, size_t position, int64_t *id,
                                hth_error *error) {
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        if (strcmp(stored[i].arm, v->arm) != 0 || !same_varied(stored[i].varied, v->varied))
            continue;
        *id = stored[i].id;
        HTH_TRY(compare_settings(store, *id, v, &found, error));
        if (!found)
            HTH_TRY(hth_sql_change(store, error, "DELETE FROM variants WHERE id = ?", "i", *id));
    }
    HTH_TRY(found ? refresh(store, *id, v, error) : add_variant(store, v, id, error));
    return hth_sql_change(store, error, "UPDATE variants SET position = ? WHERE id = ?", "ii",
                          (int64_t)position, *id);
}

static hth_status want_seeds(hth_store *store, const hth_plan *plan, int64_t variant,
                             hth_error *error) {
    for (size_t i = 0; i < plan->seed_count; i++) {
        const int64_t seed = (int64_t)plan->seeds[i];
        HTH_TRY(hth_sql_change(store, error,
                               "INSERT OR IGNORE INTO runs (variant, seed) VALUES (?, ?)", "ii",
                               variant, seed));
        HTH_TRY(hth_sql_change(
            store, error,
            "UPDATE runs SET status = 'waiting' WHERE variant = ? AND seed = ? AND status "
            "= 'failed'",
            "ii", variant, seed));
    }
    return HTH_OK;
}

static hth_status put_option(hth_store *store, const char *key, const char *value,
                             hth_error *error) {
    return hth_sql_change(store, error, "INSERT OR REPLACE INTO experiment VALUES (?, ?)", "tt",
                          key, value);
}

static hth_status put_options(hth_store *store, const hth_plan *plan, hth_error *error) {
    char number[40];
    HTH_TRY(put_option(store, "version", hth_version(), error));
    HTH_TRY(put_option(store, "metric", plan->variants[0].metric, error));
    HTH_TRY(put_option(store, "loss_unit", plan->variants[0].unit, error));
    HTH_TRY(
        put_option(store, "compare.measure", hth_compare_measures[plan->options.measure], error));
    HTH_TRY(put_option(store, "compare.keep", plan->options.keep ? "true" : "false", error));
    snprintf(number, sizeof number, "%.17g", plan->options.final);
    HTH_TRY(put_option(store, "compare.final", number, error));
    snprintf(number, sizeof number, "%lld", (long long)plan->options.smooth);
    return put_option(store, "compare.smooth", number, error);
}

static hth_status want_all(hth_store *store, const hth_plan *plan, hth_error *error) {
    hth_stored_variant *stored;
    size_t count;
    HTH_TRY(hth_store_variants(store, &stored, &count, error));
    hth_status status =
        hth_sql_change(store, error, "DELETE FROM runs WHERE status = 'waiting'", "");
    if (status == HTH_OK)
        status = hth_sql_change(store, error, "UPDATE variants SET position = position + ?", "i",
                                (int64_t)plan->count);
    for (size_t i = 0; i < plan->count && status == HTH_OK; i++) {
        int64_t id;
        status = place_variant(store, stored, count, &plan->variants[i], i, &id, error);
        if (status == HTH_OK) status = want_seeds(store, plan, id, error);
    }
    hth_store_free_variants(stored, count);
    if (status == HTH_OK)
        status = hth_sql_change(
            store, error, "DELETE FROM variants WHERE id NOT IN (SELECT variant FROM runs)", "");
    return status == HTH_OK ? put_options(store, plan, error) : status;
}

hth_status hth_store_want(hth_store *store, const hth_plan *plan, hth_error *error) {
    HTH_TRY(hth_sql_execute(store, "BEGIN IMMEDIATE", error));
    return hth_sql_conclude(store, want_all(store, plan, error), error);
}

hth_status hth_store_want_failed(hth_store *store, hth_error *error) {
    return hth_sql_change(store, error,
                          "UPDATE runs SET status = 'waiting' WHERE status = 'failed'", "");
}
