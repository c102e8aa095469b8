/* A picture as a script for gnuplot: see figure.h. */
#include "cli/cli.h"
#include "cli/figure.h"

#include <math.h>
#include <string.h>

enum { FRAME = 120, GAP = 30, LEVEL_NAME = FIGURE_NAME + 32 };

/* ---- Numbers ------------------------------------------------------------------------------------ */

static void put_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, " %.10g", value);
    else
        fputs(" NaN", out);
}

static void put_line_data(FILE *out, const figure_panel *p, const figure_line *l, double scale) {
    for (size_t i = 0; i < l->count; i++) {
        const double floor = p->logarithmic ? l->y[i] / 10 : -INFINITY;
        put_number(out, l->x[i] / scale);
        put_number(out, l->y[i]);
        if (l->low) put_number(out, fmax(l->low[i], floor));
        if (l->high) put_number(out, l->high[i]);
        fputc('\n', out);
    }
}

/* A mark for each number that is not 0; gnuplot refuses to draw nothing. */
static void put_raster(FILE *out, const figure *f, const figure_panel *p, double scale) {
    bool any = false;
    for (size_t row = 0; row < p->rows; row++)
        for (size_t k = 0; k < p->columns; k++)
            if (p->at(p->context, row, k) != 0) {
                fprintf(out, "%.8g %zu\n", ((double)k + f->x_low) / scale, row);
                any = true;
            }
    if (!any) fprintf(out, "0 -9\n");
}

static void put_map(FILE *out, const figure *f, const figure_panel *p, double scale) {
    for (size_t row = 0; row < p->rows; row++)
        for (size_t k = 0; k < p->columns; k++)
            fprintf(out, "%.8g %zu %.4g\n", ((double)k + 0.5 + f->x_low) / scale, row,
                    p->at(p->context, row, k));
}

static void put_data(FILE *out, const figure *f, size_t index, double scale) {
    const figure_panel *p = &f->panels[index];
    for (size_t i = 0; i < p->line_count; i++) {
        fprintf(out, "$p%zu_%zu << END\n", index, i);
        put_line_data(out, p, p->lines[i], scale);
        fprintf(out, "END\n");
    }
    if (p->kind == FIGURE_OF_LINES) return;
    fprintf(out, "$p%zu << END\n", index);
    if (p->kind == FIGURE_RASTER)
        put_raster(out, f, p, scale);
    else
        put_map(out, f, p, scale);
    fprintf(out, "END\n");
}

/* ---- One panel ---------------------------------------------------------------------------------- */

static void put_band(FILE *out, size_t index, size_t i, const figure_line *l, bool *first) {
    if (!l->low || l->count < 2) return;
    fprintf(out,
            "%s $p%zu_%zu using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder "
            "fillcolor rgb '%s' notitle",
            *first ? "plot" : ",", index, i, figure_colour(l->colour));
    *first = false;
}

static void put_curve(FILE *out, size_t index, size_t i, const figure_line *l, bool terminal,
                      bool *first) {
    static const char *const dashes[] = {"1", "'-'", "'.'"};
    if (l->opacity < 1 && terminal) return; /* letters are never pale */
    fprintf(out, "%s $p%zu_%zu using 1:2 with %s linewidth %.1f dashtype %s linecolor rgb '%s%s' ",
            *first ? "plot" : ",", index, i,
            l->count < 2 ? "points"
            : l->dots    ? terminal ? "points" : "linespoints"
                         : "lines",
            l->width, dashes[l->dash], l->opacity < 1 ? "#a0" : "#", figure_colour(l->colour) + 1);
    if (l->dots && !terminal) fprintf(out, "pointtype 7 pointsize 0.6 ");
    *first = false;
    if (!l->name[0]) {
        fprintf(out, "notitle");
        return;
    }
    fprintf(out, "title ");
    cli_put_quoted(out, l->name);
    fprintf(out, " noenhanced");
}

static void name_level(const figure_level *level, char name[LEVEL_NAME]) {
    snprintf(name, LEVEL_NAME, "%.4g %s", level->value, level->name);
}

static void put_level(FILE *out, const figure_level *level, bool *first) {
    char name[LEVEL_NAME];
    name_level(level, name);
    fprintf(out, "%s %.10g with lines dashtype '-' linecolor rgb '#808080' title ",
            *first ? "plot" : ",", level->value);
    cli_put_quoted(out, name);
    fprintf(out, " noenhanced");
    *first = false;
}

/* As many numbers on the vertical axis as its height has room for. */
static void put_ticks(FILE *out, const figure_panel *p) {
    double ticks[FIGURE_TICKS];
    const size_t count =
        figure_ticks(p->low, p->high, p->logarithmic, (size_t)(p->height / 40), ticks);
    fprintf(out, "set ytics (");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s'%.5g' %.10g", i ? ", " : "", ticks[i], ticks[i]);
    fprintf(out, ")\n");
}

/* A map: white is 0, so that colours reach as far to either side. */
static void plot_map(FILE *out, const figure_panel *p, size_t index) {
    double most = 0;
    for (size_t i = 0; i < p->rows * p->columns; i++) {
        const double x = fabs(p->at(p->context, i / p->columns, i % p->columns));
        if (isfinite(x)) most = fmax(most, x);
    }
    if (!(most > 0)) most = 1;
    fprintf(out, "set cbrange [%.10g:%.10g]\nplot $p%zu using 1:2:3 with image notitle\n", -most,
            most, index);
}

