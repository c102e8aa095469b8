/* What tests of runs share: a scratch folder, settings from one line, training in it, and comparing
 * the files that come of it. */
#ifndef HTH_TEST_RUNS_H
#define HTH_TEST_RUNS_H

#include "check/align.h"
#include "check/check.h"
#include "files/safetensors.h"
#include "run/train.h"
#include "session/reopen.h"

#include "scratch.h"

/* "a=b c=d": settings. */
static inline hth_config *configure(const char *line) {
    char text[1024], *rest = text;
    hth_config *config;
    hth_error error;
    snprintf(text, sizeof text, "%s", line);
    assert_int_equal(hth_config_create(&config, NULL), HTH_OK);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        if (hth_config_override(config, word, &error) != HTH_OK) fail_msg("%s", error.message);
    return config;
}

typedef struct heard {
    unsigned messages, calls;
    char all[2048]; /* the sentences, one after the other */
    hth_progress last;
} heard;

static inline void hear_message(void *context, const char *sentence) {
    heard *h = context;
    size_t used = strlen(h->all);
    snprintf(h->all + used, sizeof h->all - used, "%s\n", sentence);
    h->messages++;
}

static inline void hear_progress(void *context, const hth_progress *progress) {
    heard *h = context;
    h->last = *progress;
    h->calls++;
}

static inline hth_observer listen(heard *h) {
    *h = (heard){0};
    return (hth_observer){.progress = hear_progress, .message = hear_message, .context = h};
}

/* Trains scratch/name with the settings of a line. */
static inline hth_status train_line(const char *line, const char *name, bool resume,
                                    const hth_observer *observer, hth_ending *ending,
                                    hth_error *error) {
    hth_config *config = configure(line);
    hth_outcome outcome;
    hth_status status =
        hth_train(config, scratch_path(name), resume, &hth_align_guest, observer, &outcome, error);
    hth_config_destroy(config);
    *ending = outcome.ending;
    return status;
}

static inline void train_whole(const char *line, const char *name) {
    hth_ending ending;
    hth_error error;
    hth_status status = train_line(line, name, false, NULL, &ending, &error);
    if (status != HTH_OK) fail_msg("%s: %s", line, error.message);
    assert_int_equal(ending, HTH_FINISHED);
}

/* The whole file, ended by '\0'; free it. */
static inline char *read_whole(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = calloc(*length + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

/* How many tensors of two checkpoints differ in a bit, the time
 * apart. */
static inline size_t different_tensors(const char *run_a, const char *run_b) {
    const char *runs[2] = {run_a, run_b};
    hth_safetensors *files[2];
    char *bytes[2], path[320];
    const char *data[2];
    size_t count[2], length, different = 0;
    const hth_tensor *list[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(runs[i]));
        assert_int_equal(hth_safetensors_open(path, &files[i], NULL), HTH_OK);
        bytes[i] = read_whole(path, &length);
        uint64_t header;
        memcpy(&header, bytes[i], sizeof header);
        data[i] = bytes[i] + sizeof header + header;
        list[i] = hth_safetensors_list(files[i], &count[i]);
    }
    assert_int_equal(count[0], count[1]);
    assert_true(count[0] > 10);
    for (size_t i = 0; i < count[0]; i++) {
        const hth_tensor *a = &list[0][i], *b = &list[1][i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->end - a->begin, b->end - b->begin);
        if (strcmp(a->name, "run.seconds") == 0) continue;
        /* The last step's row has yet to read its input: that part of it is what lay there before. */
        if (strstr(a->name, "tape") && strstr(a->name, ".u")) continue;
        different += memcmp(data[0] + a->begin, data[1] + b->begin, a->end - a->begin) != 0;
    }
    for (int i = 0; i < 2; i++) {
        hth_safetensors_close(files[i]);
        free(bytes[i]);
    }
    return different;
}

/* Whether metrics.jsonl of two runs are the same but for what measures time and memory. */
static inline bool same_metrics(const char *run_a, const char *run_b) {
    char path[320], *text[2], *rest[2];
    const char *runs[2] = {run_a, run_b};
    bool same = true;
    for (int i = 0; i < 2; i++) {
        size_t length;
        snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(runs[i]));
        rest[i] = text[i] = read_whole(path, &length);
        assert_true(length > 0);
    }
    while (same) {
        char *a = strtok_r(rest[0], "\n", &rest[0]), *b = strtok_r(rest[1], "\n", &rest[1]);
        same = !a == !b;
        if (!a || !b) break;
        const char *end = strstr(a, ", \"seconds\"");
        assert_non_null(end);
        same = strncmp(a, b, (size_t)(end - a) + 11) == 0;
    }
    free(text[0]);
    free(text[1]);
    return same;
}

/* Trains `line` at a stretch, and interrupted after each and every tape, more than `least` times: the same bits. The
 * runs are called whole<i> and pieces<i>. */
static inline void assert_interruptions_change_no_bit(const char *line, size_t i, unsigned least) {
    static const volatile sig_atomic_t always = 1;
    enum { TOO_MANY = 60 };
    char whole[32], pieces[32];
    snprintf(whole, sizeof whole, "whole%zu", i);
    snprintf(pieces, sizeof pieces, "pieces%zu", i);
    train_whole(line, whole);
    heard h;
    hth_observer observer = listen(&h);
    observer.interrupted = &always;
    hth_ending ending = HTH_INTERRUPTED;
    unsigned calls = 0;
    for (; ending == HTH_INTERRUPTED && calls < TOO_MANY; calls++) {
        hth_error error;
        if (train_line(line, pieces, calls > 0, &observer, &ending, &error) != HTH_OK)
            fail_msg("%s: %s", line, error.message);
    }
    if (!(calls > least && calls < TOO_MANY)) fail_msg("%s: %u calls", line, calls);
    if (different_tensors(whole, pieces)) fail_msg("other bits: %s", line);
    if (!same_metrics(whole, pieces)) fail_msg("other metrics: %s", line);
}

/* The number that a JSON text has for a key. */
static inline double json_number(const char *text, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *at = strstr(text, quoted);
    if (!at) fail_msg("no %s", key);
    return strtod(at + strlen(quoted), NULL);
}

static inline double summary_number(const char *run, const char *key) {
    char path[320];
    size_t length;
    snprintf(path, sizeof path, "%s/summary.json", scratch_path(run));
    char *text = read_whole(path, &length);
    double value = json_number(text, key);
    free(text);
    return value;
}

/* A small corpus in the folder scratch/corpus, for the reader text. */
static inline int write_corpus(void) {
    static const char *const names[] = {"ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"};
    if (mkdir(scratch_path("corpus"), 0777) != 0) return -1;
    for (int i = 0; i < 3; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s", scratch_path("corpus"), names[i]);
        FILE *file = fopen(path, "w");
        if (!file) return -1;
        for (int k = 0; k < 40; k++)
            fprintf(file, " the cat%s sat on the mat %s\n", k % 3 ? "" : " never",
                    k % 2 ? "and slept" : "again");
        fclose(file);
    }
    return 0;
}

#endif
