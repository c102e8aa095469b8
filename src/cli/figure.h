/*
 * Pictures: panels one above the other over one horizontal axis, each of lines, of a raster or of a map of colours.
 * What is to be seen is collected here; svg.c draws it by itself, gnuplot_figure.c by gnuplot, for PNG and the
 * terminal.
 */
#ifndef HTH_FIGURE_H
#define HTH_FIGURE_H

#include "base/base.h"

#include <stdio.h>

enum { FIGURE_PANELS = 16, FIGURE_LINES = 256, FIGURE_LEVELS = 8, FIGURE_NAME = 160 };

typedef enum figure_dash { FIGURE_SOLID, FIGURE_DASHED, FIGURE_DOTTED } figure_dash;

/* Points in the order of x. */
typedef struct figure_line {
    char name[FIGURE_NAME]; /* in the key; "": not there */
    size_t colour;          /* see figure_colour */
    figure_dash dash;
    double width, opacity;
    bool dots; /* each point is marked */
    size_t count;
    double *x, *y;      /* y NAN: a gap */
    double *low, *high; /* a band around y; NULL: none */
} figure_line;

/* A level to hold lines against. */
typedef struct figure_level {
    char name[FIGURE_NAME];
    double value;
} figure_level;

typedef enum figure_kind {
    FIGURE_OF_LINES,
    FIGURE_RASTER, /* a mark where a number is not 0 */
    FIGURE_MAP     /* a colour for each number: blue below 0, red above */
} figure_kind;

typedef struct figure_panel {
    figure_kind kind;
    char title[FIGURE_NAME];
    char label[FIGURE_NAME]; /* of the vertical axis */
    double height;           /* in the units of a wide picture */
    bool logarithmic;
    double low, high; /* of the vertical axis; NAN: as the lines have it */
    figure_line *lines[FIGURE_LINES];
    size_t line_count;
    figure_level levels[FIGURE_LEVELS];
    size_t level_count;
    /* Of raster and map: the number of row and column, where column 0 lies at figure->x_low. */
    size_t rows, columns;
    double (*at)(const void *context, size_t row, size_t column);
    const void *context;
    bool rates; /* of a raster: how often a row has a mark is shown beside it */
} figure_panel;

typedef struct figure {
    char title[400], note[400]; /* note: a smaller line below; "": none */
    char x_label[FIGURE_NAME];
    double x_low, x_high; /* NAN: as the lines have it */
    figure_panel panels[FIGURE_PANELS];
    size_t count;
    void *owned; /* what contexts point into; freed with the figure */
} figure;

/* An empty one; NULL: no memory. */
figure *figure_create(const char *title, const char *x_label);
void figure_destroy(figure *f);
/* The next panel, of lines; the last one again where there is no room. */
figure_panel *figure_add_panel(figure *f, const char *title, double height);
/* The next line with room for `count` points, solid, 2 wide, in the next colour; NULL: no memory, or no room. */
figure_line *figure_add_line(figure_panel *panel, const char *name, size_t count, bool band);
void figure_add_level(figure_panel *panel, const char *name, double value);

/* Says in the note of how many lines a smoothed point is the mean: `reach` to either side; 0: nothing. */
void figure_note_smoothing(figure *f, size_t reach);

/* For those who draw: ranges that are known, finite and not empty, with some air. */
void figure_find_ranges(figure *f);
/* Of a horizontal axis up to `most`, how many times smaller its numbers are written, and " (thousands)". */
double figure_scale(double most, const char **unit);
/* At most `room` round numbers in [low, high], into out; of a logarithmic axis powers of ten, and 2 and 5 times them
 * where they are few. Returns how many. */
enum { FIGURE_TICKS = 16 };
size_t figure_ticks(double low, double high, bool logarithmic, size_t room,
                    double out[FIGURE_TICKS]);

enum { FIGURE_COLOURS = 7 };
/* "#0072b2": of seven that people with any kind of colour vision tell apart, and then again. */
const char *figure_colour(size_t index);

/* svg.c. `width`: 900, or less for a narrow one, whose key lies above its lines. A text may hold any bytes. */
void figure_put_svg(FILE *out, const figure *f, double width);
void figure_put_text(FILE *out, const char *text); /* escaped, for XML and HTML */

/* gnuplot_figure.c: the script. path NULL: letters on the terminal. */
void figure_put_gnuplot(FILE *out, const figure *f, const char *path);

/* draw.c: a file that ends in .svg, without any other program; .png, or NULL for letters on the terminal, by gnuplot.
 * Prints and returns the exit code. */
int figure_draw(figure *f, const char *path);

#endif
