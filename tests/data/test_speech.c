/* The reader `speech` on feature files: values, derivatives and scales by hand, frames shown for several
 * steps, padding, chunks of any length, formats and messages. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"
#include "speech_corpus.h"

static double tolerance(void) {
    return sizeof(hth_real) == sizeof(double) ? 1e-12 : 1e-6;
}

/* ---- The corpus: four utterances of two channels ------------------------------------------ */

/* The last frame of a is labelled by nobody: it is dropped, but the derivatives before see it. */
static const float a[] = {1, 0, 2, 10, 4, 20, 8, 40};
static const float b[] = {100, 5, 101, 6, 102, 7, 103, 8, 104, 9};
static const float c[] = {200, 1, 201, 2};
static const float d[] = {50, -10, 51, 0, 52, 60};

static const char *const corpus[] = {"f/a.mfc", "f/b.mfc", "f/sub/c.mfc", "f/sub/d.mfc", "f/sub",
                                     "f",       "labels",  "train",       "valid"};

static int make_corpus(void **state) {
    if (scratch_make(state)) return -1;
    make_folder("f");
    make_folder("f/sub");
    write_sphinx("f/a.mfc", a, 8);
    write_sphinx("f/b.mfc", b, 10);
    write_sphinx("f/sub/c.mfc", c, 4);
    write_sphinx("f/sub/d.mfc", d, 6);
    write_text("labels", "a 0 1 x\na 1 3 y\nb 0 2 sil\nb 2 5 x\nc 0 2 y\nd 0 3 sil\n");
    write_text("train", "# three\na\n\n  B.mfc \nsub/c\r\n");
    write_text("valid", "d");
    return 0;
}

static int remove_corpus(void **state) {
    remove_files(corpus, HTH_COUNT(corpus));
    return scratch_remove(state);
}

#define CORPUS                                                                                     \
    "data.features", "@/f", "data.labels", "@/labels", "data.train", "@/train", "data.validate",   \
        "@/valid", "data.channels", "2"

static void refuse(const char *const *pairs, hth_split split, hth_status status, const char *part) {
    void *state;
    hth_shape shape;
    assert_int_equal(open_speech(pairs, split, 2, 1, &state, &shape), status);
    assert_null(state);
    assert_message(part);
}

static void assert_near(double value, double right) {
    if (!(fabs(value - right) <= tolerance())) fail_msg("%.17g is not %.17g", value, right);
}

/* ---- Values ------------------------------------------------------------------------------- */

static void test_derivatives(void **unused) {
    (void)unused;
    const char *const pairs[] = {CORPUS, "data.order",  "list", "data.scale",
                                 "none", "data.repeat", "1",    NULL};
    /* d v_t = v_{t+1} - v_{t-1}, 0 at the ends of the file; twice. Columns: v, d v, d d v. */
    const double right[][6] = {{1, 0, 0, 0, 0, 0}, {2, 10, 3, 20, 6, 30}, {4, 20, 6, 30, -3, -20}};
    const int32_t classes[] = {1, 2, 2}; /* sil, x, y */
    hth_position_flags flags;
    hth_shape shape;
    void *state = speech_opened(pairs, HTH_TRAIN, 1, 1, &shape);
    assert_int_equal(shape.inputs, 6);
    assert_int_equal(shape.outputs, 3);
    assert_int_equal(shape.vocabulary, 0);
    assert_int_equal(shape.target, HTH_TARGET_CLASSES);
    assert_false(shape.decides);
    hth_chunk chunk = speech_chunk(state, 10, &flags);
    assert_int_equal(chunk.steps, 3);
    assert_true(flags.starts && flags.ends && !flags.epoch_end);
    for (size_t t = 0; t < 3; t++) {
        for (size_t i = 0; i < 6; i++) assert_near((double)chunk.x[t * 6 + i], right[t][i]);
        assert_int_equal(chunk.classes[t], classes[t]);
        assert_near((double)chunk.weights[t], 1);
    }
    speech()->close(state);
}

