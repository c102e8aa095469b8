/*
 * What fuzz targets share: a folder of files, in memory where the system has one, that the target fills from its input
 * and gives to a reader. A target is one file; `scripts/fuzz` runs it. A status and a sentence are right answers to any
 * input; a crash, a leak, a read beyond an array or a sentence that is missing is a finding.
 */
#ifndef HTH_FUZZ_H
#define HTH_FUZZ_H

#include "tasks/stream.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_folder[64];

static inline void fuzz_leave(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", fuzz_folder);
    if (*fuzz_folder && system(command)) abort();
}

/* folder/NAME; valid until 8 calls later. */
static inline const char *fuzz_path(const char *name) {
    static char paths[8][128];
    static unsigned turn;
    if (!*fuzz_folder) {
        snprintf(fuzz_folder, sizeof fuzz_folder, "%s/hitherto-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(fuzz_folder)) abort();
        atexit(fuzz_leave);
    }
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", fuzz_folder, name);
    return path;
}

/* By calls of the system: a stream would take and give back memory for every file. */
static inline void fuzz_write(const char *name, const void *bytes, size_t size) {
    const int file = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size || close(file)) abort();
}

static inline void fuzz_text(const char *name, const char *text) {
    fuzz_write(name, text, strlen(text));
}

/* The first byte of an input chooses one of `count` things; the rest is its content. */
static inline size_t fuzz_choose(const uint8_t **data, size_t *size, size_t count) {
    if (*size == 0) return 0;
    const size_t choice = (*data)[0] % count;
    ++*data;
    --*size;
    return choice;
}

/* Every refusal says something. */
static inline void fuzz_refused(hth_status status, const hth_error *error) {
    if (status == HTH_OK || error->message[0]) return;
    fprintf(stderr, "a refusal without a sentence\n");
    abort();
}

/* Opens a reader with settings (pairs, NULL at the end) for training and validation, and reads a few chunks. */
static inline void fuzz_stream(const char *name, const char *const *settings) {
    hth_setting items[16];
    hth_settings all = {items, 0};
    const hth_stream_kind *kind = NULL;
    for (; settings[0]; settings += 2)
        items[all.count++] = (hth_setting){settings[0], settings[1], NULL};
    for (size_t i = 0; i < hth_readers.count; i++)
        if (strcmp(hth_readers.at(i)->name, name) == 0) kind = hth_reader_at(i);
    for (int split = HTH_TRAIN; kind && split <= HTH_VALIDATE; split++) {
        const hth_stream_context context = {&all, (hth_split)split, 2, 1};
        hth_shape shape;
        hth_error error = {.message = ""};
        void *state = NULL;
        hth_status status = kind->open(&context, &state, &shape, &error);
        fuzz_refused(status, &error);
        if (status != HTH_OK || !state) continue;
        /* Rows of millions of numbers, which a few bytes can ask for, only take time. */
        const int chunks = shape.inputs > 1 << 16 ? 0 : 6;
        for (int i = 0; i < chunks; i++) {
            hth_chunk chunk;
            hth_position_flags flags;
            if ((status = kind->next(state, 5, &chunk, &flags, &error)) != HTH_OK) break;
            if (chunk.steps < 1 || chunk.steps > 5 || chunk.batch != 2) abort();
        }
        fuzz_refused(status, &error);
        kind->close(state);
    }
}

#endif
