/*
 * The picture of a trial, stacked over one time axis as in Bellec et al. 2019, Figs. 1c and 2a: inputs, units,
 * their states, learning signals, eligibility traces, outputs with targets. What is 0 or 1 is a raster; a few
 * curves are lines; many are a map of colours.
 */
#include "cli/cli.h"
#include "cli/figure.h"
#include "watch/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 8, PLAIN = 96, TALL = 360 };

/* What a panel of a raster or a map shows: columns of the trial's table, or where a class is the target. */
typedef struct shown {
    const hth_trial *t;
    size_t at;    /* of reads: the weights of a head; */
    size_t wrote; /* and when their rows were written */
} shown;

typedef struct drawing {
    const cli_trial_picture *picture;
    const hth_trial *t;
    figure *f;
    shown *shown; /* [FIGURE_PANELS], owned by the figure */
    bool good;
} drawing;

/* ---- Rasters and maps --------------------------------------------------------------------------- */

static double number_at(const void *context, size_t row, size_t step) {
    const shown *s = context;
    return hth_trial_value(s->t, step, s->at + row);
}

/* Only where it counts. */
static double class_at(const void *context, size_t row, size_t step) {
    const shown *s = context;
    return hth_trial_value(s->t, step, s->t->weight.at) > 0 &&
           hth_trial_value(s->t, step, s->at) == (double)row;
}