/* The first chunk's numbers without derivatives. */
static hth_chunk plain_chunk(const char *scale, hth_split split, void **state) {
    const char *const pairs[] = {CORPUS, "data.order",  "list", "data.scale",
                                 scale,  "data.repeat", "1",    "data.derivatives",
                                 "0",    NULL};
    hth_position_flags flags;
    hth_shape shape;
    *state = speech_opened(pairs, split, 3, 1, &shape);
    assert_int_equal(shape.inputs, 2);
    return speech_chunk(*state, 10, &flags);
}

/* Minima 1 and 0, maxima 201 and 20: a's last frame is not among the training frames. */
static void test_minmax(void **unused) {
    (void)unused;
    void *state;
    hth_chunk chunk = plain_chunk("minmax", HTH_TRAIN, &state);
    assert_int_equal(chunk.steps, 5);
    assert_true(chunk.x[0] == 0 && chunk.x[1] == 0); /* exactly */
    assert_near((double)chunk.x[2 * 3 * 2 + 1], 1);  /* a: 20 */
    assert_true(chunk.x[2 * 3 * 2 + 1] == 1);
    assert_near((double)chunk.x[2], 99.0 / 200);  /* b: 100 */
    assert_near((double)chunk.x[3 * 2 + 4], 1);   /* c: 201 */
    assert_near((double)chunk.x[4], 199.0 / 200); /* c: 200 */
    speech()->close(state);
    chunk = plain_chunk("minmax", HTH_VALIDATE, &state); /* by the training frames, not cut off */
    assert_near((double)chunk.x[0], 49.0 / 200);
    assert_near((double)chunk.x[1], -0.5);
    assert_near((double)chunk.x[2 * 3 * 2 + 1], 3);
    assert_int_equal(chunk.classes[0], 0);
    speech()->close(state);
}

static void test_zscore(void **unused) {
    (void)unused;
    const double all[] = {1, 2, 4, 100, 101, 102, 103, 104, 200, 201};
    double sum = 0, squares = 0;
    void *state;
    for (size_t i = 0; i < 10; i++) sum += all[i];
    for (size_t i = 0; i < 10; i++) squares += (all[i] - sum / 10) * (all[i] - sum / 10);
    hth_chunk chunk = plain_chunk("zscore", HTH_VALIDATE, &state);
    assert_near((double)chunk.x[0], (50 - sum / 10) / sqrt(squares / 10));
    speech()->close(state);
}

/* A channel that never changes has no scale, and becomes 0. */
static void test_constant_channel(void **unused) {
    (void)unused;
    const float flat[] = {7, 3, 7, 4}, other[] = {9, 3, 7, 4};
    const char *const pairs[] = {"data.features",
                                 "@/g",
                                 "data.labels",
                                 "@/l2",
                                 "data.train",
                                 "@/t2",
                                 "data.validate",
                                 "@/v2",
                                 "data.channels",
                                 "2",
                                 "data.derivatives",
                                 "0",
                                 "data.scale",
                                 "minmax",
                                 NULL};
    hth_position_flags flags;
    hth_shape shape;
    make_folder("g");
    write_sphinx("g/flat.mfc", flat, 4);
    write_sphinx("g/other.mfc", other, 4);
    write_text("l2", "flat 0 2 p\nother 0 2 p\n");
    write_text("t2", "flat\n");
    write_text("v2", "other\n");
    for (int zscore = 0; zscore < 2; zscore++) {
        const char *changed[HTH_COUNT(pairs)];
        memcpy(changed, pairs, sizeof pairs);
        if (zscore) changed[13] = "zscore";
        void *state = speech_opened(changed, HTH_VALIDATE, 1, 1, &shape);
        hth_chunk chunk = speech_chunk(state, 1, &flags);
        assert_true(chunk.x[0] == 0);
        assert_near((double)chunk.x[1], zscore ? -1 : 0);
        speech()->close(state);
    }
    remove_files((const char *const[]){"g/flat.mfc", "g/other.mfc", "g", "l2", "t2", "v2"}, 6);
}

