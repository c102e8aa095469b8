/* Feature, label and list files of tests of the reader `speech`, in the scratch folder. */
#ifndef HTH_TEST_SPEECH_CORPUS_H
#define HTH_TEST_SPEECH_CORPUS_H

#include "scratch.h"
#include "tasks/stream.h"

static hth_error message;

static inline const hth_stream_kind *speech(void) {
    for (size_t i = 0; i < hth_readers.count; i++)
        if (!strcmp(hth_readers.at(i)->name, "speech")) return hth_reader_at(i);
    return NULL;
}

static inline void assert_message(const char *part) {
    if (!strstr(message.message, part))
        fail_msg("'%s' is not in the message '%s'", part, message.message);
}

static inline void write_text(const char *name, const char *text) {
    scratch_write(name, text, strlen(text));
}

static inline void make_folder(const char *name) {
    assert_int_equal(mkdir(scratch_path(name), 0700), 0);
}

static inline void remove_files(const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) remove(scratch_path(names[i]));
}

/* Big-endian. */
static inline size_t put(unsigned char *to, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
    return bytes;
}

static inline size_t put_floats(unsigned char *to, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], 4);
        put(to + 4 * i, word, 4);
    }
    return 4 * count;
}

/* A count and the floats. */
static inline void write_sphinx(const char *name, const float *values, size_t count) {
    unsigned char bytes[4096];
    assert_true(4 + 4 * count <= sizeof bytes);
    size_t length = put(bytes, (uint32_t)count, 4);
    length += put_floats(bytes + length, values, count);
    scratch_write(name, bytes, length);
}

static inline void write_htk(const char *name, const float *values, size_t frames, size_t channels,
                             uint32_t period, uint32_t kind) {
    unsigned char bytes[4096];
    size_t length = put(bytes, (uint32_t)frames, 4);
    length += put(bytes + length, period, 4);
    length += put(bytes + length, (uint32_t)(4 * channels), 2);
    length += put(bytes + length, kind, 2);
    length += put_floats(bytes + length, values, frames * channels);
    scratch_write(name, bytes, length);
}

/* Settings as "key value key value ... NULL"; the scratch folder is written @. */
enum { MOST_SETTINGS = 24 };

static inline hth_status open_speech(const char *const *pairs, hth_split split, size_t batch,
                                     uint64_t seed, void **state, hth_shape *shape) {
    static char texts[MOST_SETTINGS][512];
    hth_setting items[MOST_SETTINGS];
    hth_settings settings = {items, 0};
    for (; pairs && pairs[0]; pairs += 2) {
        assert_true(settings.count < MOST_SETTINGS);
        char *text = texts[settings.count];
        const char *value = pairs[1];
        if (value[0] == '@')
            snprintf(text, sizeof texts[0], "%s%s", scratch, value + 1);
        else
            snprintf(text, sizeof texts[0], "%s", value);
        items[settings.count++] = (hth_setting){pairs[0], text, NULL};
    }
    const hth_stream_context context = {&settings, split, batch, seed};
    message.message[0] = '\0';
    *state = NULL;
    return speech()->open(&context, state, shape, &message);
}

static inline void *speech_opened(const char *const *pairs, hth_split split, size_t batch,
                                  uint64_t seed, hth_shape *shape) {
    void *state;
    if (open_speech(pairs, split, batch, seed, &state, shape)) fail_msg("%s", message.message);
    assert_non_null(state);
    return state;
}

static inline hth_chunk speech_chunk(void *state, size_t steps, hth_position_flags *flags) {
    hth_chunk chunk;
    if (speech()->next(state, steps, &chunk, flags, &message)) fail_msg("%s", message.message);
    assert_null(chunk.tokens);
    assert_null(chunk.targets);
    return chunk;
}

#endif
