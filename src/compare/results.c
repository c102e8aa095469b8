/*
 * Sums up a comparison. Each variant has a final value over its seeds:
 *
 *     final of a run = mean of the lines in the last part of the run (compare.final)
 *     mean +- standard error = m +- s / sqrt(n),   s^2 = sum (x - m)^2 / (n - 1)
 *
 * and a curve: each run's lines are smoothed over compare.smooth lines, then each point is the mean and standard
 * error over the runs that got that far. The final value counts finished runs only; the curve counts diverged ones
 * up to their end.
 *
 * A line is written by the tape that passes a multiple of train.report_every. If sequences grow, the step of that
 * tape differs between runs, so lines that pass the same multiple make one point. If train.report_every was not
 * given, the interval is at least a sequence or an epoch. Then every run has a line for each, and lines with the
 * same number make one point.
 */
#include "compare/results.h"

#include "compare/store/store.h"
#include "files/folder.h"
#include "metrics/catalogues.h"
#include "metrics/metric.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The data of one run while its variant is summed up. */
typedef struct gathered {
    const hth_stored_run *run;
    double *values, *smooth;  /* the measure, at each line that has it; smooth: after hth_smooth */
    uint64_t *steps, *places; /* places[i]: which point of the curve line i belongs to */
    size_t count, at;         /* at: the next line to use */
    double final;
    bool spikes; /* the run's lines have spike rates */
} gathered;

/* The state while results are loaded. */
typedef struct loader {
    hth_store *store;
    hth_comparison *result;
    size_t measure; /* index in hth_compare_measures */
    char loss[64];
    hth_stored_variant *variants;
    hth_stored_run *runs;
    size_t variant_count, run_count;
    gathered *own; /* one for each run of any variant */
    hth_error *error;
} loader;

static hth_status no_memory(const loader *l) {
    return hth_fail(l->error, HTH_NO_MEMORY, "not enough memory for the results");
}

/* ---- Means -------------------------------------------------------------------------------- */

/* Mean and standard error of the finite values. */
static hth_mean mean_of(const double *values, size_t count) {
    hth_mean mean = {0, NAN, NAN};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            mean.count++;
        }
    if (!mean.count) return mean;
    const double n = (double)mean.count;
    mean.mean = sum / n;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) squares += (values[i] - mean.mean) * (values[i] - mean.mean);
    if (mean.count > 1) mean.error = sqrt(squares / (n - 1) / n);
    return mean;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double hth_median(double *values, size_t count) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) values[used++] = values[i];
    if (!used) return NAN;
    qsort(values, used, sizeof *values, by_size);
    return 0.5 * (values[(used - 1) / 2] + values[used / 2]);
}

/* ---- One run ------------------------------------------------------------------------------ */

static double measured(const hth_line *line, size_t measure) {
    const double values[] = {[HTH_MEASURE_TRAIN_LOSS] = line->train_loss,
                             [HTH_MEASURE_TRAIN_METRIC] = line->train_metric,
                             [HTH_MEASURE_VALIDATION_LOSS] = line->validation_loss,
                             [HTH_MEASURE_VALIDATION_METRIC] = line->validation_metric};
    return values[measure];
}

/* The mean over the last part of the run; NAN if it has no line there. */
static double final_of(const gathered *g, double part) {
    const double from = (double)g->run->steps * (1 - part);
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        if ((double)g->steps[i] > from) {
            sum += g->values[i];
            count++;
        }
    return count ? sum / (double)count : (double)NAN;
}

size_t hth_smooth(const double *values, size_t count, size_t width, double *out) {
    const size_t most = width ? (width - 1) / 2 : 0;
    size_t reach = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t nearest = i < count - 1 - i ? i : count - 1 - i;
        const size_t half = nearest < most ? nearest : most;
        double sum = 0;
        for (size_t j = i - half; j <= i + half; j++) sum += values[j];
        out[i] = sum / (double)(2 * half + 1);
        if (half > reach) reach = half;
    }
    return reach;
}

static void free_gathered(gathered *g) {
    free(g->values);
    free(g->smooth);
    free(g->steps);
    free(g->places);
}

/* Reads the run's lines. every: train.report_every; 0: not given. */
static hth_status gather(const loader *l, const hth_stored_run *run, uint64_t every, gathered *g) {
    hth_line *lines;
    size_t count;
    *g = (gathered){.run = run, .final = NAN};
    /* Read the lines and make room for them. */
    HTH_TRY(hth_store_lines(l->store, run->id, &lines, &count, l->error));
    g->values = calloc(count + 1, sizeof *g->values);
    g->smooth = calloc(count + 1, sizeof *g->smooth);
    g->steps = calloc(count + 1, sizeof *g->steps);
    g->places = calloc(count + 1, sizeof *g->places);
    const bool room = g->values && g->smooth && g->steps && g->places;
    /* Keep the lines that have the measure. */
    for (size_t i = 0; room && i < count; i++) {
        g->spikes = g->spikes || isfinite(lines[i].spike_rate);
        const double value = measured(&lines[i], l->measure);
        if (!isfinite(value)) continue;
        g->values[g->count] = value;
        g->places[g->count] = every ? lines[i].step / every : i;
        g->steps[g->count++] = lines[i].step;
    }
    free(lines);
    if (!room) return no_memory(l);
    /* The final value and the smoothed lines. */
    if (run->status == HTH_RUN_FINISHED) g->final = final_of(g, l->result->final);
    const size_t reach = hth_smooth(g->values, g->count, l->result->smooth, g->smooth);
    if (reach > l->result->reach) l->result->reach = reach;
    return HTH_OK;
}

