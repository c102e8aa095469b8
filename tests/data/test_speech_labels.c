/* Labels of speech: tables, HTK's master label files, which frames they cover, and messages. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"
#include "speech_corpus.h"

/* Two utterances of the same name in two folders, of 6 frames each, and one of 4. */
static int make_corpus(void **state) {
    const float values[6] = {1, 2, 3, 4, 5, 6};
    if (scratch_make(state)) return -1;
    make_folder("f");
    make_folder("f/p");
    make_folder("f/q");
    write_sphinx("f/p/s.mfc", values, 6);
    write_sphinx("f/q/s.mfc", values, 6);
    write_sphinx("f/q/r.mfc", values, 4);
    write_text("ps", "p/s");
    write_text("qs", "q/s");
    write_text("all", "p/s\nq\n");
    return 0;
}

static int remove_corpus(void **state) {
    remove_files((const char *const[]){"f/p/s.mfc", "f/q/s.mfc", "f/q/r.mfc", "f/p", "f/q", "f"},
                 6);
    return scratch_remove(state);
}

#define CORPUS                                                                                     \
    "data.features", "@/f", "data.labels", "@/labels", "data.channels", "1", "data.repeat", "1",   \
        "data.order", "list", "data.train"

/* The classes and weights of the first utterance of a list, as letters: 0.. are a.., weight 0 is -. */
static const char *classes_of(const char *list, const char *key, const char *value) {
    static char text[64];
    const char *const pairs[] = {CORPUS, list, key, value, NULL};
    hth_position_flags flags;
    hth_chunk chunk;
    hth_shape shape;
    void *state;
    if (open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape)) fail_msg("%s", message.message);
    assert_int_equal(speech()->next(state, 60, &chunk, &flags, &message), HTH_OK);
    for (size_t t = 0; t < chunk.steps; t++)
        text[t] = chunk.weights[t] > 0 ? (char)('a' + chunk.classes[t]) : '-';
    text[chunk.steps] = '\0';
    speech()->close(state);
    return text;
}

static void refuse(const char *labels, const char *list, hth_status status, const char *part) {
    const char *const pairs[] = {CORPUS, list, NULL};
    void *state;
    hth_shape shape;
    write_text("labels", labels);
    assert_int_equal(open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape), status);
    assert_null(state);
    assert_message(part);
}

/* ---- Tables ------------------------------------------------------------------------------- */

/* The folder tells utterances of one name apart; how much of it is named is left to the file. */
static void test_table(void **unused) {
    (void)unused;
    write_text("labels", "# utterance first end phone\nX/p/S 0 2 m\nX/p/S 2 6 n\n"
                         "q/s 0 5 n\nq/s 5 6 m\nr\t0 4 m\n");
    assert_string_equal(classes_of("@/ps", "data.slack", "0"), "aabbbb");
    assert_string_equal(classes_of("@/qs", "data.slack", "0"), "bbbbba");
    assert_string_equal(classes_of("@/all", "data.slack", "0"), "aabbbb");
    write_text("phones", "n\nother\nm\n"); /* the order of the classes */
    assert_string_equal(classes_of("@/qs", "data.phones", "@/phones"), "aaaaac");
}

static void test_bad_tables(void **unused) {
    (void)unused;
    refuse(
        "p/s 0 6\n", "@/ps", HTH_INVALID,
        "labels:1: a line of 3 fields; it must have 4: utterance, first frame, end frame, phone");
    refuse("p/s 0 6 a b\n", "@/ps", HTH_INVALID, "labels:1: a line of 5 fields");
    refuse("\np/s 0 x6 a\n", "@/ps", HTH_INVALID,
           "labels:2: 'x6' must be a whole number of at least 0: the start or end of a label in "
           "frames");
    refuse("p/s 0 -6 a\n", "@/ps", HTH_INVALID, "'-6' must be a whole number");
    refuse("p/s 0 99999999999999999999 a\n", "@/ps", HTH_INVALID, "must be a whole number");
    refuse("p/s 3 2 a\n", "@/ps", HTH_INVALID,
           "labels:1: a label that starts at 3 cannot end at 2");
    refuse("p/s 0 3 a\np/s 2 6 b\n", "@/ps", HTH_INVALID,
           "labels:2: a label starts at 2, but the one before ends at 3");
    refuse("p/s 0 3 a\nq/s 0 6 a\np/s 3 6 b\n", "@/ps", HTH_INVALID,
           "the utterance p/s is labelled twice, at lines 1 and 3");
    refuse("q/r 0 6 a\n", "@/ps", HTH_INVALID, "labels: no label of the utterance p/s");
    refuse("a/s 0 6 a\nb/s 0 6 a\n", "@/ps", HTH_INVALID,
           "labels: 2 utterances there have a name like p/s");
    refuse("", "@/ps", HTH_INVALID, "labels: the file has no label");
    refuse("# none\n", "@/ps", HTH_INVALID, "labels: the file has no label");
    refuse("p/s 0 0 a\nq/s 0 6 a\n", "@/ps", HTH_INVALID,
           "labels:1: the utterance p/s has no label");
    remove(scratch_path("labels"));
    const char *const pairs[] = {CORPUS, "@/ps", NULL};
    void *state;
    hth_shape shape;
    assert_int_equal(open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape), HTH_FILE);
    assert_message("labels: No such file");
}

/* ---- Frames without labels ------------------------------------------------------------------ */

static void test_slack(void **unused) {
    (void)unused;
    write_text("labels", "p/s 0 5 m\n");
    assert_string_equal(classes_of("@/ps", "data.slack", "1"), "aaaaa"); /* the sixth is dropped */
    refuse("p/s 0 3 m\n", "@/ps", HTH_MISMATCH,
           "labels:1: the labels of p/s last 3 frames, but it has 6; they may differ by 2");
    write_text("labels", "p/s 0 4 m\np/s 4 8 n\n");
    assert_string_equal(classes_of("@/ps", "data.slack", "2"), "aaaabb");
    refuse("p/s 0 9 m\n", "@/ps", HTH_MISMATCH, "the labels of p/s last 9 frames, but it has 6");
}

