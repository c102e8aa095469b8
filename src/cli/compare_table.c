/*
 * What came of a comparison, as tables. table.md is what people read, and what goes to the standard
 * output: a line a variant, results and speed. table.csv has the results with all digits, the same on
 * every machine of a kind; speed.csv what was measured by the clock.
 */
#include "cli/cli.h"
#include "compare/results.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Files -------------------------------------------------------------------------------------- */

static void path_in(const char *folder, const char *name, const char *ending, char out[4096]) {
    snprintf(out, 4096, "%s/%s%s", folder, name, ending);
}

FILE *cli_open_beside(const char *folder, const char *name) {
    char path[4096];
    path_in(folder, name, ".tmp", path);
    FILE *file = fopen(path, "w");
    if (!file) cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    return file;
}

int cli_close_beside(FILE *file, const char *folder, const char *name) {
    char path[4096], temporary[4096];
    path_in(folder, name, "", path);
    path_in(folder, name, ".tmp", temporary);
    bool good = !ferror(file);
    good = fclose(file) == 0 && good;
    if (good && rename(temporary, path) == 0) return CLI_OK;
    return cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
}

void cli_put_csv(FILE *out, const char *text) {
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void cli_put_exact(FILE *out, double value) {
    char text[40];
    fputc(',', out);
    if (!isfinite(value)) return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

/* ---- Names -------------------------------------------------------------------------------------- */

static const char *last_word(const char *key) {
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

const char *cli_compare_key(const hth_comparison *c, size_t key) {
    for (size_t i = 0; i < c->key_count; i++)
        if (i != key && strcmp(last_word(c->keys[i]), last_word(c->keys[key])) == 0)
            return c->keys[key];
    const char *word = last_word(c->keys[key]);
    return strcmp(word, "name") == 0 ? c->keys[key] : word;
}

void cli_compare_label(const hth_comparison *c, size_t row, char *out, size_t size) {
    snprintf(out, size, "%s", c->rows[row].arm);
    for (size_t i = 0; i < c->key_count; i++) {
        const size_t used = strlen(out);
        snprintf(out + used, size - used, ", %s %s", cli_compare_key(c, i), c->rows[row].varied[i]);
    }
}

/* ---- The table for people ----------------------------------------------------------------------- */

enum {
    CELL = 160,
    OWN_COLUMNS = 9 + HTH_TRANSFER_FACTS /* beside those of settings that are varied */
};

/* Texts in rows and columns; row 0 is the heading. Columns from `numbers` on are set to the right. */
typedef struct text_table {
    char (*cells)[CELL];
    size_t *widths; /* [room] */
    size_t rows, room, columns, numbers;
} text_table;

/* The next cell of a row. */
static char *cell(text_table *table, size_t row, size_t *column) {
    return table->cells[row * table->room + (*column)++];
}

/* A text of the settings: no order to a terminal, no end of a line, and no bar that would end its column. */
static void put_text(char *out, const char *text) {
    char shown[CELL];
    size_t used = 0;
    cli_visible(shown, sizeof shown, text);
    for (const char *at = shown; *at && used + 2 < CELL; at++) {
        if (*at == '|') out[used++] = '\\';
        out[used++] = *at;
    }
    out[used] = '\0';
}

/* Letters, not bytes. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_cell(FILE *out, const char *text, size_t width, bool right) {
    const int blanks = (int)(width - width_of(text));
    if (right)
        fprintf(out, "| %*s%s ", blanks, "", text);
    else
        fprintf(out, "| %s%*s ", text, blanks, "");
}

static void find_widths(text_table *table) {
    for (size_t i = 0; i < table->rows; i++)
        for (size_t j = 0; j < table->columns; j++) {
            const size_t width = width_of(table->cells[i * table->room + j]);
            if (width > table->widths[j]) table->widths[j] = width;
        }
}

/* Below the heading. */
static void put_ruler(FILE *out, const text_table *table) {
    for (size_t j = 0; j < table->columns; j++) {
        fputs("|-", out);
        for (size_t k = 0; k < table->widths[j]; k++) fputc('-', out);
        fputc(j >= table->numbers ? ':' : '-', out);
    }
    fputs("|\n", out);
}

static void put_table(FILE *out, const text_table *table) {
    for (size_t i = 0; i < table->rows; i++) {
        for (size_t j = 0; j < table->columns; j++)
            put_cell(out, table->cells[i * table->room + j], table->widths[j], j >= table->numbers);
        fputs("|\n", out);
        if (i == 0) put_ruler(out, table);
    }
}

/* The error with two digits, the mean with as many behind the point. */
static void format_mean(char *out, const hth_mean *mean) {
    if (!mean->count)
        snprintf(out, CELL, "-");
    else if (!(mean->error > 0))
        snprintf(out, CELL, mean->count > 1 ? "%.5g ± 0" : "%.5g", mean->mean);
    else {
        int digits = 1 - (int)floor(log10(mean->error));
        digits = digits < 0 ? 0 : digits > 12 ? 12 : digits;
        snprintf(out, CELL, "%.*f ± %.*f", digits, mean->mean, digits, mean->error);
    }
}

/* With as many digits behind the point as the mean has. */
static void format_median(char *out, const hth_compared *row) {
    hth_mean median = row->final;
    median.mean = row->median;
    format_mean(out, &median);
    char *error = strstr(out, " ±");
    if (error) *error = '\0';
}

static void format_ratio(char *out, double ratio) {
    if (isfinite(ratio))
        snprintf(out, CELL, "%.3g", ratio);
    else
        snprintf(out, CELL, "-");
}

/* "20", or "17 of 20; 2 diverged at 1200, 5400; 1 failed". */
static void format_seeds(char *out, const hth_compared *row) {
    const size_t all = row->finished + row->diverged + row->failed + row->waiting;
    snprintf(out, CELL, row->finished == all ? "%zu" : "%zu of %zu", row->finished, all);
    size_t used = strlen(out);
    if (row->diverged)
        used += (size_t)snprintf(out + used, CELL - used, "; %zu diverged at %.*s%s", row->diverged,
                                 60, row->diverged_at, strlen(row->diverged_at) > 60 ? "..." : "");
    if (row->failed) used += (size_t)snprintf(out + used, CELL - used, "; %zu failed", row->failed);
    if (row->waiting) snprintf(out + used, CELL - used, "; %zu to run", row->waiting);
}

static void measure_name(const hth_comparison *c, char *out, size_t size) {
    const bool train = strncmp(c->measure, "train", 5) == 0;
    snprintf(out, size, "%s %s", train ? "training" : "validation",
             strstr(c->measure, "metric") ? c->metric : "loss");
}

static void put_over(char *out, const char *what, const char *reference) {
    char text[CELL];
    snprintf(text, sizeof text, "%s / %s", what, reference);
    put_text(out, text);
}

/* Of two runs the median is the mean. */
static bool has_median(const hth_comparison *c) {
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].final.count > 2) return true;
    return false;
}

/* Whether there are runs with phases. */
static bool has_phases(const hth_comparison *c) {
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].transfer[HTH_ACC].count) return true;
    return false;
}