/* ---- Steps, weights and padding ------------------------------------------------------------- */

/* Each frame three times; only the last counts, or all a third. Item 1 (b) is the longest; item 3 of
 * the second batch does not exist. */
static void test_repeat(void **unused) {
    (void)unused;
    for (int last = 0; last < 2; last++) {
        const char *const pairs[] = {
            CORPUS,        "data.order",          "list",       "data.repeat", "3",
            "data.weight", last ? "last" : "all", "data.scale", "none",        NULL};
        hth_position_flags flags;
        hth_shape shape;
        double frames = 0;
        void *state = speech_opened(pairs, HTH_TRAIN, 2, 1, &shape);
        assert_true(shape.decides);
        hth_chunk chunk = speech_chunk(state, 100, &flags);
        assert_int_equal(chunk.steps, 15);
        assert_int_equal(chunk.lengths[0], 9);
        assert_int_equal(chunk.lengths[1], 15);
        for (size_t t = 0; t < 15; t++)
            for (size_t i = 0; i < 2; i++) {
                const size_t at = t * 2 + i, frame = t / 3;
                const bool there = i == 1 || frame < 3, ends = t % 3 == 2;
                assert_near((double)chunk.x[at * 6], !there   ? 0
                                                     : i == 0 ? (double)a[frame * 2]
                                                              : (double)b[frame * 2]);
                const double weight = last ? ends : 1.0 / 3;
                assert_near((double)chunk.weights[at], there ? weight : 0);
                assert_int_equal(chunk.decides[at], there && ends);
                frames += (double)chunk.weights[at];
            }
        assert_true(fabs(frames - 8) < 1e-5); /* 3 + 5 */
        chunk = speech_chunk(state, 100, &flags);
        assert_int_equal(chunk.steps, 6);
        assert_int_equal(chunk.lengths[0], 6);
        assert_int_equal(chunk.lengths[1], 0);
        assert_true(flags.epoch_end);
        for (size_t t = 0; t < 6; t++) {
            assert_true(chunk.weights[t * 2 + 1] == 0 && chunk.decides[t * 2 + 1] == 0);
            for (size_t i = 0; i < 6; i++) assert_true(chunk.x[(t * 2 + 1) * 6 + i] == 0);
        }
        speech()->close(state);
    }
}

/* Everything that an epoch gives, item by item of the batch. */
typedef struct record {
    hth_real x[4096], w[1024];
    int32_t classes[1024];
    uint8_t decides[1024];
    size_t steps, starts, ends, epochs;
} record;

static void take_epoch(void *state, size_t most, const hth_shape *shape, record *out) {
    hth_position_flags flags = {0};
    *out = (record){0};
    while (!flags.epoch_end) {
        hth_chunk k = speech_chunk(state, most, &flags);
        const size_t at = out->steps * k.batch, n = k.steps * k.batch;
        assert_true(k.steps >= 1 && k.steps <= most && (at + n) * shape->inputs <= 4096);
        memcpy(out->x + at * shape->inputs, k.x, n * shape->inputs * sizeof *k.x);
        memcpy(out->w + at, k.weights, n * sizeof *k.weights);
        memcpy(out->classes + at, k.classes, n * sizeof *k.classes);
        if (k.decides) memcpy(out->decides + at, k.decides, n);
        out->steps += k.steps;
        out->starts += flags.starts;
        out->ends += flags.ends;
        out->epochs += flags.epoch_end;
    }
}

