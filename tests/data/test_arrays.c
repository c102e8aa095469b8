/* The reader `arrays`: every dtype and order, batches, shuffling, masks, given values, resuming, and a
 * clear message for everything that can be wrong with a file. Archives are built by hand. */
#define _POSIX_C_SOURCE 200809L
#include "data/npy.h"
#include "tasks/stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "npz.h"
#include "scratch.h"

enum { MOST = 8, N = 5, T = 3, INPUTS = 2, OUTPUTS = 2 };

static hth_error message;

static const hth_stream_kind *kind(void) {
    for (size_t i = 0; i < hth_readers.count; i++)
        if (!strcmp(hth_readers.at(i)->name, "arrays")) return hth_reader_at(i);
    return NULL;
}

static void assert_message(const char *part) {
    if (!strstr(message.message, part))
        fail_msg("'%s' is not in the message '%s'", part, message.message);
}

/* ---- Building files --------------------------------------------------------------------- */

static void write_npz(const char *name, const array *arrays, size_t count) {
    npz_write(scratch_path(name), arrays, count);
}

static float inputs[N][T][INPUTS];
static double targets[N][T][OUTPUTS];
static int64_t classes[N][T];
static unsigned char mask[N][T];

/* Every number tells its place: inputs[n][t][i] = 100 n + 10 t + i. */
static int fill(void **state) {
    for (int n = 0; n < N; n++)
        for (int t = 0; t < T; t++) {
            for (int i = 0; i < INPUTS; i++) inputs[n][t][i] = (float)(100 * n + 10 * t + i);
            for (int i = 0; i < OUTPUTS; i++) targets[n][t][i] = -(100 * n + 10 * t + i);
            classes[n][t] = (n + t) % 4;
            mask[n][t] = t > 0;
        }
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
static hth_status open_arrays(const char *const *extra, hth_split split, size_t batch, void **state,
                              hth_shape *shape) {
    hth_setting items[MOST] = {{"data.file", scratch_path("a.npz"), NULL}};
    hth_settings settings = {items, 1};
    for (; extra && extra[0]; extra += 2)
        items[settings.count++] = (hth_setting){extra[0], extra[1], NULL};
    hth_stream_context context = {&settings, split, batch, 1};
    message.message[0] = '\0';
    *state = NULL;
    return kind()->open(&context, state, shape, &message);
}

static void *opened(const char *const *extra, hth_split split, size_t batch) {
    void *state;
    hth_shape shape;
    if (open_arrays(extra, split, batch, &state, &shape)) fail_msg("%s", message.message);
    assert_non_null(state);
    return state;
}

static hth_chunk next(void *state, size_t max, const char *flags_expected) {
    hth_chunk chunk;
    hth_position_flags flags;
    assert_int_equal(kind()->next(state, max, &chunk, &flags, &message), HTH_OK);
    assert_int_equal(flags.starts, strchr(flags_expected, 's') != NULL);
    assert_int_equal(flags.ends, strchr(flags_expected, 'e') != NULL);
    assert_int_equal(flags.epoch_end, strchr(flags_expected, 'E') != NULL);
    return chunk;
}

/* Sequence number of an item, from what its inputs say. */
static int sequence_of(const hth_chunk *chunk, size_t b) {
    return (int)chunk->x[b * INPUTS] / 100;
}

static const char *const in_order[] = {"data.shuffle", "false", NULL};

/* ---- What is read ----------------------------------------------------------------------- */

static void test_values(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY, TARGETS_ARRAY};
    write_npz("a.npz", arrays, 2);
    hth_shape shape;
    void *state;
    assert_int_equal(open_arrays(in_order, HTH_TRAIN, 2, &state, &shape), HTH_OK);
    assert_int_equal(shape.inputs, INPUTS);
    assert_int_equal(shape.outputs, OUTPUTS);
    assert_int_equal(shape.vocabulary, 0);
    assert_int_equal(shape.target, HTH_TARGET_VALUES);
    uint64_t sequence, epoch;
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == T && epoch == 2 * T); /* the fifth sequence is dropped */
    const char *flags[] = {"s", "e", "s", "eE"};
    const size_t steps[] = {2, 1, 2, 1}, from[] = {0, 2, 0, 2};
    for (int pass = 0; pass < 8; pass++) {
        hth_chunk chunk = next(state, 2, flags[pass % 4]);
        assert_int_equal(chunk.steps, steps[pass % 4]);
        assert_true(!chunk.weights && !chunk.classes && !chunk.tokens);
        for (size_t t = 0; t < chunk.steps; t++)
            for (size_t b = 0; b < 2; b++)
                for (size_t i = 0; i < INPUTS; i++) {
                    size_t n = (size_t)(pass % 4 / 2) * 2 + b, at = (t * 2 + b) * INPUTS + i;
                    double expected = (double)(100 * n + 10 * (from[pass % 4] + t) + i);
                    assert_true(chunk.x[at] == expected && chunk.targets[at] == -expected);
                }
    }
    kind()->close(state);
}

