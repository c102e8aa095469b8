/* What tests of the reader `arrays` share: archives built by hand in the scratch folder, opening and reading them. */
#ifndef HTH_TEST_ARRAY_FILES_H
#define HTH_TEST_ARRAY_FILES_H

#include "data/sequences.h"
#include "scratch.h"

#include "npz.h"

enum { MOST = 8, N = 5, T = 3, INPUTS = 2, OUTPUTS = 2 };

static hth_error message;

static inline const hth_stream_kind *kind(void) {
    for (size_t i = 0; i < hth_readers.count; i++)
        if (!strcmp(hth_readers.at(i)->name, "arrays")) return hth_reader_at(i);
    return NULL;
}

static inline void assert_message(const char *part) {
    if (!strstr(message.message, part))
        fail_msg("'%s' is not in the message '%s'", part, message.message);
}

/* ---- Building files --------------------------------------------------------------------- */

static inline void write_npz(const char *name, const array *arrays, size_t count) {
    npz_write(scratch_path(name), arrays, count);
}

static float inputs[N][T][INPUTS];
static double targets[N][T][OUTPUTS];
static int64_t classes[N][T];
static unsigned char mask[N][T];

/* Every number tells its place: inputs[n][t][i] = 100 n + 10 t + i. */
static inline void fill_arrays(void) {
    for (int n = 0; n < N; n++)
        for (int t = 0; t < T; t++) {
            for (int i = 0; i < INPUTS; i++) inputs[n][t][i] = (float)(100 * n + 10 * t + i);
            for (int i = 0; i < OUTPUTS; i++) targets[n][t][i] = -(100 * n + 10 * t + i);
            classes[n][t] = (n + t) % 4;
            mask[n][t] = t > 0;
        }
}

static inline int fill(void **state) {
    fill_arrays();
    return scratch_make(state);
}

#define INPUTS_ARRAY                                                                               \
    { "inputs", "<f4", "(5, 3, 2)", false, inputs, sizeof inputs }
#define TARGETS_ARRAY                                                                              \
    { "targets", "<f8", "(5, 3, 2)", false, targets, sizeof targets }
#define CLASSES_ARRAY                                                                              \
    { "targets", "<i8", "(5, 3)", false, classes, sizeof classes }
#define MASK_ARRAY                                                                                 \
    { "mask", "|b1", "(5, 3)", false, mask, sizeof mask }

/* ---- Opening ---------------------------------------------------------------------------- */

/* extra: pairs of key and value, NULL at the end. */
static inline hth_status open_arrays(const char *const *extra, hth_split split, size_t batch,
                                     void **state, hth_shape *shape) {
    hth_setting items[MOST] = {{"data.file", scratch_path("a.npz"), NULL}}; /* a later one counts */
    hth_settings settings = {items, 1};
    for (; extra && extra[0]; extra += 2)
        items[settings.count++] = (hth_setting){extra[0], extra[1], NULL};
    hth_stream_context context = {&settings, split, batch, 1};
    message.message[0] = '\0';
    *state = NULL;
    return kind()->open(&context, state, shape, &message);
}

static inline void *opened(const char *const *extra, hth_split split, size_t batch) {
    void *state;
    hth_shape shape;
    if (open_arrays(extra, split, batch, &state, &shape)) fail_msg("%s", message.message);
    assert_non_null(state);
    return state;
}

static inline hth_chunk next(void *state, size_t max, const char *flags_expected) {
    hth_chunk chunk;
    hth_position_flags flags;
    assert_int_equal(kind()->next(state, max, &chunk, &flags, &message), HTH_OK);
    assert_int_equal(flags.starts, strchr(flags_expected, 's') != NULL);
    assert_int_equal(flags.ends, strchr(flags_expected, 'e') != NULL);
    assert_int_equal(flags.epoch_end, strchr(flags_expected, 'E') != NULL);
    return chunk;
}

/* Sequence number of an item, from what its inputs say. */
static inline int sequence_of(const hth_chunk *chunk, size_t b) {
    return (int)chunk->x[b * INPUTS] / 100;
}

#endif
