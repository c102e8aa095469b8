/* What tests of readers share: opening one by name with a few settings, and what it says when it refuses. */
#ifndef HTH_TEST_STREAMS_H
#define HTH_TEST_STREAMS_H

#include "scratch.h"
#include "tasks/stream.h"

static hth_error message;

static inline const hth_stream_kind *reader(const char *name) {
    for (size_t i = 0; i < hth_readers.count; i++)
        if (!strcmp(hth_readers.at(i)->name, name)) return hth_reader_at(i);
    fail_msg("no reader %s", name);
    return NULL;
}

/* settings: pairs of key and value, NULL at the end. */
static inline hth_status open_stream(const char *name, const char *const *settings, hth_split split,
                                     size_t batch, void **state, hth_shape *shape) {
    enum { MOST = 16 };
    hth_setting items[MOST];
    hth_settings all = {items, 0};
    for (; settings[0]; settings += 2)
        items[all.count++] = (hth_setting){settings[0], settings[1], NULL};
    const hth_stream_context context = {&all, split, batch, 1};
    message.message[0] = '\0';
    *state = NULL;
    return reader(name)->open(&context, state, shape, &message);
}

static inline void *open_well(const char *name, const char *const *settings, hth_split split,
                              size_t batch, hth_shape *shape) {
    void *state;
    if (open_stream(name, settings, split, batch, &state, shape)) fail_msg("%s", message.message);
    assert_non_null(state);
    return state;
}

static inline void open_badly(const char *name, const char *const *settings, hth_split split,
                              const char *words) {
    void *state;
    hth_shape shape;
    if (open_stream(name, settings, split, 1, &state, &shape) == HTH_OK)
        fail_msg("not refused: %s", words);
    assert_null(state);
    if (!strstr(message.message, words))
        fail_msg("'%s' is not in the message '%s'", words, message.message);
}

static inline hth_chunk next_chunk(const char *name, void *state, size_t most,
                                   hth_position_flags *flags) {
    hth_chunk chunk;
    if (reader(name)->next(state, most, &chunk, flags, &message)) fail_msg("%s", message.message);
    return chunk;
}

#endif
