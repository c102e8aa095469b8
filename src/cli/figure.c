/* What a picture shows, its ranges and its ticks: see figure.h. */
#include "cli/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008), less the yellow,
 * which is too faint for a line on white. */
static const char *const colours[FIGURE_COLOURS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                    "#e69f00", "#56b4e9", "#404040"};

const char *figure_colour(size_t index) {
    return colours[index % FIGURE_COLOURS];
}

/* ---- Making ------------------------------------------------------------------------------------- */

figure *figure_create(const char *title, const char *x_label) {
    figure *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    snprintf(f->title, sizeof f->title, "%s", title);
    snprintf(f->x_label, sizeof f->x_label, "%s", x_label);
    f->x_low = f->x_high = NAN;
    return f;
}

void figure_destroy(figure *f) {
    if (!f) return;
    for (size_t p = 0; p < f->count; p++)
        for (size_t i = 0; i < f->panels[p].line_count; i++) {
            free(f->panels[p].lines[i]->x);
            free(f->panels[p].lines[i]);
        }
    free(f->owned);
    free(f);
}

figure_panel *figure_add_panel(figure *f, const char *title, double height) {
    if (f->count == FIGURE_PANELS) return &f->panels[FIGURE_PANELS - 1];
    figure_panel *panel = &f->panels[f->count++];
    *panel = (figure_panel){.height = height, .low = NAN, .high = NAN};
    snprintf(panel->title, sizeof panel->title, "%s", title);
    return panel;
}

figure_line *figure_add_line(figure_panel *panel, const char *name, size_t count, bool band) {
    if (panel->line_count == FIGURE_LINES) return NULL;
    const size_t arrays = band ? 4 : 2, index = panel->line_count;
    figure_line *line = calloc(1, sizeof *line);
    double *numbers = calloc(arrays * count + 1, sizeof *numbers);
    if (!line || !numbers) {
        free(line);
        free(numbers);
        return NULL;
    }
    *line = (figure_line){.colour = index, .width = 2, .opacity = 1, .count = count};
    snprintf(line->name, sizeof line->name, "%s", name);
    line->dash = (figure_dash)(index / FIGURE_COLOURS % 3); /* where colours come again */
    line->x = numbers;
    line->y = numbers + count;
    if (band) line->low = numbers + 2 * count;
    if (band) line->high = numbers + 3 * count;
    panel->lines[panel->line_count++] = line;
    return line;
}

void figure_add_level(figure_panel *panel, const char *name, double value) {
    if (panel->level_count == FIGURE_LEVELS) return;
    figure_level *level = &panel->levels[panel->level_count++];
    level->value = value;
    snprintf(level->name, sizeof level->name, "%s", name);
}

/* ---- Ranges ------------------------------------------------------------------------------------- */

static void widen(double value, double *low, double *high) {
    if (!isfinite(value)) return;
    if (!(*low <= value)) *low = value;
    if (!(*high >= value)) *high = value;
}

/* One number has no range, and none has [0, 1]. */
static void never_empty(double *low, double *high, bool logarithmic) {
    if (!isfinite(*low) || !isfinite(*high)) {
        *low = logarithmic ? 0.1 : 0;
        *high = 1;
    }
    if (*low < *high) return;
    const double half = *low == 0 ? 1 : 0.1 * fabs(*low);
    *high = *low + half;
    *low -= half;
}

static void add_air(double *low, double *high, bool logarithmic) {
    const double part = 0.04;
    if (logarithmic) {
        const double factor = pow(*high / *low, part);
        *low /= factor;
        *high *= factor;
        return;
    }
    const double air = part * (*high - *low);
    *low -= air;
    *high += air;
}

/* Levels far off what the lines do would press these together. */
static void take_levels(const figure_panel *p, double *low, double *high) {
    const double span = *high - *low, from = *low - span / 2, to = *high + span / 2;
    for (size_t i = 0; i < p->level_count; i++) {
        const double value = p->levels[i].value;
        if (p->logarithmic ? value > 0 && value > *low / 3 && value < *high * 3
                           : value >= from && value <= to)
            widen(value, low, high);
    }
}

