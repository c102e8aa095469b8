/* Loads the results of a comparison: its variants, their names, and how they stand to each other. sums.c sums up each. */
#include "compare/loading.h"

#include "files/folder.h"
#include "metrics/catalogues.h"
#include "metrics/metric.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hth_status hth_loading_no_memory(const hth_loading *l) {
    return hth_fail(l->error, HTH_NO_MEMORY, "not enough memory for the results");
}

/* ---- Names -------------------------------------------------------------------------------- */

static hth_status add_key(const hth_loading *l, const char *key) {
    hth_comparison *r = l->result;
    for (size_t i = 0; i < r->key_count; i++)
        if (strcmp(r->keys[i], key) == 0) return HTH_OK;
    char **keys = realloc(r->keys, (r->key_count + 1) * sizeof *keys);
    if (!keys) return hth_loading_no_memory(l);
    r->keys = keys;
    keys[r->key_count] = strdup(key);
    return keys[r->key_count++] ? HTH_OK : hth_loading_no_memory(l);
}

/* Lists all settings that any variant varies. */
static hth_status find_keys(const hth_loading *l) {
    hth_status status = HTH_OK;
    for (size_t i = 0; i < l->variant_count; i++) {
        cJSON *object = cJSON_Parse(l->variants[i].varied);
        const cJSON *item;
        if (!object) return hth_loading_no_memory(l);
        cJSON_ArrayForEach(item, object) if (status == HTH_OK) status = add_key(l, item->string);
        cJSON_Delete(object);
    }
    return status;
}

/* Writes "20 a sequence", or "every 10 steps" for endless sequences; "": not known. */
static void tell_updates(const hth_stored_variant *v, char *out, size_t size) {
    const double steps = v->update_steps, whole = v->sequence_steps;
    *out = '\0';
    if (!isfinite(steps)) return;
    if (steps == 0 || (whole > 0 && steps >= whole))
        snprintf(out, size, "1 a sequence");
    else if (whole > 0)
        snprintf(out, size, "%.0f a sequence", ceil(whole / steps));
    else if (steps == 1)
        snprintf(out, size, "every step");
    else
        snprintf(out, size, "every %.0f steps", steps);
}

/* Fills in the names of a row, and its value of each varied setting. A variant need not vary all of them. */
static hth_status name_row(const hth_loading *l, const hth_stored_variant *variant,
                           const hth_settings *settings, hth_compared *row) {
    row->arm = strdup(variant->arm);
    row->learner = strdup(variant->learner);
    row->variant = variant->id;
    row->varied = calloc(l->result->key_count + 1, sizeof *row->varied);
    tell_updates(variant, row->updates, sizeof row->updates);
    if (!row->arm || !row->learner || !row->varied) return hth_loading_no_memory(l);
    for (size_t i = 0; i < l->result->key_count; i++) {
        const hth_setting *found = hth_settings_find(settings, l->result->keys[i]);
        row->varied[i] = strdup(found ? found->value : "");
        if (!row->varied[i]) return hth_loading_no_memory(l);
    }
    return HTH_OK;
}

/* Keeps the reference values that this variant and all variants before it have. */
static void find_references(const hth_loading *l, const hth_settings *settings) {
    hth_comparison *r = l->result;
    hth_reference own[HTH_MOST_REFERENCES];
    const char *measure = strstr(r->measure, "metric")   ? r->metric
                          : strcmp(r->unit, "nats") == 0 ? l->loss
                                                         : "";
    const size_t count = hth_task_references(settings, measure, own);
    const bool first = r->count == 1;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool there = first;
        for (size_t j = 0; j < r->reference_count && !there; j++)
            there = r->references[j].value == own[i].value;
        if (there) own[kept++] = own[i];
    }
    memcpy(r->references, own, kept * sizeof *own);
    r->reference_count = kept;
}

static hth_status add_row(const hth_loading *l, const hth_stored_variant *variant,
                          hth_compared *row) {
    hth_config *config;
    int64_t every = 0;
    HTH_TRY(hth_config_create(&config, l->error));
    hth_status status = hth_store_settings(l->store, variant->id, config, l->error);
    const hth_settings settings = hth_config_settings(config);
    /* Fill the row's names and references, then its numbers. */
    if (status == HTH_OK) status = name_row(l, variant, &settings, row);
    if (status == HTH_OK) find_references(l, &settings);
    if (status == HTH_OK)
        status = hth_common_option(&hth_train_section, "report_every", &settings, &every, l->error);
    if (status == HTH_OK) status = hth_loading_fill_row(l, variant, (uint64_t)every, row);
    hth_config_destroy(config);
    return status;
}

/* ---- Ratios ------------------------------------------------------------------------------- */

/* The reference arm: the one with the learner that is plain backpropagation through time, or closest to it. */
static const char *reference_of(const hth_comparison *r) {
    static const char *const learners[] = {"bptt", "f-bptt", "tbptt"};
    for (size_t i = 0; i < HTH_COUNT(learners); i++)
        for (size_t j = 0; j < r->count; j++)
            if (strcmp(r->rows[j].learner, learners[i]) == 0) return r->rows[j].arm;
    return "";
}

static bool same_varied(const hth_comparison *r, const hth_compared *a, const hth_compared *b) {
    for (size_t i = 0; i < r->key_count; i++)
        if (strcmp(a->varied[i], b->varied[i]) != 0) return false;
    return true;
}

