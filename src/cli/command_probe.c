/* hitherto probe: a class decoded over time from what trained networks hold; a table, a picture, numbers. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/draft.h"
#include "watch/probe.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 16 };

typedef struct probe_request {
    cli_onlooker onlooker;
    hth_probe_plan plan;
    const char *picture, *csv, *of;
    const char *runs[MOST_RUNS];
    hth_probe_result results[MOST_RUNS];
    size_t count;
} probe_request;

/* ---- Options ------------------------------------------------------------------------------------ */

static int read_choice(const cli_arguments *arguments, probe_request *q) {
    static const char *const names[] = {"traces", "vectors", "states", "spikes"};
    const char *of = cli_value(arguments, "--of"), *decode = cli_value(arguments, "--decode");
    q->of = of ? of : names[0];
    size_t i = 0;
    while (i < HTH_COUNT(names) && strcmp(names[i], q->of) != 0) i++;
    if (i == HTH_COUNT(names))
        return cli_complain(
            CLI_BAD_INPUT,
            "option --of is '%s', but must be one of traces, vectors, states, spikes", q->of);
    q->plan.of = (hth_probe_of)i;
    if (!decode || strcmp(decode, "class") == 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option --decode is '%s', but must be class", decode);
}

static int read_penalty(const cli_arguments *arguments, double *l2) {
    const char *text = cli_value(arguments, "--l2");
    char *end;
    *l2 = 1;
    if (!text) return CLI_OK;
    *l2 = strtod(text, &end);
    if (end != text && !*end && *l2 > 0 && *l2 < 1e12) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option --l2 is '%s', but must be a positive number", text);
}

static int read_options(const cli_arguments *arguments, probe_request *q) {
    hth_probe_plan *p = &q->plan;
    const struct {
        const char *flag;
        uint64_t least, fallback, *out;
    } numbers[] = {
        {"--at", 0, HTH_PROBE_LAST, &p->at}, {"--window", 1, 100, &p->window},
        {"--spacing", 1, 50, &p->spacing},   {"--trials", 2, 150, &p->trials},
        {"--tests", 1, 50, &p->tests},       {"--most", 1, 0, &p->most},
        {"--steps", 1, 0, &p->steps},        {"--layer", 0, HTH_PROBE_LAST, &p->layer},
    };
    const char *split = cli_value(arguments, "--split");
    p->split = split ? split : "validation";
    q->picture = cli_value(arguments, "--out");
    q->csv = cli_value(arguments, "--csv");
    int code = read_choice(arguments, q);
    if (code == CLI_OK) code = read_penalty(arguments, &p->l2);
    for (size_t i = 0; code == CLI_OK && i < HTH_COUNT(numbers); i++)
        code = cli_whole(arguments, numbers[i].flag, numbers[i].least, numbers[i].fallback,
                         numbers[i].out);
    return code == CLI_OK && q->picture ? cli_check_picture(q->picture) : code;
}

/* ---- Trials ------------------------------------------------------------------------------------- */

static int probe_all(const cli_arguments *arguments, probe_request *q) {
    hth_error error;
    bool stopped;
    q->plan.observer = cli_look_on(&q->onlooker, arguments, "trial");
    for (size_t i = 0; i < q->count; i++) {
        q->plan.run = q->runs[i];
        if (hth_probe(&q->plan, &q->results[i], &stopped, &error) != HTH_OK) {
            cli_progress_clear(&q->onlooker.progress);
            return cli_fail(&error);
        }
        if (stopped) return CLI_INTERRUPTED;
        if (q->results[i].count != q->results[0].count)
            return cli_complain(CLI_BAD_INPUT, "%s and %s have trials of different lengths",
                                q->runs[0], q->runs[i]);
    }
    return CLI_OK;
}

/* ---- What came of it ------------------------------------------------------------------------------ */

static const char *name_of(const char *run) {
    const char *slash = strrchr(run, '/');
    return slash && slash[1] ? slash + 1 : run;
}

static void print_table(const probe_request *q) {
    const hth_probe_result *first = &q->results[0];
    printf("%zu of %zu %s, %llu trials to learn from, %llu to test with, l2 %g\n", first->numbers,
           first->all_numbers, q->of, (unsigned long long)q->plan.trials,
           (unsigned long long)q->plan.tests, q->plan.l2);
    for (size_t i = 0; i < q->count; i++)
        cli_say(stdout, "%zu: %s%s%s, who always says the commonest class is right in %.2f\n",
                i + 1, q->runs[i], *q->results[i].learner ? ", traces of " : "",
                q->results[i].learner, q->results[i].chance);
    printf("\n  steps           ");
    for (size_t i = 0; i < q->count; i++) printf("  accuracy %-8zu", i + 1);
    printf("\n");
    for (size_t w = 0; w < first->count; w++) {
        printf("  %6llu..%-6llu  ", (unsigned long long)first->windows[w].from,
               (unsigned long long)first->windows[w].to - 1);
        for (size_t i = 0; i < q->count; i++)
            printf("  %.3f +- %.3f  ", q->results[i].windows[w].accuracy,
                   q->results[i].windows[w].error);
        printf("\n");
    }
}

static int write_csv(const probe_request *q) {
    hth_draft draft;
    hth_error error;
    if (hth_draft_begin(q->csv, &draft, &error) != HTH_OK) return cli_fail(&error);
    FILE *out = draft.file;
    fprintf(out, "run,from,to,accuracy,standard_error,training_accuracy,chance\n");
    for (size_t i = 0; i < q->count; i++)
        for (size_t w = 0; w < q->results[i].count; w++) {
            const hth_probe_window *at = &q->results[i].windows[w];
            cli_put_csv(out, q->runs[i]);
            fprintf(out, ",%llu,%llu", (unsigned long long)at->from, (unsigned long long)at->to);
            cli_put_exact(out, at->accuracy);
            cli_put_exact(out, at->error);
            cli_put_exact(out, at->training_accuracy);
            cli_put_exact(out, q->results[i].chance);
            fputc('\n', out);
        }
    return hth_draft_end(&draft, true, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
}

static bool add_curve(figure_panel *panel, const probe_request *q, size_t run) {
    const hth_probe_result *r = &q->results[run];
    figure_line *line = figure_add_line(panel, name_of(q->runs[run]), r->count, true);
    if (!line) return false;
    line->dots = r->count == 1;
    for (size_t w = 0; w < r->count; w++) {
        const hth_probe_window *at = &r->windows[w];
        line->x[w] = 0.5 * (double)(at->from + at->to);
        line->y[w] = at->accuracy;
        line->low[w] = at->accuracy - at->error;
        line->high[w] = at->accuracy + at->error;
    }
    return true;
}

static int draw(const probe_request *q) {
    enum { HIGH = 420 };
    const hth_probe_result *r = &q->results[0];
    char title[200];
    snprintf(title, sizeof title, "from %s; band: one standard error over %llu test trials", q->of,
             (unsigned long long)q->plan.tests);
    figure *f = figure_create(title, "time step");
    bool good = f != NULL;
    if (good) {
        figure_panel *panel = figure_add_panel(f, "", HIGH);
        snprintf(panel->label, sizeof panel->label, "decoded class, fraction right");
        panel->low = 0;
        panel->high = 1.02;
        f->x_low = 0;
        f->x_high = (double)r->windows[r->count - 1].to;
        figure_add_level(panel, "commonest class", r->chance);
        for (size_t i = 0; i < q->count && good; i++) good = add_curve(panel, q, i);
    }
    const int code = figure_draw(good ? f : NULL, q->picture);
    figure_destroy(f);
    return code;
}

static int show(probe_request *q) {
    print_table(q);
    int code = q->csv ? write_csv(q) : CLI_OK;
    if (code == CLI_OK && q->picture) code = draw(q);
    if (code == CLI_OK && q->csv) cli_say(stdout, "%s\n", q->csv);
    if (code == CLI_OK && q->picture) cli_say(stdout, "%s\n", q->picture);
    return code;
}

int cli_probe(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    probe_request *q = calloc(1, sizeof *q);
    if (!q) return cli_complain(CLI_FAILED, "not enough memory");
    if (hth_config_create(&overrides, &error) != HTH_OK) {
        free(q);
        return cli_fail(&error);
    }
    int code =
        cli_find_runs(arguments, overrides, "hitherto probe RUN", q->runs, MOST_RUNS, &q->count);
    if (code == CLI_OK) code = read_options(arguments, q);
    if (code == CLI_OK) code = cli_match_run(arguments, q->runs[0]);
    const hth_settings settings = hth_config_settings(overrides);
    q->plan.overrides = &settings;
    if (code == CLI_OK) code = probe_all(arguments, q);
    if (code == CLI_OK) code = show(q);
    for (size_t i = 0; i < q->count; i++) hth_probe_free(&q->results[i]);
    hth_config_destroy(overrides);
    free(q);
    return code;
}