static void put_panel(FILE *out, const figure *f, size_t index, bool terminal) {
    const figure_panel *p = &f->panels[index];
    bool first = true;
    /* Axes and title. */
    if (!terminal) put_ticks(out, p);
    fprintf(out, "set autoscale y\n%sset logscale y\nset yrange [%.10g:%.10g]\nset ylabel ",
            p->logarithmic ? "" : "un", p->low, p->high);
    cli_put_quoted(out, p->label);
    fprintf(out, " noenhanced\nset title ");
    if (f->count > 1 || terminal) {
        cli_put_quoted(out, p->title);
    } else {
        cli_put_quoted(out, f->title);
        if (f->note[0]) fputs(".\"\\n\".", out);
        if (f->note[0]) cli_put_quoted(out, f->note);
    }
    fprintf(out, " noenhanced offset 0,-0.5 textcolor rgb '#404040'\n");
    /* A raster or a map is one plot. */
    if (p->kind == FIGURE_RASTER) {
        fprintf(out,
                "plot $p%zu using 1:2 with points pointtype 5 pointsize 0.25 linecolor rgb "
                "'#303030' notitle\n",
                index);
        return;
    }
    if (p->kind == FIGURE_MAP) {
        plot_map(out, p, index);
        return;
    }
    /* Curves lie above their bands and the reference levels. */
    for (size_t i = 0; i < p->line_count && !terminal; i++)
        put_band(out, index, i, p->lines[i], &first);
    for (size_t i = 0; i < p->level_count && !terminal; i++)
        if (p->levels[i].value > p->low && p->levels[i].value < p->high)
            put_level(out, &p->levels[i], &first);
    for (size_t i = 0; i < p->line_count; i++)
        put_curve(out, index, i, p->lines[i], terminal, &first);
    fprintf(out, first ? "plot [0:1] NaN notitle\n" : "\n");
}

/* ---- All of it ---------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static double total_height(const figure *f) {
    double sum = FRAME;
    for (size_t p = 0; p < f->count; p++) sum += f->panels[p].height + GAP;
    return sum;
}

/* Where panels end, so that the longest name has room beside them. Parts of the width: a sample of a line, a letter. */
static double right_end(const figure *f) {
    const double sample = 0.075, letter = 0.0098, least = 0.45, most = 0.82;
    size_t longest = 0;
    for (size_t p = 0; p < f->count; p++) {
        const figure_panel *panel = &f->panels[p];
        for (size_t i = 0; i < panel->line_count; i++)
            longest = larger(longest, strlen(panel->lines[i]->name));
        for (size_t i = 0; i < panel->level_count; i++) {
            char name[LEVEL_NAME];
            name_level(&panel->levels[i], name);
            longest = larger(longest, strlen(name));
        }
    }
    return fmin(most, fmax(least, 1 - sample - letter * (double)longest));
}

static void put_panels(FILE *out, const figure *f, const char *x_label) {
    const double total = total_height(f);
    double y = 1 - 52 / total;
    fprintf(out,
            "set key at graph 1.02, graph 1 left top Left reverse noenhanced samplen 2\n"
            "set lmargin at screen 0.12\nset rmargin at screen %.4f\nset multiplot title ",
            right_end(f));
    cli_put_quoted(out, f->title);
    fprintf(out, " noenhanced\nset format x ''\nunset xlabel\n");
    for (size_t p = 0; p < f->count; p++) {
        const double room = (f->panels[p].height + GAP) / total;
        fprintf(out, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", y - GAP / total,
                y - room);
        if (p + 1 == f->count) {
            fprintf(out, "set format x\nset xlabel ");
            cli_put_quoted(out, x_label);
            fprintf(out, "\n");
        }
        put_panel(out, f, p, false);
        y -= room;
    }
    fprintf(out, "unset multiplot\n");
}

void figure_put_gnuplot(FILE *out, const figure *f, const char *path) {
    const char *unit;
    const double scale = figure_scale(f->x_high, &unit);
    char label[FIGURE_NAME + 20];
    for (size_t p = 0; p < f->count; p++) put_data(out, f, p, scale);
    cli_put_terminal_of(out, path, f->count > 1 ? (int)total_height(f) : 560);
    snprintf(label, sizeof label, "%s%s", f->x_label, unit);
    fprintf(out, "set xrange [%.10g:%.10g]\nset xlabel ", f->x_low / scale, f->x_high / scale);
    cli_put_quoted(out, label);
    fprintf(out, "\nset key %s noenhanced\n",
            path ? "outside right top Left reverse" : "top right");
    if (path)
        fprintf(out, "set grid linecolor rgb '#d8d8d8' linetype 1 linewidth 0.6\n"
                     "set border 3 linecolor rgb '#404040'\nset tics nomirror\n"
                     "set palette defined (-1 '#0072b2', 0 '#f7f7f7', 1 '#d55e00')\n"
                     "unset colorbox\n");
    if (f->count > 1)
        put_panels(out, f, label);
    else
        put_panel(out, f, 0, !path);
}
