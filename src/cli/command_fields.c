/* hitherto fields: what drives single units of a trained network; a table, a picture, arrays. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/npz.h"
#include "watch/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_UNITS = 64, DRAWN = 4 };

typedef struct fields_request {
    cli_onlooker onlooker;
    hth_fields_plan plan;
    size_t units[MOST_UNITS];
    const char *picture, *npz;
    hth_fields result;
} fields_request;

/* ---- Options ------------------------------------------------------------------------------------ */

static int read_units(const char *text, fields_request *q) {
    q->plan.units = q->units;
    if (cli_read_numbers(text ? text : "0", q->units, MOST_UNITS, &q->plan.count)) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --units is '%s', but must be at most %d units with commas between, "
                        "such as 0,7..9",
                        text, MOST_UNITS);
}

/* --norm R */
static int read_norm(const cli_arguments *arguments, double *norm) {
    const char *text = cli_value(arguments, "--norm");
    char *end;
    if (!text) return CLI_OK;
    *norm = strtod(text, &end);
    if (end > text && !*end && *norm > 0 && isfinite(*norm)) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option --norm is '%s', but must be a positive number",
                        text);
}

static int read_options(const cli_arguments *arguments, fields_request *q) {
    hth_fields_plan *p = &q->plan;
    const struct {
        const char *flag;
        uint64_t least, fallback, *out;
    } numbers[] = {
        {"--steps", 1, 1000, &p->steps}, {"--lags", 0, 10, &p->lags}, {"--layer", 0, 0, &p->layer}};
    const char *split = cli_value(arguments, "--split");
    p->split = split ? split : "validation";
    q->picture = cli_value(arguments, "--out");
    q->npz = cli_value(arguments, "--npz");
    int code = read_units(cli_value(arguments, "--units"), q);
    if (code == CLI_OK) code = read_norm(arguments, &p->norm);
    for (size_t i = 0; code == CLI_OK && i < HTH_COUNT(numbers); i++)
        code = cli_whole(arguments, numbers[i].flag, numbers[i].least, numbers[i].fallback,
                         numbers[i].out);
    if (code == CLI_OK && q->npz && !cli_ends_in(q->npz, ".npz"))
        code = cli_complain(CLI_BAD_INPUT, "option --npz is '%s', but must end in .npz", q->npz);
    return code == CLI_OK && q->picture ? cli_check_picture(q->picture) : code;
}

/* ---- The table ---------------------------------------------------------------------------------- */

/* "input 3, 5 before": where a field is largest in size. */
static void put_peak(const hth_fields *r, const double *field) {
    size_t best = 0;
    char text[60];
    for (size_t k = 1; k < (r->lags + 1) * r->inputs; k++)
        if (fabs(field[k]) > fabs(field[best]) || isnan(field[best])) best = k;
    snprintf(text, sizeof text, "x%zu, lag %zu: %+.3g", best % r->inputs, best / r->inputs,
             field[best]);
    printf("  %-24s", isnan(field[best]) ? "never changes" : text);
}

static void print_table(const hth_fields *r) {
    printf("Fields of units over %zu inputs and lags 0 to %zu, and where each is largest\n\n",
           r->inputs, r->lags);
    printf("  %4s  %10s  %10s  %10s  %-24s  %-24s\n", "unit", "mean z", "most z", "reached",
           "input before activity", r->why_not ? "" : "slope dz/dx");
    for (size_t i = 0; i < r->count; i++) {
        const hth_field_of_unit *u = &r->units[i];
        printf("  %4zu  %10.4g  %10.4g  ", u->unit, u->mean, u->most);
        if (isfinite(u->reached))
            printf("%10.4g", u->reached);
        else
            printf("%10s", "-");
        put_peak(r, u->triggered);
        if (u->slope) put_peak(r, u->slope);
        putchar('\n');
    }
    if (r->why_not)
        cli_say(stdout, "\nThere are no slopes and no best inputs of this network: %s.\n",
                r->why_not);
}

/* ---- Arrays ------------------------------------------------------------------------------------- */

static int write_npz(const fields_request *q) {
    const hth_fields *r = &q->result;
    const size_t area = (r->lags + 1) * r->inputs;
    hth_error error;
    double *numbers = calloc(r->count * (3 * area + 1), sizeof *numbers);
    uint64_t *units = calloc(r->count, sizeof *units);
    if (!numbers || !units) {
        free(numbers), free(units);
        return cli_complain(CLI_FAILED, "not enough memory for the arrays");
    }
    double *slope = numbers + r->count * area, *best = slope + r->count * area;
    double *reached = best + r->count * area;
    for (size_t i = 0; i < r->count; i++) {
        const hth_field_of_unit *u = &r->units[i];
        units[i] = u->unit;
        reached[i] = u->reached;
        memcpy(numbers + i * area, u->triggered, area * sizeof *numbers);
        if (!u->slope) continue;
        memcpy(slope + i * area, u->slope, area * sizeof *numbers);
        memcpy(best + i * area, u->best, area * sizeof *numbers);
    }
    const size_t lags = r->lags + 1;
    const hth_npz_array arrays[] = {
        {"units", HTH_DTYPE_U64, 1, {r->count, 0, 0}, units},
        {"triggered", HTH_DTYPE_F64, 3, {r->count, lags, r->inputs}, numbers},
        {"slope", HTH_DTYPE_F64, 3, {r->count, lags, r->inputs}, slope},
        {"best", HTH_DTYPE_F64, 3, {r->count, lags, r->inputs}, best},
        {"reached", HTH_DTYPE_F64, 1, {r->count, 0, 0}, reached}};
    const hth_status status =
        hth_npz_write(q->npz, arrays, r->why_not ? 2 : HTH_COUNT(arrays), &error);
    free(numbers), free(units);
    return status == HTH_OK ? CLI_OK : cli_fail(&error);
}