static void find_ratios(hth_comparison *r) {
    /* The reference; there is none if all rows are of one arm. */
    bool several = false;
    for (size_t i = 1; i < r->count; i++)
        several = several || strcmp(r->rows[i].arm, r->rows[0].arm) != 0;
    snprintf(r->reference, sizeof r->reference, "%s", several ? reference_of(r) : "");
    /* Divide each row by the reference's row with the same varied values. */
    for (size_t i = 0; i < r->count; i++)
        for (size_t j = 0; j < r->count; j++) {
            hth_compared *row = &r->rows[i], *to = &r->rows[j];
            if (strcmp(to->arm, r->reference) != 0 || !same_varied(r, row, to)) continue;
            row->speed_ratio = row->steps_per_second / to->steps_per_second;
            if (row->final.mean > 0 && to->final.mean > 0)
                row->ratio = row->final.mean / to->final.mean;
        }
}

/* ---- All of it ---------------------------------------------------------------------------- */

/* Reads how to sum up: as the folder says, unless overrides say otherwise. */
static hth_status read_options(hth_loading *l, const hth_config *overrides) {
    static const char *const keys[] = {"compare.measure", "compare.final", "compare.smooth"};
    const hth_settings given = overrides ? hth_config_settings(overrides) : (hth_settings){0};
    hth_setting items[HTH_COUNT(keys)];
    char texts[HTH_COUNT(keys)][64];
    hth_compare_options options;
    hth_settings settings = {items, 0};
    /* Collect the settings: the user's, or the stored ones. */
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        const hth_setting *found = hth_settings_find(&given, keys[i]);
        HTH_TRY(hth_store_option(l->store, keys[i], texts[i], sizeof texts[i], l->error));
        if (found)
            items[settings.count++] = *found;
        else if (*texts[i])
            items[settings.count++] = (hth_setting){keys[i], texts[i], NULL};
    }
    /* Read the settings into r->final and r->smooth. */
    HTH_TRY(hth_options_read(&hth_compare_section.common, &settings, &options, l->error));
    hth_comparison *r = l->result;
    r->final = options.final;
    r->smooth = (size_t)options.smooth;
    /* The names of loss and metric, and the measure. */
    HTH_TRY(hth_store_option(l->store, "loss_unit", r->unit, sizeof r->unit, l->error));
    HTH_TRY(hth_store_option(l->store, "loss", l->loss, sizeof l->loss, l->error));
    HTH_TRY(hth_store_option(l->store, "metric", r->metric, sizeof r->metric, l->error));
    l->measure = (size_t)hth_compare_measure(options.measure, hth_metric_find(r->metric));
    snprintf(r->measure, sizeof r->measure, "%s", hth_compare_measures[l->measure]);
    const hth_metric *metric = hth_metric_find(r->metric);
    r->rises = strstr(r->measure, "metric") && metric && metric->rises;
    return HTH_OK;
}

static hth_status fill(hth_loading *l, const hth_config *overrides) {
    hth_comparison *r = l->result;
    /* Read variants, runs and varied settings from the store. */
    HTH_TRY(read_options(l, overrides));
    HTH_TRY(hth_store_variants(l->store, &l->variants, &l->variant_count, l->error));
    HTH_TRY(hth_store_runs(l->store, &l->runs, &l->run_count, l->error));
    HTH_TRY(find_keys(l));
    /* Make a row for each variant. */
    r->rows = calloc(l->variant_count + 1, sizeof *r->rows);
    l->own = calloc(l->run_count + 1, sizeof *l->own);
    if (!r->rows || !l->own) return hth_loading_no_memory(l);
    for (size_t i = 0; i < l->variant_count; i++)
        HTH_TRY(add_row(l, &l->variants[i], &r->rows[r->count++]));
    /* Find the ratios between rows, and whether their updates differ. */
    find_ratios(r);
    for (size_t i = 1; i < r->count; i++)
        r->updates_differ |= strcmp(r->rows[i].updates, r->rows[0].updates) != 0;
    return HTH_OK;
}

hth_status hth_comparison_load(const char *out, const hth_config *overrides,
                               hth_comparison **result, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    hth_loading l = {.error = error};
    /* Open the store of the folder. */
    HTH_TRY(hth_rundir_file(out, "results.db", path, error));
    if (!hth_file_exists(path))
        return hth_fail(error, HTH_FILE, "%s holds no comparison: there is no results.db in it",
                        out);
    HTH_TRY(hth_store_view(path, &l.store, error));
    /* Sum up the stored runs and close the store. */
    l.result = calloc(1, sizeof *l.result);
    hth_status status = l.result ? fill(&l, overrides) : hth_loading_no_memory(&l);
    hth_store_free_variants(l.variants, l.variant_count);
    free(l.runs);
    free(l.own);
    hth_store_close(l.store);
    if (status == HTH_OK)
        *result = l.result;
    else
        hth_comparison_free(l.result);
    return status;
}

void hth_comparison_free(hth_comparison *r) {
    if (!r) return;
    for (size_t i = 0; i < r->count; i++) {
        hth_compared *row = &r->rows[i];
        for (size_t j = 0; row->varied && j < r->key_count; j++) free(row->varied[j]);
        free(row->varied);
        free(row->arm);
        free(row->learner);
        free(row->diverged_at);
        free(row->curve);
    }
    for (size_t i = 0; i < r->key_count; i++) free(r->keys[i]);
    free(r->keys);
    free(r->rows);
    free(r);
}