static void test_classes_and_mask(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY, CLASSES_ARRAY, MASK_ARRAY};
    write_npz("a.npz", arrays, 3);
    hth_shape shape;
    void *state;
    assert_int_equal(open_arrays(in_order, HTH_TRAIN, N, &state, &shape), HTH_OK);
    assert_int_equal(shape.outputs, 4);
    assert_int_equal(shape.target, HTH_TARGET_CLASSES);
    hth_chunk chunk = next(state, 10, "seE");
    assert_null(chunk.targets);
    for (size_t t = 0; t < T; t++)
        for (size_t b = 0; b < N; b++) {
            assert_int_equal(chunk.classes[t * N + b], (b + t) % 4);
            assert_true(chunk.weights[t * N + b] == (t > 0));
        }
    kind()->close(state);
    const char *const more[] = {"data.classes", "9", NULL};
    assert_int_equal(open_arrays(more, HTH_TRAIN, N, &state, &shape), HTH_OK);
    assert_int_equal(shape.outputs, 9);
    kind()->close(state);
}

/* Every number of `data` as this dtype and order is 0, 1, 2, ... in C order, negated if signed. */
static void check_dtype(const char *dtype, bool fortran, const void *data, size_t bytes,
                        bool negative) {
    const array arrays[] = {{"inputs", dtype, "(1, 2, 3)", fortran, data, bytes},
                            {"targets", dtype, "(1, 2, 3)", fortran, data, bytes}};
    write_npz("a.npz", arrays, 2);
    void *state = opened(NULL, HTH_TRAIN, 1);
    hth_chunk chunk = next(state, 2, "seE");
    for (int i = 0; i < 6; i++) {
        assert_true(chunk.x[i] == (negative ? -i : i));
        assert_true(chunk.targets[i] == chunk.x[i]);
    }
    kind()->close(state);
}

static void test_dtypes(void **unused) {
    (void)unused;
    const int8_t i1[] = {0, -1, -2, -3, -4, -5};
    const uint8_t u1[] = {0, 1, 2, 3, 4, 5}, f1[] = {0, 3, 1, 4, 2, 5};
    const int16_t i2[] = {0, -1, -2, -3, -4, -5};
    const uint16_t u2[] = {0, 1, 2, 3, 4, 5};
    const int32_t i4[] = {0, -1, -2, -3, -4, -5};
    const uint32_t u4[] = {0, 1, 2, 3, 4, 5};
    const int64_t i8[] = {0, -1, -2, -3, -4, -5};
    const uint64_t u8[] = {0, 1, 2, 3, 4, 5};
    const float f4[] = {0, -1, -2, -3, -4, -5}, f4_fortran[] = {0, -3, -1, -4, -2, -5};
    const double f8[] = {0, -1, -2, -3, -4, -5};
    const uint8_t big[] = {0, 0, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xfd, 0xff, 0xfc, 0xff, 0xfb};
    check_dtype("|i1", false, i1, sizeof i1, true);
    check_dtype("|u1", false, u1, sizeof u1, false);
    check_dtype("|u1", true, f1, sizeof f1, false);
    check_dtype("<i2", false, i2, sizeof i2, true);
    check_dtype("<u2", false, u2, sizeof u2, false);
    check_dtype(">i2", false, big, sizeof big, true);
    check_dtype("<i4", false, i4, sizeof i4, true);
    check_dtype("<u4", false, u4, sizeof u4, false);
    check_dtype("<i8", false, i8, sizeof i8, true);
    check_dtype("<u8", false, u8, sizeof u8, false);
    check_dtype("<f4", false, f4, sizeof f4, true);
    check_dtype("<f4", true, f4_fortran, sizeof f4_fortran, true);
    check_dtype("<f8", false, f8, sizeof f8, true);
}

