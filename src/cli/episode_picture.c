/*
 * Pictures of an episode, after Bellec et al. 2019, Fig. 3: over time the training trial (input, target, spikes of both
 * networks, learning signals) and below it the test trial (the same, outputs, place); and, where the place is in a
 * plane, the path there before and after the update.
 */
#include "cli/cli.h"
#include "cli/figure.h"
#include "watch/episode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN = 110, TALLEST = 220 };

/* ---- Panels --------------------------------------------------------------------------------- */

typedef struct grid {
    const hth_real *data;
    size_t width;
} grid;

static double number_at(const void *context, size_t row, size_t step) {
    const grid *g = context;
    return (double)g->data[step * g->width + row];
}

static void add_grid(figure *f, grid *to, const char *title, figure_kind kind, size_t steps,
                     size_t width, const hth_real *data) {
    figure_panel *p = figure_add_panel(f, title, fmin(fmax(1.6 * (double)width, 48), TALLEST));
    *to = (grid){data, width};
    p->kind = kind;
    p->rows = width;
    p->columns = steps;
    p->at = number_at;
    p->context = to;
    p->rates = kind == FIGURE_RASTER;
}

/* One line for each number of a row, in pairs of colours with the lines of the same index. */
static bool add_lines(figure_panel *p, const char *name, figure_dash dash, size_t steps,
                      size_t width, const hth_real *data) {
    for (size_t k = 0; k < width; k++) {
        char full[64];
        snprintf(full, sizeof full, width > 1 ? "%s %zu" : "%s", name, k + 1);
        figure_line *line = figure_add_line(p, full, steps, false);
        if (!line) return false;
        line->colour = k;
        line->dash = dash;
        for (size_t t = 0; t < steps; t++) {
            line->x[t] = (double)t;
            line->y[t] = (double)data[t * width + k];
        }
    }
    return true;
}

/* ---- Over time ------------------------------------------------------------------------------ */

figure *cli_episode_figure(const hth_episode *e, const char *title) {
    figure *f = figure_create(title, "step");
    grid *grids = f ? calloc(FIGURE_PANELS, sizeof *grids) : NULL;
    if (!grids) {
        figure_destroy(f);
        return NULL;
    }
    const char *place = e->has_place ? "place" : "outputs";
    char test[80];
    f->owned = grids;
    f->x_low = 0;
    f->x_high = (double)e->steps;
    snprintf(test, sizeof test, "test trial: %s, mean square missed %.3g (before the update %.3g)",
             place, e->missed, e->missed_before);
    /* The training trial. */
    add_grid(f, &grids[0], "training trial: input", FIGURE_RASTER, e->steps, e->inputs, e->x);
    bool good = add_lines(figure_add_panel(f, "target that the module is told", PLAIN), "target",
                          FIGURE_SOLID, e->steps, e->places, e->told);
    add_grid(f, &grids[1], "spikes of the network", FIGURE_RASTER, e->steps, e->units, e->spikes);
    if (e->module_spikes)
        add_grid(f, &grids[2], "spikes of the module", FIGURE_RASTER, e->steps, e->module_units,
                 e->module);
    add_grid(f, &grids[3], "learning signals", FIGURE_MAP, e->steps, e->units, e->signals);
    /* The test trial. */
    add_grid(f, &grids[4], "test trial: spikes of the network", FIGURE_RASTER, e->steps, e->units,
             e->test_spikes);
    if (e->module_spikes)
        add_grid(f, &grids[5], "test trial: spikes of the module", FIGURE_RASTER, e->steps,
                 e->module_units, e->test_module);
    add_grid(f, &grids[6], "test trial: signals of the module, which change nothing", FIGURE_MAP,
             e->steps, e->units, e->test_signals);
    figure_panel *p;
    if (e->has_place) {
        p = figure_add_panel(f, "test trial: outputs", PLAIN);
        good = good && add_lines(p, "output", FIGURE_SOLID, e->steps, e->outputs, e->y) &&
               add_lines(p, "target", FIGURE_DASHED, e->steps, e->outputs, e->wanted);
    }
    p = figure_add_panel(f, test, 1.4 * PLAIN);
    good = good && add_lines(p, place, FIGURE_SOLID, e->steps, e->places, e->place) &&
           add_lines(p, "target", FIGURE_DASHED, e->steps, e->places, e->wanted_place) &&
           add_lines(p, "before", FIGURE_DOTTED, e->steps, e->places, e->before_place);
    if (good) return f;
    figure_destroy(f);
    return NULL;
}

