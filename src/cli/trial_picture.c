/*
 * The picture of a trial, stacked over one time axis as in Bellec et al. 2019, Figs. 1c and 2a: inputs, units,
 * their states, learning signals, eligibility traces, outputs with targets. What is 0 or 1 is a raster; a few
 * curves are lines; many are a map of colours.
 */
#include "cli/cli.h"
#include "watch/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PANELS = 12, MOST_LINES = 8, MOST_ROWS = 60, LINE_NAME = 40 };

typedef enum panel_kind {
    PANEL_RASTER,
    PANEL_LINES,
    PANEL_MAP,
    PANEL_OUTPUTS,
    PANEL_CLASS
} panel_kind;

typedef struct panel {
    panel_kind kind;
    char title[100];
    size_t count, columns[MOST_ROWS];  /* of the trial's table */
    size_t total, first;               /* rows: of so many columns from there */
    char names[MOST_LINES][LINE_NAME]; /* of lines */
    double height;
} panel;

typedef struct drawing {
    const cli_trial_picture *picture;
    panel panels[MOST_PANELS];
    size_t count;
} drawing;

/* ---- Which panels there are --------------------------------------------------------------------- */

static panel *add_panel(drawing *d, panel_kind kind, double height, const char *title) {
    panel *p = &d->panels[d->count++];
    *p = (panel){.kind = kind, .height = height};
    snprintf(p->title, sizeof p->title, "%s", title);
    return p;
}

/* At most MOST_ROWS of a stretch, evenly chosen. */
static void add_rows(panel *p, hth_stretch of) {
    p->count = of.count < MOST_ROWS ? of.count : MOST_ROWS;
    p->total = of.count;
    p->first = of.at;
    for (size_t i = 0; i < p->count; i++) p->columns[i] = of.at + i * of.count / p->count;
    if (p->count == of.count) return;
    const size_t used = strlen(p->title);
    snprintf(p->title + used, sizeof p->title - used, " (%zu of %zu)", p->count, of.count);
}

static bool is_binary(const hth_trial *t, hth_stretch of) {
    for (size_t step = 0; step < t->steps; step++)
        for (size_t i = 0; i < of.count; i++) {
            const double x = hth_trial_value(t, step, of.at + i);
            if (x != 0 && x != 1) return false;
        }
    return true;
}

static void add_many(drawing *d, hth_stretch of, const char *title, bool lines_if_few) {
    const bool raster = of.count > 0 && is_binary(d->picture->trial, of);
    const bool lines = !raster && lines_if_few && of.count <= MOST_LINES;
    panel *p = add_panel(d,
                         raster  ? PANEL_RASTER
                         : lines ? PANEL_LINES
                                 : PANEL_MAP,
                         raster && of.count < 8 ? 0.7 : 1, title);
    add_rows(p, of);
    for (size_t i = 0; lines && i < p->count; i++) snprintf(p->names[i], LINE_NAME, "%zu", i);
}

/* The chosen units of a stretch. */
static void add_units(drawing *d, size_t at, const char *title) {
    const cli_trial_picture *c = d->picture;
    panel *p = add_panel(d, PANEL_LINES, 1, title);
    p->count = c->unit_count < MOST_LINES ? c->unit_count : MOST_LINES;
    for (size_t i = 0; i < p->count; i++) {
        p->columns[i] = at + c->units[i];
        snprintf(p->names[i], LINE_NAME, "unit %zu", c->units[i]);
    }
}

static void add_states(drawing *d) {
    const hth_trial *t = d->picture->trial;
    for (size_t k = 0; k < t->of.states && d->count < MOST_PANELS - 4; k++) {
        char title[40];
        snprintf(title, sizeof title, "state %zu", k);
        add_units(d, t->state.at + k * t->of.units,
                  t->of.has_voltage && k == 0 ? "voltage v" : title);
    }
}

static void add_traces(drawing *d) {
    const hth_trial *t = d->picture->trial;
    if (!t->trace.count) return;
    panel *p = add_panel(d, PANEL_LINES, 1, "eligibility traces e");
    p->count = t->trace.count < MOST_LINES ? t->trace.count : MOST_LINES;
    for (size_t i = 0; i < p->count; i++) {
        const size_t from = t->synapses[i].from, n = t->of.units, to = t->synapses[i].row % n;
        p->columns[i] = t->trace.at + i;
        snprintf(p->names[i], LINE_NAME, "%s%zu to %zu", from < n ? "unit " : "x",
                 from < n ? from : from - n, to);
    }
}

