/* How the two files that write SVG share the work. */
#ifndef HTH_SVG_H
#define HTH_SVG_H

#include "cli/figure.h"

/* Where everything lies, in dots. */
typedef struct svg_canvas {
    FILE *out;
    const figure *f;
    double width, left, right, top, bottom; /* of the whole, and its margins */
    bool narrow;
} svg_canvas;

typedef struct svg_box {
    double x, y, width, height;
} svg_box;

void svg_text(const svg_canvas *c, double x, double y, const char *anchor, int size,
              const char *colour, const char *text);
/* more: further attributes, beginning with a space. */
void svg_line(const svg_canvas *c, double x1, double y1, double x2, double y2, const char *colour,
              const char *more);
/* The cells of a raster or a map, from the corner of the box. */
void svg_grid(const svg_canvas *c, const figure_panel *p, const svg_box *b);
/* To the right of the box: a bar for each row, as long as its marks are many. */
void svg_rates(const svg_canvas *c, const figure_panel *p, const svg_box *b);

#endif