static void find_vertical(figure_panel *p) {
    double low = NAN, high = NAN;
    /* Rasters and maps have a row each. */
    if (p->kind != FIGURE_OF_LINES) {
        p->low = -0.5;
        p->high = (double)p->rows - 0.5;
        return;
    }
    /* Lines and their bands must fit in. */
    for (size_t i = 0; i < p->line_count; i++) {
        const figure_line *line = p->lines[i];
        for (size_t k = 0; k < line->count; k++) {
            if (p->logarithmic && !(line->y[k] > 0)) continue;
            widen(line->y[k], &low, &high);
            if (!line->low || p->logarithmic) continue;
            widen(line->low[k], &low, &high);
            widen(line->high[k], &low, &high);
        }
    }
    /* Bounds that are given count more; reference levels nearby are taken in. */
    never_empty(&low, &high, p->logarithmic);
    if (isfinite(p->high) && low < p->high) high = p->high;
    if (isfinite(p->low) && p->low < high) low = p->low;
    take_levels(p, &low, &high);
    if (!isfinite(p->high)) add_air(&low, &high, p->logarithmic);
    p->low = low;
    p->high = high;
}

void figure_note_smoothing(figure *f, size_t reach) {
    if (!reach) return;
    snprintf(
        f->note, sizeof f->note,
        "smoothed: mean of %zu lines, %zu to either side (fewer at the ends); pale: as they are",
        2 * reach + 1, reach);
}

void figure_find_ranges(figure *f) {
    double low = NAN, high = NAN;
    for (size_t p = 0; p < f->count; p++) {
        find_vertical(&f->panels[p]);
        for (size_t i = 0; i < f->panels[p].line_count; i++) {
            const figure_line *line = f->panels[p].lines[i];
            for (size_t k = 0; k < line->count; k++) widen(line->x[k], &low, &high);
        }
    }
    if (isfinite(f->x_low)) low = f->x_low;
    if (isfinite(f->x_high)) high = f->x_high;
    never_empty(&low, &high, false);
    f->x_low = low;
    f->x_high = high;
}

/* ---- Ticks -------------------------------------------------------------------------------------- */

double figure_scale(double most, const char **unit) {
    *unit = most >= 1e7 ? " (millions)" : most >= 1e4 ? " (thousands)" : "";
    return most >= 1e7 ? 1e6 : most >= 1e4 ? 1e3 : 1;
}

static size_t logarithmic_ticks(double low, double high, double out[FIGURE_TICKS]) {
    if (!isfinite(high)) return 0;
    const int from = (int)floor(log10(low)), to = (int)ceil(log10(high));
    const int stride = 1 + (to - from) / 8;
    const double factors[] = {1, 2, 5};
    const size_t used_factors = to - from <= 2 ? 3 : 1;
    size_t count = 0;
    for (int power = from; power <= to; power += stride)
        for (size_t k = 0; k < used_factors; k++) {
            const double tick = factors[k] * pow(10, power);
            if (tick >= low && tick <= high && count < FIGURE_TICKS) out[count++] = tick;
        }
    return count;
}

size_t figure_ticks(double low, double high, bool logarithmic, size_t room,
                    double out[FIGURE_TICKS]) {
    size_t count = 0;
    if (!(low < high) || (logarithmic && !(low > 0))) return 0;
    if (logarithmic) return logarithmic_ticks(low, high, out);
    if (room < 2) room = 2;
    const double rough = (high - low) / (double)room, power = pow(10, floor(log10(rough)));
    const double rest = rough / power;
    const double step = power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
    for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++)
        if (count < FIGURE_TICKS) out[count++] = k == 0 ? 0 : k * step;
    return count;
}
