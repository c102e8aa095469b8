/*
 * metrics.jsonl: a JSON object a line, appended, so that it can be followed while a run goes on.
 * summary.json: one object, at the end. What is not known is null.
 */
#include "experiment/metrics.h"

#include "experiment/rundir.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number as JSON has it: there is no NaN in it. */
static const char *number(double value, char out[32]) {
    if (isfinite(value))
        snprintf(out, 32, "%.9g", value);
    else
        snprintf(out, 32, "null");
    return out;
}

/* ---- Lines -------------------------------------------------------------------------------- */

enum { LINE_LENGTH = 1024 };

/* False for what is no whole line of ours. */
static bool line_step(const char *line, uint64_t *step) {
    static const char start[] = "{\"step\": ";
    size_t length = strlen(line);
    if (length < 3 || strcmp(line + length - 2, "}\n") != 0) return false;
    if (strncmp(line, start, sizeof start - 1) != 0) return false;
    *step = strtoull(line + sizeof start - 1, NULL, 10);
    return true;
}

/* How many bytes at the beginning are whole lines of steps <= keep_to. */
static long kept_length(FILE *file, uint64_t keep_to) {
    char line[LINE_LENGTH];
    long kept = 0;
    uint64_t step;
    while (fgets(line, sizeof line, file) && line_step(line, &step) && step <= keep_to)
        kept = ftell(file);
    return kept;
}

hth_status hth_metrics_open(const char *path, uint64_t keep_to, FILE **out, hth_error *error) {
    FILE *old = keep_to ? fopen(path, "r") : NULL;
    long kept = old ? kept_length(old, keep_to) : 0;
    if (old) fclose(old);
    FILE *file = fopen(path, "a");
    if (!file || kept < 0 || ftruncate(fileno(file), kept) != 0) {
        hth_fail(error, HTH_FILE, "%s: cannot be written: %s", path, strerror(errno));
        if (file) fclose(file);
        return HTH_FILE;
    }
    *out = file;
    return HTH_OK;
}

hth_status hth_metrics_append(FILE *file, const hth_progress *p, hth_error *error) {
    char text[8][32];
    int written =
        fprintf(file,
                "{\"step\": %llu, \"epoch\": %llu, \"train_loss\": %s, \"train_metric\": %s, "
                "\"validation_loss\": %s, \"validation_metric\": %s, \"metric\": \"%s\", "
                "\"spike_rate\": %s, \"learning_rate\": %s, \"seconds\": %s, \"steps_per_second\": "
                "%s, \"memory_bytes\": "
                "%zu}\n",
                (unsigned long long)p->step, (unsigned long long)p->epoch,
                number(p->train_loss, text[0]), number(p->train_metric, text[1]),
                number(p->validation_loss, text[2]), number(p->validation_metric, text[3]),
                p->metric, number(p->spike_rate, text[7]), number(p->learning_rate, text[4]),
                number(p->seconds, text[5]), number(p->steps_per_second, text[6]), p->memory_bytes);
    if (written < 0 || fflush(file) != 0)
        return hth_fail(error, HTH_FILE, "metrics.jsonl: cannot be written: %s", strerror(errno));
    return HTH_OK;
}

void hth_metrics_sync(FILE *file) {
    fsync(fileno(file));
}

/* ---- Summary ------------------------------------------------------------------------------ */

hth_status hth_summary_write(const char *path, const hth_summary *s, hth_error *error) {
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"train_loss", s->train_loss},
        {"train_metric", s->train_metric},
        {"validation_loss", s->validation_loss},
        {"validation_metric", s->validation_metric},
        {"best_validation_loss", s->best_validation_loss},
        {"best_validation_metric", s->best_validation_metric},
        {"test_loss", s->test_loss},
        {"test_metric", s->test_metric},
        {"seconds", s->seconds},
    };
    char text[LINE_LENGTH * 2], value[32];
    int used =
        snprintf(text, sizeof text,
                 "{\n  \"version\": \"%s\",\n  \"precision\": \"%s\",\n  \"metric\": \"%s\",\n"
                 "  \"seed\": %llu,\n  \"parameters\": %llu,\n  \"steps\": %llu,\n"
                 "  \"epochs\": %llu,\n  \"best_validation_step\": %llu",
                 hth_version(), sizeof(hth_real) == 8 ? "double" : "single", s->metric,
                 (unsigned long long)s->seed, (unsigned long long)s->parameters,
                 (unsigned long long)s->steps, (unsigned long long)s->epochs,
                 (unsigned long long)s->best_step);
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        used += snprintf(text + used, sizeof text - (size_t)used, ",\n  \"%s\": %s", rows[i].name,
                         number(rows[i].value, value));
    snprintf(text + used, sizeof text - (size_t)used, "\n}\n");
    return hth_file_replace(path, text, error);
}
