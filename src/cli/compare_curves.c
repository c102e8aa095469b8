/*
 * The learning curves of a comparison: per variant the mean over its seeds, and a band of one standard
 * error to either side. curves.csv has the numbers, curves.svg and curves.png the picture.
 */
#include "cli/cli.h"
#include "compare/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct picture {
    const hth_comparison *c;
    const char *path;
    double scale; /* of the horizontal axis */
    bool logarithmic;
} picture;

/* ---- Numbers ------------------------------------------------------------------------------------ */

static int put_numbers(const hth_comparison *c, const char *folder) {
    FILE *out = cli_open_beside(folder, "curves.csv");
    if (!out) return CLI_FAILED;
    fprintf(out, "arm");
    for (size_t i = 0; i < c->key_count; i++) {
        fputc(',', out);
        cli_put_csv(out, c->keys[i]);
    }
    fprintf(out, ",step,seeds,%s,standard_error,smoothed,smoothed_error\n", c->measure);
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

static double most_steps(const hth_comparison *c) {
    double most = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].points)
            most = fmax(most, (double)c->rows[i].curve[c->rows[i].points - 1].step);
    return most;
}

/* Tick labels like 200000 would run into each other. */
static double scale_of(double most, const char **unit) {
    *unit = most >= 1e7 ? " (millions)" : most >= 1e4 ? " (thousands)" : "";
    return most >= 1e7 ? 1e6 : most >= 1e4 ? 1e3 : 1;
}

static void put_axes(FILE *out, picture *p) {
    const hth_comparison *c = p->c;
    const char *unit;
    const bool metric = strstr(c->measure, "metric") != NULL;
    char label[120];
    p->scale = scale_of(most_steps(c), &unit);
    snprintf(label, sizeof label, "%s %s%s%s%s",
             strncmp(c->measure, "train", 5) == 0 ? "training" : "validation",
             metric ? c->metric : "loss", metric ? "" : " (", metric ? "" : c->unit,
             metric ? "" : ")");
    fprintf(out, "set xlabel 'time step%s'\nset ylabel ", unit);
    cli_put_quoted(out, label);
    fprintf(out,
            " noenhanced\nset key outside right top Left reverse noopaque samplen 2 spacing 1.15\n"
            "set grid linecolor rgb '#d8d8d8' linetype 1 linewidth 0.6\n"
            "set border 3 linecolor rgb '#404040'\nset tics nomirror\n");
    fprintf(out, "set title 'mean and standard error over the seeds' textcolor rgb '#404040'\n");
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
 * the middle one of the curves begins is cut off. */
static void put_range(FILE *out, const picture *p) {
    const hth_comparison *c = p->c;
    double most = -INFINITY, least = INFINITY, middle;
    double *begins;
    size_t used = 0;
    if (p->logarithmic) {
        fprintf(out, "set logscale y\n");
        return;
    }
    begins = malloc((c->count + 1) * sizeof *begins);
    for (size_t i = 0; begins && i < c->count; i++)
        for (size_t j = 0; j < c->rows[i].points; j++) {
            const double mean = c->rows[i].curve[j].smooth.mean;
            if (j == 0) begins[used++] = mean;
            most = fmax(most, mean);
            least = fmin(least, mean);
        }
    middle = used ? hth_median(begins, used) : 0;
    if (used && least >= 0 && middle > 0 && most > 2 * middle)
        fprintf(out, "set yrange [*:%.10g]\n", 2 * middle);
    else if (used && least == most)
        fprintf(out, "set yrange [%.10g:%.10g]\n", least - fabs(least) / 10 - 1e-9,
                most + fabs(most) / 10 + 1e-9);
    free(begins);
}

static void put_data(FILE *out, const picture *p, size_t row) {
    const hth_compared *r = &p->c->rows[row];
    fprintf(out, "$curve%zu << END\n", row);
    for (size_t i = 0; i < r->points; i++) {
        const hth_mean *value = &r->curve[i].smooth;
        const double error = isfinite(value->error) ? value->error : 0;
        const double low = value->mean - error, floor = p->logarithmic ? value->mean / 10 : low;
        fprintf(out, "%.10g %.10g %.10g %.10g\n", (double)r->curve[i].step / p->scale, value->mean,
                fmax(low, floor), value->mean + error);
    }
    fprintf(out, "END\n");
}

static void put_curve(FILE *out, const picture *p, size_t row, bool band, bool *first) {
    static const char *const dashes[] = {"1", "'-'", "'.'"};
    const hth_compared *r = &p->c->rows[row];
    char label[300];
    if (!r->points) return;
    fprintf(out, "%s $curve%zu using ", *first ? "plot" : ",", row);
    *first = false;
    if (band) {
        fprintf(out,
                "1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder fillcolor rgb "
                "'%s' notitle",
                cli_colour(row));
        return;
    }
    cli_compare_label(p->c, row, label, sizeof label);
    fprintf(out, "1:2 with %s linewidth 2 dashtype %s linecolor rgb '%s' title ",
            r->points > 1 ? "lines" : "linespoints",
            dashes[cli_colour_round(row) % HTH_COUNT(dashes)], cli_colour(row));
    cli_put_quoted(out, label);
    fprintf(out, " noenhanced");
}

static void put_script(FILE *out, void *context) {
    picture *p = context;
    bool first = true;
    cli_put_terminal(out, p->path);
    put_axes(out, p);
    put_range(out, p);
    for (size_t i = 0; i < p->c->count; i++) put_data(out, p, i);
    for (size_t i = 0; i < p->c->count; i++) put_curve(out, p, i, true, &first);
    for (size_t i = 0; i < p->c->count; i++) put_curve(out, p, i, false, &first);
    fputc('\n', out);
}

static int draw(const hth_comparison *c, const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    picture p = {c, path, 1, is_logarithmic(c)};
    return cli_draw(path, put_script, &p);
}

int cli_compare_curves(const hth_comparison *c, const char *folder) {
    int code = put_numbers(c, folder);
    if (code != CLI_OK || most_steps(c) <= 0) return code;
    if (!cli_have_gnuplot()) {
        fprintf(stderr,
                "There is no picture: gnuplot, which draws it, is not installed (on Debian: "
                "apt install gnuplot-nox).\n");
        return CLI_OK;
    }
    code = draw(c, folder, "curves.svg");
    if (code == CLI_OK) code = draw(c, folder, "curves.png");
    if (code == CLI_OK) cli_say(stdout, "\nLearning curves:  %s/curves.svg, curves.png\n", folder);
    return code;
}