static void put_heading(const hth_comparison *c, text_table *table) {
    static const char *const transfer[] = {"ACC", "LA", "BWT", "FWT", "forgetting"};
    size_t at = 0;
    snprintf(cell(table, 0, &at), CELL, "arm");
    for (size_t i = 0; i < c->key_count; i++)
        snprintf(cell(table, 0, &at), CELL, "%s", cli_compare_key(c, i));
    snprintf(cell(table, 0, &at), CELL, "seeds");
    measure_name(c, cell(table, 0, &at), CELL);
    if (has_median(c)) snprintf(cell(table, 0, &at), CELL, "median");
    if (*c->reference)
        put_over(cell(table, 0, &at), strstr(c->measure, "metric") ? c->metric : "loss",
                 c->reference);
    for (size_t i = 0; i < HTH_TRANSFER_FACTS && has_phases(c); i++)
        snprintf(cell(table, 0, &at), CELL, "%s", transfer[i]);
    if (c->updates_differ) snprintf(cell(table, 0, &at), CELL, "updates");
    snprintf(cell(table, 0, &at), CELL, "learner state");
    snprintf(cell(table, 0, &at), CELL, "steps/s");
    if (*c->reference) put_over(cell(table, 0, &at), "speed", c->reference);
    table->columns = at;
    table->numbers = c->key_count + 2;
}

static void put_row(const hth_comparison *c, const hth_compared *row, text_table *table,
                    size_t at_row) {
    size_t at = 0;
    char *text;
    put_text(cell(table, at_row, &at), row->arm);
    for (size_t i = 0; i < c->key_count; i++) put_text(cell(table, at_row, &at), row->varied[i]);
    format_seeds(cell(table, at_row, &at), row);
    format_mean(cell(table, at_row, &at), &row->final);
    if (has_median(c)) format_median(cell(table, at_row, &at), row);
    if (*c->reference) format_ratio(cell(table, at_row, &at), row->ratio);
    for (size_t i = 0; i < HTH_TRANSFER_FACTS && has_phases(c); i++)
        format_mean(cell(table, at_row, &at), &row->transfer[i]);
    if (c->updates_differ)
        snprintf(cell(table, at_row, &at), CELL, "%s", *row->updates ? row->updates : "-");
    text = cell(table, at_row, &at);
    snprintf(text, CELL, "-");
    if (isfinite(row->learner_bytes)) cli_format_bytes(text, CELL, row->learner_bytes);
    text = cell(table, at_row, &at);
    snprintf(text, CELL, "-");
    if (isfinite(row->steps_per_second)) cli_format_count(text, CELL, row->steps_per_second);
    if (*c->reference) format_ratio(cell(table, at_row, &at), row->speed_ratio);
}

