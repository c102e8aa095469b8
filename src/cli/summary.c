/* What came of a run, from its summary.json and the last line of metrics.jsonl. */
#include "cli/cli.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LENGTH = 4096 };

cJSON *cli_read_json(const char *path) {
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "r");
    char *text = file ? calloc(1, MOST) : NULL;
    if (text) text[fread(text, 1, MOST - 1, file)] = '\0';
    if (file) fclose(file);
    cJSON *object = text ? cJSON_Parse(text) : NULL;
    free(text);
    return object;
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

void cli_print_row(const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("  %-26s ", name);
    cli_say_list(stdout, format, arguments);
    printf("\n");
    va_end(arguments);
}

static void print_number(const cJSON *summary, const char *field, const char *name) {
    double value = number_of(summary, field);
    if (isfinite(value)) cli_print_row(name, "%.6g", value);
}

/* In double precision as many digits as are worth comparing. */
static void print_loss(const cJSON *summary, const char *field, const char *name) {
    const cJSON *precision = cJSON_GetObjectItemCaseSensitive(summary, "precision");
    const bool twice = cJSON_IsString(precision) && strcmp(precision->valuestring, "double") == 0;
    double value = number_of(summary, field);
    if (isfinite(value)) cli_print_row(name, twice ? "%.14g" : "%.6g", value);
}

/* "train_metric" as "train perplexity". The best of a metric may be of another step than the best loss. */
static void print_metric(const cJSON *summary, const char *field, const char *name) {
    const cJSON *metric = cJSON_GetObjectItemCaseSensitive(summary, "metric");
    char full[80];
    if (!cJSON_IsString(metric) || strcmp(metric->valuestring, "none") == 0) return;
    snprintf(full, sizeof full, "%s %s", name, metric->valuestring);
    if (strcmp(field, "best_validation_metric") != 0)
        print_number(summary, field, full);
    else if (isfinite(number_of(summary, field)))
        cli_print_row(full, "%.6g (of all validations)", number_of(summary, field));
}

static void print_time(const cJSON *summary) {
    char text[40], rate[40];
    double seconds = number_of(summary, "seconds"), steps = number_of(summary, "steps");
    if (!(seconds > 0)) return;
    cli_format_time(text, sizeof text, seconds);
    cli_format_count(rate, sizeof rate, steps / seconds);
    if (steps > 0)
        cli_print_row("time", "%s (%s steps/s)", text, rate);
    else
        cli_print_row("time", "%s", text);
}

/* The name of a phase. */
static const char *name_at(const cJSON *names, int index) {
    const cJSON *item = cJSON_GetArrayItem(names, index);
    return cJSON_IsString(item) ? item->valuestring : "?";
}

/* One row of the matrix; row NULL: the names of the columns. */
static void print_matrix_row(const cJSON *names, const char *label, const cJSON *row) {
    printf("  %-26s", label);
    for (int j = 0; j < cJSON_GetArraySize(names); j++) {
        const char *name = name_at(names, j);
        const int width = strlen(name) > 8 ? (int)strlen(name) : 8;
        const cJSON *item = cJSON_GetArrayItem(row, j);
        if (!row)
            printf("  %*s", width, name);
        else if (cJSON_IsNumber(item))
            printf("  %*.4f", width, item->valuedouble);
        else
            printf("  %*s", width, "-");
    }
    printf("\n");
}

/* The matrix of a run with phases, and what is said of it. */
static void print_phases(const cJSON *summary) {
    const cJSON *phases = cJSON_GetObjectItemCaseSensitive(summary, "phases");
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(phases, "names");
    const cJSON *after = cJSON_GetObjectItemCaseSensitive(phases, "after");
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(phases, "of");
    static const char *const facts[][2] = {{"acc", "ACC, at the end"},
                                           {"la", "LA, when learned"},
                                           {"bwt", "BWT, backward transfer"},
                                           {"fwt", "FWT, forward transfer"},
                                           {"forgetting", "forgetting"}};
    char label[80];
    if (!names) return;
    snprintf(label, sizeof label, "validation %.40s of", cJSON_IsString(of) ? of->valuestring : "");
    print_matrix_row(names, label, NULL);
    print_matrix_row(names, "before", cJSON_GetObjectItemCaseSensitive(phases, "before"));
    for (int i = 0; i < cJSON_GetArraySize(after); i++) {
        snprintf(label, sizeof label, "after %.60s", name_at(names, i));
        print_matrix_row(names, label, cJSON_GetArrayItem(after, i));
    }
    for (size_t i = 0; i < HTH_COUNT(facts); i++)
        if (isfinite(number_of(phases, facts[i][0])))
            cli_print_row(facts[i][1], "%.4f", number_of(phases, facts[i][0]));
}

