/* Rasters and maps of a picture as SVG, and the rates beside a raster: see figure.h. */
#include "cli/svg.h"

#include <math.h>
#include <stdlib.h>

/* Cells of dots, a shade each: 0 is nothing. */
enum { SHADES = 15, MOST_CELLS = 60000 };

typedef struct grid {
    size_t rows, columns; /* columns of cells */
    unsigned char *shades;
} grid;

static bool make_grid(const figure_panel *p, const svg_box *b, grid *g) {
    g->rows = p->rows;
    g->columns = p->columns < (size_t)b->width ? p->columns : (size_t)b->width;
    const size_t most = MOST_CELLS / (p->rows + 1) + 1;
    if (g->columns > most && most >= 64) g->columns = most;
    g->shades = calloc(g->rows * g->columns + 1, 1);
    return g->shades && g->columns > 0;
}

/* The share of marks among the numbers of a cell, or their mean. */
static double cell_value(const figure_panel *p, const grid *g, size_t row, size_t cell) {
    const size_t from = cell * p->columns / g->columns;
    const size_t to = (cell + 1) * p->columns / g->columns;
    double sum = 0;
    for (size_t k = from; k < to; k++) {
        const double x = p->at(p->context, row, k);
        if (isfinite(x)) sum += p->kind == FIGURE_RASTER ? x != 0 : x;
    }
    return to > from ? sum / (double)(to - from) : 0;
}

/* A raster: darker where marks are many, and visible where there is one. A map: 8 is 0. */
static unsigned char shade_of(const figure_panel *p, double value, double most) {
    if (p->kind == FIGURE_RASTER)
        return value > 0 ? (unsigned char)fmin(SHADES, 5 + floor(10 * value / most)) : 0;
    return (unsigned char)(8 + lround(7 * value / most));
}

static bool fill_grid(const figure_panel *p, grid *g) {
    double *values = calloc(g->rows * g->columns + 1, sizeof *values), most = 0;
    if (!values) return false;
    for (size_t i = 0; i < g->rows * g->columns; i++) {
        values[i] = cell_value(p, g, i / g->columns, i % g->columns);
        most = fmax(most, fabs(values[i]));
    }
    for (size_t i = 0; most > 0 && i < g->rows * g->columns; i++)
        g->shades[i] = shade_of(p, values[i], most);
    free(values);
    return true;
}

/* Blue below, white, red above; or grey. */
static void put_shade(FILE *out, figure_kind kind, int shade) {
    static const int blue[] = {0, 114, 178}, red[] = {213, 94, 0};
    if (kind == FIGURE_RASTER) {
        const int grey = 200 - 12 * shade;
        fprintf(out, "#%02x%02x%02x", grey, grey, grey);
        return;
    }
    const int *to = shade < 8 ? blue : red;
    const double part = fabs(shade - 8.0) / 7;
    fputc('#', out);
    for (int i = 0; i < 3; i++) fprintf(out, "%02x", (int)(247 + part * (to[i] - 247)));
}

/* All cells of a shade are one path of horizontal strokes. */
static void put_cells(const svg_canvas *c, const figure_panel *p, const svg_box *b, const grid *g) {
    const double high = b->height / (double)g->rows, wide = b->width / (double)g->columns;
    const double least = p->kind == FIGURE_RASTER && wide < 1.6 ? 1.6 : wide;
    /* One path a shade, in which each run of equal cells of a row is a stroke. */
    for (int shade = 1; shade <= SHADES; shade++) {
        bool any = false;
        if (p->kind == FIGURE_MAP && shade == 8) continue;
        for (size_t row = 0; row < g->rows; row++)
            for (size_t k = 0, end; k < g->columns; k = end) {
                const unsigned char *at = g->shades + row * g->columns;
                for (end = k + 1; end < g->columns && at[end] == at[k];) end++;
                if (at[k] != shade) continue;
                if (!any) {
                    fprintf(c->out, "<path stroke-width=\"%.2f\" stroke=\"",
                            p->kind == FIGURE_RASTER ? fmax(0.8 * high, 0.7) : high);
                    put_shade(c->out, p->kind, shade);
                    fprintf(c->out, "\" d=\"");
                }
                any = true;
                fprintf(c->out, "M%.1f %.1fh%.1f", wide * (double)k,
                        b->height - high * ((double)row + 0.5),
                        fmax(wide * (double)(end - k), least));
            }
        if (any) fprintf(c->out, "\"/>\n");
    }
}

/* How often each row has a mark, as bars to the right of the raster. */
void svg_rates(const svg_canvas *c, const figure_panel *p, const svg_box *b) {
    if (!p->rows || !p->columns) return;
    const double high = b->height / (double)p->rows, room = c->narrow ? 40 : 120;
    double most = 0;
    char text[80];
    double *rates = calloc(p->rows + 1, sizeof *rates);
    /* Spikes of each row in 1000 steps. */
    for (size_t row = 0; rates && row < p->rows; row++) {
        for (size_t k = 0; k < p->columns; k++) rates[row] += p->at(p->context, row, k) != 0;
        rates[row] *= 1000 / (double)p->columns;
        most = fmax(most, rates[row]);
    }
    /* A bar for each row beside the raster, and the largest rate as a number. */
    const double left = b->x + b->width + 10;
    svg_line(c, left, b->y, left, b->y + b->height, "#404040", "");
    fprintf(c->out, "<path stroke=\"#0072b2\" stroke-width=\"%.2f\" d=\"", fmax(0.8 * high, 0.7));
    for (size_t row = 0; most > 0 && row < p->rows; row++)
        if (rates[row] > 0)
            fprintf(c->out, "M%.1f %.1fh%.1f", left, b->y + b->height - high * ((double)row + 0.5),
                    room * rates[row] / most);
    fprintf(c->out, "\"/>\n");
    snprintf(text, sizeof text, c->narrow ? "%.3g" : "up to %.3g in 1000 steps", most);
    svg_text(c, left, b->y - 6, "start", 11, "#404040", text);
    free(rates);
}

void svg_grid(const svg_canvas *c, const figure_panel *p, const svg_box *b) {
    grid g;
    if (p->rows && make_grid(p, b, &g) && fill_grid(p, &g)) put_cells(c, p, b, &g);
    if (p->rows) free(g.shades);
}