static int write_table(const text_table *table, const char *folder) {
    FILE *file = cli_open_beside(folder, "table.md");
    if (!file) return CLI_FAILED;
    put_table(file, table);
    return cli_close_beside(file, folder, "table.md");
}

static int put_markdown(const hth_comparison *c, const char *folder) {
    text_table table = {.rows = c->count + 1, .room = c->key_count + OWN_COLUMNS};
    table.cells = calloc(hth_times(table.rows, table.room), CELL);
    table.widths = calloc(table.room, sizeof *table.widths);
    int code = CLI_FAILED;
    if (table.cells && table.widths) {
        put_heading(c, &table);
        for (size_t i = 0; i < c->count; i++) put_row(c, &c->rows[i], &table, i + 1);
        find_widths(&table);
        put_table(stdout, &table);
        code = write_table(&table, folder);
    } else {
        cli_complain(code, "not enough memory for the table");
    }
    free(table.cells);
    free(table.widths);
    return code;
}

/* ---- The tables for programs -------------------------------------------------------------------- */

static void put_names(FILE *out, const hth_comparison *c, const hth_compared *row) {
    cli_put_csv(out, row ? row->arm : "arm");
    fputc(',', out);
    cli_put_csv(out, row ? row->learner : "learner");
    for (size_t i = 0; i < c->key_count; i++) {
        fputc(',', out);
        cli_put_csv(out, row ? row->varied[i] : c->keys[i]);
    }
}

static int put_results(const hth_comparison *c, const char *folder) {
    FILE *out = cli_open_beside(folder, "table.csv");
    if (!out) return CLI_FAILED;
    put_names(out, c, NULL);
    fprintf(
        out,
        ",finished,diverged,failed,waiting,diverged_at,%s,standard_error,median,ratio,test_loss,"
        "test_loss_error,test_metric,test_metric_error,parameters,learner_bytes",
        c->measure);
    for (size_t k = 0; k < HTH_TRANSFER_FACTS && has_phases(c); k++)
        fprintf(out, ",%s,%s_error", hth_transfer_names[k], hth_transfer_names[k]);
    fputc('\n', out);
    for (size_t i = 0; i < c->count; i++) {
        const hth_compared *row = &c->rows[i];
        put_names(out, c, row);
        fprintf(out, ",%zu,%zu,%zu,%zu,", row->finished, row->diverged, row->failed, row->waiting);
        cli_put_csv(out, row->diverged_at);
        const double numbers[] = {row->final.mean,       row->final.error,
                                  row->median,           row->ratio,
                                  row->test_loss.mean,   row->test_loss.error,
                                  row->test_metric.mean, row->test_metric.error,
                                  row->parameters,       row->learner_bytes};
        for (size_t j = 0; j < HTH_COUNT(numbers); j++) cli_put_exact(out, numbers[j]);
        for (size_t k = 0; k < HTH_TRANSFER_FACTS && has_phases(c); k++) {
            cli_put_exact(out, row->transfer[k].count ? row->transfer[k].mean : (double)NAN);
            cli_put_exact(out, row->transfer[k].error);
        }
        fputc('\n', out);
    }
    return cli_close_beside(out, folder, "table.csv");
}

static int put_speed(const hth_comparison *c, const char *folder) {
    FILE *out = cli_open_beside(folder, "speed.csv");
    if (!out) return CLI_FAILED;
    put_names(out, c, NULL);
    fprintf(out, ",steps_per_second,ratio,seconds,peak_memory_bytes\n");
    for (size_t i = 0; i < c->count; i++) {
        const hth_compared *row = &c->rows[i];
        const double numbers[] = {row->steps_per_second, row->speed_ratio, row->seconds,
                                  row->memory_bytes};
        put_names(out, c, row);
        for (size_t j = 0; j < HTH_COUNT(numbers); j++) cli_put_exact(out, numbers[j]);
        fputc('\n', out);
    }
    return cli_close_beside(out, folder, "speed.csv");
}

int cli_compare_table(const hth_comparison *c, const char *folder) {
    int code = put_markdown(c, folder);
    if (code == CLI_OK && c->updates_differ)
        printf("\nArms update their weights unequally often (the column updates): one that updates "
               "more often\nmay learn faster for that alone. learner.steps and learner.update "
               "say when.\n");
    if (code == CLI_OK) code = put_results(c, folder);
    if (code == CLI_OK) code = put_speed(c, folder);
    return code;
}
