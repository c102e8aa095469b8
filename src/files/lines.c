/*
 * metrics.jsonl: a JSON object a line, appended, so that it can be followed while a run goes on.
 * summary.json: one object, at the end. What is not known is null.
 */
#include "files/lines.h"

#include "files/folder.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *hth_json_number(double value, int digits, char out[32]) {
    if (isfinite(value))
        snprintf(out, 32, "%.*g", digits, value);
    else
        snprintf(out, 32, "null");
    return out;
}

/* With as few digits as read back as the same double. */
static const char *exact(double value, char out[32]) {
    enum { FEWEST = 9, MOST = 17 };
    int digits = FEWEST;
    hth_json_number(value, digits, out);
    while (isfinite(value) && digits < MOST && strtod(out, NULL) != value)
        hth_json_number(value, ++digits, out);
    return out;
}

/* What was measured by the clock. */
static const char *measured(double value, char out[32]) {
    return hth_json_number(value, 9, out);
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
    char text[9][32];
    int written = fprintf(
        file,
        "{\"step\": %llu, \"epoch\": %llu, \"train_loss\": %s, \"train_metric\": %s, "
        "\"validation_loss\": %s, \"validation_metric\": %s, \"metric\": \"%s\", "
        "\"spike_rate\": %s, \"regulariser\": %s, \"learning_rate\": %s, \"seconds\": %s, "
        "\"steps_per_second\": "
        "%s, \"memory_bytes\": "
        "%zu}\n",
        (unsigned long long)p->step, (unsigned long long)p->epoch, exact(p->train_loss, text[0]),
        exact(p->train_metric, text[1]), exact(p->validation_loss, text[2]),
        exact(p->validation_metric, text[3]), p->metric, exact(p->spike_rate, text[7]),
        exact(p->regulariser, text[8]), exact(p->learning_rate, text[4]),
        measured(p->seconds, text[5]), measured(p->steps_per_second, text[6]), p->memory_bytes);
    if (written < 0 || fflush(file) != 0)
        return hth_fail(error, HTH_FILE, "metrics.jsonl: cannot be written: %s", strerror(errno));
    return HTH_OK;
}

void hth_metrics_sync(FILE *file) {
    fsync(fileno(file));
}

/* ---- Reading ------------------------------------------------------------------------------ */

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static hth_line parsed_line(const cJSON *object) {
    return (hth_line){
        .step = (uint64_t)number_of(object, "step"),
        .epoch = (uint64_t)number_of(object, "epoch"),
        .train_loss = number_of(object, "train_loss"),
        .train_metric = number_of(object, "train_metric"),
        .validation_loss = number_of(object, "validation_loss"),
        .validation_metric = number_of(object, "validation_metric"),
        .spike_rate = number_of(object, "spike_rate"),
        .regulariser = number_of(object, "regulariser"),
        .learning_rate = number_of(object, "learning_rate"),
        .seconds = number_of(object, "seconds"),
        .steps_per_second = number_of(object, "steps_per_second"),
        .memory_bytes = number_of(object, "memory_bytes"),
    };
}

static bool add_line(hth_line **lines, size_t *count, hth_line line) {
    /* Room doubles at powers of 2 from 64 on. */
    if (*count == 0 || (*count >= 64 && (*count & (*count - 1)) == 0)) {
        void *longer = realloc(*lines, (*count ? 2 * *count : 64) * sizeof line);
        if (!longer) return false;
        *lines = longer;
    }
    (*lines)[(*count)++] = line;
    return true;
}

hth_status hth_metrics_read(const char *path, hth_line **lines, size_t *count, hth_error *error) {
    char text[LINE_LENGTH];
    uint64_t step;
    bool room = true;
    FILE *file = fopen(path, "r");
    *lines = NULL;
    *count = 0;
    if (!file) return hth_fail(error, HTH_FILE, "%s: cannot be read: %s", path, strerror(errno));
    while (room && fgets(text, sizeof text, file) && line_step(text, &step)) {
        cJSON *object = cJSON_Parse(text);
        room = object && add_line(lines, count, parsed_line(object));
        cJSON_Delete(object);
    }
    fclose(file);
    if (room) return HTH_OK;
    free(*lines);
    *lines = NULL;
    *count = 0;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory to read %s", path);
}

/* ---- Summary ------------------------------------------------------------------------------ */

hth_status hth_summary_write(const char *path, const hth_summary *s, hth_error *error) {
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"stop_step", s->stop_step},
        {"stop_sequence",
         s->sequence_steps ? s->stop_step / (double)s->sequence_steps : (double)NAN},
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
    int used = snprintf(text, sizeof text,
                        "{\n  \"version\": \"%s\",\n  \"precision\": \"%s\",\n  \"task\": \"%s\",\n"
                        "  \"cell\": \"%s\",\n  \"learner\": \"%s\",\n  \"learner_bytes\": %llu,\n"
                        "  \"metric\": \"%s\",\n"
                        "  \"seed\": %llu,\n  \"parameters\": %llu,\n  \"steps\": %llu,\n"
                        "  \"epochs\": %llu,\n  \"best_validation_step\": %llu",
                        hth_version(), sizeof(hth_real) == 8 ? "double" : "single", s->task,
                        s->cell, s->learner, (unsigned long long)s->learner_bytes, s->metric,
                        (unsigned long long)s->seed, (unsigned long long)s->parameters,
                        (unsigned long long)s->steps, (unsigned long long)s->epochs,
                        (unsigned long long)s->best_step);
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        used += snprintf(text + used, sizeof text - (size_t)used, ",\n  \"%s\": %s", rows[i].name,
                         exact(rows[i].value, value));
    snprintf(text + used, sizeof text - (size_t)used, "\n}\n");
    return hth_file_replace(path, text, error);
}
