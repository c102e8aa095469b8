/*
 * metrics.jsonl: one JSON object a line, appended, so that it can be followed during a run. summary.json: one
 * object, written at the end. Unknown values are null.
 */
#include "files/lines.h"

#include "files/draft.h"

#include <cJSON.h>
#include <errno.h>
#include <fcntl.h>
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

/* Writes as few digits as are needed to read back the same double. */
static const char *exact(double value, char out[32]) {
    enum { FEWEST = 9, MOST = 17 };
    int digits = FEWEST;
    hth_json_number(value, digits, out);
    while (isfinite(value) && digits < MOST && strtod(out, NULL) != value)
        hth_json_number(value, ++digits, out);
    return out;
}

/* Writes a value measured by the clock. */
static const char *measured(double value, char out[32]) {
    return hth_json_number(value, 9, out);
}

/* ---- Lines -------------------------------------------------------------------------------- */

/* A file being read line by line. */
typedef struct line_reader {
    FILE *file;
    const char *path;
    char *text; /* the current line, with '\0' at its end */
    size_t capacity, number;
    long end; /* byte offset of the end of the current line */
} line_reader;

/* Reads the next line that ends with '
 * '. False if there is none, or after an error, when *status is not HTH_OK. */
static bool next_line(line_reader *r, hth_status *status, hth_error *error) {
    errno = 0;
    const ssize_t length = getline(&r->text, &r->capacity, r->file);
    if (length < 0 && errno) *status = hth_file_fail(r->path, "read", error);
    if (length <= 0 || r->text[length - 1] != '\n') return false;
    r->end += length;
    r->number++;
    return true;
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* Reads a whole number that is not negative; false for anything else. */
static bool count_of(const cJSON *object, const char *name, uint64_t *out) {
    const double most = 9007199254740992.0; /* 2^53: whole numbers up to this are exact */
    const double value = number_of(object, name);
    if (!(value >= 0 && value <= most && value == floor(value))) return false;
    *out = (uint64_t)value;
    return true;
}

/* Parses the line as an object with a step. *out NULL with HTH_OK: the line is damaged. The caller calls
 * cJSON_Delete(*out). */
static hth_status parse(const line_reader *r, cJSON **out, uint64_t *step, hth_error *error) {
    errno = 0;
    *out = cJSON_Parse(r->text);
    if (!*out && errno == ENOMEM) return hth_file_fail(r->path, "read", error);
    if (*out && cJSON_IsObject(*out) && count_of(*out, "step", step)) return HTH_OK;
    cJSON_Delete(*out);
    *out = NULL;
    return HTH_OK;
}

/* ---- Resuming ----------------------------------------------------------------------------- */

/* How much of the file is kept. Steps only grow, so a line of a later step counts as damaged if an earlier step
 * follows. */
typedef struct history {
    long kept; /* bytes to keep */
    /* damaged: number of unreadable lines among them; first: number of the first one */
    size_t damaged, first;
    /* the same for lines after a later step, which are kept only if an earlier step follows */
    size_t waiting, earlier;
} history;

static void keep_damaged(history *h, size_t number, size_t count) {
    if (h->damaged == 0 && count > 0) h->first = number;
    h->damaged += count;
}

static void take_line(history *h, const line_reader *r, bool readable, bool later) {
    if (later || (!readable && h->waiting)) {
        if (h->waiting++ == 0) h->earlier = r->number;
        return;
    }
    keep_damaged(h, h->earlier, h->waiting);
    keep_damaged(h, r->number, !readable);
    h->waiting = 0;
    h->kept = r->end;
}

static hth_status find_history(const char *path, uint64_t keep_to, history *out, hth_error *error) {
    line_reader r = {.path = path, .file = fopen(path, "re")};
    if (!r.file && errno == ENOENT) return HTH_OK;
    if (!r.file) return hth_file_fail(path, "read", error);
    hth_status status = HTH_OK;
    while (status == HTH_OK && next_line(&r, &status, error)) {
        cJSON *line;
        uint64_t step = 0;
        status = parse(&r, &line, &step, error);
        take_line(out, &r, line != NULL, line && step > keep_to);
        cJSON_Delete(line);
    }
    free(r.text);
    fclose(r.file);
    return status;
}

static void tell_damaged(const char *path, const history *h, const hth_observer *observer) {
    char sentence[HTH_PATH_LENGTH + 120], more[48] = "";
    if (h->damaged == 0 || !observer || !observer->message) return;
    if (h->damaged > 1) snprintf(more, sizeof more, ", nor can %zu other lines", h->damaged - 1);
    snprintf(sentence, sizeof sentence,
             "%s: line %zu cannot be read%s; what is there is kept as it is", path, h->first, more);
    observer->message(observer->context, sentence);
}

/* Opens the file at its end, cut to `kept` bytes. A link is not followed, because its target is not the run's file. */
static FILE *open_end(const char *path, long kept) {
    const int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (opened < 0) return NULL;
    FILE *file = ftruncate(opened, kept) == 0 ? fdopen(opened, "a") : NULL;
    const int reason = errno;
    if (!file) close(opened);
    errno = reason;
    return file;
}

hth_status hth_metrics_open(const char *path, uint64_t keep_to, const hth_observer *observer,
                            FILE **out, hth_error *error) {
    history h = {0};
    if (keep_to) HTH_TRY(find_history(path, keep_to, &h, error));
    *out = open_end(path, h.kept);
    if (!*out) return hth_file_fail(path, "written", error);
    tell_damaged(path, &h, observer);
    return HTH_OK;
}

hth_status hth_metrics_append(FILE *file, const hth_progress *p, hth_error *error) {
    char text[9][32];
    int written = fprintf(
        file,
        "{\"step\": %llu, \"epoch\": %llu, \"updates\": %llu, \"train_loss\": %s, "
        "\"train_metric\": %s, "
        "\"validation_loss\": %s, \"validation_metric\": %s, \"metric\": \"%s\", "
        "\"spike_rate\": %s, \"regulariser\": %s, \"learning_rate\": %s, \"seconds\": %s, "
        "\"steps_per_second\": "
        "%s, \"memory_bytes\": "
        "%zu}\n",
        (unsigned long long)p->step, (unsigned long long)p->epoch, (unsigned long long)p->updates,
        exact(p->train_loss, text[0]), exact(p->train_metric, text[1]),
        exact(p->validation_loss, text[2]), exact(p->validation_metric, text[3]), p->metric,
        exact(p->spike_rate, text[7]), exact(p->regulariser, text[8]),
        exact(p->learning_rate, text[4]), measured(p->seconds, text[5]),
        measured(p->steps_per_second, text[6]), p->memory_bytes);
    if (written < 0 || fflush(file) != 0)
        return hth_fail(error, HTH_FILE, "metrics.jsonl: cannot be written: %s", strerror(errno));
    return HTH_OK;
}

void hth_metrics_sync(FILE *file) {
    fsync(fileno(file));
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* Values that are not numbers become NAN, counts become 0. */
static hth_line parsed_line(const cJSON *object, uint64_t step) {
    hth_line line = {
        .step = step,
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
    count_of(object, "epoch", &line.epoch);
    return line;
}

static bool add_line(hth_line **lines, size_t *count, hth_line line) {
    /* The room starts at 64 and doubles whenever it is full. */
    if (*count == 0 || (*count >= 64 && (*count & (*count - 1)) == 0)) {
        void *longer = realloc(*lines, (*count ? 2 * *count : 64) * sizeof line);
        if (!longer) return false;
        *lines = longer;
    }
    (*lines)[(*count)++] = line;
    return true;
}

static hth_status read_lines(line_reader *r, hth_line **lines, size_t *count, size_t *damaged,
                             hth_error *error) {
    hth_status status = HTH_OK;
    /* Parse each line; count those that are damaged. */
    while (status == HTH_OK && next_line(r, &status, error)) {
        cJSON *object;
        uint64_t step = 0;
        status = parse(r, &object, &step, error);
        *damaged += !object;
        if (object && !add_line(lines, count, parsed_line(object, step)))
            status = hth_fail(error, HTH_NO_MEMORY, "not enough memory to read %s", r->path);
        cJSON_Delete(object);
    }
    return status;
}

hth_status hth_metrics_read(const char *path, hth_line **lines, size_t *count, size_t *damaged,
                            hth_error *error) {
    line_reader r = {.path = path, .file = fopen(path, "re")};
    /* Read the lines until the file ends. */
    size_t unread = 0;
    *lines = NULL;
    *count = 0;
    if (!r.file) return hth_file_fail(path, "read", error);
    const hth_status status = read_lines(&r, lines, count, &unread, error);
    free(r.text);
    fclose(r.file);
    if (damaged) *damaged = unread;
    /* After an error nothing is left. */
    if (status == HTH_OK) return HTH_OK;
    free(*lines);
    *lines = NULL;
    *count = 0;
    return status;
}

/* ---- Summary ------------------------------------------------------------------------------ */

hth_status hth_summary_write(const char *path, const hth_summary *s, hth_error *error) {
    /* List the numbers with their names. */
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
    /* Write the texts and counts. */
    enum { ROOM = 2048 };
    char value[32];
    const size_t size = ROOM + (s->phases ? strlen(s->phases) : 0);
    char *text = malloc(size);
    if (!text) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %s", path);
    int used = snprintf(
        text, size,
        "{\n  \"version\": \"%s\",\n  \"precision\": \"%s\",\n  \"task\": \"%s\",\n"
        "  \"cell\": \"%s\",\n  \"learner\": \"%s\",\n  \"learner_bytes\": %llu,\n"
        "  \"metric\": \"%s\",\n"
        "  \"seed\": %llu,\n  \"parameters\": %llu,\n  \"steps\": %llu,\n"
        "  \"epochs\": %llu,\n  \"updates\": %llu,\n  \"best_validation_step\": %llu,\n"
        "  \"patience_spent\": %llu",
        hth_version(), sizeof(hth_real) == 8 ? "double" : "single", s->task, s->cell, s->learner,
        (unsigned long long)s->learner_bytes, s->metric, (unsigned long long)s->seed,
        (unsigned long long)s->parameters, (unsigned long long)s->steps,
        (unsigned long long)s->epochs, (unsigned long long)s->updates,
        (unsigned long long)s->best_step, (unsigned long long)s->patience);
    /* Write the numbers. */
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        used += snprintf(text + used, size - (size_t)used, ",\n  \"%s\": %s", rows[i].name,
                         exact(rows[i].value, value));
    if (s->phases)
        used += snprintf(text + used, size - (size_t)used, ",\n  \"phases\": %s", s->phases);
    snprintf(text + used, size - (size_t)used, "\n}\n");
    const hth_status status = hth_file_replace(path, text, error);
    free(text);
    return status;
}