/* ---- The picture -------------------------------------------------------------------------------- */

typedef struct shown {
    const hth_fields *of;
    const double *field;
} shown;

static double number_at(const void *context, size_t row, size_t lag) {
    const shown *s = context;
    return s->field[lag * s->of->inputs + row];
}

/* Fields of few inputs as lines, of many as a map. */
static bool add_panel(figure *f, const hth_fields *r, const double *field, const char *title,
                      shown *context) {
    enum { FEW = 6, HIGH = 130 };
    figure_panel *panel = figure_add_panel(f, title, HIGH);
    *context = (shown){r, field};
    if (r->inputs > FEW) {
        panel->kind = FIGURE_MAP;
        panel->rows = r->inputs;
        panel->columns = r->lags + 1;
        panel->at = number_at;
        panel->context = context;
        snprintf(panel->label, sizeof panel->label, "input");
        return true;
    }
    for (size_t i = 0; i < r->inputs; i++) {
        char name[32];
        snprintf(name, sizeof name, "x%zu", i);
        figure_line *line = figure_add_line(panel, name, r->lags + 1, false);
        if (!line) return false;
        line->dots = true;
        for (size_t k = 0; k <= r->lags; k++) {
            line->x[k] = (double)k;
            line->y[k] = field[k * r->inputs + i];
        }
    }
    return true;
}

static int draw(const fields_request *q) {
    const hth_fields *r = &q->result;
    const size_t units = r->count < DRAWN ? r->count : DRAWN;
    figure *f = figure_create(q->plan.run, "lag in steps");
    shown *contexts = calloc(3 * DRAWN, sizeof *contexts);
    bool good = f && contexts;
    if (f) f->owned = contexts;
    for (size_t i = 0; good && i < units; i++) {
        const hth_field_of_unit *u = &r->units[i];
        char title[100];
        snprintf(title, sizeof title, "unit %zu: input before activity", u->unit);
        good = add_panel(f, r, u->triggered, title, &contexts[3 * i]);
        snprintf(title, sizeof title, "unit %zu: slope dz/dx", u->unit);
        if (good && u->slope) good = add_panel(f, r, u->slope, title, &contexts[3 * i + 1]);
        snprintf(title, sizeof title, "unit %zu: best input, z reaches %.3g", u->unit, u->reached);
        if (good && u->best) good = add_panel(f, r, u->best, title, &contexts[3 * i + 2]);
    }
    const int code = figure_draw(good ? f : NULL, q->picture);
    if (!f) free(contexts);
    figure_destroy(f);
    return code;
}

/* ---- All together --------------------------------------------------------------------------------- */

static int show(const fields_request *q) {
    print_table(&q->result);
    int code = q->npz ? write_npz(q) : CLI_OK;
    if (code == CLI_OK && q->picture) code = draw(q);
    if (code == CLI_OK && q->npz) cli_say(stdout, "%s\n", q->npz);
    if (code == CLI_OK && q->picture) cli_say(stdout, "%s\n", q->picture);
    return code;
}

static int look(const cli_arguments *arguments, fields_request *q) {
    hth_error error;
    bool stopped;
    q->plan.observer = cli_look_on(&q->onlooker, arguments, "step");
    if (hth_fields_find(&q->plan, &q->result, &stopped, &error) != HTH_OK) {
        cli_progress_clear(&q->onlooker.progress);
        return cli_fail(&error);
    }
    const int code = stopped ? CLI_INTERRUPTED : show(q);
    hth_fields_free(&q->result);
    return code;
}

int cli_fields(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    fields_request q = {0};
    size_t count;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    int code = cli_find_runs(arguments, overrides, "hitherto fields RUN", &q.plan.run, 1, &count);
    if (code == CLI_OK) code = read_options(arguments, &q);
    if (code == CLI_OK) code = cli_need_double(arguments);
    /* Runs of either precision: the checkpoint's numbers are converted. */
    if (code == CLI_OK &&
        hth_config_set(overrides, "train.precision", "double", NULL, &error) != HTH_OK)
        code = cli_fail(&error);
    const hth_settings settings = hth_config_settings(overrides);
    q.plan.overrides = &settings;
    if (code == CLI_OK) code = look(arguments, &q);
    hth_config_destroy(overrides);
    return code;
}