/* ---- In the plane --------------------------------------------------------------------------- */

/* The range of x of all paths, with some air: a path is in no order of x. */
static void widen(figure *f, const hth_real *data, size_t steps) {
    for (size_t t = 0; t < steps; t++) {
        f->x_low = fmin(f->x_low, (double)data[2 * t] - 0.05);
        f->x_high = fmax(f->x_high, (double)data[2 * t] + 0.05);
    }
}

static bool add_path(figure_panel *p, const char *name, size_t colour, figure_dash dash,
                     size_t steps, const hth_real *data) {
    figure_line *line = figure_add_line(p, name, steps, false);
    if (!line) return false;
    line->colour = colour;
    line->dash = dash;
    for (size_t t = 0; t < steps; t++) {
        line->x[t] = (double)data[2 * t];
        line->y[t] = (double)data[2 * t + 1];
    }
    return true;
}

figure *cli_plane_figure(const hth_episode *e, const char *title) {
    figure *f = e->places == 2 ? figure_create(title, "x") : NULL;
    if (!f) return NULL;
    figure_panel *p = figure_add_panel(f, "", 480);
    snprintf(p->label, sizeof p->label, "y");
    snprintf(f->note, sizeof f->note, "mean square missed: %.3g before the update, %.3g after it",
             e->missed_before, e->missed);
    f->x_low = INFINITY;
    f->x_high = -INFINITY;
    widen(f, e->wanted_place, e->steps);
    widen(f, e->before_place, e->steps);
    widen(f, e->place, e->steps);
    if (add_path(p, "target", 0, FIGURE_DASHED, e->steps, e->wanted_place) &&
        add_path(p, "before the update", 4, FIGURE_DOTTED, e->steps, e->before_place) &&
        add_path(p, "after it", 1, FIGURE_SOLID, e->steps, e->place))
        return f;
    figure_destroy(f);
    return NULL;
}

/* ---- Both ----------------------------------------------------------------------------------- */

/* Draws a figure into a file; one that could not be made for want of memory is told. */
static int put(figure *f, const char *path, bool says) {
    const int code = figure_draw(f, path);
    figure_destroy(f);
    if (code == CLI_OK && says) cli_say(stdout, "%s\n", path);
    return code;
}

/* "a/b.svg" to "a/b-plane.svg". */
static void name_plane(const char *picture, char *out, size_t size) {
    const char *dot = strrchr(picture, '.');
    snprintf(out, size, "%.*s-plane%s", (int)(dot - picture), picture, dot);
}

static int draw(const hth_episode *episode, const char *title, const char *picture, bool says) {
    char plane[4200];
    name_plane(picture, plane, sizeof plane);
    int code = put(cli_episode_figure(episode, title), picture, says);
    if (code == CLI_OK && episode->places == 2)
        code = put(cli_plane_figure(episode, title), plane, says);
    return code;
}

int cli_draw_episode(const cli_episode_request *q, const hth_settings *overrides) {
    hth_episode episode;
    hth_error error;
    char title[400];
    if (hth_episode_record(q->run, q->split, overrides, q->number, &episode, &error) != HTH_OK)
        return cli_fail(&error);
    snprintf(title, sizeof title, "%.200s: task %llu of %s", q->run,
             (unsigned long long)q->number + 1, q->split);
    int code = q->picture ? draw(&episode, title, q->picture, q->says) : CLI_OK;
    if (code == CLI_OK && q->csv && hth_episode_write_csv(&episode, q->csv, &error) != HTH_OK)
        code = cli_fail(&error);
    if (code == CLI_OK && q->csv && q->says) cli_say(stdout, "%s\n", q->csv);
    hth_episode_free(&episode);
    return code;
}