/* The weight that a read gives to a row: rows are oldest first. */
static double read_at(const void *context, size_t row, size_t step) {
    const shown *s = context;
    const double wanted = (double)((row + 1) * s->t->of.every - 1);
    size_t low = 0, high = s->t->of.most;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const double wrote = hth_trial_value(s->t, step, s->wrote + middle);
        if (wrote == wanted) return hth_trial_value(s->t, step, s->at + middle);
        if (wrote >= 0 && wrote < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static bool is_binary(const hth_trial *t, hth_stretch of) {
    for (size_t step = 0; step < t->steps; step++)
        for (size_t i = 0; i < of.count; i++) {
            const double x = hth_trial_value(t, step, of.at + i);
            if (x != 0 && x != 1) return false;
        }
    return true;
}

/* All rows of a stretch: as high as can be read, as far as there is room. */
static figure_panel *add_grid(drawing *d, figure_kind kind, hth_stretch of, const char *title) {
    const double high = 1.6 * (double)of.count;
    figure_panel *p = figure_add_panel(d->f, title, fmin(fmax(high, 48), TALL));
    shown *s = &d->shown[d->f->count - 1];
    *s = (shown){d->t, of.at, 0};
    p->kind = kind;
    p->rows = of.count;
    p->columns = d->t->steps;
    p->at = number_at;
    p->context = s;
    p->rates = kind == FIGURE_RASTER;
    return p;
}

/* ---- Lines -------------------------------------------------------------------------------------- */

/* A column of the table; `counts`: only at steps that have a weight. */
static figure_line *add_line(drawing *d, figure_panel *p, const char *name, size_t at,
                             bool counts) {
    const hth_trial *t = d->t;
    figure_line *line = figure_add_line(p, name, t->steps, false);
    for (size_t step = 0; line && step < t->steps; step++) {
        const bool seen = !counts || hth_trial_value(t, step, t->weight.at) > 0;
        line->x[step] = (double)(t->first + step);
        line->y[step] = seen ? hth_trial_value(t, step, at) : (double)NAN;
    }
    if (line) line->width = 1.4;
    d->good = d->good && line;
    return line;
}

/* The chosen units of a stretch. */
static figure_panel *add_units(drawing *d, size_t at, const char *title) {
    const cli_trial_picture *c = d->picture;
    figure_panel *p = figure_add_panel(d->f, title, PLAIN);
    char name[40];
    for (size_t i = 0; i < c->unit_count && i < MOST_LINES; i++) {
        snprintf(name, sizeof name, "unit %zu", c->units[i]);
        add_line(d, p, name, at + c->units[i], false);
    }
    return p;
}

/* ---- Which panels there are --------------------------------------------------------------------- */

static void add_many(drawing *d, hth_stretch of, const char *title, bool lines_if_few) {
    char name[40];
    if (of.count > 0 && is_binary(d->t, of)) {
        add_grid(d, FIGURE_RASTER, of, title);
    } else if (lines_if_few && of.count <= MOST_LINES) {
        figure_panel *p = figure_add_panel(d->f, title, PLAIN);
        for (size_t i = 0; i < of.count; i++) {
            snprintf(name, sizeof name, "%zu", i);
            add_line(d, p, name, of.at + i, false);
        }
    } else {
        add_grid(d, FIGURE_MAP, of, title);
    }
}

/* What the letters of the papers stand for. */
static void name_state(const hth_trial *t, size_t k, char *out, size_t size) {
    const char *letter = t->of.state_names[k];
    if (!letter) letter = "";
    const char *word = !t->of.spikes              ? "state"
                       : strcmp(letter, "v") == 0 ? "voltage"
                       : strcmp(letter, "a") == 0 ? "adaptation"
                                                  : "state";
    snprintf(out, size, "%s %s", word, letter);
}

/* A threshold that the chosen units share; NAN: none. */
static double common_threshold(const drawing *d) {
    const cli_trial_picture *c = d->picture;
    const double first = c->unit_count ? d->t->thresholds[c->units[0]] : (double)NAN;
    for (size_t i = 1; i < c->unit_count; i++)
        if (d->t->thresholds[c->units[i]] != first) return NAN;
    return first;
}

static void add_states(drawing *d) {
    const hth_trial *t = d->t;
    const bool same_as_z = t->of.states == 1 && !t->of.spikes;
    for (size_t k = 0; k < t->of.states && !same_as_z; k++) {
        char title[60];
        name_state(t, k, title, sizeof title);
        figure_panel *p = add_units(d, t->state.at + k * t->of.units, title);
        const double threshold = t->of.has_voltage && k == 0 ? common_threshold(d) : (double)NAN;
        if (isfinite(threshold))
            figure_add_level(p, t->of.states > 1 ? "threshold at rest" : "threshold", threshold);
    }
}

static void add_traces(drawing *d) {
    const hth_trial *t = d->t;
    if (!t->trace.count) return;
    figure_panel *p = figure_add_panel(d->f, "eligibility traces e", PLAIN);
    char name[80];
    for (size_t i = 0; i < t->trace.count && i < MOST_LINES; i++) {
        const size_t from = t->synapses[i].from, n = t->of.units, to = t->synapses[i].row % n;
        snprintf(name, sizeof name, "%s%zu to %zu", from < n ? "unit " : "x",
                 from < n ? from : from - n, to);
        add_line(d, p, name, t->trace.at + i, false);
    }
}

/* A map for each head: time to the right, rows by age upwards. */
static void add_reads(drawing *d) {
    enum { MOST_HEADS = 4 };
    const hth_trial *t = d->t;
    const size_t rows = t->of.every ? (size_t)(t->first + t->steps) / t->of.every : 0;
    char title[80];
    for (size_t h = 0; h < t->of.heads && h < MOST_HEADS && rows > 0; h++) {
        snprintf(title, sizeof title, "rows that head %zu reads, the oldest below", h);
        figure_panel *p = add_grid(d, FIGURE_MAP, (hth_stretch){0, rows}, title);
        shown *s = &d->shown[d->f->count - 1];
        *s = (shown){t, t->read.at + h * t->of.most, t->wrote.at + h * t->of.most};
        p->at = read_at;
    }
}

static void add_outputs(drawing *d) {
    enum { OUTPUTS_HIGH = 150 };
    const hth_trial *t = d->t;
    const bool classes = t->shape.stream.target == HTH_TARGET_CLASSES;
    char name[40];
    /* Many outputs are a map, a few are lines with dashed targets. */
    if (t->y.count > MOST_LINES) {
        add_grid(d, FIGURE_MAP, t->y, "outputs y");
        if (!classes) add_grid(d, FIGURE_MAP, t->target, "targets");
    } else {
        figure_panel *p = figure_add_panel(
            d->f, classes ? "outputs y" : "outputs y, targets dashed", OUTPUTS_HIGH);
        for (size_t i = 0; i < t->y.count; i++) {
            snprintf(name, sizeof name, "y%zu", i);
            figure_line *y = add_line(d, p, name, t->y.at + i, false);
            figure_line *target = classes ? NULL : add_line(d, p, "", t->target.at + i, true);
            if (y) y->colour = i;
            if (target) target->colour = i;
            if (target) target->dash = FIGURE_DASHED;
        }
    }
    /* A target class is a dot in the row of its output. */
    if (!classes) return;
    figure_panel *p =
        add_grid(d, FIGURE_RASTER, (hth_stretch){t->target.at, t->y.count}, "target class");
    p->at = class_at;
    p->rates = false;
}

static void choose_panels(drawing *d) {
    const hth_trial *t = d->t;
    char title[120];
    if (!d->picture->brief)
        add_many(d, t->x, t->shape.stream.vocabulary ? "token" : "inputs", true);
    add_many(d, t->z, t->of.spikes ? "spikes z" : "units z", false);
    if (d->picture->brief) {
        add_outputs(d);
        return;
    }
    add_states(d);
    add_reads(d);
    snprintf(title, sizeof title, "learning signals L%s%s", t->shape.own ? "" : " of ",
             t->shape.own || !t->shape.learner ? "" : t->shape.learner);
    if (t->signal.count) add_units(d, t->signal.at, title);
    add_traces(d);
    add_outputs(d);
}

struct figure *cli_trial_figure(const cli_trial_picture *picture) {
    drawing d = {.picture = picture, .t = picture->trial, .good = true};
    d.f = figure_create(picture->title, "time step");
    if (!d.f) return NULL;
    d.f->owned = d.shown = calloc(FIGURE_PANELS, sizeof *d.shown);
    d.f->x_low = (double)d.t->first - 0.5;
    d.f->x_high = (double)(d.t->first + d.t->steps) - 0.5;
    if (d.shown) choose_panels(&d);
    if (d.shown && d.good) return d.f;
    figure_destroy(d.f);
    return NULL;
}
