/*
 * The learning curves of a comparison: per variant the mean over its seeds, and a band of one standard
 * error to either side. curves.csv has the numbers, curves.svg and, where gnuplot is there, curves.png the picture.
 */
#include "cli/cli.h"
#include "cli/figure.h"
#include "compare/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers ------------------------------------------------------------------------------------ */

static int put_numbers(const hth_comparison *c, const char *folder) {
    FILE *out = cli_open_beside(folder, "curves.csv");
    if (!out) return CLI_FAILED;
    /* The heading: the arm, what is varied, and the numbers. */
    fprintf(out, "arm");
    for (size_t i = 0; i < c->key_count; i++) {
        fputc(',', out);
        cli_put_csv(out, c->keys[i]);
    }
    fprintf(out, ",step,seeds,%s,standard_error,smoothed,smoothed_error\n", c->measure);
    /* A line for each point of each variant. */
    for (size_t i = 0; i < c->count; i++)
        for (size_t j = 0; j < c->rows[i].points; j++) {
            const hth_curve_point *point = &c->rows[i].curve[j];
            cli_put_csv(out, c->rows[i].arm);
            for (size_t k = 0; k < c->key_count; k++) {
                fputc(',', out);
                cli_put_csv(out, c->rows[i].varied[k]);
            }
            fprintf(out, ",%llu,%zu", (unsigned long long)point->step, point->raw.count);
            cli_put_exact(out, point->raw.mean);
            cli_put_exact(out, point->raw.error);
            cli_put_exact(out, point->smooth.mean);
            cli_put_exact(out, point->smooth.error);
            fputc('\n', out);
        }
    return cli_close_beside(out, folder, "curves.csv");
}

/* ---- The picture -------------------------------------------------------------------------------- */

static bool has_points(const hth_comparison *c) {
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].points) return true;
    return false;
}

/* Where curves end orders of magnitude apart, the lower ones would lie on the axis. */
static bool is_logarithmic(const hth_comparison *c) {
    double most = 0, least = INFINITY;
    for (size_t i = 0; i < c->count; i++)
        for (size_t j = 0; j < c->rows[i].points; j++) {
            const double mean = c->rows[i].curve[j].smooth.mean;
            if (!(mean > 0)) return false;
            if (j + 1 < c->rows[i].points) continue;
            most = fmax(most, mean);
            least = fmin(least, mean);
        }
    return most > 10 * least;
}

/* A curve that runs away would press all others onto the axis: what is above twice the value at which
 * the middle one of the curves begins is cut off. NAN: nothing is. */
static double cut_at(const hth_comparison *c) {
    double *begins = malloc((c->count + 1) * sizeof *begins);
    double most = -INFINITY, least = INFINITY;
    size_t used = 0;
    for (size_t i = 0; begins && i < c->count; i++)
        for (size_t j = 0; j < c->rows[i].points; j++) {
            const double mean = c->rows[i].curve[j].smooth.mean;
            if (j == 0) begins[used++] = mean;
            most = fmax(most, mean);
            least = fmin(least, mean);
        }
    const double middle = used ? hth_median(begins, used) : 0;
    free(begins);
    return used && least >= 0 && middle > 0 && most > 2 * middle ? 2 * middle : (double)NAN;
}

/* The lines as they are, pale, and the smoothed curve with its band over them. */
static bool add_curve(figure_panel *panel, const hth_comparison *c, size_t row) {
    const hth_compared *r = &c->rows[row];
    char label[FIGURE_NAME];
    cli_compare_label(c, row, label, sizeof label);
    /* The smoothed curve, and a pale one of the raw numbers behind it. */
    figure_line *raw = c->smooth > 2 ? figure_add_line(panel, "", r->points, false) : NULL;
    figure_line *curve = figure_add_line(panel, label, r->points, true);
    if (!curve || (c->smooth > 2 && !raw)) return false;
    curve->colour = row;
    curve->dash = (figure_dash)(row / FIGURE_COLOURS % 3);
    curve->dots = r->points == 1;
    if (raw)
        *raw = (figure_line){.colour = row,
                             .width = 1,
                             .opacity = 0.35,
                             .count = r->points,
                             .x = raw->x,
                             .y = raw->y};
    /* Their points, with a band of one standard error. */
    for (size_t i = 0; i < r->points; i++) {
        const hth_curve_point *point = &r->curve[i];
        const double error = isfinite(point->smooth.error) ? point->smooth.error : 0;
        curve->x[i] = (double)point->step;
        curve->y[i] = point->smooth.mean;
        curve->low[i] = point->smooth.mean - error;
        curve->high[i] = point->smooth.mean + error;
        if (raw) raw->x[i] = (double)point->step;
        if (raw) raw->y[i] = point->raw.mean;
    }
    return true;
}

static void describe(const hth_comparison *c, figure *f, figure_panel *panel) {
    const bool metric = strstr(c->measure, "metric") != NULL;
    snprintf(panel->label, sizeof panel->label, "%s %s%s%s%s",
             strncmp(c->measure, "train", 5) == 0 ? "training" : "validation",
             metric ? c->metric : "loss", metric ? "" : " (", metric ? "" : c->unit,
             metric ? "" : ")");
    figure_note_smoothing(f, c->reach);
    const size_t used = strlen(f->note);
    snprintf(f->note + used, sizeof f->note - used, "%sbands: one standard error over the seeds",
             used ? "; " : "not smoothed; ");
}

struct figure *cli_compare_figure(const hth_comparison *c) {
    enum { HIGH = 420 };
    figure *f = figure_create("Mean over the seeds", "time step");
    if (!f) return NULL;
    f->x_low = 0;
    figure_panel *panel = figure_add_panel(f, "", HIGH);
    bool good = true;
    describe(c, f, panel);
    panel->logarithmic = is_logarithmic(c);
    if (!panel->logarithmic) panel->high = cut_at(c);
    for (size_t i = 0; i < c->reference_count; i++)
        figure_add_level(panel, c->references[i].name, c->references[i].value);
    for (size_t i = 0; i < c->count && good; i++)
        if (c->rows[i].points) good = add_curve(panel, c, i);
    if (good) return f;
    figure_destroy(f);
    return NULL;
}

static int draw(const hth_comparison *c, const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    figure *f = cli_compare_figure(c);
    const int code = figure_draw(f, path);
    figure_destroy(f);
    return code;
}

int cli_compare_curves(const hth_comparison *c, const char *folder) {
    const bool png = cli_have_gnuplot();
    int code = put_numbers(c, folder);
    if (code != CLI_OK || !has_points(c)) return code;
    code = draw(c, folder, "curves.svg");
    if (code == CLI_OK && png) code = draw(c, folder, "curves.png");
    if (code == CLI_OK)
        cli_say(stdout, "\nLearning curves:  %s/curves.svg%s\n", folder, png ? ", curves.png" : "");
    return code;
}