cJSON *cli_read_summary(const char *run) {
    char path[LINE_LENGTH];
    snprintf(path, sizeof path, "%s/summary.json", run);
    return cli_read_json(path);
}

bool cli_print_summary(const char *run) {
    cJSON *summary = cli_read_summary(run);
    if (!summary) return false;
    char memory[40];
    /* Sizes and counts. */
    if (isfinite(number_of(summary, "parameters")))
        cli_print_row("parameters", "%.0f", number_of(summary, "parameters"));
    cli_format_bytes(memory, sizeof memory, number_of(summary, "learner_bytes"));
    if (number_of(summary, "learner_bytes") > 0) cli_print_row("learner state", "%s", memory);
    if (number_of(summary, "epochs") > 0) print_number(summary, "epochs", "epochs");
    if (isfinite(number_of(summary, "steps")))
        cli_print_row("time steps", "%.0f", number_of(summary, "steps"));
    if (number_of(summary, "updates") > 0)
        cli_print_row("updates", "%.0f", number_of(summary, "updates"));
    /* Why it ended, and where it was best. */
    if (number_of(summary, "patience_spent") > 0)
        cli_print_row("stopped", "after %.0f validations without a better one (train.patience)",
                      number_of(summary, "patience_spent"));
    if (number_of(summary, "best_validation_step") > 0)
        cli_print_row("best validation loss at", "step %.0f (checkpoint.best.safetensors)",
                      number_of(summary, "best_validation_step"));
    if (isfinite(number_of(summary, "stop_step")))
        cli_print_row("goal reached", "at step %.0f", number_of(summary, "stop_step"));
    /* Loss and metric of each split. */
    static const char *const parts[][2] = {{"train", "train"},
                                           {"validation", "validation"},
                                           {"best_validation", "best validation"},
                                           {"test", "test"}};
    for (size_t i = 0; i < HTH_COUNT(parts); i++) {
        char field[40], name[40];
        snprintf(field, sizeof field, "%s_loss", parts[i][0]);
        snprintf(name, sizeof name, "%s loss", parts[i][1]);
        print_loss(summary, field, name);
        snprintf(field, sizeof field, "%s_metric", parts[i][0]);
        print_metric(summary, field, parts[i][1]);
    }
    print_phases(summary);
    print_time(summary);
    cJSON_Delete(summary);
    return true;
}

/* The last line that is whole. */
static cJSON *last_line(const char *path) {
    char line[LINE_LENGTH];
    cJSON *last = NULL;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        cJSON *object = cJSON_Parse(line);
        if (!object) continue;
        cJSON_Delete(last);
        last = object;
    }
    if (file) fclose(file);
    return last;
}

cJSON *cli_read_latest(const char *run) {
    char path[LINE_LENGTH];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    return last_line(path);
}

void cli_print_latest(const char *run) {
    char memory[40];
    cJSON *line = cli_read_latest(run);
    if (!line) return;
    print_number(line, "epoch", "at epoch");
    if (isfinite(number_of(line, "step")))
        cli_print_row("at time step", "%.0f", number_of(line, "step"));
    print_number(line, "train_loss", "train loss");
    print_metric(line, "train_metric", "train");
    print_number(line, "validation_loss", "validation loss");
    print_metric(line, "validation_metric", "validation");
    cli_format_bytes(memory, sizeof memory, number_of(line, "memory_bytes"));
    if (number_of(line, "memory_bytes") > 0) cli_print_row("memory", "%s", memory);
    cJSON_Delete(line);
}
