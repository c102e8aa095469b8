/* The page itself: see report.h. */
#include "cli/cli.h"
#include "cli/report.h"
#include "hitherto.h"

#include <math.h>
#include <string.h>

static const char style[] =
    "body{font:16px/1.5 Helvetica,Arial,sans-serif;color:#202020;background:#fff;max-width:920px;"
    "margin:0 auto;padding:16px}"
    "h1{font-size:1.6em;margin:.4em 0;overflow-wrap:anywhere}h2{font-size:1.15em;margin:1.8em 0 "
    ".5em;border-bottom:1px solid #ddd}"
    ".verdict{font-size:1.1em;border-left:4px solid #0072b2;padding-left:12px}"
    "p{overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:4px 10px 4px 0;"
    "border-bottom:1px solid "
    "#eee;vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;overflow-wrap:normal}"
    "pre{background:#f6f6f6;padding:10px;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font-size:.88em}"
    "figure{margin:0}figure svg{max-width:100%;height:auto}.narrow{display:none}"
    "footer{color:#606060;font-size:.9em;margin-top:2em}"
    "@media(max-width:700px){.wide{display:none}.narrow{display:block}"
    ".cards,.cards tbody,.cards tr,.cards td{display:block}.cards thead{display:none}"
    ".cards tr{border:1px solid #ddd;border-radius:6px;margin:0 0 10px;padding:4px 10px}"
    ".cards td{display:flex;justify-content:space-between;gap:14px;padding:3px 0;text-align:right}"
    ".cards "
    "td::before{content:attr(data-label);color:#606060;text-align:left;flex:none;max-width:50%}"
    ".cards tr td:last-child{border-bottom:0}}";

void report_begin(FILE *out, const char *title) {
    fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                 "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    figure_put_text(out, title);
    fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    figure_put_text(out, title);
    fprintf(out, "</h1>\n");
}

void report_end(FILE *out) {
    fprintf(out, "<footer><p>");
    figure_put_text(out, "Made by hitherto ");
    figure_put_text(out, hth_version());
    fprintf(out, ", %s precision, on a processor of level ",
            sizeof(hth_real) == sizeof(double) ? "double" : "single");
    figure_put_text(out, hth_level_name());
    fprintf(out, ". The same settings and seed give the same bits on every processor with fused "
                 "multiply-add.</p></footer>\n</body>\n</html>\n");
}

void report_heading(FILE *out, const char *text) {
    fprintf(out, "<h2>");
    figure_put_text(out, text);
    fprintf(out, "</h2>\n");
}

static void put_format(FILE *out, const char *format, va_list arguments) {
    char text[4096];
    vsnprintf(text, sizeof text, format, arguments);
    figure_put_text(out, text);
}

void report_paragraph(FILE *out, const char *class, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(out, "<p class=\"%s\">", class);
    put_format(out, format, arguments);
    fprintf(out, "</p>\n");
    va_end(arguments);
}

void report_figure(FILE *out, figure *f) {
    enum { WIDE = 888, NARROW = 358 };
    if (f) {
        figure_find_ranges(f);
        fprintf(out, "<figure><div class=\"wide\">\n");
        figure_put_svg(out, f, WIDE);
        fprintf(out, "</div><div class=\"narrow\">\n");
        figure_put_svg(out, f, NARROW);
        fprintf(out, "</div></figure>\n");
    }
    figure_destroy(f);
}

/* ---- Tables ------------------------------------------------------------------------------------- */

void report_table_begin(report_table *table, FILE *out, const char *const *headings) {
    *table = (report_table){.out = out, .headings = headings};
    while (headings[table->columns]) table->columns++;
    fprintf(out, "<table%s><thead><tr>", table->columns > 2 ? " class=\"cards\"" : "");
    for (size_t i = 0; i < table->columns; i++) {
        fprintf(out, "<th>");
        figure_put_text(out, headings[i]);
        fprintf(out, "</th>");
    }
    fprintf(out, "</tr></thead><tbody>\n");
}

void report_cell(report_table *table, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(table->out, table->column == 0 ? "<tr><td data-label=\"" : "<td data-label=\"");
    figure_put_text(table->out, table->headings[table->column]);
    fprintf(table->out, "\">");
    put_format(table->out, format, arguments);
    fprintf(table->out, "</td>");
    va_end(arguments);
    if (++table->column < table->columns) return;
    table->column = 0;
    fprintf(table->out, "</tr>\n");
}

void report_table_end(report_table *table) {
    fprintf(table->out, "</tbody></table>\n");
}

void report_settings(FILE *out, const hth_settings *settings) {
    static const char *const headings[] = {"setting", "value", NULL};
    report_table table;
    report_table_begin(&table, out, headings);
    for (size_t i = 0; i < settings->count; i++) {
        report_cell(&table, "%s", settings->items[i].key);
        report_cell(&table, "%s", settings->items[i].value);
    }
    report_table_end(&table);
}

/* ---- Sentences ---------------------------------------------------------------------------------- */

void report_levels(const hth_reference *levels, size_t count, double value, char *out,
                   size_t size) {
    const hth_reference *below = NULL, *above = NULL;
    *out = '\0';
    for (size_t i = 0; i < count && isfinite(value); i++) {
        const hth_reference *level = &levels[i];
        if (level->value <= value && (!below || level->value > below->value)) below = level;
        if (level->value > value && (!above || level->value < above->value)) above = level;
    }
    if (below && above)
        snprintf(out, size, " That is between %.4g (%s) and %.4g (%s).", below->value, below->name,
                 above->value, above->name);
    else if (below || above)
        snprintf(out, size, " That is %s %.4g (%s).", below ? "above" : "below",
                 below ? below->value : above->value, below ? below->name : above->name);
}

/* ---- Commands ----------------------------------------------------------------------------------- */

void report_code_begin(FILE *out) {
    fprintf(out, "<pre>");
}

void report_code_end(FILE *out) {
    fprintf(out, "</pre>\n");
}

void report_shell_word(FILE *out, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
                                "./=,:+-";
    char quoted[1024];
    size_t used = 0;
    if (*text && text[strspn(text, plain)] == '\0') {
        figure_put_text(out, text);
        return;
    }
    quoted[used++] = '\'';
    for (; *text && used + 8 < sizeof quoted; text++) {
        if (*text == '\'')
            used += (size_t)sprintf(quoted + used, "'\\''");
        else
            quoted[used++] = *text;
    }
    quoted[used++] = '\'';
    quoted[used] = '\0';
    figure_put_text(out, quoted);
}