/* ---- Epochs ----------------------------------------------------------------------------- */

static void test_shuffle(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY, TARGETS_ARRAY};
    write_npz("a.npz", arrays, 2);
    void *state = opened(NULL, HTH_TRAIN, 1), *again = opened(NULL, HTH_TRAIN, 1);
    int different = 0;
    for (int epoch = 0; epoch < 20; epoch++) {
        int seen = 0, order = 0;
        for (int i = 0; i < N; i++) {
            hth_chunk chunk = next(state, T, i == N - 1 ? "seE" : "se");
            int n = sequence_of(&chunk, 0);
            chunk = next(again, T, i == N - 1 ? "seE" : "se");
            assert_int_equal(sequence_of(&chunk, 0), n);
            seen |= 1 << n;
            order |= n == i ? 0 : 1;
        }
        assert_int_equal(seen, (1 << N) - 1); /* each exactly once */
        different += order;
    }
    assert_true(different > 15);
    kind()->close(state);
    kind()->close(again);
}

static void test_incomplete_batches(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY, CLASSES_ARRAY};
    write_npz("a.npz", arrays, 2);
    const char *const wrap[] = {"data.shuffle", "no", "data.incomplete", "wrap", NULL};
    const char *const pad[] = {"data.shuffle", "no", "data.incomplete", "pad", NULL};
    void *state = opened(wrap, HTH_TRAIN, 3);
    next(state, T, "se");
    hth_chunk chunk = next(state, T, "seE");
    assert_null(chunk.weights);
    assert_int_equal(sequence_of(&chunk, 1), 4);
    assert_int_equal(sequence_of(&chunk, 2), 0);
    kind()->close(state);
    state = opened(pad, HTH_TRAIN, 3);
    for (int pass = 0; pass < 2; pass++) {
        chunk = next(state, T, "se");
        for (int i = 0; i < 9; i++) assert_true(chunk.weights[i] == 1);
        chunk = next(state, T, "seE");
        for (int i = 0; i < 9; i++) assert_true(chunk.weights[i] == (i % 3 < 2));
    }
    kind()->close(state);
    hth_shape shape;
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 6, &state, &shape), HTH_INVALID);
    assert_message("5 sequences for a batch of 6");
}

