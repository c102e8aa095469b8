/*
 * A picture as SVG, by itself: panels, axes, a key, lines, bands, rasters, maps. Nothing in it is a script, nothing is
 * fetched, and no name in it can clash with that of another picture in the same page. What falls into one column of
 * dots is drawn once, so that a picture's size does not grow with the number of steps.
 */
#include "cli/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 700, KEY_LINE = 20, LETTER = 7 };

/* ---- Texts -------------------------------------------------------------------------------------- */

/* Bytes of the letter at `text`, if they are UTF-8 and a letter that XML allows; else 0. */
static size_t letter_length(const unsigned char *text) {
    const unsigned char c = text[0];
    if (c < 0x80) return c >= 0x20 && c != 0x7f ? 1 : 0;
    const size_t length = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    if (length == 0 || c >= 0xf5) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (c == 0xc2 && text[1] < 0xa0) return 0;                                    /* U+0080 on */
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xf0 && text[1] < 0x90)) return 0; /* too long */
    if ((c == 0xed && text[1] >= 0xa0) || (c == 0xf4 && text[1] >= 0x90)) return 0;
    if (c == 0xef && text[1] == 0xbf && text[2] >= 0xbe) return 0; /* U+FFFE, U+FFFF */
    return length;
}

void figure_put_text(FILE *out, const char *text) {
    while (*text) {
        const size_t length = letter_length((const unsigned char *)text);
        if (length == 0)
            fputs(*text == '\n' || *text == '\t' ? " " : "\xef\xbf\xbd", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else if (*text == '\'')
            fputs("&#39;", out);
        else
            fprintf(out, "%.*s", (int)length, text);
        text += length ? length : 1;
    }
}

/* Letters, not bytes. */
static size_t letters(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void svg_text(const svg_canvas *c, double x, double y, const char *anchor, int size,
              const char *colour, const char *text) {
    fprintf(c->out,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" fill=\"%s\" "
            "stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">",
            x, y, anchor, size, colour);
    figure_put_text(c->out, text);
    fprintf(c->out, "</text>\n");
}

/* ---- Axes --------------------------------------------------------------------------------------- */

static double up(const figure_panel *p, const svg_box *b, double value) {
    const double part = p->logarithmic ? log(value / p->low) / log(p->high / p->low)
                                       : (value - p->low) / (p->high - p->low);
    return b->height * (1 - part);
}

static double along(const svg_canvas *c, const svg_box *b, double x) {
    return b->width * (x - c->f->x_low) / (c->f->x_high - c->f->x_low);
}

void svg_line(const svg_canvas *c, double x1, double y1, double x2, double y2, const char *colour,
              const char *more) {
    fprintf(c->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"%s/>\n", x1,
            y1, x2, y2, colour, more);
}

static void put_vertical_axis(const svg_canvas *c, const figure_panel *p, const svg_box *b) {
    double ticks[FIGURE_TICKS];
    char text[32];
    const size_t count =
        figure_ticks(p->low, p->high, p->logarithmic, (size_t)(b->height / 40), ticks);
    for (size_t i = 0; i < count; i++) {
        const double y = b->y + up(p, b, ticks[i]);
        if (p->kind != FIGURE_OF_LINES && ticks[i] != floor(ticks[i])) continue;
        snprintf(text, sizeof text, "%.5g", ticks[i]);
        if (p->kind == FIGURE_OF_LINES) svg_line(c, b->x, y, b->x + b->width, y, "#e4e4e4", "");
        svg_text(c, b->x - 6, y + 4, "end", 12, "#404040", text);
    }
    if (!p->label[0]) return;
    fprintf(c->out,
            "<text transform=\"translate(%.1f,%.1f) rotate(-90)\" text-anchor=\"middle\" "
            "font-size=\"13\" fill=\"#202020\">",
            b->x - (c->narrow ? 42 : 54), b->y + b->height / 2);
    figure_put_text(c->out, p->label);
    fprintf(c->out, "</text>\n");
}

static void put_horizontal_axis(const svg_canvas *c, const svg_box *b, bool last) {
    const figure *f = c->f;
    double ticks[FIGURE_TICKS];
    char text[FIGURE_NAME + 32];
    const char *unit;
    const double scale = figure_scale(f->x_high, &unit);
    const size_t count = figure_ticks(f->x_low, f->x_high, false, c->narrow ? 5 : 8, ticks);
    for (size_t i = 0; i < count; i++) {
        const double x = b->x + along(c, b, ticks[i]);
        svg_line(c, x, b->y + b->height, x, b->y + b->height + 4, "#404040", "");
        snprintf(text, sizeof text, "%.6g", ticks[i] / scale);
        if (last) svg_text(c, x, b->y + b->height + 17, "middle", 12, "#404040", text);
    }
    snprintf(text, sizeof text, "%s%s", f->x_label, unit);
    if (last)
        svg_text(c, b->x + b->width / 2, b->y + b->height + 36, "middle", 13, "#202020", text);
}

/* ---- Lines -------------------------------------------------------------------------------------- */

/* A number of dots that is finite in a file, whatever runs away. */
static double near(double y, const svg_box *b) {
    return fmin(fmax(y, -2 * b->height), 3 * b->height);
}

/* The points of one column of dots: the first, the least, the largest and the last of them. */
typedef struct column {
    double x, first, least, most, last;
    bool any;
} column;

static void end_column(FILE *out, column *at, bool *begun) {
    const double ys[] = {at->first, at->least, at->most, at->last};
    for (size_t i = 0; at->any && i < 4; i++) {
        if (i && ys[i] == ys[i - 1]) continue;
        fprintf(out, "%s%.1f,%.1f", *begun ? " " : "M", at->x, ys[i]);
        *begun = true;
    }
    at->any = false;
}

/* A path through y[0..count-1]; reverse: from the last to the first, on from a path that has begun. */
static void put_path(const svg_canvas *c, const figure_panel *p, const svg_box *b, const double *x,
                     const double *y, size_t count, bool reverse, bool *begun) {
    column at = {.any = false};
    for (size_t i = 0; i < count; i++) {
        const size_t k = reverse ? count - 1 - i : i;
        const bool gap = !isfinite(y[k]) || (p->logarithmic && !(y[k] > 0));
        if (gap && reverse) continue;
        const double here = along(c, b, x[k]), high = gap ? 0 : near(up(p, b, y[k]), b);
        if (gap || !at.any || fabs(here - at.x) >= 1) end_column(c->out, &at, begun);
        if (gap) {
            *begun = false;
            continue;
        }
        if (!at.any) at = (column){here, high, high, high, high, true};
        at.least = fmin(at.least, high);
        at.most = fmax(at.most, high);
        at.last = high;
    }
    end_column(c->out, &at, begun);
}

static void put_band(const svg_canvas *c, const figure_panel *p, const svg_box *b,
                     const figure_line *l) {
    bool begun = false;
    if (!l->low || l->count < 2) return;
    fprintf(c->out, "<path fill=\"%s\" fill-opacity=\"0.18\" d=\"", figure_colour(l->colour));
    put_path(c, p, b, l->x, l->high, l->count, false, &begun);
    put_path(c, p, b, l->x, l->low, l->count, true, &begun);
    fprintf(c->out, "\"/>\n");
}

static void put_curve(const svg_canvas *c, const figure_panel *p, const svg_box *b,
                      const figure_line *l) {
    static const char *const dashes[] = {"", " stroke-dasharray=\"7 4\"",
                                         " stroke-dasharray=\"2 3\""};
    bool begun = false;
    fprintf(c->out,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-opacity=\"%.2g\" "
            "stroke-linejoin=\"round\"%s d=\"",
            figure_colour(l->colour), l->width, l->opacity, dashes[l->dash]);
    put_path(c, p, b, l->x, l->y, l->count, false, &begun);
    fprintf(c->out, "\"/>\n");
    for (size_t i = 0; l->dots && i < l->count; i++)
        if (isfinite(l->y[i]))
            fprintf(c->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                    along(c, b, l->x[i]), near(up(p, b, l->y[i]), b), figure_colour(l->colour));
}

static void put_lines(const svg_canvas *c, const figure_panel *p, const svg_box *b) {
    for (size_t i = 0; i < p->line_count; i++) put_band(c, p, b, p->lines[i]);
    for (size_t i = 0; i < p->line_count; i++) put_curve(c, p, b, p->lines[i]);
    for (size_t i = 0; i < p->level_count; i++) {
        char text[FIGURE_NAME + 32];
        if (!(p->levels[i].value > p->low && p->levels[i].value < p->high)) continue;
        const double y = up(p, b, p->levels[i].value);
        svg_line(c, 0, y, b->width, y, "#606060", " stroke-dasharray=\"5 4\"");
        snprintf(text, sizeof text, "%.4g %s", p->levels[i].value, p->levels[i].name);
        svg_text(c, b->width - 4, y - 4, "end", 11, "#505050", text);
    }
}

/* ---- The key ------------------------------------------------------------------------------------ */

static void put_sample(const svg_canvas *c, const figure_line *l, double x, double y) {
    static const char *const dashes[] = {"", " stroke-dasharray=\"7 4\"",
                                         " stroke-dasharray=\"2 3\""};
    char more[80];
    snprintf(more, sizeof more, " stroke-width=\"%.1f\"%s", fmax(l->width, 1.4), dashes[l->dash]);
    svg_line(c, x, y - 4, x + 22, y - 4, figure_colour(l->colour), more);
}

/* As much of a name as there is room for. */
static void shorten(const char *name, double room, char out[FIGURE_NAME]) {
    const size_t most = room > 4 * LETTER ? (size_t)(room / LETTER) : 4;
    size_t used = 0, count = 0;
    for (; name[used]; used++) {
        if (((unsigned char)name[used] & 0xc0) != 0x80 && ++count > most) break;
    }
    snprintf(out, FIGURE_NAME, "%.*s%s", (int)used, name, name[used] ? "…" : "");
}

/* To the right of the panel. */
static void put_side_key(const svg_canvas *c, const figure_panel *p, const svg_box *b) {
    double y = b->y + 12;
    char name[FIGURE_NAME];
    for (size_t i = 0; i < p->line_count; i++) {
        if (!p->lines[i]->name[0]) continue;
        put_sample(c, p->lines[i], b->x + b->width + 12, y);
        shorten(p->lines[i]->name, c->right - 50, name);
        svg_text(c, b->x + b->width + 40, y, "start", 13, "#202020", name);
        y += KEY_LINE;
    }
}

/* Rows of names that fit side by side; with `draw` false only counted. Returns the height. */
static double top_key(const svg_canvas *c, const figure_panel *p, double x0, double y0, bool draw) {
    const double room = c->width - x0 - 10;
    double x = 0, y = 0;
    char name[FIGURE_NAME];
    bool any = false;
    for (size_t i = 0; i < p->line_count; i++) {
        if (!p->lines[i]->name[0]) continue;
        shorten(p->lines[i]->name, room - 40, name);
        const double wide = 42 + (double)(LETTER * letters(name));
        if (x > 0 && x + wide > room) {
            x = 0;
            y += KEY_LINE;
        }
        if (draw) put_sample(c, p->lines[i], x0 + x, y0 + y);
        if (draw) svg_text(c, x0 + x + 27, y0 + y, "start", 12, "#202020", name);
        x += wide;
        any = true;
    }
    return any ? y + KEY_LINE : 0;
}

/* ---- All of it ---------------------------------------------------------------------------------- */

static void put_panel(const svg_canvas *c, const figure_panel *p, const svg_box *b, double key,
                      bool last) {
    if (p->title[0]) {
        char title[FIGURE_NAME];
        shorten(p->title, b->width + (c->narrow ? 0 : 60), title);
        svg_text(c, b->x, b->y - key - 7, "start", 13, "#202020", title);
    }
    put_vertical_axis(c, p, b);
    put_horizontal_axis(c, b, last);
    fprintf(c->out, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">\n", b->x, b->y,
            b->width, b->height);
    if (p->kind == FIGURE_OF_LINES)
        put_lines(c, p, b);
    else
        svg_grid(c, p, b);
    fprintf(c->out, "</svg>\n");
    svg_line(c, b->x, b->y, b->x, b->y + b->height, "#404040", "");
    svg_line(c, b->x, b->y + b->height, b->x + b->width, b->y + b->height, "#404040", "");
    if (p->rates) svg_rates(c, p, b);
    if (!c->narrow) put_side_key(c, p, b);
}

static double key_height(const svg_canvas *c, const figure_panel *p) {
    return c->narrow ? top_key(c, p, c->left, 0, false) : 0;
}

/* Of a panel with its title and its key. */
static double panel_room(const svg_canvas *c, const figure_panel *p) {
    return (p->title[0] ? 26 : 12) + key_height(c, p) + p->height;
}

/* Folded at spaces; returns the height. */
static double put_folded(const svg_canvas *c, const char *text, double y, int size, bool draw) {
    const size_t most = (size_t)((c->width - 20) / (size * 0.53));
    double used = 0;
    while (*text) {
        char line[400];
        size_t length = strlen(text);
        if (length > most) {
            length = most;
            while (length > 0 && text[length] != ' ') length--;
            if (length == 0) length = most;
        }
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        used += size + 4;
        if (draw)
            svg_text(c, c->width / 2, y + used, "middle", size, size > 13 ? "#202020" : "#606060",
                     line);
        text += length;
        text += strspn(text, " ");
    }
    return used;
}

static double put_titles(const svg_canvas *c, bool draw) {
    const double title = put_folded(c, c->f->title, 4, 15, draw);
    return title + put_folded(c, c->f->note, 4 + title, 12, draw) + 8;
}

static bool has_side(const figure *f) {
    for (size_t p = 0; p < f->count; p++) {
        if (f->panels[p].rates) return true;
        for (size_t i = 0; i < f->panels[p].line_count; i++)
            if (f->panels[p].lines[i]->name[0]) return true;
    }
    return false;
}

void figure_put_svg(FILE *out, const figure *f, double width) {
    svg_canvas c = {.out = out, .f = f, .width = width, .narrow = width < WIDE};
    c.left = c.narrow ? 56 : 76;
    c.right = c.narrow ? 16 : has_side(f) ? 200 : 24;
    for (size_t p = 0; c.narrow && p < f->count; p++)
        if (f->panels[p].rates) c.right = 60;
    c.top = put_titles(&c, false);
    double height = c.top + 48, y = c.top;
    for (size_t p = 0; p < f->count; p++) height += panel_room(&c, &f->panels[p]);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\">\n<title>",
            width, height, width, height);
    figure_put_text(out, f->title);
    fprintf(out, "</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
    put_titles(&c, true);
    for (size_t p = 0; p < f->count; p++) {
        const figure_panel *panel = &f->panels[p];
        const double key = key_height(&c, panel);

        const svg_box b = {c.left, y + panel_room(&c, panel) - panel->height,
                           width - c.left - c.right, panel->height};
        if (key > 0) top_key(&c, panel, c.left, b.y - key + 12, true);
        put_panel(&c, panel, &b, key, p + 1 == f->count);
        y += panel_room(&c, panel);
    }
    fprintf(out, "</svg>\n");
}
