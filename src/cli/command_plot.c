/*
 * hitherto plot: learning curves, drawn by gnuplot. What is to be drawn is collected from the runs'
 * metrics.jsonl first; then a script with the numbers in it goes to gnuplot through a pipe.
 */
#include "cli/cli.h"
#include "metrics/metric.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LENGTH = 4096, MAX_RUNS = 64 };

typedef struct report_point {
    double x, train, validation; /* NAN: not given */
} report_point;

typedef struct run_curve {
    const char *run;
    report_point *points;
    size_t count, capacity, trains, validations;
} run_curve;

typedef struct plot_request {
    const char *out, *x, *quantity; /* "loss" or "metric" */
    char label[64];                 /* of the vertical axis: "loss" or the metric's name */
    bool logarithmic;
    run_curve curves[MAX_RUNS];
    size_t count;
} plot_request;

/* ---- Reading -------------------------------------------------------------------------------------- */

static double number_of(const cJSON *line, const char *part, const char *quantity) {
    char name[64];
    snprintf(name, sizeof name, "%s%s", part, quantity);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static bool add_point(run_curve *curve, report_point point) {
    if (curve->count == curve->capacity) {
        size_t capacity = curve->capacity ? 2 * curve->capacity : 256;
        void *points = realloc(curve->points, capacity * sizeof point);
        if (!points) return false;
        curve->points = points;
        curve->capacity = capacity;
    }
    curve->points[curve->count++] = point;
    curve->trains += isfinite(point.train) ? 1 : 0;
    curve->validations += isfinite(point.validation) ? 1 : 0;
    return true;
}

/* A line that is not whole (of a run that was killed) is passed over. */
static bool read_line(plot_request *plot, run_curve *curve, const char *text) {
    cJSON *line = cJSON_Parse(text);
    if (!line) return true;
    const cJSON *metric = cJSON_GetObjectItemCaseSensitive(line, "metric");
    if (strcmp(plot->quantity, "metric") == 0 && cJSON_IsString(metric))
        snprintf(plot->label, sizeof plot->label, "%s", metric->valuestring);
    const report_point point = {number_of(line, "", plot->x),
                                number_of(line, "train_", plot->quantity),
                                number_of(line, "validation_", plot->quantity)};
    cJSON_Delete(line);
    return !isfinite(point.x) || add_point(curve, point);
}

static int read_run(plot_request *plot, const char *run) {
    char path[LINE_LENGTH], line[LINE_LENGTH];
    run_curve *curve = &plot->curves[plot->count];
    curve->run = run;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *file = fopen(path, "r");
    if (!file) return cli_complain(CLI_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
    plot->count++;
    bool room = true;
    while (room && fgets(line, sizeof line, file)) room = read_line(plot, curve, line);
    fclose(file);
    if (!room) return cli_complain(CLI_FAILED, "not enough memory to read %s", path);
    if (curve->trains + curve->validations > 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "%s has no %s over %s to draw", path, plot->quantity,
                        plot->x);
}

/* ---- The script ------------------------------------------------------------------------------------- */

static void put_data(FILE *out, const char *name, size_t index, const run_curve *curve,
                     bool train) {
    fprintf(out, "$%s%zu << END\n", name, index);
    for (size_t i = 0; i < curve->count; i++) {
        double y = train ? curve->points[i].train : curve->points[i].validation;
        if (isfinite(y)) fprintf(out, "%.10g %.10g\n", curve->points[i].x, y);
    }
    fprintf(out, "END\n");
}

/* Tick labels like 200000 would run into each other: large steps are counted in thousands. */
static double scale_of(const plot_request *plot, const char **unit) {
    double most = 0;
    for (size_t i = 0; i < plot->count; i++)
        for (size_t j = 0; j < plot->curves[i].count; j++)
            most = fmax(most, plot->curves[i].points[j].x);
    *unit = most >= 1e7 ? " (millions)" : most >= 1e4 ? " (thousands)" : "";
    return most >= 1e7 ? 1e6 : most >= 1e4 ? 1e3 : 1;
}

static void scale_points(plot_request *plot, double scale) {
    for (size_t i = 0; i < plot->count; i++)
        for (size_t j = 0; j < plot->curves[i].count; j++) plot->curves[i].points[j].x /= scale;
}

static bool has_validation(const plot_request *plot) {
    for (size_t i = 0; i < plot->count; i++)
        if (plot->curves[i].validations) return true;
    return false;
}

static void put_axes(FILE *out, plot_request *plot) {
    const char *unit, *label = strcmp(plot->x, "step") == 0      ? "time step"
                               : strcmp(plot->x, "seconds") == 0 ? "time in seconds"
                                                                 : "epoch";
    const hth_metric *metric = hth_metric_find(plot->label);
    const bool rises = metric && metric->rises;
    scale_points(plot, scale_of(plot, &unit));
    fprintf(out, "set xlabel '%s%s'\nset ylabel ", label, unit);
    cli_put_quoted(out, plot->label);
    fprintf(out, " noenhanced\nset key %s\n",
            plot->out && plot->count > 1 ? "outside right top Left reverse"
            : rises                      ? "bottom right"
                                         : "top right");
    if (plot->out && plot->count > 1)
        fprintf(out, "set title '%s' textcolor rgb '#404040'\n",
                has_validation(plot) ? "dashed: training, bold: validation" : "training");
    if (plot->logarithmic) fprintf(out, "set logscale y\n");
    if (plot->out)
        fprintf(out, "set grid linecolor rgb '#d8d8d8' linetype 1 linewidth 0.6\n"
                     "set border 3 linecolor rgb '#404040'\nset tics nomirror\n"
                     "set key noopaque samplen 2.5 spacing 1.15\n");
}

/* One point has no range; gnuplot would invent one and say so. */
static void put_ranges(FILE *out, const plot_request *plot) {
    double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < plot->count; i++)
        for (size_t j = 0; j < plot->curves[i].count; j++) {
            const report_point *at = &plot->curves[i].points[j];
            const double values[3] = {at->x, at->train, at->validation};
            for (int k = 0; k < 3; k++) {
                int axis = k > 0;
                if (values[k] < least[axis]) least[axis] = values[k];
                if (values[k] > most[axis]) most[axis] = values[k];
            }
        }
    for (int axis = 0; axis < 2; axis++) {
        double half = most[axis] == 0 ? 1 : 0.1 * fabs(most[axis]);
        if (least[axis] == most[axis])
            fprintf(out, "set %crange [%.10g:%.10g]\n", "xy"[axis], least[axis] - half,
                    most[axis] + half);
    }
}

/* Training is a thin dashed line, or a bold one where there is no other; validation a bold one with its points. */
static const char *style_of(const plot_request *plot, bool train, size_t count) {
    if (!plot->out && !train) return "points";
    return count > 1 && (train || count > 40) ? "lines" : "linespoints";
}

/* One run: its two curves. Several in a picture: one entry a run, for the bold curve where there is one. */
static void put_title(FILE *out, const plot_request *plot, const run_curve *curve, bool train) {
    const bool several = plot->count > 1, picture = plot->out != NULL;
    const char *slash = strrchr(curve->run, '/'),
               *name = slash && slash[1] ? slash + 1 : curve->run;
    const char *which = train ? "training" : "validation";
    char title[600];
    if (several && picture && train && curve->validations) {
        fprintf(out, " notitle");
        return;
    }
    snprintf(title, sizeof title, "%.400s%s%s", several ? name : "",
             several && !picture ? ", " : "", several && picture ? "" : which);
    fprintf(out, " title ");
    cli_put_quoted(out, title);
    fprintf(out, " noenhanced");
}

static void put_curve(FILE *out, const plot_request *plot, size_t index, bool train, bool *first) {
    const run_curve *curve = &plot->curves[index];
    size_t count = train ? curve->trains : curve->validations;
    if (count == 0) return;
    const char *style = style_of(plot, train, count);
    fprintf(out, "%s $%s%zu using 1:2 with %s", *first ? "plot" : ",", train ? "train" : "valid",
            index, style);
    const bool thin = train && has_validation(plot);
    if (plot->out)
        fprintf(out, " linewidth %s dashtype %s linecolor rgb '%s'", thin ? "1.6" : "2.4",
                thin ? "'-'" : "1", cli_colour(index));
    if (plot->out && strcmp(style, "linespoints") == 0) fprintf(out, " pointtype 7 pointsize 0.6");
    put_title(out, plot, curve, train);
    *first = false;
}

static void put_script(FILE *out, void *context) {
    plot_request *plot = context;
    bool first = true;
    cli_put_terminal(out, plot->out);
    put_axes(out, plot);
    put_ranges(out, plot);
    for (size_t i = 0; i < plot->count; i++) {
        put_data(out, "train", i, &plot->curves[i], true);
        put_data(out, "valid", i, &plot->curves[i], false);
    }
    for (size_t i = 0; i < plot->count; i++) {
        put_curve(out, plot, i, true, &first);
        put_curve(out, plot, i, false, &first);
    }
    fputc('\n', out);
}

/* ---- The command -------------------------------------------------------------------------------------- */

static int read_options(const cli_arguments *arguments, plot_request *plot) {
    static const char *const axes[] = {"step", "epoch", "seconds", NULL};
    plot->out = cli_value(arguments, "--out");
    plot->logarithmic = cli_value(arguments, "--log") != NULL;
    plot->quantity = cli_value(arguments, "--metric") ? "metric" : "loss";
    snprintf(plot->label, sizeof plot->label, "%s", plot->quantity);
    const char *x = cli_value(arguments, "--x");
    plot->x = x ? x : "step";
    bool known = false;
    for (size_t i = 0; axes[i]; i++) known = known || strcmp(axes[i], plot->x) == 0;
    if (!known)
        return cli_complain(CLI_BAD_INPUT,
                            "option --x is '%s', but must be one of step, epoch, seconds", plot->x);
    if (plot->out) {
        const int code = cli_check_picture(plot->out);
        if (code != CLI_OK) return code;
    }
    if (arguments->word_count == 0)
        return cli_complain(CLI_BAD_INPUT, "which run? hitherto plot RUN..., with folders of runs");
    if (arguments->word_count > MAX_RUNS)
        return cli_complain(CLI_BAD_INPUT, "%zu runs are given, but one plot holds at most %d",
                            arguments->word_count, MAX_RUNS);
    return CLI_OK;
}

/* Each kind of picture has options that mean nothing to the other. */
static int check_kind(const cli_arguments *arguments) {
    static const char *const of_trial[] = {"--split", "--number",   "--steps", "--layer",
                                           "--units", "--synapses", "--csv"};
    static const char *const of_curves[] = {"--x", "--metric", "--log"};
    const bool trial = cli_value(arguments, "--trial") != NULL;
    const char *const *others = trial ? of_curves : of_trial;
    const size_t count = trial ? HTH_COUNT(of_curves) : HTH_COUNT(of_trial);
    for (size_t i = 0; i < count; i++)
        if (cli_value(arguments, others[i]))
            return cli_complain(CLI_BAD_INPUT, "option %s is of %s", others[i],
                                trial ? "learning curves, not of --trial"
                                      : "the picture of a trial: it needs --trial");
    return CLI_OK;
}

int cli_plot(const cli_arguments *arguments) {
    const int fits = check_kind(arguments);
    if (fits != CLI_OK) return fits;
    if (cli_value(arguments, "--trial")) return cli_plot_trial(arguments);
    plot_request *plot = calloc(1, sizeof *plot);
    if (!plot) return cli_complain(CLI_FAILED, "not enough memory");
    int code = read_options(arguments, plot);
    for (size_t i = 0; code == CLI_OK && i < arguments->word_count; i++)
        code = read_run(plot, arguments->words[i]);
    if (code == CLI_OK) code = cli_draw(plot->out, put_script, plot);
    if (code == CLI_OK && plot->out) cli_say(stdout, "%s\n", plot->out);
    for (size_t i = 0; i < plot->count; i++) free(plot->curves[i].points);
    free(plot);
    return code;
}