/* ---- One variant -------------------------------------------------------------------------- */

/* Writes of(run) of each run to `values`; returns how many. */
static size_t collect(const gathered *own, size_t count, bool finished_only,
                      double (*of)(const gathered *g), double *values) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (!finished_only || own[i].run->status == HTH_RUN_FINISHED) values[used++] = of(&own[i]);
    return used;
}

static double the_final(const gathered *g) {
    return g->final;
}
static double the_test_loss(const gathered *g) {
    return g->run->test_loss;
}
static double the_test_metric(const gathered *g) {
    return g->run->test_metric;
}
static double the_rate(const gathered *g) {
    return g->run->steps_per_second;
}
static double the_seconds(const gathered *g) {
    return g->run->seconds;
}
static double the_memory(const gathered *g) {
    return g->run->memory_bytes;
}
static double the_bytes(const gathered *g) {
    return g->run->learner_bytes;
}
static double the_parameters(const gathered *g) {
    return g->run->parameters;
}

static double largest(const double *values, size_t count) {
    double most = NAN;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]) && !(most >= values[i])) most = values[i];
    return most;
}

/* Finds the run with the best final value. */
static void find_best(const gathered *own, size_t count, bool rises, hth_compared *row) {
    double best = NAN;
    for (size_t i = 0; i < count; i++) {
        const double value = own[i].final;
        row->spikes = row->spikes || own[i].spikes;
        if (!isfinite(value) || (rises ? value <= best : value >= best)) continue;
        best = value;
        row->best_seed = own[i].run->seed;
    }
}

static void sum_up(const gathered *own, size_t count, double *values, hth_compared *row) {
    row->final = mean_of(values, collect(own, count, true, the_final, values));
    row->median = hth_median(values, collect(own, count, true, the_final, values));
    row->test_loss = mean_of(values, collect(own, count, true, the_test_loss, values));
    row->test_metric = mean_of(values, collect(own, count, true, the_test_metric, values));
    for (size_t fact = 0; fact < HTH_TRANSFER_FACTS; fact++) {
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
            if (own[i].run->status == HTH_RUN_FINISHED)
                values[used++] = own[i].run->transfer.of[fact];
        row->transfer[fact] = mean_of(values, used);
    }
    row->steps_per_second = hth_median(values, collect(own, count, true, the_rate, values));
    row->seconds = hth_median(values, collect(own, count, true, the_seconds, values));
    row->memory_bytes = largest(values, collect(own, count, false, the_memory, values));
    row->learner_bytes = largest(values, collect(own, count, false, the_bytes, values));
    row->parameters = largest(values, collect(own, count, false, the_parameters, values));
    row->ratio = row->speed_ratio = NAN;
}

/* Finds the next point: the smallest place of any run's next line. False if all runs are at their end. */
static bool next_place(const gathered *own, size_t count, uint64_t *place) {
    bool some = false;
    for (size_t i = 0; i < count; i++) {
        if (own[i].at == own[i].count || (some && own[i].places[own[i].at] >= *place)) continue;
        *place = own[i].places[own[i].at];
        some = true;
    }
    return some;
}

/* Makes the point: mean values of the runs that have a line there, and the earliest of their steps. Some runs may
 * have ended before, or have no finite number there. */
static hth_curve_point take_place(gathered *own, size_t count, uint64_t place, double *values) {
    double *smooth = values + count;
    hth_curve_point point = {0};
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        gathered *g = &own[i];
        if (g->at == g->count || g->places[g->at] != place) continue;
        if (!used || g->steps[g->at] < point.step) point.step = g->steps[g->at];
        smooth[used] = g->smooth[g->at];
        values[used++] = g->values[g->at++];
    }
    point.raw = mean_of(values, used);
    point.smooth = mean_of(smooth, used);
    return point;
}

static hth_status draw_curve(const loader *l, gathered *own, size_t count, double *values,
                             hth_compared *row) {
    uint64_t place = 0;
    size_t points = 0;
    for (; next_place(own, count, &place); points++) take_place(own, count, place, values);
    if (!points) return HTH_OK;
    row->curve = calloc(points, sizeof *row->curve);
    if (!row->curve) return no_memory(l);
    for (size_t i = 0; i < count; i++) own[i].at = 0;
    while (next_place(own, count, &place))
        row->curve[row->points++] = take_place(own, count, place, values);
    return HTH_OK;
}

static void count_run(const hth_stored_run *run, hth_compared *row) {
    row->finished += run->status == HTH_RUN_FINISHED;
    row->diverged += run->status == HTH_RUN_DIVERGED;
    row->failed += run->status == HTH_RUN_FAILED;
    row->waiting += run->status == HTH_RUN_WAITING;
}

