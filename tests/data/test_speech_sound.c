/* The reader `speech` on sound in TIMIT's layout: NIST SPHERE and WAV files with .PHN files beside them.
 * Cepstra themselves are held against a reference in test_mfcc. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sndfile.h>

#include "data/mfcc.h"
#include "scratch.h"
#include "speech_corpus.h"

enum { RATE = 16000, LENGTH = 48000, CEPSTRA = 13 };

/* A tone whose pitch depends on the file. */
static short sample_at(int file, int n) {
    return (short)(8000 * sin(0.01 * n * (file + 1)) + 100 * (n % 7));
}

static void write_sound(const char *name, int file, int format, int channels, int rate,
                        int length) {
    static short samples[2 * LENGTH];
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format | SF_FORMAT_PCM_16};
    for (int n = 0; n < length; n++)
        for (int c = 0; c < channels; c++) samples[n * channels + c] = sample_at(file, n);
    SNDFILE *sound = sf_open(scratch_path(name), SFM_WRITE, &info);
    assert_non_null(sound);
    assert_int_equal(sf_writef_short(sound, samples, length), length);
    assert_int_equal(sf_close(sound), 0);
}

static const char *const corpus[] = {"T/DR1/FCJF0/SA1.WAV",
                                     "T/DR1/FCJF0/SA1.PHN",
                                     "T/DR1/FCJF0/SX1.WAV",
                                     "T/DR1/FCJF0/SX1.PHN",
                                     "T/DR1/MABC0/SX1.WAV",
                                     "T/DR1/MABC0/SX1.PHN",
                                     "T/DR1/MABC0/SI2.WAV",
                                     "T/DR1/MABC0/SI2.PHN",
                                     "T/DR1/FCJF0",
                                     "T/DR1/MABC0",
                                     "T/DR1",
                                     "T"};

/* 3 s of sound are 298 frames; 880 samples are 4 frames. */
static int make_corpus(void **state) {
    if (scratch_make(state)) return -1;
    make_folder("T");
    make_folder("T/DR1");
    make_folder("T/DR1/FCJF0");
    make_folder("T/DR1/MABC0");
    write_sound("T/DR1/FCJF0/SA1.WAV", 0, SF_FORMAT_NIST, 1, RATE, 880);
    write_text("T/DR1/FCJF0/SA1.PHN", "0 880 never\n");
    write_sound("T/DR1/FCJF0/SX1.WAV", 1, SF_FORMAT_NIST, 1, RATE, 880);
    write_text("T/DR1/FCJF0/SX1.PHN", "0 360 h#\n360 521 aa\n521 880 h#\n");
    write_sound("T/DR1/MABC0/SX1.WAV", 2, SF_FORMAT_NIST, 1, RATE, LENGTH);
    write_text("T/DR1/MABC0/SX1.PHN", "0 40200 h#\n40200 48000 ax-h\n");
    write_sound("T/DR1/MABC0/SI2.WAV", 3, SF_FORMAT_WAV, 1, RATE, 880);
    write_text("T/DR1/MABC0/SI2.PHN", "0 800 h#\n");
    write_text("train", "fcjf0\nMABC0\n");
    write_text("short", "DR1/FCJF0\n");
    write_text("long", "mabc0/sx1.wav\n");
    write_text("plain", "si2\n");
    return 0;
}

static int remove_corpus(void **state) {
    remove_files(corpus, HTH_COUNT(corpus));
    return scratch_remove(state);
}

#define CORPUS "data.features", "@/T", "data.repeat", "1", "data.order", "list", "data.train"

static void *opened(const char *const *pairs, hth_shape *shape) {
    void *state;
    if (open_speech(pairs, HTH_TRAIN, 1, 1, &state, shape)) fail_msg("%s", message.message);
    assert_non_null(state);
    return state;
}

static hth_chunk take(void *state) {
    hth_position_flags flags;
    hth_chunk chunk;
    if (speech()->next(state, 1000, &chunk, &flags, &message)) fail_msg("%s", message.message);
    return chunk;
}

/* A frame has the phone at its centre, sample 200 + 160 t: here 200, 360, 520, 680. The labels end after
 * the last whole window, and the SA sentence is left out. */
static void test_labels_at_centres(void **unused) {
    (void)unused;
    const int32_t right[] = {1, 0, 0, 1}; /* aa, h# */
    const char *const pairs[] = {CORPUS, "@/short", NULL};
    hth_shape shape;
    void *state = opened(pairs, &shape);
    hth_chunk chunk = take(state);
    assert_int_equal(shape.inputs, 39);
    assert_int_equal(shape.outputs, 2);
    assert_int_equal(chunk.steps, 4);
    assert_memory_equal(chunk.classes, right, sizeof right);
    speech()->close(state);
}