static void test_chunks_of_any_length(void **unused) {
    (void)unused;
    static record whole, cut;
    const char *const pairs[] = {CORPUS, "data.repeat", "2", NULL};
    const size_t lengths[] = {1, 2, 3, 7};
    hth_shape shape;
    uint64_t sequence, epoch;
    void *state = speech_opened(pairs, HTH_TRAIN, 2, 1, &shape);
    speech()->extent(state, &sequence, &epoch);
    take_epoch(state, 100, &shape, &whole);
    assert_int_equal(sequence, 10); /* b: 5 frames */
    assert_int_equal(epoch, whole.steps);
    assert_int_equal(whole.starts, 2);
    speech()->close(state);
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        state = speech_opened(pairs, HTH_TRAIN, 2, 1, &shape);
        take_epoch(state, lengths[i], &shape, &cut);
        assert_memory_equal(&whole, &cut, sizeof whole);
        speech()->close(state);
    }
}

static void test_no_such_split(void **unused) {
    (void)unused;
    const char *const pairs[] = {CORPUS, NULL};
    void *state;
    hth_shape shape;
    assert_int_equal(open_speech(pairs, HTH_TEST, 2, 1, &state, &shape), HTH_OK);
    assert_null(state);
}

/* ---- Feature files ---------------------------------------------------------------------------- */

/* One utterance `u` in one file; what the reader makes of its first number. */
static hth_status read_one(const char *name, const char *const *extra, double *first,
                           size_t *inputs) {
    const char *pairs[MOST_SETTINGS * 2] = {
        "data.features", "@/one",      "data.labels", "@/one.labels",     "data.train",
        "@/one.list",    "data.scale", "none",        "data.derivatives", "0"};
    size_t n = 10;
    for (; extra && *extra; extra++) pairs[n++] = *extra;
    hth_position_flags flags;
    hth_shape shape;
    void *state;
    write_text("one.list", "u");
    hth_status status = open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape);
    if (status == HTH_OK) {
        *first = (double)speech_chunk(state, 1, &flags).x[0];
        *inputs = shape.inputs;
        speech()->close(state);
    }
    remove(scratch_path(name));
    return status;
}

static void test_formats(void **unused) {
    (void)unused;
    const float values[] = {1.5F, 2, 3, 4, 5, 6};
    const char *const three[] = {"data.channels", "3", NULL};
    unsigned char swapped[28] = {6};
    double first = 0;
    size_t inputs = 0;
    make_folder("one");
    write_text("one.labels", "u 0 2 p");
    write_sphinx("one/u.mfc", values, 6);
    assert_int_equal(read_one("one/u.mfc", three, &first, &inputs), HTH_OK);
    assert_true(first == 1.5 && inputs == 3);
    memcpy(swapped + 4, values, 24); /* little-endian, on every machine these tests run on */
    scratch_write("one/u.mfc", swapped, 28);
    assert_int_equal(read_one("one/u.mfc", three, &first, &inputs), HTH_OK);
    assert_true(first == 1.5 && inputs == 3);
    write_htk("one/u.htk", values, 2, 3, 100000, 6); /* says its channels itself */
    assert_int_equal(read_one("one/u.htk", NULL, &first, &inputs), HTH_OK);
    assert_true(first == 1.5 && inputs == 3);
    write_htk("one/u.htk", values, 2, 3, 100000, 6 | 02000); /* compressed */
    assert_int_equal(read_one("one/u.htk", NULL, &first, &inputs), HTH_FILE);
    assert_message("one/u.htk: an HTK file of parameter kind 1030 with 12 bytes a frame");
    write_sphinx("one/u.mfc", values, 6);
    assert_int_equal(
        read_one("one/u.mfc", (const char *const[]){"data.channels", "4", NULL}, &first, &inputs),
        HTH_FILE);
    assert_message("6 floats are not a whole number of frames of data.channels = 4");
    unsigned char cut[26];
    put(cut, 6, 4);
    put_floats(cut + 4, values, 5);
    scratch_write("one/u.mfc", cut, 26);
    assert_int_equal(read_one("one/u.mfc", three, &first, &inputs), HTH_FILE);
    assert_message("one/u.mfc: 26 bytes that begin with the number 6 are neither so many floats, "
                   "which would be 28 bytes, nor");
    const float wrong[] = {1, 2, 3, 4, NAN, 6};
    write_sphinx("one/u.mfc", wrong, 6);
    assert_int_equal(read_one("one/u.mfc", three, &first, &inputs), HTH_NOT_FINITE);
    assert_message("one/u.mfc: channel 1 of frame 1 is nan, but must be finite");
    remove_files((const char *const[]){"one", "one.labels", "one.list"}, 3);
}