static void test_splits(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY, CLASSES_ARRAY};
    write_npz("a.npz", arrays, 2);
    void *state;
    hth_shape shape;
    assert_int_equal(open_arrays(NULL, HTH_VALIDATE, 1, &state, &shape), HTH_OK);
    assert_null(state);
    assert_int_equal(open_arrays(NULL, HTH_TEST, 1, &state, &shape), HTH_OK);
    assert_null(state);

    const char *const fraction[] = {"data.validation_fraction", "0.4", "data.shuffle", "no", NULL};
    state = opened(fraction, HTH_TRAIN, 3);
    hth_chunk chunk = next(state, T, "seE");
    for (int b = 0; b < 3; b++) assert_int_equal(sequence_of(&chunk, (size_t)b), b);
    kind()->close(state);
    state = opened(fraction, HTH_VALIDATE, 3); /* padded: each of its two exactly once */
    chunk = next(state, T, "seE");
    assert_int_equal(sequence_of(&chunk, 0), 3);
    assert_int_equal(sequence_of(&chunk, 1), 4);
    assert_true(chunk.weights[0] == 1 && chunk.weights[1] == 1 && chunk.weights[2] == 0);
    kind()->close(state);
    const char *const all[] = {"data.validation_fraction", "1", NULL};
    assert_int_equal(open_arrays(all, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("leaves training with none");

    /* Another file, with classes that the training file has but this one lacks. */
    const int8_t zeros[3] = {0};
    const array other[] = {{"inputs", "<f4", "(1, 3, 2)", false, inputs[4], sizeof inputs[4]},
                           {"targets", "|i1", "(1, 3)", false, zeros, sizeof zeros}};
    write_npz("b.npz", other, 2);
    const char *const file[] = {"data.test_file", scratch_path("b.npz"), NULL};
    assert_int_equal(open_arrays(file, HTH_TEST, 1, &state, &shape), HTH_OK);
    assert_int_equal(shape.outputs, 4);
    chunk = next(state, T, "seE");
    assert_int_equal(sequence_of(&chunk, 0), 4);
    kind()->close(state);
}

static void test_given(void **unused) {
    (void)unused;
    const double w_in[3][2] = {{1, 2}, {3, 4}, {5, 6}}, b_rec[3] = {7, 8, 9};
    const array arrays[] = {INPUTS_ARRAY,
                            CLASSES_ARRAY,
                            {"w_in", "<f8", "(3, 2)", false, w_in, sizeof w_in},
                            {"b_rec", "<f8", "(3,)", false, b_rec, sizeof b_rec}};
    write_npz("a.npz", arrays, 4);
    void *state = opened(NULL, HTH_TRAIN, 1);
    hth_given given[8];
    assert_int_equal(kind()->given(state, given, 8), 2);
    assert_string_equal(given[0].name, "w_in");
    assert_true(given[0].rows == 3 && given[0].columns == 2);
    assert_memory_equal(given[0].values, w_in, sizeof w_in);
    assert_string_equal(given[1].name, "b_rec");
    assert_true(given[1].rows == 1 && given[1].columns == 3);
    assert_memory_equal(given[1].values, b_rec, sizeof b_rec);
    kind()->close(state);
}

static void test_resume(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY, CLASSES_ARRAY};
    write_npz("a.npz", arrays, 2);
    hth_field from[3], to[3];
    void *whole = opened(NULL, HTH_TRAIN, 2), *resumed = opened(NULL, HTH_TRAIN, 2);
    hth_chunk chunk;
    hth_position_flags flags, before;
    hth_real x[2 * INPUTS];
    int other = 0;
    assert_int_equal(kind()->state(whole, from, 3), 3);
    assert_int_equal(kind()->state(resumed, to, 3), 3);
    for (int i = 0; i < 6 * 7 + 4; i++) /* in the eighth epoch, second batch, second step */
        assert_int_equal(kind()->next(whole, 1, &chunk, &flags, &message), HTH_OK);
    assert_int_equal(kind()->next(resumed, 1, &chunk, &flags, &message), HTH_OK);
    for (int i = 0; i < 3; i++) memcpy(to[i].data, from[i].data, sizeof(uint64_t));
    for (int i = 0; i < 30; i++) {
        assert_int_equal(kind()->next(whole, 1, &chunk, &before, &message), HTH_OK);
        memcpy(x, chunk.x, sizeof x);
        assert_int_equal(kind()->next(resumed, 1, &chunk, &flags, &message), HTH_OK);
        assert_memory_equal(x, chunk.x, sizeof x);
        assert_memory_equal(&before, &flags, sizeof flags);
        other += sequence_of(&chunk, 0) != 0;
    }
    assert_true(other > 0);
    *(uint64_t *)to[1].data = 2;
    assert_int_equal(kind()->next(resumed, 1, &chunk, &flags, &message), HTH_MISMATCH);
    kind()->close(whole);
    kind()->close(resumed);
}

/* ---- What is refused -------------------------------------------------------------------- */

static void refused(const array *arrays, size_t count, hth_status status, const char *part) {
    void *state;
    hth_shape shape;
    write_npz("a.npz", arrays, count);
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), status);
    assert_null(state);
    assert_message("a.npz: ");
    assert_message(part);
}

