/* The report of a comparison: who is ahead and by how much, the table, the curves, what every run was told. */
#include "cli/cli.h"
#include "cli/report.h"
#include "compare/results.h"
#include "compare/store/store.h"
#include "settings/needed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparison_report {
    FILE *out;
    const char *folder;
    const hth_comparison *c;
} comparison_report;

static void name_measure(const hth_comparison *c, char *out, size_t size) {
    snprintf(out, size, "%s %s", strncmp(c->measure, "train", 5) == 0 ? "training" : "validation",
             strstr(c->measure, "metric") ? c->metric : "loss");
}

/* ---- In words ----------------------------------------------------------------------------------- */

static bool is_better(const hth_comparison *c, double a, double b) {
    return c->rises ? a > b : a < b;
}

/* Positions of the rows that have a final value, the best first; free() it. */
static size_t *ranking(const hth_comparison *c, size_t *count) {
    size_t *order = calloc(c->count + 1, sizeof *order);
    *count = 0;
    for (size_t i = 0; order && i < c->count; i++) {
        size_t at = *count;
        if (!c->rows[i].final.count) continue;
        for (; at && is_better(c, c->rows[i].final.mean, c->rows[order[at - 1]].final.mean); at--)
            order[at] = order[at - 1];
        order[at] = i;
        ++*count;
    }
    return order;
}

/* How far the next one is from the best, in standard errors of the difference. */
static void put_distance(const comparison_report *r, size_t best, size_t other) {
    const hth_mean *a = &r->c->rows[best].final, *b = &r->c->rows[other].final;
    const double difference = fabs(a->mean - b->mean);
    const double error = sqrt(a->error * a->error + b->error * b->error);
    char name[300];
    cli_compare_label(r->c, other, name, sizeof name);
    if (!isfinite(error))
        report_paragraph(r->out, "",
                         "Next comes %s, %.3g away; with so few seeds that may be chance.", name,
                         difference);
    else if (difference < 2 * error)
        report_paragraph(r->out, "",
                         "Next comes %s, %.3g away: less than two standard errors (%.2g), so these "
                         "seeds do not tell the two apart.",
                         name, difference, 2 * error);
    else
        report_paragraph(r->out, "",
                         "Next comes %s, %.3g away: more than two standard errors (%.2g).", name,
                         difference, 2 * error);
}

static void put_troubles(const comparison_report *r) {
    const hth_comparison *c = r->c;
    char name[300];
    /* Runs that are missing from a mean, and why. */
    for (size_t i = 0; i < c->count; i++) {
        const hth_compared *row = &c->rows[i];
        cli_compare_label(c, i, name, sizeof name);
        if (row->diverged)
            report_paragraph(r->out, "",
                             "%s diverged with %zu of its seeds, after steps %s; they are no part "
                             "of its mean.",
                             name, row->diverged, row->diverged_at);
        if (row->failed)
            report_paragraph(r->out, "",
                             "%s failed with %zu of its seeds: called again, they are tried again.",
                             name, row->failed);
        if (row->waiting)
            report_paragraph(r->out, "", "%s has %zu runs that have not ended.", name,
                             row->waiting);
    }
    if (c->updates_differ)
        report_paragraph(r->out, "",
                         "Arms update their weights unequally often (see the table): one that "
                         "updates more often may learn faster for that alone.");
}

static void put_verdict(const comparison_report *r) {
    const hth_comparison *c = r->c;
    size_t count;
    size_t *order = ranking(c, &count);
    char name[300], between[300], measure[80];
    name_measure(c, measure, sizeof measure);
    if (count) {
        const hth_mean *best = &c->rows[order[0]].final;
        cli_compare_label(c, order[0], name, sizeof name);
        report_levels(c->references, c->reference_count, best->mean, between, sizeof between);
        report_paragraph(r->out, "verdict",
                         "%s ends %s of %zu: %s %.5g over the last %.3g %% of its runs, mean of "
                         "%zu seed%s.%s",
                         name, c->rises ? "highest" : "lowest", count, measure, best->mean,
                         100 * c->final, best->count, best->count == 1 ? "" : "s", between);
        if (count > 1) put_distance(r, order[0], order[1]);
    } else {
        report_paragraph(r->out, "verdict", "No run has finished yet.");
    }
    put_troubles(r);
    free(order);
}