static void test_channels_differ(void **unused) {
    (void)unused;
    const float values[] = {1, 2, 3, 4, 5, 6};
    const char *const pairs[] = {CORPUS, NULL};
    write_htk("f/sub/c.mfc", values, 2, 3, 100000, 6);
    refuse(pairs, HTH_TRAIN, HTH_MISMATCH, "f/sub/c.mfc: 3 channels, but ");
    assert_message("f/a.mfc has 2");
    write_sphinx("f/sub/c.mfc", c, 4);
}

/* ---- Lists ------------------------------------------------------------------------------------ */

/* With this training list, the message is ... */
static void refuse_list(const char *list, const char *part) {
    const char *const pairs[] = {CORPUS, NULL};
    write_text("train", list);
    refuse(pairs, HTH_TRAIN, HTH_INVALID, part);
    write_text("train", "a\nb\nc\n");
}

static void test_lists(void **unused) {
    (void)unused;
    const char *const pairs[] = {CORPUS, "data.repeat", "1", NULL};
    hth_shape shape;
    uint64_t sequence, epoch;
    refuse_list("a\n\nzz\n", "train:3: 'zz' names no utterance and no folder of the 4 utterances");
    refuse_list("a\nb\nA.MFC", "train:3: the utterance a is named twice");
    refuse_list("sub\nsub/c\n", "train:2: the utterance sub/c is named twice");
    refuse_list("\n# none\n", "train: the list names no utterance");
    refuse_list("ub/c\n", "train:1: 'ub/c' names no utterance");
    refuse((const char *const[]){CORPUS, "data.train", "@/absent", NULL}, HTH_TRAIN, HTH_FILE,
           "/absent: No such file");
    write_text("train", "/sub/\n"); /* a folder: c and d */
    void *state = speech_opened(pairs, HTH_TRAIN, 2, 1, &shape);
    speech()->extent(state, &sequence, &epoch);
    assert_int_equal(sequence, 3);
    assert_int_equal(epoch, 3);
    speech()->close(state);
    refuse((const char *const[]){CORPUS, "data.exclude", "[cd]", NULL}, HTH_TRAIN, HTH_INVALID,
           "train: the list names no utterance that data.exclude leaves");
    make_folder("f/two");
    write_sphinx("f/two/c.mfc", c, 4);
    refuse_list("c", "train:1: 'c' may be ");
    refuse_list("f/two/c",
                "train:1: 'f/two/c' names no utterance"); /* names begin below the folder */
    write_sphinx("f/two/c.htk", c, 4);
    refuse((const char *const[]){CORPUS, NULL}, HTH_TRAIN, HTH_INVALID,
           "are the same utterance: say with data.extension");
    remove_files((const char *const[]){"f/two/c.mfc", "f/two/c.htk", "f/two"}, 3);
    refuse((const char *const[]){CORPUS, "data.extension", "wav", NULL}, HTH_TRAIN, HTH_FILE,
           "/f: no file in or below this folder ends in .wav");
    refuse((const char *const[]){CORPUS, "data.features", "@/absent", NULL}, HTH_TRAIN, HTH_FILE,
           "/absent: No such file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivatives),     cmocka_unit_test(test_minmax),
        cmocka_unit_test(test_zscore),          cmocka_unit_test(test_constant_channel),
        cmocka_unit_test(test_repeat),          cmocka_unit_test(test_chunks_of_any_length),
        cmocka_unit_test(test_no_such_split),   cmocka_unit_test(test_formats),
        cmocka_unit_test(test_channels_differ), cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, make_corpus, remove_corpus);
}
