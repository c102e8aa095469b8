/* The report of one run: what came of it, its curves, a trial, how near it was to the exact gradient, its settings. */
#include "cli/cli.h"
#include "cli/report.h"
#include "settings/needed.h"
#include "watch/trial.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096 };

typedef struct run_report {
    FILE *out;
    const char *run;
    cJSON *summary, *latest; /* NULL: there is none */
    hth_settings settings;   /* of its settings.yaml */
} run_report;

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static const char *text_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* ---- In words ----------------------------------------------------------------------------------- */

static void put_verdict(const run_report *r) {
    const cJSON *of = r->summary ? r->summary : r->latest;
    const double test = number_of(of, "test_loss"), validation = number_of(of, "validation_loss");
    const double best = number_of(of, "best_validation_loss"), train = number_of(of, "train_loss");
    const double loss = isfinite(test) ? test : isfinite(validation) ? validation : train;
    const char *which = isfinite(test) ? "test" : isfinite(validation) ? "validation" : "training";
    const double steps = number_of(of, r->summary ? "steps" : "step");
    hth_reference levels[HTH_MOST_REFERENCES];
    const char *metric = text_of(of, "metric");
    char between[300], at_best[120] = "", with[120] = "", field[40];
    /* The loss of the latest of test, validation and training, between the levels that the task knows. */
    if (!of) {
        report_paragraph(r->out, "verdict", "Nothing has been reported of this run yet.");
        return;
    }
    const size_t count = cli_run_references(r->run, "loss", levels);
    report_levels(levels, count, loss, between, sizeof between);
    /* The metric of the same split, and when the validation loss was lower. */
    snprintf(field, sizeof field, "%s_metric", strcmp(which, "training") == 0 ? "train" : which);
    if (isfinite(number_of(of, field)) && strcmp(metric, "none") != 0)
        snprintf(with, sizeof with, ", %.60s %.4g", metric, number_of(of, field));
    if (isfinite(best) && best < loss)
        snprintf(at_best, sizeof at_best, " It was lowest in validation, %.5g, at step %.0f.", best,
                 number_of(of, "best_validation_step"));
    report_paragraph(
        r->out, "verdict", "%s learns %s%s%s: %s %.0f time steps the %s loss is %.5g%s.%s%s",
        hth_config_value(&r->settings, "learner.name", "A network"),
        hth_config_value(&r->settings, "task.name",
                         hth_config_value(&r->settings, "data.name",
                                          hth_config_value(&r->settings, "world.name", ""))),
        *hth_config_value(&r->settings, "cell.name", "") ? " with cells " : "",
        hth_config_value(&r->settings, "cell.name", ""),
        r->summary ? "after" : "it has not ended; at", steps, which, loss, with, between, at_best);
}

static void put_row(report_table *table, const char *name, double value, const char *format) {
    char text[60];
    if (!isfinite(value)) return;
    snprintf(text, sizeof text, format, value);
    report_cell(table, "%s", name);
    report_cell(table, "%s", text);
}

static void put_numbers(const run_report *r) {
    static const char *const headings[] = {"what", "number", NULL};
    static const char *const parts[] = {"train", "validation", "best_validation", "test"};
    const cJSON *of = r->summary ? r->summary : r->latest;
    const char *metric = text_of(of, "metric");
    report_table table;
    char name[120], key[60], time[40];
    /* Loss and metric of each split, then counts, then time and version. */
    if (!of) return;
    report_heading(r->out, "Numbers");
    report_table_begin(&table, r->out, headings);
    for (size_t i = 0; i < HTH_COUNT(parts); i++) {
        snprintf(key, sizeof key, "%s_loss", parts[i]);
        snprintf(name, sizeof name, "%s loss", i == 2 ? "best validation" : parts[i]);
        put_row(&table, name, number_of(of, key), "%.6g");
        snprintf(key, sizeof key, "%s_metric", parts[i]);
        snprintf(name, sizeof name, "%s %.60s%s", i == 2 ? "best validation" : parts[i], metric,
                 i == 2 ? ", of all validations" : "");
        if (strcmp(metric, "none") != 0) put_row(&table, name, number_of(of, key), "%.6g");
    }
    put_row(&table, "time steps", number_of(of, r->summary ? "steps" : "step"), "%.0f");
    put_row(&table, "updates", number_of(of, "updates"), "%.0f");
    put_row(&table, "parameters", number_of(of, "parameters"), "%.0f");
    put_row(&table, "learner state, bytes", number_of(of, "learner_bytes"), "%.0f");
    put_row(&table, "seed", number_of(of, "seed"), "%.0f");
    cli_format_time(time, sizeof time, number_of(of, "seconds"));
    report_cell(&table, "time");
    report_cell(&table, "%s", time);
    if (*text_of(of, "version")) {
        report_cell(&table, "made by");
        report_cell(&table, "hitherto %s, %s precision", text_of(of, "version"),
                    text_of(of, "precision"));
    }
    report_table_end(&table);
}

/* ---- How near to the exact gradient ------------------------------------------------------------- */

enum { MOST_PAIRS = 64 };

/* Means of a learner and a block over the lines of align.jsonl. */
typedef struct pair {
    char learner[40], block[40], exact[40];
    double cosine, ratio;
    size_t cosines, ratios;
} pair;