/* ---- The table ---------------------------------------------------------------------------------- */

static void put_mean(report_table *table, const hth_mean *mean) {
    if (!mean->count)
        report_cell(table, "-");
    else if (isfinite(mean->error))
        report_cell(table, "%.5g ± %.2g", mean->mean, mean->error);
    else
        report_cell(table, "%.5g", mean->mean);
}

static void put_ratio(report_table *table, double value, const char *format) {
    char text[40] = "-";
    if (isfinite(value)) snprintf(text, sizeof text, format, value);
    report_cell(table, "%s", text);
}

static void put_table(const comparison_report *r) {
    const hth_comparison *c = r->c;
    char over[200], measure[80];
    name_measure(c, measure, sizeof measure);
    snprintf(over, sizeof over, "ratio to %s", *c->reference ? c->reference : "-");
    const char *const headings[] = {"arm",     "seeds",         measure,          over,
                                    "updates", "learner state", "steps a second", NULL};
    /* A row for each variant. */
    report_table table;
    report_heading(r->out, "Table");
    report_table_begin(&table, r->out, headings);
    for (size_t i = 0; i < c->count; i++) {
        const hth_compared *row = &c->rows[i];
        char name[300], bytes[40] = "-", rate[40] = "-";
        cli_compare_label(c, i, name, sizeof name);
        if (isfinite(row->learner_bytes)) cli_format_bytes(bytes, sizeof bytes, row->learner_bytes);
        if (isfinite(row->steps_per_second))
            cli_format_count(rate, sizeof rate, row->steps_per_second);
        report_cell(&table, "%s", name);
        report_cell(&table, "%zu of %zu", row->finished,
                    row->finished + row->diverged + row->failed + row->waiting);
        put_mean(&table, &row->final);
        put_ratio(&table, row->ratio, "%.3g");
        report_cell(&table, "%s", *row->updates ? row->updates : "-");
        report_cell(&table, "%s", bytes);
        report_cell(&table, "%s", rate);
    }
    report_table_end(&table);
}

/* ---- What the runs were told -------------------------------------------------------------------- */

/* Needed settings of all variants. */
typedef struct told {
    hth_stored_variant *variants;
    hth_config **configs;
    hth_settings *needed;
    size_t count;
} told;

static hth_status read_variant(hth_store *store, told *t, size_t i, hth_error *error) {
    HTH_TRY(hth_config_create(&t->configs[i], error));
    HTH_TRY(hth_store_settings(store, t->variants[i].id, t->configs[i], error));
    const hth_settings all = hth_config_given(t->configs[i]);
    return hth_settings_needed(&all, &t->needed[i], error);
}

static hth_status read_told(const char *folder, told *t, uint64_t **seeds, size_t *seed_count,
                            hth_error *error) {
    char path[4200];
    hth_store *store;
    hth_stored_run *runs = NULL;
    size_t run_count = 0;
    snprintf(path, sizeof path, "%s/results.db", folder);
    HTH_TRY(hth_store_view(path, &store, error));
    hth_status status = hth_store_variants(store, &t->variants, &t->count, error);
    if (status == HTH_OK) status = hth_store_runs(store, &runs, &run_count, error);
    t->configs = calloc(t->count + 1, sizeof *t->configs);
    t->needed = calloc(t->count + 1, sizeof *t->needed);
    *seeds = calloc(run_count + 1, sizeof **seeds);
    if (status == HTH_OK && (!t->configs || !t->needed || !*seeds))
        status = hth_fail(error, HTH_NO_MEMORY, "not enough memory for a report");
    for (size_t i = 0; i < t->count && status == HTH_OK; i++)
        status = read_variant(store, t, i, error);
    for (size_t i = 0; i < run_count && status == HTH_OK; i++) {
        bool seen = false;
        for (size_t k = 0; k < *seed_count; k++) seen = seen || (*seeds)[k] == runs[i].seed;
        if (!seen) (*seeds)[(*seed_count)++] = runs[i].seed;
    }
    free(runs);
    hth_store_close(store);
    return status;
}

static void free_told(told *t) {
    for (size_t i = 0; i < t->count; i++) {
        if (t->needed) free((void *)(uintptr_t)t->needed[i].items);
        if (t->configs) hth_config_destroy(t->configs[i]);
    }
    hth_store_free_variants(t->variants, t->count);
    free(t->needed);
    free(t->configs);
}