/* Frames are 160 samples apart over the whole of a file: the phone changes at frame 250 exactly. */
static void test_long_file(void **unused) {
    (void)unused;
    const char *const pairs[] = {CORPUS, "@/long", NULL};
    hth_shape shape;
    void *state = opened(pairs, &shape);
    hth_chunk chunk = take(state);
    assert_int_equal(chunk.steps, 298);
    assert_int_equal(chunk.classes[249], 1); /* ax-h, h# */
    assert_int_equal(chunk.classes[250], 0);
    for (int t = 0; t < 298; t++) assert_int_equal(chunk.classes[t], t < 250);
    speech()->close(state);
}

/* c0 comes first, samples count as 16-bit ones, and the derivatives follow. */
static void test_cepstra(void **unused) {
    (void)unused;
    const char *const pairs[] = {CORPUS, "@/short", "data.scale", "none", "data.derivatives",
                                 "1",    NULL};
    const hth_mfcc_options options = {.window = 25,
                                      .step = 10,
                                      .preemcoef = 0.97,
                                      .numchans = 26,
                                      .numceps = 12,
                                      .ceplifter = 22};
    double samples[880], right[4 * CEPSTRA];
    hth_shape shape;
    hth_mfcc *mfcc;
    for (int n = 0; n < 880; n++) samples[n] = sample_at(1, n);
    assert_int_equal(hth_mfcc_create(&options, RATE, &mfcc, &message), HTH_OK);
    hth_mfcc_run(mfcc, samples, 880, right);
    hth_mfcc_destroy(mfcc);
    void *state = opened(pairs, &shape);
    hth_chunk chunk = take(state);
    assert_int_equal(shape.inputs, 2 * CEPSTRA);
    for (size_t t = 0; t < 4; t++)
        for (size_t i = 0; i < CEPSTRA; i++) {
            const double value = (double)chunk.x[t * 2 * CEPSTRA + i];
            const double slope = (double)chunk.x[t * 2 * CEPSTRA + CEPSTRA + i];
            const double *at = right + t * CEPSTRA + i;
            assert_true(fabs(value - *at) < 1e-4);
            assert_true(fabs(slope - (t % 3 ? at[CEPSTRA] - at[-CEPSTRA] : 0)) < 1e-4);
        }
    assert_true(fabs(right[0]) > 10); /* there is sound */
    speech()->close(state);
}

static void test_all_kinds_of_sound(void **unused) {
    (void)unused;
    const char *const pairs[] = {CORPUS, "@/train", NULL};
    hth_shape shape;
    uint64_t sequence, epoch;
    void *state = opened(pairs, &shape);
    speech()->extent(state, &sequence, &epoch);
    assert_int_equal(sequence, 298);
    assert_int_equal(epoch, 298 + 4 + 4); /* without SA1; labels of SI2 end before its sound does */
    assert_int_equal(shape.outputs, 3);
    speech()->close(state);
    state = opened((const char *const[]){CORPUS, "@/train", "data.exclude", "", NULL}, &shape);
    speech()->extent(state, &sequence, &epoch);
    assert_int_equal(epoch, 298 + 4 + 4 + 4); /* with it */
    speech()->close(state);
}

/* .phn files count samples also where features stand in for the sound, data.rate of them a second. */
static void test_labels_for_features(void **unused) {
    (void)unused;
    const float values[4] = {1, 2, 3, 4};
    const int32_t right[] = {1, 0, 0, 1};
    hth_shape shape;
    make_folder("F");
    write_sphinx("F/sx1.mfc", values, 4);
    write_text("F/sx1.phn", "0 180 h#\n180 261 aa\n261 440 h#\n"); /* those of SX1, halved */
    write_text("one", "sx1");
    void *state =
        opened((const char *const[]){"data.features", "@/F", "data.train", "@/one", "data.repeat",
                                     "1", "data.channels", "1", "data.rate", "8000", NULL},
               &shape);
    hth_chunk chunk = take(state);
    assert_int_equal(chunk.steps, 4);
    assert_memory_equal(chunk.classes, right, sizeof right);
    speech()->close(state);
    remove_files((const char *const[]){"F/sx1.mfc", "F/sx1.phn", "F", "one"}, 4);
}

/* ---- Messages --------------------------------------------------------------------------------- */

