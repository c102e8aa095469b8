/* Of a comparison's report: what units of the best runs do, and how near each learner is to the exact gradient. */
#include "check/check.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "compare/folder.h"
#include "compare/results.h"
#include "watch/trial.h"

#include <math.h>
#include <string.h>

enum { PATH = HTH_PATH_LENGTH, NAME = 300 };

/* The folder of the row's best run; false if there is none, because it was not kept or none has finished. */
static bool find_best(const report_arms *arms, size_t row, char path[PATH]) {
    const hth_compared *r = &arms->c->rows[row];
    const hth_stored_run best = {.variant = r->variant, .seed = r->best_seed};
    return r->final.count && hth_run_begun(arms->folder, r->arm, &best) &&
           hth_run_folder(arms->folder, r->arm, &best, path, NULL) == HTH_OK;
}

/* ---- Trials ------------------------------------------------------------------------------------- */

/* A raster and outputs of a kept run. *any: there was one. */
static int put_trial(const report_arms *arms, size_t row, bool *any) {
    char path[PATH], name[NAME];
    hth_trial trial;
    figure *f;
    if (!find_best(arms, row, path)) return CLI_OK;
    const int code = cli_run_trial(path, true, &trial, &f);
    if (code == CLI_OK && f) {
        cli_compare_label(arms->c, row, name, sizeof name);
        snprintf(f->title, sizeof f->title, "%.200s, seed %llu", name,
                 (unsigned long long)arms->c->rows[row].best_seed);
        if (!*any) report_heading(arms->out, "A validation trial of the best run of each arm");
        report_figure(arms->out, f);
        *any = true;
    } else {
        figure_destroy(f);
    }
    hth_trial_free(&trial);
    return code;
}

int report_trials(const report_arms *arms) {
    bool any = false, missing = false;
    char path[PATH];
    int code = CLI_OK;
    for (size_t i = 0; i < arms->c->count && code == CLI_OK; i++) {
        if (!arms->c->rows[i].spikes) continue;
        missing = missing || !find_best(arms, i, path);
        code = put_trial(arms, i, &any);
    }
    if (code != CLI_OK || !missing) return code;
    /* Say why there is none. */
    if (!any) report_heading(arms->out, "A trial of the best runs");
    report_paragraph(arms->out, "",
                     "%s not kept, so there is no trial to show of %s. With compare.keep=true each "
                     "run keeps its folder.",
                     any ? "Other runs were" : "The runs were", any ? "them" : "what units do");
    return code;
}

/* ---- How near to the exact gradient ------------------------------------------------------------- */

/* The rows of one arm. */
typedef struct nearness {
    report_table *table;
    const char *arm, *of;
    volatile sig_atomic_t done; /* the learner has been compared: nothing more is asked */
    size_t rows;
} nearness;

/* A row of a check about the learner itself, for weights that a recurrence reads. */
static void take_row(void *context, const hth_check_row *row) {
    nearness *n = context;
    if (strncmp(row->claim, "your learner", 12) != 0 || strstr(row->claim, "tiny")) return;
    n->done = 1;
    if (strncmp(row->block, "readout", 7) == 0) return;
    n->rows++;
    report_cell(n->table, "%s", n->arm);
    report_cell(n->table, "%s", row->block);
    if (isfinite(row->cosine))
        report_cell(n->table, "%.4f", row->cosine);
    else
        report_cell(n->table, "both are 0");
    report_cell(n->table, "%.2g", row->relative_error);
    if (isfinite(row->deviation))
        report_cell(n->table, "mean of 32; one is off by %.2g", row->deviation);
    else
        report_cell(n->table, "-");
    report_cell(n->table, "%s", n->of);
}

/* The settings of an arm for a short check: few entries of each kind, and enough steps for a state to build up unless
 * the settings say how many. */
static hth_status settle(const hth_config *of, uint64_t seed, hth_config *out, hth_error *error) {
    const hth_settings given = hth_config_given(of);
    char text[32];
    HTH_TRY(hth_config_set(out, "check.steps", "40", NULL, error));
    for (size_t i = 0; i < given.count; i++)
        HTH_TRY(hth_config_set(out, given.items[i].key, given.items[i].value, NULL, error));
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    HTH_TRY(hth_config_set(out, "train.seed", text, NULL, error));
    HTH_TRY(hth_config_set(out, "check.samples", "1", NULL, error));
    HTH_TRY(hth_config_set(out, "check.draws", "512", NULL, error));
    return hth_config_set(out, "check.learners", "", NULL, error);
}

/* A check of the arm's best run, or of its network as it began, that ends when the learner has been compared. Whether
 * all comparisons hold is a question for hitherto check. */
static hth_status measure(const report_arms *arms, size_t row, nearness *n, hth_error *error) {
    hth_config *config;
    char path[PATH];
    const bool kept = find_best(arms, row, path);
    const hth_observer observer = {.interrupted = &n->done};
    n->of = kept ? "trained" : "initial";
    HTH_TRY(hth_config_create(&config, error));
    hth_status status = settle(arms->configs[row], arms->c->rows[row].best_seed, config, error);
    if (status == HTH_OK)
        status = hth_check(config, kept ? path : NULL, NULL, &observer, take_row, n, error);
    hth_config_destroy(config);
    return n->done ? HTH_OK : status;
}

int report_nearness(const report_arms *arms) {
    static const char *const headings[] = {"arm",   "parameters", "cosine", "relative error",
                                           "draws", "weights",    NULL};
    enum { MOST = 40 };
    char why[MOST][NAME + 320];
    size_t refused = 0;
    report_table table;
    report_heading(arms->out, "How near to the exact gradient");
    report_paragraph(arms->out, "",
                     "Each learner beside backpropagation through time on the first steps of a "
                     "sequence, 40 unless check.steps says otherwise, on the same weights: those "
                     "of the best run at its end where it was kept (compare.keep=true), else those "
                     "that it began with. Cosine 1 and error 0 are the exact gradient; the readout "
                     "is left out. hitherto check does this at length, and train.align along a "
                     "run.");
    report_table_begin(&table, arms->out, headings);
    for (size_t i = 0; i < arms->c->count && i < MOST; i++) {
        char name[NAME];
        hth_error error = {0};
        cli_compare_label(arms->c, i, name, sizeof name);
        nearness n = {.table = &table, .arm = name};
        if (measure(arms, i, &n, &error) != HTH_OK)
            snprintf(why[refused++], sizeof *why, "%s was not compared: %.300s", name,
                     error.message);
    }
    report_table_end(&table);
    for (size_t i = 0; i < refused; i++) report_paragraph(arms->out, "", "%s", why[i]);
    return CLI_OK;
}