/* Whether all variants need the setting with that value. */
static bool is_common(const told *t, const hth_setting *setting) {
    for (size_t i = 0; i < t->count; i++) {
        const hth_setting *found = hth_settings_find(&t->needed[i], setting->key);
        if (!found || strcmp(found->value, setting->value) != 0) return false;
    }
    return true;
}

/* A text that YAML takes as it stands, in double quotes. */
static void put_yaml(FILE *out, const char *text) {
    char quoted[1200];
    size_t used = 0;
    quoted[used++] = '"';
    for (; *text && used + 8 < sizeof quoted; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            used += (size_t)snprintf(quoted + used, 8, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            used += (size_t)snprintf(quoted + used, 8, "\\x%02X", c);
        else
            quoted[used++] = *text;
    }
    quoted[used++] = '"';
    quoted[used] = '\0';
    figure_put_text(out, quoted);
}

static void put_line(FILE *out, const char *indent, const char *key, const char *value) {
    fputs(indent, out);
    figure_put_text(out, key);
    fputs(": ", out);
    put_yaml(out, value);
    fputc('\n', out);
}

/* Each variant is an arm: what it varies is among its own settings. */
static void put_file(const comparison_report *r, const told *t, const uint64_t *seeds,
                     size_t seed_count) {
    FILE *out = r->out;
    for (size_t k = 0; t->count && k < t->needed[0].count; k++)
        if (is_common(t, &t->needed[0].items[k]))
            put_line(out, "", t->needed[0].items[k].key, t->needed[0].items[k].value);
    fprintf(out, "compare.seeds: [");
    for (size_t i = 0; i < seed_count; i++)
        fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)seeds[i]);
    fprintf(out, "]\narms:\n");
    for (size_t i = 0; i < t->count; i++) {
        char label[300];
        bool any = false;
        cli_compare_label(r->c, i, label, sizeof label);
        fputs("  ", out);
        put_yaml(out, label);
        fputs(":", out);
        for (size_t k = 0; k < t->needed[i].count; k++) {
            const hth_setting *own = &t->needed[i].items[k];
            if (is_common(t, own)) continue;
            if (!any) fputc('\n', out);
            put_line(out, "    ", own->key, own->value);
            any = true;
        }
        if (!any) put_line(out, " {", "learner", t->variants[i].learner);
    }
}

static void put_settings(const comparison_report *r, const told *t, const uint64_t *seeds,
                         size_t seed_count) {
    report_heading(r->out, "Settings that differ from the defaults, and the same again");
    report_paragraph(r->out, "", "As a file, comparison.yaml:");
    report_code_begin(r->out);
    put_file(r, t, seeds, seed_count);
    report_code_end(r->out);
    report_paragraph(r->out, "", "The command:");
    report_code_begin(r->out);
    fprintf(r->out, "hitherto compare comparison.yaml --out again");
    report_code_end(r->out);
}

/* What needs the settings of each arm. */
static int put_arms(const comparison_report *r) {
    told t = {0};
    uint64_t *seeds = NULL;
    size_t seed_count = 0;
    hth_error error;
    int code = CLI_OK;
    if (read_told(r->folder, &t, &seeds, &seed_count, &error) != HTH_OK) code = cli_fail(&error);
    const report_arms arms = {r->out, r->folder, r->c, t.configs};
    if (code == CLI_OK) code = report_trials(&arms);
    if (code == CLI_OK) code = report_nearness(&arms);
    if (code == CLI_OK) put_settings(r, &t, seeds, seed_count);
    free_told(&t);
    free(seeds);
    return code;
}

int report_comparison(FILE *out, const char *folder) {
    hth_comparison *c;
    hth_error error;
    if (hth_comparison_load(folder, NULL, &c, &error) != HTH_OK) return cli_fail(&error);
    const comparison_report r = {out, folder, c};
    report_begin(out, folder);
    put_verdict(&r);
    report_heading(out, "Learning curves");
    report_figure(out, cli_compare_figure(c));
    put_table(&r);
    const int code = put_arms(&r);
    report_end(out);
    hth_comparison_free(c);
    return code;
}