/* Writes the steps at which runs diverged: "1200, 5400". */
static hth_status tell_diverged(const loader *l, const gathered *own, size_t count,
                                hth_compared *row) {
    const size_t size = row->diverged * 24 + 1;
    size_t used = 0;
    row->diverged_at = calloc(size, 1);
    if (!row->diverged_at) return no_memory(l);
    for (size_t i = 0; i < count; i++)
        if (own[i].run->status == HTH_RUN_DIVERGED)
            used += (size_t)snprintf(row->diverged_at + used, size - used, "%s%llu",
                                     used ? ", " : "", (unsigned long long)own[i].run->steps);
    return HTH_OK;
}

static hth_status fill_row(const loader *l, const hth_stored_variant *variant, uint64_t every,
                           hth_compared *row) {
    /* Gather the variant's runs. */
    double *values = calloc(2 * (l->run_count + 1), sizeof *values);
    hth_status status = values ? HTH_OK : no_memory(l);
    size_t count = 0;
    for (size_t i = 0; i < l->run_count && status == HTH_OK; i++) {
        if (l->runs[i].variant != variant->id) continue;
        count_run(&l->runs[i], row);
        status = gather(l, &l->runs[i], every, &l->own[count++]);
    }
    /* Sum up the runs: the row's numbers and the curve. */
    if (status == HTH_OK) {
        sum_up(l->own, count, values, row);
        find_best(l->own, count, l->result->rises, row);
        status = draw_curve(l, l->own, count, values, row);
    }
    if (status == HTH_OK) status = tell_diverged(l, l->own, count, row);
    for (size_t i = 0; i < count; i++) free_gathered(&l->own[i]);
    free(values);
    return status;
}

/* ---- Names -------------------------------------------------------------------------------- */

static hth_status add_key(const loader *l, const char *key) {
    hth_comparison *r = l->result;
    for (size_t i = 0; i < r->key_count; i++)
        if (strcmp(r->keys[i], key) == 0) return HTH_OK;
    char **keys = realloc(r->keys, (r->key_count + 1) * sizeof *keys);
    if (!keys) return no_memory(l);
    r->keys = keys;
    keys[r->key_count] = strdup(key);
    return keys[r->key_count++] ? HTH_OK : no_memory(l);
}

/* Lists all settings that any variant varies. */
static hth_status find_keys(const loader *l) {
    hth_status status = HTH_OK;
    for (size_t i = 0; i < l->variant_count; i++) {
        cJSON *object = cJSON_Parse(l->variants[i].varied);
        const cJSON *item;
        if (!object) return no_memory(l);
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
static hth_status name_row(const loader *l, const hth_stored_variant *variant,
                           const hth_settings *settings, hth_compared *row) {
    row->arm = strdup(variant->arm);
    row->learner = strdup(variant->learner);
    row->variant = variant->id;
    row->varied = calloc(l->result->key_count + 1, sizeof *row->varied);
    tell_updates(variant, row->updates, sizeof row->updates);
    if (!row->arm || !row->learner || !row->varied) return no_memory(l);
    for (size_t i = 0; i < l->result->key_count; i++) {
        const hth_setting *found = hth_settings_find(settings, l->result->keys[i]);
        row->varied[i] = strdup(found ? found->value : "");
        if (!row->varied[i]) return no_memory(l);
    }
    return HTH_OK;
}

/* Keeps the reference values that this variant and all variants before it have. */
static void find_references(const loader *l, const hth_settings *settings) {
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

static hth_status add_row(const loader *l, const hth_stored_variant *variant, hth_compared *row) {
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
    if (status == HTH_OK) status = fill_row(l, variant, (uint64_t)every, row);
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
static hth_status read_options(loader *l, const hth_config *overrides) {
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

static hth_status fill(loader *l, const hth_config *overrides) {
    hth_comparison *r = l->result;
    /* Read variants, runs and varied settings from the store. */
    HTH_TRY(read_options(l, overrides));
    HTH_TRY(hth_store_variants(l->store, &l->variants, &l->variant_count, l->error));
    HTH_TRY(hth_store_runs(l->store, &l->runs, &l->run_count, l->error));
    HTH_TRY(find_keys(l));
    /* Make a row for each variant. */
    r->rows = calloc(l->variant_count + 1, sizeof *r->rows);
    l->own = calloc(l->run_count + 1, sizeof *l->own);
    if (!r->rows || !l->own) return no_memory(l);
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
    loader l = {.error = error};
    /* Open the store of the folder. */
    HTH_TRY(hth_rundir_file(out, "results.db", path, error));
    if (!hth_file_exists(path))
        return hth_fail(error, HTH_FILE, "%s holds no comparison: there is no results.db in it",
                        out);
    HTH_TRY(hth_store_view(path, &l.store, error));
    /* Sum up the stored runs and close the store. */
    l.result = calloc(1, sizeof *l.result);
    hth_status status = l.result ? fill(&l, overrides) : no_memory(&l);
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