static void refuse(const char *list, hth_status status, const char *part) {
    const char *const pairs[] = {CORPUS, list, NULL};
    void *state;
    hth_shape shape;
    assert_int_equal(open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape), status);
    assert_null(state);
    assert_message(part);
}

static void test_bad_sound(void **unused) {
    (void)unused;
    const char *name = "T/DR1/MABC0/SI2.WAV";
    write_sound(name, 3, SF_FORMAT_WAV, 2, RATE, 880);
    refuse("@/plain", HTH_FILE, "SI2.WAV: sound of 2 channels; it must have 1");
    write_sound(name, 3, SF_FORMAT_WAV, 1, 8000, 880);
    refuse("@/train", HTH_MISMATCH,
           "SI2.WAV: 8000 samples a second, but the files before have 16000");
    write_sound(name, 3, SF_FORMAT_WAV, 1, RATE, 399);
    refuse("@/plain", HTH_FILE, "SI2.WAV: 399 samples are too few for one window of 400");
    write_text(name, "neither sound nor numbers");
    refuse("@/plain", HTH_FILE, "SI2.WAV: 25 bytes that are neither sound (libsndfile: ");
    assert_message(
        ") nor features, which begin with their number of floats or, with HTK, of frames");
    write_text(name, "");
    refuse("@/plain", HTH_FILE, "SI2.WAV: 0 bytes");
    write_sound(name, 3, SF_FORMAT_WAV, 1, RATE, 880);
    const char *const pairs[] = {CORPUS, "@/plain", "data.numceps", "26", NULL};
    void *state;
    hth_shape shape;
    assert_int_equal(open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape), HTH_INVALID);
    assert_message("data.numceps is 26, but must be below data.numchans");
}

/* A sound of few samples that claims a high rate is refused before tables are made for its window: the filters, of
 * which the first has no bin, are not reached. With a window's samples they are. */
static void test_claimed_rate(void **unused) {
    (void)unused;
    const char *name = "T/DR1/MABC0/SI2.WAV";
    const char *const pairs[] = {CORPUS, "@/plain", "data.numchans", "1000", NULL};
    void *state;
    hth_shape shape;
    write_sound(name, 3, SF_FORMAT_WAV, 1, 13663872, 40);
    assert_int_equal(open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape), HTH_FILE);
    assert_message("SI2.WAV: 40 samples are too few for one window of 341597");
    write_sound(name, 3, SF_FORMAT_WAV, 1, RATE, 880);
    assert_int_equal(open_speech(pairs, HTH_TRAIN, 1, 1, &state, &shape), HTH_INVALID);
    assert_message("filter 1 lies between two frequencies of the 512-point spectrum");
}

/* What is left of a sound file that was cut short does not fit its labels. */
static void test_cut_short(void **unused) {
    (void)unused;
    static char bytes[2 * LENGTH + 4096];
    const char *name = "T/DR1/MABC0/SX1.WAV";
    const size_t length = scratch_read(name, bytes, sizeof bytes);
    scratch_write(name, bytes, length / 2);
    refuse("@/long", HTH_MISMATCH,
           "SX1.PHN:2: the labels of dr1/mabc0/sx1 last 299 frames, but it has ");
    scratch_write(name, bytes, length);
}

static void test_bad_labels(void **unused) {
    (void)unused;
    const char *name = "T/DR1/MABC0/SI2.PHN";
    write_text(name, "0 800\n");
    refuse("@/plain", HTH_INVALID,
           "SI2.PHN:1: a line of 2 fields; it must have 3: first sample, end sample, phone");
    write_text(name, "0 8oo h#\n");
    refuse("@/plain", HTH_INVALID,
           "SI2.PHN:1: '8oo' must be a whole number of at least 0: the start or end of a label in "
           "samples");
    write_text(name, "\n");
    refuse("@/plain", HTH_INVALID, "SI2.PHN: the file has no label");
    write_text(name, "0 300 h#\n");
    refuse("@/plain", HTH_MISMATCH, "the labels of dr1/mabc0/si2 last 1 frames, but it has 4");
    remove(scratch_path(name));
    refuse("@/plain", HTH_FILE, "SI2.WAV: there is no label file dr1/mabc0/si2.phn for it in ");
    write_text(name, "0 800 h#\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_at_centres),
        cmocka_unit_test(test_long_file),
        cmocka_unit_test(test_cepstra),
        cmocka_unit_test(test_all_kinds_of_sound),
        cmocka_unit_test(test_labels_for_features),
        cmocka_unit_test(test_bad_sound),
        cmocka_unit_test(test_claimed_rate),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_bad_labels),
    };
    return cmocka_run_group_tests(tests, make_corpus, remove_corpus);
}
