/*
 * hitherto plot --phases: what learning one task did to the others, from the phases.json that a run writes at the end
 * of each phase: a line for each phase, over the phases that were learned, and the matrix in colours below.
 */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/draft.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4200 };

/* Row 0 is before any phase. */
typedef struct matrix {
    size_t phases;
    double values[];
} matrix;

static const cJSON *item_of(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void take_row(const cJSON *row, size_t count, double *out) {
    for (size_t j = 0; j < count; j++) {
        const cJSON *item = cJSON_GetArrayItem(row, (int)j);
        out[j] = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    }
}

/* NULL: there are no phases, or no memory. */
static matrix *read_matrix(const cJSON *phases) {
    const size_t count = (size_t)cJSON_GetArraySize(item_of(phases, "names"));
    matrix *m = count ? malloc(sizeof *m + (count + 1) * count * sizeof *m->values) : NULL;
    if (!m) return NULL;
    m->phases = count;
    take_row(item_of(phases, "before"), count, m->values);
    for (size_t i = 0; i < count; i++)
        take_row(cJSON_GetArrayItem(item_of(phases, "after"), (int)i), count,
                 m->values + (i + 1) * count);
    return m;
}

/* A number of the map: a row for each phase, the first at the top, a column for what was learned; 0 where it is not
 * known yet. */
static double cell_at(const void *context, size_t row, size_t column) {
    const matrix *m = context;
    const double value = m->values[column * m->phases + row];
    return isfinite(value) ? value : 0;
}

static const char *name_at(const cJSON *names, size_t index) {
    const cJSON *name = cJSON_GetArrayItem(names, (int)index);
    return cJSON_IsString(name) ? name->valuestring : "";
}

/* A line for each phase: its points lie above the columns of the map. */
static bool add_lines(figure_panel *panel, const cJSON *names, const matrix *m) {
    for (size_t j = 0; j < m->phases; j++) {
        figure_line *line = figure_add_line(panel, name_at(names, j), m->phases + 1, false);
        if (!line) return false;
        line->dots = true;
        for (size_t i = 0; i <= m->phases; i++) {
            line->x[i] = (double)i + 0.5;
            line->y[i] = m->values[i * m->phases + j];
        }
    }
    return true;
}

static figure *make_figure(const cJSON *phases) {
    enum { HIGH = 320, ROW = 34 };
    const cJSON *of = item_of(phases, "of"), *names = item_of(phases, "names");
    const char *metric = cJSON_IsString(of) ? of->valuestring : "metric";
    matrix *m = read_matrix(phases);
    figure *f =
        m ? figure_create("",
                          "a column for each phase that was learned; column 0 is before the first")
          : NULL;
    if (!f) {
        free(m);
        return NULL;
    }
    f->owned = m;
    f->x_low = 0;
    f->x_high = (double)m->phases + 1;
    snprintf(f->title, sizeof f->title, "validation %.60s of each phase", metric);
    figure_panel *panel = figure_add_panel(f, "", HIGH);
    snprintf(panel->label, sizeof panel->label, "%.60s", metric);
    const bool good = add_lines(panel, names, m);
    /* The matrix. */
    figure_panel *map = figure_add_panel(f, "", (double)(ROW * m->phases + ROW));
    map->kind = FIGURE_MAP;
    map->rows = m->phases;
    map->columns = m->phases + 1;
    map->at = cell_at;
    map->context = m;
    snprintf(map->label, sizeof map->label, "phase");
    if (good) return f;
    figure_destroy(f);
    return NULL;
}

struct figure *cli_phases_figure(const char *run) {
    char path[PATH];
    snprintf(path, sizeof path, "%.4000s/phases.json", run);
    cJSON *phases = cli_read_json(path);
    figure *f = phases ? make_figure(phases) : NULL;
    cJSON_Delete(phases);
    return f;
}

/* A line for each row of the matrix: after,A,B,... */
static void put_csv(FILE *out, const cJSON *names, const matrix *m) {
    fprintf(out, "after");
    for (size_t j = 0; j < m->phases; j++) fprintf(out, ",%s", name_at(names, j));
    for (size_t i = 0; i <= m->phases; i++) {
        fprintf(out, "\n%s", i ? name_at(names, i - 1) : "");
        for (size_t j = 0; j < m->phases; j++) cli_put_exact(out, m->values[i * m->phases + j]);
    }
    fputc('\n', out);
}

static int write_csv(const char *run, const char *path) {
    char from[PATH];
    hth_draft draft;
    hth_error error;
    snprintf(from, sizeof from, "%.4000s/phases.json", run);
    cJSON *phases = cli_read_json(from);
    matrix *m = phases ? read_matrix(phases) : NULL;
    int code = m ? CLI_OK : cli_complain(CLI_BAD_INPUT, "%s cannot be read", from);
    if (m && hth_draft_begin(path, &draft, &error) != HTH_OK) code = cli_fail(&error);
    if (code == CLI_OK) {
        put_csv(draft.file, item_of(phases, "names"), m);
        if (hth_draft_end(&draft, true, &error) != HTH_OK) code = cli_fail(&error);
    }
    free(m);
    cJSON_Delete(phases);
    return code;
}

int cli_plot_phases(const cli_arguments *arguments) {
    const char *picture = cli_value(arguments, "--out"), *csv = cli_value(arguments, "--csv");
    if (arguments->word_count != 1)
        return cli_complain(CLI_BAD_INPUT,
                            "which run? hitherto plot --phases RUN, with the folder of one run");
    const char *run = arguments->words[0];
    int code = picture ? cli_check_picture(picture) : CLI_OK;
    if (code != CLI_OK) return code;
    figure *f = cli_phases_figure(run);
    if (!f)
        return cli_complain(CLI_BAD_INPUT,
                            "%s has no phases.json: it is no run with phases, or none of them has "
                            "ended",
                            run);
    if (csv) code = write_csv(run, csv);
    if (code == CLI_OK && (picture || !csv)) code = figure_draw(f, picture);
    figure_destroy(f);
    if (code == CLI_OK && picture) cli_say(stdout, "%s\n", picture);
    if (code == CLI_OK && csv) cli_say(stdout, "%s\n", csv);
    return code;
}