static void add_outputs(drawing *d) {
    const hth_trial *t = d->picture->trial;
    const bool classes = t->shape.stream.target == HTH_TARGET_CLASSES;
    if (t->y.count > MOST_LINES) {
        add_rows(add_panel(d, PANEL_MAP, 1, "outputs y"), t->y);
        if (!classes) add_rows(add_panel(d, PANEL_MAP, 1, "targets"), t->target);
    } else {
        panel *p =
            add_panel(d, PANEL_OUTPUTS, 1.6, classes ? "outputs y" : "outputs y, targets dashed");
        add_rows(p, t->y);
        for (size_t i = 0; i < p->count; i++) snprintf(p->names[i], LINE_NAME, "y%zu", i);
    }
    if (classes) add_panel(d, PANEL_CLASS, 0.6, "target class");
}

static void choose_panels(drawing *d) {
    const hth_trial *t = d->picture->trial;
    char title[100];
    add_many(d, t->x, t->shape.stream.vocabulary ? "token" : "inputs", true);
    add_many(d, t->z, t->of.spikes ? "spikes z" : "units z", false);
    add_states(d);
    snprintf(title, sizeof title, "learning signals L%s%s", t->shape.own ? "" : " of ",
             t->shape.own || !t->shape.learner ? "" : t->shape.learner);
    if (t->signal.count) add_units(d, t->signal.at, title);
    add_traces(d);
    add_outputs(d);
}

/* ---- Numbers ------------------------------------------------------------------------------------ */

static void put_raster(FILE *out, const hth_trial *t, const panel *p) {
    bool any = false;
    for (size_t i = 0; i < p->count; i++)
        for (size_t step = 0; step < t->steps; step++)
            if (hth_trial_value(t, step, p->columns[i]) != 0) {
                fprintf(out, "%zu %.2f\n", step, (double)(p->columns[i] - p->first) - 0.4);
                any = true;
            }
    if (!any) fprintf(out, "0 -9\n"); /* gnuplot refuses to draw nothing */
}

static void put_lines(FILE *out, const hth_trial *t, const panel *p) {
    for (size_t step = 0; step < t->steps; step++) {
        fprintf(out, "%zu", step);
        for (size_t i = 0; i < p->count; i++)
            fprintf(out, " %.6g", hth_trial_value(t, step, p->columns[i]));
        for (size_t i = 0; p->kind == PANEL_OUTPUTS && i < t->target.count; i++)
            if (hth_trial_value(t, step, t->weight.at) > 0)
                fprintf(out, " %.6g", hth_trial_value(t, step, t->target.at + i));
            else
                fprintf(out, " NaN");
        fputc('\n', out);
    }
}

static void put_map(FILE *out, const hth_trial *t, const panel *p) {
    for (size_t i = 0; i < p->count; i++) {
        for (size_t step = 0; step < t->steps; step++)
            fprintf(out, "%.4g ", hth_trial_value(t, step, p->columns[i]));
        fputc('\n', out);
    }
}

/* Only where it counts. */
static void put_class(FILE *out, const hth_trial *t) {
    bool any = false;
    for (size_t step = 0; step < t->steps; step++)
        if (hth_trial_value(t, step, t->weight.at) > 0) {
            fprintf(out, "%zu %.6g\n", step, hth_trial_value(t, step, t->target.at));
            any = true;
        }
    if (!any) fprintf(out, "0 NaN\n");
}

static void put_data(FILE *out, const drawing *d, size_t index) {
    const panel *p = &d->panels[index];
    const hth_trial *t = d->picture->trial;
    fprintf(out, "$panel%zu << END\n", index);
    if (p->kind == PANEL_RASTER) put_raster(out, t, p);
    if (p->kind == PANEL_LINES || p->kind == PANEL_OUTPUTS) put_lines(out, t, p);
    if (p->kind == PANEL_MAP) put_map(out, t, p);
    if (p->kind == PANEL_CLASS) put_class(out, t);
    fprintf(out, "END\n");
}

/* ---- The script --------------------------------------------------------------------------------- */

/* Where all numbers of a panel are one, gnuplot would make up a range and say so. */
static void put_range(FILE *out, const hth_trial *t, const panel *p) {
    double least = INFINITY, most = -INFINITY;
    if (p->kind == PANEL_RASTER || p->kind == PANEL_MAP) {
        const size_t rows = p->kind == PANEL_MAP ? p->count : p->total;
        fprintf(out, "set yrange [-0.6:%.1f]\n", (double)rows - 0.4);
        return;
    }
    if (p->kind == PANEL_CLASS) {
        fprintf(out, "set yrange [-0.5:%.1f]\n", (double)t->y.count - 0.5);
        return;
    }
    for (size_t step = 0; step < t->steps; step++)
        for (size_t i = 0; i < p->count; i++) {
            least = fmin(least, hth_trial_value(t, step, p->columns[i]));
            most = fmax(most, hth_trial_value(t, step, p->columns[i]));
        }
    if (least < most)
        fprintf(out, "set yrange [*:*]\n");
    else
        fprintf(out, "set yrange [%.6g:%.6g]\n", least - fabs(least) / 10 - 1e-6,
                most + fabs(most) / 10 + 1e-6);
}

