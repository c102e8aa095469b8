/* hitherto plot: learning curves, from the runs' metrics.jsonl. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "compare/results.h"

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
    uint64_t smooth; /* lines; 0, 1: none */
    size_t reach;    /* lines to either side of which a smoothed one is the mean, at most */
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

/* False where there is no memory. */
static bool collect_lines(plot_request *plot, run_curve *curve, FILE *file) {
    char line[LINE_LENGTH];
    bool room = true;
    while (room && fgets(line, sizeof line, file)) room = read_line(plot, curve, line);
    fclose(file);
    return room;
}

/* The next run of the plot, quietly; false where it has nothing to draw. */
static bool collect_run(plot_request *plot, const char *run) {
    char path[LINE_LENGTH];
    run_curve *curve = &plot->curves[plot->count];
    curve->run = run;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    plot->count++;
    return collect_lines(plot, curve, file) && curve->trains + curve->validations > 0;
}

static int read_run(plot_request *plot, const char *run) {
    char path[LINE_LENGTH];
    run_curve *curve = &plot->curves[plot->count];
    curve->run = run;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *file = fopen(path, "r");
    if (!file)
        return cli_complain(CLI_BAD_INPUT, "%s is not the folder of a run: cannot read %s: %s", run,
                            path, strerror(errno));
    plot->count++;
    const bool room = collect_lines(plot, curve, file);
    if (!room) return cli_complain(CLI_FAILED, "not enough memory to read %s", path);
    if (curve->trains + curve->validations > 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "%s has no %s over %s to draw", path, plot->quantity,
                        plot->x);
}

/* ---- The picture ------------------------------------------------------------------------------------ */

static bool has_validation(const plot_request *plot) {
    for (size_t i = 0; i < plot->count; i++)
        if (plot->curves[i].validations) return true;
    return false;
}

/* One run: its two curves. Several in a picture: one entry a run, for the bold curve where there is one. */
static void name_line(const plot_request *plot, const run_curve *curve, bool train, char *out,
                      size_t size) {
    const bool several = plot->count > 1, picture = plot->out != NULL;
    const char *slash = strrchr(curve->run, '/'),
               *name = slash && slash[1] ? slash + 1 : curve->run;
    const char *which = train ? "training" : "validation";
    *out = '\0';
    if (several && picture && train && curve->validations) return;
    snprintf(out, size, "%.100s%s%s", several ? name : "", several && !picture ? ", " : "",
             several && picture ? "" : which);
}

/* The numbers as they are, into a line. */
static figure_line *add_line(figure_panel *panel, const plot_request *plot, size_t run,
                             bool train) {
    const run_curve *curve = &plot->curves[run];
    char name[FIGURE_NAME];
    name_line(plot, curve, train, name, sizeof name);
    figure_line *line =
        figure_add_line(panel, name, train ? curve->trains : curve->validations, false);
    size_t used = 0;
    for (size_t i = 0; line && i < curve->count; i++) {
        const double y = train ? curve->points[i].train : curve->points[i].validation;
        if (!isfinite(y)) continue;
        line->x[used] = curve->points[i].x;
        line->y[used++] = y;
    }
    return line;
}

/* Training is a thin dashed line, or a bold one where there is no other; validation a bold one with its points. Of a
 * smoothed line the numbers as they are lie below it, pale. */
static bool add_curve(figure_panel *panel, plot_request *plot, size_t run, bool train) {
    enum { FEW = 40 };
    const size_t count = train ? plot->curves[run].trains : plot->curves[run].validations;
    const bool smoothed = plot->smooth > 2 && count > 2, thin = train && has_validation(plot);
    if (count == 0) return true;
    figure_line *raw = smoothed ? add_line(panel, plot, run, train) : NULL;
    figure_line *line = add_line(panel, plot, run, train);
    if (!line || (smoothed && !raw)) return false;
    line->colour = run;
    line->width = thin ? 1.6 : 2.4;
    line->dash = thin ? FIGURE_DASHED : FIGURE_SOLID;
    line->dots = (plot->out || !train) && (count == 1 || (!train && count <= FEW));
    if (!smoothed) return true;
    const size_t reach = hth_smooth(raw->y, count, (size_t)plot->smooth, line->y);
    if (reach > plot->reach) plot->reach = reach;
    raw->name[0] = '\0';
    raw->colour = run;
    raw->dash = FIGURE_SOLID;
    raw->width = 1;
    raw->opacity = 0.35;
    return true;
}