static pair *find_pair(pair *pairs, size_t *count, const cJSON *line) {
    const char *learner = text_of(line, "learner"), *block = text_of(line, "block");
    for (size_t i = 0; i < *count; i++)
        if (strcmp(pairs[i].learner, learner) == 0 && strcmp(pairs[i].block, block) == 0)
            return &pairs[i];
    if (*count == MOST_PAIRS) return NULL;
    pair *p = &pairs[(*count)++];
    *p = (pair){.cosine = 0};
    snprintf(p->learner, sizeof p->learner, "%.39s", learner);
    snprintf(p->block, sizeof p->block, "%.39s", block);
    snprintf(p->exact, sizeof p->exact, "%.39s", text_of(line, "exact"));
    return p;
}

static void take_line(pair *pairs, size_t *count, const char *text) {
    cJSON *line = cJSON_Parse(text);
    pair *p = line ? find_pair(pairs, count, line) : NULL;
    const double cosine = number_of(line, "cosine"), ratio = number_of(line, "norm_ratio");
    if (p && isfinite(cosine)) p->cosine += cosine;
    if (p && isfinite(cosine)) p->cosines++;
    if (p && isfinite(ratio)) p->ratio += ratio;
    if (p && isfinite(ratio)) p->ratios++;
    cJSON_Delete(line);
}

static void put_alignment(const run_report *r) {
    static const char *const headings[] = {"learner", "parameters", "cosine", "ratio of norms",
                                           NULL};
    char path[PATH], line[1024];
    pair pairs[MOST_PAIRS];
    size_t count = 0;
    report_table table;
    /* Sums over the lines of the file, by learner and block. */
    snprintf(path, sizeof path, "%s/align.jsonl", r->run);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) take_line(pairs, &count, line);
    if (file) fclose(file);
    report_heading(r->out, "How near to the exact gradient");
    if (!count) {
        report_paragraph(
            r->out, "",
            "Not measured. train.align=N compares gradients along a run; hitherto check %s "
            "does it for the trained network.",
            r->run);
        return;
    }
    /* Their means as a table. */
    report_paragraph(r->out, "",
                     "Gradients on the same tapes and weights, beside the exact one: mean over the "
                     "run. 1 and 1 is the exact gradient.");
    report_table_begin(&table, r->out, headings);
    for (size_t i = 0; i < count; i++) {
        const pair *p = &pairs[i];
        report_cell(&table, "%s", p->learner);
        report_cell(&table, "%s", p->block);
        if (p->cosines)
            report_cell(&table, "%.4f", p->cosine / (double)p->cosines);
        else
            report_cell(&table, "-");
        if (p->ratios)
            report_cell(&table, "%.4g", p->ratio / (double)p->ratios);
        else
            report_cell(&table, "-");
    }
    report_table_end(&table);
}

/* ---- What it was told --------------------------------------------------------------------------- */

static int put_settings(const run_report *r) {
    hth_settings needed;
    hth_error error;
    if (hth_settings_needed(&r->settings, &needed, &error) != HTH_OK) return cli_fail(&error);
    report_heading(r->out, "Settings that differ from the defaults");
    report_settings(r->out, &needed);
    report_heading(r->out, "The same run again");
    report_code_begin(r->out);
    fprintf(r->out, "hitherto train");
    for (size_t i = 0; i < needed.count; i++) {
        char word[1200];
        snprintf(word, sizeof word, "%s=%s", needed.items[i].key, needed.items[i].value);
        fprintf(r->out, i % 3 == 2 ? " \\\n    " : " ");
        report_shell_word(r->out, word);
    }
    report_code_end(r->out);
    free((void *)(uintptr_t)needed.items);
    return CLI_OK;
}

static int put_trial(const run_report *r) {
    hth_trial trial;
    figure *f;
    const int code = cli_run_trial(r->run, false, &trial, &f);
    if (code == CLI_OK && f) {
        report_heading(r->out, "A trial of the trained network");
        report_figure(r->out, f);
    } else {
        figure_destroy(f);
    }
    hth_trial_free(&trial);
    return code;
}

static int put_all(run_report *r) {
    const cJSON *of = r->summary ? r->summary : r->latest;
    const char *metric = text_of(of, "metric");
    report_begin(r->out, r->run);
    put_verdict(r);
    report_heading(r->out, "Learning curves");
    report_figure(r->out, cli_run_curves(r->run, false));
    if (*metric && strcmp(metric, "none") != 0) report_figure(r->out, cli_run_curves(r->run, true));
    figure *phases = cli_phases_figure(r->run);
    if (phases) {
        report_heading(r->out, "From phase to phase");
        report_figure(r->out, phases);
    }
    put_numbers(r);
    int code = put_trial(r);
    put_alignment(r);
    if (code == CLI_OK) code = put_settings(r);
    report_end(r->out);
    return code;
}

int report_run(FILE *out, const char *run) {
    char path[PATH];
    hth_config *config;
    hth_error error;
    snprintf(path, sizeof path, "%s/settings.yaml", run);
    if (hth_config_create(&config, &error) != HTH_OK) return cli_fail(&error);
    int code = hth_config_load(config, path, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
    if (code == CLI_OK) {
        run_report r = {out, run, cli_read_summary(run), cli_read_latest(run),
                        hth_config_settings(config)};
        code = put_all(&r);
        cJSON_Delete(r.summary);
        cJSON_Delete(r.latest);
    }
    hth_config_destroy(config);
    return code;
}