static void test_gaps(void **unused) {
    (void)unused;
    refuse("p/s 0 2 m\np/s 4 6 n\n", "@/ps", HTH_MISMATCH,
           "labels:2: frame 2 of p/s has no label, the next one begins after it; data.gaps=skip");
    assert_string_equal(classes_of("@/ps", "data.gaps", "skip"), "aa--bb");
    refuse("p/s 1 6 m\n", "@/ps", HTH_MISMATCH, "labels:1: frame 0 of p/s has no label");
    assert_string_equal(classes_of("@/ps", "data.gaps", "skip"), "-aaaaa");
}

/* ---- Phones ----------------------------------------------------------------------------------- */

static void test_unknown_phones(void **unused) {
    (void)unused;
    void *state;
    hth_shape shape;
    const char *const pairs[] = {CORPUS, "@/ps", "data.validate", "@/qs", NULL};
    write_text("labels", "p/s 0 6 m\nq/s 0 4 m\nq/s 4 6 zz\n");
    assert_int_equal(open_speech(pairs, HTH_VALIDATE, 1, 1, &state, &shape), HTH_INVALID);
    assert_message("f/q/s.mfc: frame 4 is the phone 'zz', which no utterance of ");
    assert_message("/ps has: name all phones in a file (data.phones)");
    const char *const named[] = {CORPUS,     "@/ps", "data.validate", "@/qs", "data.phones",
                                 "@/phones", NULL};
    write_text("phones", "m\n");
    assert_int_equal(open_speech(named, HTH_VALIDATE, 1, 1, &state, &shape), HTH_INVALID);
    assert_message("frame 4 is the phone 'zz', which ");
    assert_message("/phones does not name");
    write_text("phones", "m\r\n\nzz\n");
    assert_int_equal(open_speech(named, HTH_VALIDATE, 1, 1, &state, &shape), HTH_OK);
    assert_int_equal(shape.outputs, 2);
    speech()->close(state);
    write_text("phones", "m\nn\nm\n");
    assert_int_equal(open_speech(named, HTH_VALIDATE, 1, 1, &state, &shape), HTH_INVALID);
    assert_message("phones:3: the phone 'm' is named twice");
    write_text("phones", "\n");
    assert_int_equal(open_speech(named, HTH_VALIDATE, 1, 1, &state, &shape), HTH_INVALID);
    assert_message("phones: the file names no phone");
}

/* ---- Master label files ------------------------------------------------------------------------ */

/* Tied states and triphones: sil[2] sil; eh_s2_1 eh; f-eh+b eh, but ax-h is a phone. */
static void test_master_file(void **unused) {
    (void)unused;
    write_text("labels", "#!MLF!#\n"
                         "\"*/Some/where/else/p/s.lab\"\n"
                         "0 100000 sil[2] -0.7 sil 454.7 </s>\n"
                         "100000 200000 eh_s2_1 -34.5 f-eh+b 16.5 M\n"
                         "200000 300000 eh_s3_1 -30.1\n"
                         "300000 400000 f-ax-h+b\n"
                         "400000 500000 ax-h\n"
                         "500000 600000 t+ax-h\n"
                         ".\n"
                         "\"q/s.rec\"\n"
                         "0 300000 s2 -1 eh -3\n"
                         "300000 500000 s3 -1\n"
                         "500000 600000 s2 -1 sil -3\n"
                         ".\n");
    /* ax-h, eh, sil, t; then eh, sil */
    assert_string_equal(classes_of("@/ps", "data.slack", "0"), "cbbaad");
    assert_string_equal(classes_of("@/qs", "data.slack", "0"), "aaaaab");
}

/* The position of a frame is its centre; an HTK file tells its period. */
static void test_times(void **unused) {
    (void)unused;
    const float values[4] = {1, 2, 3, 4};
    write_htk("f/p/t.htk", values, 4, 1, 50000, 9);
    write_text("pt", "p/t");
    write_text("labels", "#!MLF!#\n\"t.lab\"\n0 74999 m\n74999 200000 n\n.\n");
    assert_string_equal(classes_of("@/pt", "data.slack", "0"), "abbb"); /* centres 25000, 75000 */
    write_text("labels", "#!MLF!#\n\"t.lab\"\n0 75001 m\n75001 200000 n\n.\n");
    assert_string_equal(classes_of("@/pt", "data.slack", "0"), "aabb");
    remove(scratch_path("f/p/t.htk"));
}

static void test_bad_master_files(void **unused) {
    (void)unused;
    refuse("#!MLF!#\n0 100000 m\n", "@/ps", HTH_INVALID,
           "labels:2: '0' is neither the \"name\" of an utterance nor a label of one");
    refuse("#!MLF!#\n\"s.lab\"\nm\n", "@/ps", HTH_INVALID, "labels:3: 'm' is neither");
    refuse(
        "#!MLF!#\n\"s.lab\"\n0 x m\n", "@/ps", HTH_INVALID,
        "labels:3: 'x' must be a whole number of at least 0: the start or end of a label in units "
        "of 100 ns");
    refuse("#!MLF!#\n\"s.lab\"\n.\n", "@/ps", HTH_INVALID, "labels: the file has no label");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_slack),          cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_unknown_phones), cmocka_unit_test(test_master_file),
        cmocka_unit_test(test_times),          cmocka_unit_test(test_bad_master_files),
    };
    return cmocka_run_group_tests(tests, make_corpus, remove_corpus);
}