static void test_bad_shapes(void **unused) {
    (void)unused;
    const array no_targets[] = {INPUTS_ARRAY};
    refused(no_targets, 1, HTH_FILE, "there is no array targets");
    const array no_inputs[] = {TARGETS_ARRAY};
    refused(no_inputs, 1, HTH_FILE, "there is no array inputs");
    const array flat[] = {{"inputs", "<f4", "(15, 2)", false, inputs, sizeof inputs},
                          TARGETS_ARRAY};
    refused(flat, 2, HTH_MISMATCH,
            "inputs has shape (15, 2) and dtype <f4, but must be (N, T, n_in)");
    const array empty[] = {{"inputs", "<f4", "(0, 3, 2)", false, NULL, 0}, TARGETS_ARRAY};
    refused(empty, 2, HTH_MISMATCH, "inputs has shape (0, 3, 2)");
    const array wrong_n[] = {INPUTS_ARRAY,
                             {"targets", "<f8", "(4, 3, 2)", false, targets, 4 * 3 * 2 * 8}};
    refused(wrong_n, 2, HTH_MISMATCH,
            "targets has shape (4, 3, 2) and dtype <f8, but must be (5, 3, 2)");
    const array wrong_t[] = {INPUTS_ARRAY, {"targets", "<i8", "(5, 2)", false, classes, 80}};
    refused(wrong_t, 2, HTH_MISMATCH, "targets has shape (5, 2) and dtype <i8, but must be (5, 3)");
    const array float_classes[] = {INPUTS_ARRAY, {"targets", "<f8", "(5, 3)", false, targets, 120}};
    refused(float_classes, 2, HTH_MISMATCH, "(N, T) of integers for classes");
    const array wrong_mask[] = {
        INPUTS_ARRAY, TARGETS_ARRAY, {"mask", "|b1", "(3, 5)", false, mask, 15}};
    refused(wrong_mask, 3, HTH_MISMATCH, "mask has shape (3, 5) and dtype |b1, but must be (5, 3)");
    const array cube[] = {
        INPUTS_ARRAY, TARGETS_ARRAY, {"w_in", "<f4", "(5, 3, 2)", false, inputs, sizeof inputs}};
    refused(cube, 3, HTH_MISMATCH,
            "w_in has shape (5, 3, 2) and dtype <f4, but must be a vector or a matrix");
}

static void test_bad_dtypes(void **unused) {
    (void)unused;
    const char *const dtypes[] = {"<f2", "<c8", "<U4", "|O", "<f16", "<b4"};
    for (size_t i = 0; i < HTH_COUNT(dtypes); i++) {
        const array arrays[] = {{"inputs", dtypes[i], "(5, 3, 2)", false, inputs, sizeof inputs},
                                TARGETS_ARRAY};
        refused(arrays, 2, HTH_INVALID, dtypes[i]);
    }
    const array five[] = {{"inputs", "<f4", "(1, 1, 5, 3, 2)", false, inputs, sizeof inputs},
                          TARGETS_ARRAY};
    refused(five, 2, HTH_INVALID, "shape");
}