static void put_curves(FILE *out, const drawing *d, size_t index) {
    const panel *p = &d->panels[index];
    const bool targets = p->kind == PANEL_OUTPUTS &&
                         d->picture->trial->target.count == d->picture->trial->y.count &&
                         d->picture->trial->shape.stream.target == HTH_TARGET_VALUES;
    for (size_t i = 0; i < p->count; i++) {
        fprintf(out, "%s $panel%zu using 1:%zu with lines linewidth 1.4 linecolor rgb '%s' title ",
                i ? "," : "plot", index, i + 2, cli_colour(i));
        cli_put_quoted(out, p->names[i]);
        if (targets)
            fprintf(out,
                    ", $panel%zu using 1:%zu with lines dashtype '-' linewidth 1.8 linecolor rgb "
                    "'%s' notitle",
                    index, i + 2 + p->count, cli_colour(i));
    }
    fputc('\n', out);
}

static void put_panel(FILE *out, const drawing *d, size_t index) {
    const panel *p = &d->panels[index];
    const hth_trial *t = d->picture->trial;
    put_range(out, t, p);
    fprintf(out, "set title ");
    cli_put_quoted(out, p->title);
    fprintf(out, " noenhanced offset 0,-0.7 font ',12' textcolor rgb '#404040'\n");
    switch (p->kind) {
    case PANEL_RASTER:
        fprintf(out,
                "plot $panel%zu using 1:2:(0):(%.2f) with vectors nohead linewidth 1 linecolor rgb "
                "'#303030' notitle\n",
                index, 0.8 * (double)p->total / (double)p->count);
        break;
    case PANEL_MAP:
        fprintf(out, "plot $panel%zu matrix with image notitle\n", index);
        break;
    case PANEL_CLASS:
        fprintf(out,
                "plot $panel%zu using 1:2 with points pointtype 5 pointsize 0.25 linecolor rgb "
                "'#303030' notitle\n",
                index);
        break;
    default:
        put_curves(out, d, index);
    }
}

enum { PANEL_LINES_HIGH = 110, FRAME_LINES = 100 };

static double total_height(const drawing *d) {
    double sum = 0;
    for (size_t i = 0; i < d->count; i++) sum += d->panels[i].height;
    return sum;
}

static void put_script(FILE *out, void *context) {
    const drawing *d = context;
    const cli_trial_picture *c = d->picture;
    const double total = total_height(d), lines = FRAME_LINES + PANEL_LINES_HIGH * total;
    const double top = 1 - 52 / lines, bottom = 48 / lines, gap = 26 / lines;
    for (size_t i = 0; i < d->count; i++) put_data(out, d, i);
    cli_put_terminal_of(out, c->path, (int)lines);
    fprintf(out,
            "set xrange [-0.5:%.1f]\nset border 3 linecolor rgb '#404040'\nset tics nomirror "
            "font ',11'\nset ytics autofreq\nset key outside right top samplen 1.2 font ',11' "
            "noenhanced\nset palette defined (-1 '#0072b2', 0 '#f7f7f7', 1 '#d55e00')\nunset "
            "colorbox\nset lmargin at screen 0.075\nset rmargin at screen 0.87\nset multiplot "
            "title ",
            (double)c->trial->steps - 0.5);
    cli_put_quoted(out, c->title);
    fprintf(out, " noenhanced font ',14'\n");
    double y = top;
    for (size_t i = 0; i < d->count; i++) {
        const double share = (top - bottom) * d->panels[i].height / total;
        fprintf(out, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", y - gap * 0.8,
                y - share + gap * 0.2);
        if (i + 1 == d->count)
            fprintf(out, "set format x\nset xlabel 'time step' offset 0,0.3 font ',12'\n");
        else
            fprintf(out, "set format x ''\nunset xlabel\n");
        put_panel(out, d, i);
        y -= share;
    }
    fprintf(out, "unset multiplot\n");
}

int cli_draw_trial(const cli_trial_picture *picture) {
    drawing *d = calloc(1, sizeof *d);
    if (!d) return cli_complain(CLI_FAILED, "not enough memory");
    d->picture = picture;
    choose_panels(d);
    const int code = cli_draw(picture->path, put_script, d);
    free(d);
    return code;
}