/* What is known of the task of the first run, where all runs have it. */
static void add_levels(figure_panel *panel, const plot_request *plot) {
    hth_reference common[HTH_MOST_REFERENCES], own[HTH_MOST_REFERENCES];
    size_t count = cli_run_references(plot->curves[0].run, plot->quantity, common);
    for (size_t i = 1; i < plot->count; i++) {
        const size_t others = cli_run_references(plot->curves[i].run, plot->quantity, own);
        size_t kept = 0;
        for (size_t k = 0; k < count; k++)
            for (size_t j = 0; j < others; j++)
                if (common[k].value == own[j].value) {
                    common[kept++] = common[k];
                    break;
                }
        count = kept;
    }
    for (size_t k = 0; k < count; k++) figure_add_level(panel, common[k].name, common[k].value);
}

static figure *make_figure(plot_request *plot) {
    enum { HIGH = 420 };
    const char *x_label = strcmp(plot->x, "step") == 0      ? "time step"
                          : strcmp(plot->x, "seconds") == 0 ? "time in seconds"
                                                            : "epoch";
    /* One panel; its title says what is dashed. */
    figure *f = figure_create("", x_label);
    if (!f) return NULL;
    figure_panel *panel = figure_add_panel(f, "", HIGH);
    if (plot->count > 1)
        snprintf(f->title, sizeof f->title, "%s",
                 has_validation(plot) ? "dashed: training, bold: validation" : "training");
    snprintf(panel->label, sizeof panel->label, "%s", plot->label);
    panel->logarithmic = plot->logarithmic;
    add_levels(panel, plot);
    /* Two curves for each run: training and validation. */
    bool good = true;
    for (size_t i = 0; i < plot->count; i++) {
        good = good && add_curve(panel, plot, i, true);
        good = good && add_curve(panel, plot, i, false);
    }
    figure_note_smoothing(f, plot->reach);
    if (good) return f;
    figure_destroy(f);
    return NULL;
}

struct figure *cli_run_curves(const char *run, bool metric) {
    enum { ENOUGH = 20, SMOOTH = 11 };
    plot_request *plot = calloc(1, sizeof *plot);
    if (!plot) return NULL;
    plot->out = "";
    plot->x = "step";
    plot->quantity = metric ? "metric" : "loss";
    snprintf(plot->label, sizeof plot->label, "%s", plot->quantity);
    const bool read = collect_run(plot, run);
    if (read && plot->curves[0].trains > ENOUGH) plot->smooth = SMOOTH;
    figure *f = read ? make_figure(plot) : NULL;
    free(plot->curves[0].points);
    free(plot);
    return f;
}

size_t cli_run_references(const char *run, const char *quantity,
                          hth_reference out[HTH_MOST_REFERENCES]) {
    char path[LINE_LENGTH];
    hth_config *config;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/settings.yaml", run);
    if (hth_config_create(&config, NULL) != HTH_OK) return 0;
    if (hth_config_load(config, path, NULL) == HTH_OK) {
        const hth_settings settings = hth_config_settings(config);
        const bool metric = strcmp(quantity, "metric") == 0;
        const char *unit = hth_config_value(&settings, "loss.unit", "nats");
        const char *measure =
            hth_config_value(&settings, metric ? "train.metric" : "loss.name", "");
        if (metric || strcmp(unit, "nats") == 0)
            count = hth_task_references(&settings, measure, out);
    }
    hth_config_destroy(config);
    return count;
}

/* ---- The command -------------------------------------------------------------------------------------- */