static void test_bad_numbers(void **unused) {
    (void)unused;
    const array values[] = {INPUTS_ARRAY, TARGETS_ARRAY, MASK_ARRAY};
    const array labels[] = {INPUTS_ARRAY, CLASSES_ARRAY, MASK_ARRAY};
    inputs[3][1][0] = NAN;
    refused(values, 3, HTH_INVALID, "inputs[3, 1, 0] is nan, but must be finite");
    inputs[3][1][0] = -INFINITY;
    refused(values, 3, HTH_INVALID, "inputs[3, 1, 0] is -inf");
    inputs[3][1][0] = 310;
    targets[4][2][1] = NAN;
    refused(values, 3, HTH_INVALID, "targets[4, 2, 1] is nan");
    targets[4][2][1] = -421;
    targets[4][0][1] = NAN; /* where the mask is 0 it does not matter */
    write_npz("a.npz", values, 3);
    kind()->close(opened(NULL, HTH_TRAIN, 1));
    refused(values, 2, HTH_INVALID, "targets[4, 0, 1] is nan");
    targets[4][0][1] = -401;
    classes[2][1] = -1;
    refused(labels, 3, HTH_INVALID, "targets[2, 1] is class -1, but classes are 0 to 3");
    classes[2][1] = 3;
    classes[2][0] = 99; /* masked: neither an error nor a reason for a hundred classes */
    write_npz("a.npz", labels, 3);
    kind()->close(opened(NULL, HTH_TRAIN, 1));
    classes[2][0] = 2;
    void *state;
    hth_shape shape;
    const char *const few[] = {"data.classes", "3", NULL};
    write_npz("a.npz", labels, 3);
    assert_int_equal(open_arrays(few, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("is class 3, but classes are 0 to 2");
    const double weights[N][T] = {{1, 1, 1}, {1, -0.5, 1}};
    const array negative[] = {
        INPUTS_ARRAY, TARGETS_ARRAY, {"mask", "<f8", "(5, 3)", false, weights, sizeof weights}};
    refused(negative, 3, HTH_INVALID, "mask[1, 1] is -0.5, but must be a weight of at least 0");
}

static void test_files_that_differ(void **unused) {
    (void)unused;
    void *state;
    hth_shape shape;
    const array arrays[] = {INPUTS_ARRAY, TARGETS_ARRAY}, labels[] = {INPUTS_ARRAY, CLASSES_ARRAY};
    const array narrow[] = {{"inputs", "<f4", "(5, 3, 1)", false, inputs, 60}, TARGETS_ARRAY};
    const char *const file[] = {"data.validate_file", scratch_path("b.npz"), NULL};
    write_npz("a.npz", arrays, 2);
    write_npz("b.npz", narrow, 2);
    assert_int_equal(open_arrays(file, HTH_VALIDATE, 1, &state, &shape), HTH_MISMATCH);
    assert_message("b.npz: array inputs has shape (5, 3, 1) and dtype <f4, but must be (5, 3, 2)");
    write_npz("b.npz", labels, 2);
    assert_int_equal(open_arrays(file, HTH_VALIDATE, 1, &state, &shape), HTH_MISMATCH);
    assert_message("b.npz: array targets");
    write_npz("a.npz", labels, 2);
    write_npz("b.npz", arrays, 2);
    assert_int_equal(open_arrays(file, HTH_VALIDATE, 1, &state, &shape), HTH_MISMATCH);
    assert_message("(N, T) of integers, as in the training file");
    const char *const both[] = {"data.validate_file", "b.npz", "data.validation_fraction", "0.2",
                                NULL};
    assert_int_equal(open_arrays(both, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("leave one of them out");
}

static void test_damaged_files(void **unused) {
    (void)unused;
    void *state;
    hth_shape shape;
    char bytes[4096];
    const array lying[] = {{"inputs", "<f4", "(5000000, 3, 2)", false, inputs, sizeof inputs},
                           TARGETS_ARRAY};
    refused(lying, 2, HTH_FILE, "cut short");
    const array arrays[] = {INPUTS_ARRAY, TARGETS_ARRAY};
    write_npz("a.npz", arrays, 2);
    size_t length = scratch_read("a.npz", bytes, sizeof bytes);
    for (size_t cut = 0; cut < length; cut += 7) { /* wherever it is cut */
        scratch_write("a.npz", bytes, cut);
        assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
        assert_message("a.npz: ");
    }
    bytes[64 + 128] ^= 1; /* a stored number: only the CRC can tell */
    scratch_write("a.npz", bytes, length);
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("array inputs is cut short or damaged");
    scratch_write("a.npz", "not a zip archive", 17);
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("an .npz file");
    unlink(scratch_path("a.npz"));
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("a.npz: No such file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_classes_and_mask),
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_incomplete_batches),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_bad_shapes),
        cmocka_unit_test(test_bad_dtypes),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_files_that_differ),
        cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, fill, scratch_remove);
}
