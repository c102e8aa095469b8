/* hitherto lesion: what a network loses without a unit, a group or a block of weights; a table, a picture, numbers. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/draft.h"
#include "watch/lesion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct lesion_request {
    cli_onlooker onlooker;
    hth_lesion_plan plan;
    const char *picture, *csv, *to;
    uint64_t top;
    hth_lesion_result result;
} lesion_request;

/* ---- Options ------------------------------------------------------------------------------------ */

/* A number, the whole word. */
static bool read_number(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

static int read_of(const cli_arguments *arguments, hth_lesion_plan *p) {
    static const char *const names[] = {"units", "groups", "blocks"};
    const char *of = cli_value(arguments, "--of");
    size_t i = 0;
    p->groups = cli_value(arguments, "--groups");
    if (!of) of = p->groups ? names[HTH_LESION_GROUPS] : names[HTH_LESION_UNITS];
    while (i < HTH_COUNT(names) && strcmp(names[i], of) != 0) i++;
    if (i == HTH_COUNT(names))
        return cli_complain(CLI_BAD_INPUT,
                            "option --of is '%s', but must be one of units, groups, blocks", of);
    p->of = (hth_lesion_of)i;
    if (p->of == HTH_LESION_GROUPS && !p->groups)
        return cli_complain(CLI_BAD_INPUT, "which groups? give --groups, such as 0..7,8+9+12");
    if (p->of == HTH_LESION_UNITS && p->groups)
        return cli_complain(CLI_BAD_INPUT, "--groups are given, but --of is units");
    return CLI_OK;
}

static int read_to(const cli_arguments *arguments, lesion_request *q) {
    const char *to = cli_value(arguments, "--to"), *amount = cli_value(arguments, "--amount");
    hth_lesion_plan *p = &q->plan;
    q->to = to ? to : "zero";
    p->amount = 0;
    if (strcmp(q->to, "mean") == 0) {
        p->to = HTH_LESION_MEAN;
    } else if (strcmp(q->to, "noise") == 0) {
        p->to = HTH_LESION_NOISE;
        p->amount = 1;
    } else if (strcmp(q->to, "zero") != 0 && !read_number(q->to, &p->amount)) {
        return cli_complain(
            CLI_BAD_INPUT, "option --to is '%s', but must be zero, mean, noise or a number", q->to);
    }
    if (!amount) return CLI_OK;
    if (p->to != HTH_LESION_NOISE)
        return cli_complain(CLI_BAD_INPUT, "--amount is of noise, but --to is %s", q->to);
    if (read_number(amount, &p->amount) && p->amount > 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option --amount is '%s', but must be a positive number",
                        amount);
}

static int read_options(const cli_arguments *arguments, lesion_request *q) {
    const char *split = cli_value(arguments, "--split");
    q->plan.split = split ? split : "validation";
    q->picture = cli_value(arguments, "--out");
    q->csv = cli_value(arguments, "--csv");
    int code = read_of(arguments, &q->plan);
    if (code == CLI_OK) code = read_to(arguments, q);
    if (code == CLI_OK)
        code = cli_whole(arguments, "--layer", 0, HTH_LESION_ALL_LAYERS, &q->plan.layer);
    if (code == CLI_OK) code = cli_whole(arguments, "--top", 1, 20, &q->top);
    return code == CLI_OK && q->picture ? cli_check_picture(q->picture) : code;
}

/* ---- What came of it ------------------------------------------------------------------------------ */

static bool has_metric(const lesion_request *q) {
    return q->result.metric_name && strcmp(q->result.metric_name, "none") != 0;
}

static void print_line(const lesion_request *q, const char *name, double loss, double metric,
                       double damage) {
    printf("  %-36s  %10.6g", name, loss);
    if (has_metric(q)) printf("  %10.6g", metric);
    if (isfinite(damage)) printf("  %+10.4g", damage);
    putchar('\n');
}

static void print_table(const lesion_request *q) {
    const hth_lesion_result *r = &q->result;
    printf("%s to %s, one after the other, over %llu steps of %s\n\n",
           q->plan.of == HTH_LESION_BLOCKS ? "weights set" : "units clamped", q->to,
           (unsigned long long)r->steps, q->plan.split);
    printf("  %-36s  %10s", "", "loss");
    if (has_metric(q)) printf("  %10s", r->metric_name);
    printf("  %10s\n", "damage");
    print_line(q, "the network as it is", r->loss, r->metric, (double)NAN);
    for (size_t i = 0; i < r->count && i < q->top; i++)
        print_line(q, r->items[i].name, r->items[i].loss, r->items[i].metric, r->items[i].damage);
    if (r->count > q->top) printf("  and %zu more (--top, --csv)\n", r->count - (size_t)q->top);
}

static int write_csv(const lesion_request *q) {
    const hth_lesion_result *r = &q->result;
    hth_draft draft;
    hth_error error;
    if (hth_draft_begin(q->csv, &draft, &error) != HTH_OK) return cli_fail(&error);
    fprintf(draft.file, "lesion,layer,unit,loss,metric,damage\nnone,,");
    cli_put_exact(draft.file, r->loss);
    cli_put_exact(draft.file, r->metric);
    fprintf(draft.file, ",0\n");
    for (size_t i = 0; i < r->count; i++) {
        const hth_lesion *lesion = &r->items[i];
        cli_put_csv(draft.file, lesion->name);
        fprintf(draft.file, ",");
        if (lesion->layer >= 0) fprintf(draft.file, "%d", lesion->layer);
        fprintf(draft.file, ",");
        if (lesion->unit >= 0) fprintf(draft.file, "%d", lesion->unit);
        cli_put_exact(draft.file, lesion->loss);
        cli_put_exact(draft.file, lesion->metric);
        cli_put_exact(draft.file, lesion->damage);
        fputc('\n', draft.file);
    }
    return hth_draft_end(&draft, true, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
}

/* A panel of the loss or the metric, the most harmful first, beside the network as it is. */
static bool add_panel(figure *f, const lesion_request *q, bool metric) {
    enum { HIGH = 260 };
    const hth_lesion_result *r = &q->result;
    figure_panel *panel = figure_add_panel(f, "", HIGH);
    figure_line *line = figure_add_line(panel, "", r->count, false);
    if (!line) return false;
    snprintf(panel->label, sizeof panel->label, "%s", metric ? r->metric_name : "loss");
    line->dots = true;
    line->width = 1;
    line->colour = metric;
    for (size_t i = 0; i < r->count; i++) {
        line->x[i] = (double)(i + 1);
        line->y[i] = metric ? r->items[i].metric : r->items[i].loss;
    }
    figure_add_level(panel, "without a lesion", metric ? r->metric : r->loss);
    return true;
}

static int draw(const lesion_request *q) {
    const hth_lesion_result *r = &q->result;
    char title[400];
    size_t used = (size_t)snprintf(title, sizeof title,
                                   "%s, clamped to %s; most harmful:", q->plan.run, q->to);
    for (size_t i = 0; i < r->count && i < 3 && used < sizeof title; i++)
        used += (size_t)snprintf(title + used, sizeof title - used, "%s %s", i ? "," : "",
                                 r->items[i].name);
    figure *f = figure_create(title, "rank of the lesion, the most harmful first");
    bool good = f && add_panel(f, q, false);
    if (good && has_metric(q)) good = add_panel(f, q, true);
    const int code = figure_draw(good ? f : NULL, q->picture);
    figure_destroy(f);
    return code;
}

static int show(const lesion_request *q) {
    print_table(q);
    int code = q->csv ? write_csv(q) : CLI_OK;
    if (code == CLI_OK && q->picture) code = draw(q);
    if (code == CLI_OK && q->csv) cli_say(stdout, "%s\n", q->csv);
    if (code == CLI_OK && q->picture) cli_say(stdout, "%s\n", q->picture);
    return code;
}

/* ---- All together --------------------------------------------------------------------------------- */

static int hurt(const cli_arguments *arguments, lesion_request *q) {
    hth_error error;
    bool stopped;
    q->plan.observer = cli_look_on(&q->onlooker, arguments, "lesion");
    if (hth_lesion_run(&q->plan, &q->result, &stopped, &error) != HTH_OK) {
        cli_progress_clear(&q->onlooker.progress);
        return cli_fail(&error);
    }
    const int code = stopped ? CLI_INTERRUPTED : show(q);
    hth_lesion_free(&q->result);
    return code;
}

int cli_lesion(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    lesion_request q = {0};
    size_t count;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    int code = cli_find_runs(arguments, overrides, "hitherto lesion RUN", &q.plan.run, 1, &count);
    if (code == CLI_OK) code = read_options(arguments, &q);
    if (code == CLI_OK) code = cli_match_run(arguments, q.plan.run);
    const hth_settings settings = hth_config_settings(overrides);
    q.plan.overrides = &settings;
    if (code == CLI_OK) code = hurt(arguments, &q);
    hth_config_destroy(overrides);
    return code;
}