static int read_options(const cli_arguments *arguments, plot_request *plot) {
    static const char *const axes[] = {"step", "epoch", "seconds", NULL};
    /* The options, each with its default. */
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
    int code = cli_whole(arguments, "--smooth", 1, 0, &plot->smooth);
    if (code == CLI_OK && plot->out) code = cli_check_picture(plot->out);
    if (code != CLI_OK) return code;
    /* The runs. */
    if (arguments->word_count == 0)
        return cli_complain(CLI_BAD_INPUT, "which run? hitherto plot RUN..., with folders of runs");
    if (arguments->word_count > MAX_RUNS)
        return cli_complain(CLI_BAD_INPUT, "%zu runs are given, but one plot holds at most %d",
                            arguments->word_count, MAX_RUNS);
    return CLI_OK;
}

/* Each kind of picture has options that mean nothing to the others. */
static int check_kind(const cli_arguments *arguments) {
    enum { CURVES = 1, TRIAL = 2, REACH = 4, PHASES = 8 };
    static const struct {
        const char *flag;
        int of;
    } flags[] = {
        {"--x", CURVES},
        {"--metric", CURVES},
        {"--log", CURVES},
        {"--smooth", CURVES},
        {"--number", TRIAL},
        {"--phase", TRIAL | REACH},
        {"--from", TRIAL},
        {"--to", TRIAL},
        {"--units", TRIAL},
        {"--synapses", TRIAL},
        {"--trials", REACH},
        {"--csv", TRIAL | REACH | PHASES},
        {"--split", TRIAL | REACH},
        {"--steps", TRIAL | REACH},
        {"--layer", TRIAL | REACH},
    };
    static const char *const kinds[] = {"--trial", "--reach", "--phases"};
    const char *own = "";
    int kind = CURVES;
    for (int i = 0; i < (int)HTH_COUNT(kinds); i++) {
        if (!cli_value(arguments, kinds[i])) continue;
        if (kind != CURVES)
            return cli_complain(CLI_BAD_INPUT, "%s and %s are two pictures: give one", own,
                                kinds[i]);
        kind = TRIAL << i;
        own = kinds[i];
    }
    for (size_t i = 0; i < HTH_COUNT(flags); i++) {
        if (!cli_value(arguments, flags[i].flag) || (flags[i].of & kind)) continue;
        if (flags[i].of == CURVES)
            return cli_complain(CLI_BAD_INPUT, "option %s is of learning curves, not of %s",
                                flags[i].flag, own);
        return cli_complain(CLI_BAD_INPUT, "option %s is not of %s: it needs %s", flags[i].flag,
                            kind == CURVES ? "learning curves" : own,
                            flags[i].of == TRIAL           ? "--trial"
                            : flags[i].of == REACH         ? "--reach"
                            : flags[i].of == TRIAL + REACH ? "--trial or --reach"
                                                           : "--trial, --reach or --phases");
    }
    return CLI_OK;
}

int cli_plot(const cli_arguments *arguments) {
    const int fits = check_kind(arguments);
    if (fits != CLI_OK) return fits;
    if (cli_value(arguments, "--reach")) return cli_plot_reach(arguments);
    if (cli_value(arguments, "--trial")) return cli_plot_trial(arguments);
    if (cli_value(arguments, "--phases")) return cli_plot_phases(arguments);
    plot_request *plot = calloc(1, sizeof *plot);
    if (!plot) return cli_complain(CLI_FAILED, "not enough memory");
    int code = read_options(arguments, plot);
    for (size_t i = 0; code == CLI_OK && i < arguments->word_count; i++)
        code = read_run(plot, arguments->words[i]);
    figure *f = code == CLI_OK ? make_figure(plot) : NULL;
    if (code == CLI_OK) code = figure_draw(f, plot->out);
    figure_destroy(f);
    if (code == CLI_OK && plot->out) cli_say(stdout, "%s\n", plot->out);
    for (size_t i = 0; i < plot->count; i++) free(plot->curves[i].points);
    free(plot);
    return code;
}
