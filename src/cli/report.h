/* What the parts of `hitherto report` share: one HTML file without scripts, to which nothing else belongs. Every text
 * goes through figure_put_text. */
#ifndef HTH_REPORT_H
#define HTH_REPORT_H

#include "base/options.h"
#include "cli/figure.h"
#include "tasks/catalogues.h"

#include <stdarg.h>

void report_begin(FILE *out, const char *title);
void report_end(FILE *out);
void report_heading(FILE *out, const char *text);
/* A paragraph; its class is "verdict" for the first one, else "". */
void report_paragraph(FILE *out, const char *class, const char *format, ...) HTH_PRINTF(3, 4);
/* A picture twice, of which a page shows the one that fits it; what it owns is given back. NULL: nothing. */
void report_figure(FILE *out, figure *f);

/* A table: begin with the headings, NULL-terminated, then cells row by row, each under a heading. On a narrow page a
 * row becomes a list of heading and cell. */
typedef struct report_table {
    FILE *out;
    const char *const *headings;
    size_t columns, column;
} report_table;
void report_table_begin(report_table *table, FILE *out, const char *const *headings);
void report_cell(report_table *table, const char *format, ...) HTH_PRINTF(2, 3);
void report_table_end(report_table *table);

/* Settings as a table of key and value. */
void report_settings(FILE *out, const hth_settings *settings);
/* A block of lines to be typed, or a file. */
void report_code_begin(FILE *out);
void report_code_end(FILE *out);
/* A word of a command, quoted for a shell where it must be. */
void report_shell_word(FILE *out, const char *text);
/* "That is between 0.4545 (both tosses known) and 0.5192 (the heavier toss known)."; "" where none is known. */
void report_levels(const hth_reference *levels, size_t count, double value, char *out, size_t size);

/* report_arms.c: of a comparison, rasters of the best run of each arm whose units spike, and how near each learner is
 * to the exact gradient. configs: the settings of each row. Print and return the exit code. */
struct hth_comparison;
typedef struct report_arms {
    FILE *out;
    const char *folder;
    const struct hth_comparison *c;
    struct hth_config *const *configs;
} report_arms;
int report_trials(const report_arms *arms);
int report_nearness(const report_arms *arms);

/* report_run.c, report_comparison.c: the whole report. Print and return the exit code. */
int report_run(FILE *out, const char *run);
int report_comparison(FILE *out, const char *folder);

#endif
