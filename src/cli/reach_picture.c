/* hitherto plot --reach: how far back errors reach, with and without the rows of a store. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/draft.h"
#include "watch/reach.h"

#include <math.h>
#include <string.h>

typedef struct request {
    hth_reach_plan plan;
    const char *picture, *csv;
} request;

static int read_request(const cli_arguments *arguments, request *q) {
    const char *split = cli_value(arguments, "--split");
    q->plan.split = split ? split : "validation";
    q->picture = cli_value(arguments, "--out");
    q->csv = cli_value(arguments, "--csv");
    int code = cli_whole(arguments, "--layer", 0, 0, &q->plan.layer);
    if (code == CLI_OK) code = cli_whole(arguments, "--trials", 1, 32, &q->plan.trials);
    if (code == CLI_OK) code = cli_whole(arguments, "--steps", 1, 0, &q->plan.steps);
    return code == CLI_OK && q->picture ? cli_check_picture(q->picture) : code;
}

/* A line of what is not 0: numbers of so small an error have no logarithm. */
static bool add_line(figure_panel *panel, const char *name, size_t count, const double *y) {
    figure_line *line = y ? figure_add_line(panel, name, count, false) : NULL;
    for (size_t lag = 0; line && lag < count; lag++) {
        line->x[lag] = (double)lag;
        line->y[lag] = y[lag] > 0 ? y[lag] : (double)NAN;
    }
    return line || !y;
}

static figure *make_figure(const request *q, const hth_reach *reach) {
    enum { HIGH = 420 };
    char title[400];
    snprintf(title, sizeof title, "%.200s: size of dE/dz of layer %llu, mean of %llu trials",
             q->plan.run, (unsigned long long)q->plan.layer, (unsigned long long)q->plan.trials);
    figure *f = figure_create(title, "steps before the error");
    if (!f) return NULL;
    figure_panel *panel = figure_add_panel(f, "", HIGH);
    snprintf(panel->label, sizeof panel->label, "|dE/dz|");
    panel->logarithmic = true;
    if (add_line(panel, reach->alone ? "with rows" : "", reach->count, reach->with) &&
        add_line(panel, "without rows", reach->count, reach->alone))
        return f;
    figure_destroy(f);
    return NULL;
}

static int write_csv(const request *q, const hth_reach *reach) {
    hth_draft draft;
    hth_error error;
    if (hth_draft_begin(q->csv, &draft, &error) != HTH_OK) return cli_fail(&error);
    FILE *out = draft.file;
    fprintf(out, reach->alone ? "lag,with_rows,without_rows\n" : "lag,size\n");
    for (size_t lag = 0; lag < reach->count; lag++) {
        fprintf(out, "%zu", lag);
        cli_put_exact(out, reach->with[lag]);
        if (reach->alone) cli_put_exact(out, reach->alone[lag]);
        fputc('\n', out);
    }
    return hth_draft_end(&draft, true, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
}

static int show(const request *q, const hth_reach *reach) {
    const int code = q->csv ? write_csv(q, reach) : CLI_OK;
    if (code != CLI_OK || (!q->picture && q->csv)) return code;
    figure *f = make_figure(q, reach);
    const int drawn = figure_draw(f, q->picture);
    figure_destroy(f);
    return drawn;
}

int cli_plot_reach(const cli_arguments *arguments) {
    request q = {0};
    hth_config *overrides;
    hth_error error;
    hth_reach reach = {0};
    size_t count;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    int code =
        cli_find_runs(arguments, overrides, "hitherto plot --reach RUN", &q.plan.run, 1, &count);
    if (code == CLI_OK) code = read_request(arguments, &q);
    if (code == CLI_OK) code = cli_match_run(arguments, q.plan.run);
    const hth_settings settings = hth_config_settings(overrides);
    q.plan.overrides = &settings;
    if (code == CLI_OK && hth_reach_find(&q.plan, &reach, &error) != HTH_OK)
        code = cli_fail(&error);
    if (code == CLI_OK) code = show(&q, &reach);
    if (code == CLI_OK && q.picture) cli_say(stdout, "%s\n", q.picture);
    if (code == CLI_OK && q.csv) cli_say(stdout, "%s\n", q.csv);
    hth_reach_free(&reach);
    hth_config_destroy(overrides);
    return code;
}
