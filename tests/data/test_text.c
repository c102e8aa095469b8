/* The reader `text`: vocabulary, cutting, batches, epochs, resuming, xz, and its messages. */
#define _POSIX_C_SOURCE 200809L
#include "data/vocabulary.h"
#include "tasks/stream.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <lzma.h>

#include "scratch.h"

enum { MOST = 8 };

static hth_error message;

static const hth_stream_kind *kind(void) {
    for (size_t i = 0; i < hth_readers.count; i++)
        if (!strcmp(hth_readers.at(i)->name, "text")) return hth_reader_at(i);
    return NULL;
}

/* extra: pairs of key and value, NULL at the end. */
static hth_status open_text(const char *const *extra, hth_split split, size_t batch, void **state,
                            hth_shape *shape) {
    hth_setting items[MOST] = {{"data.dir", scratch, NULL},
                               {"data.train", "train.txt", NULL},
                               {"data.validate", "valid.txt", NULL},
                               {"data.test", "", NULL}};
    hth_settings settings = {items, 4};
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
    assert_int_equal(open_text(extra, split, batch, &state, &shape), HTH_OK);
    assert_non_null(state);
    assert_int_equal(shape.inputs, 0);
    assert_int_equal(shape.outputs, shape.vocabulary);
    assert_int_equal(shape.target, HTH_TARGET_CLASSES);
    return state;
}

static void write_text(const char *name, const char *text) {
    scratch_write(name, text, strlen(text));
}

static void assert_message(const char *part) {
    if (!strstr(message.message, part))
        fail_msg("'%s' is not in the message '%s'", part, message.message);
}

/* The next chunk is this; flags_expected: "s" for starts, "e" for the end of text and epoch. */
static void assert_chunk(void *state, size_t max, const int32_t *in, const int32_t *out,
                         size_t steps, size_t batch, const char *flags_expected) {
    hth_chunk chunk;
    hth_position_flags flags;
    assert_int_equal(kind()->next(state, max, &chunk, &flags, &message), HTH_OK);
    assert_int_equal(chunk.steps, steps);
    assert_int_equal(chunk.batch, batch);
    assert_null(chunk.x);
    assert_null(chunk.targets);
    assert_memory_equal(chunk.tokens, in, steps * batch * sizeof *in);
    assert_memory_equal(chunk.classes, out, steps * batch * sizeof *out);
    assert_int_equal(flags.starts, strchr(flags_expected, 's') != NULL);
    assert_int_equal(flags.ends, strchr(flags_expected, 'e') != NULL);
    assert_int_equal(flags.epoch_end, flags.ends);
}

/* ---- Vocabulary ------------------------------------------------------------------------- */

static void assert_vocabulary(const char *text, hth_text_level level, bool eos,
                              const char *const *words, size_t count) {
    hth_vocabulary *v;
    assert_int_equal(
        hth_vocabulary_create(hth_cut(text, strlen(text), level, eos), "f", &v, &message), HTH_OK);
    assert_int_equal(hth_vocabulary_size(v), count);
    for (size_t i = 0; i < count; i++) {
        hth_piece piece = hth_vocabulary_piece(v, i);
        assert_int_equal(piece.length, strlen(words[i]));
        assert_memory_equal(piece.text, words[i], piece.length);
        assert_int_equal(hth_vocabulary_find(v, piece), i);
    }
    assert_int_equal(hth_vocabulary_find(v, (hth_piece){"absent", 6}), -1);
    hth_vocabulary_destroy(v);
}

static void test_vocabulary_order(void **state) {
    (void)state;
    const char *text = " b a b \n c a\tbb \r\n b \n";
    /* b 3, <eos> 3, a 2, bb 1, c 1: by count, then by bytes ('<' is before 'b'). */
    const char *const words[] = {"<eos>", "b", "a", "bb", "c"};
    assert_vocabulary(text, HTH_LEVEL_WORD, true, words, 5);
    const char *const plain[] = {"b", "a", "bb", "c"};
    assert_vocabulary(text, HTH_LEVEL_WORD, false, plain, 4);
    const char *const letters[] = {"\xC3\xA9", "\n", "a", "\xE2\x82\xAC"};
    assert_vocabulary("\xC3\xA9\xC3\xA9\xE2\x82\xAC\n\na", HTH_LEVEL_CHARACTER, true,
                      (const char *const[]){"\n", "\xC3\xA9", "a", "\xE2\x82\xAC"}, 4);
    assert_vocabulary("\xC3\xA9\xC3\xA9\xC3\xA9\n\na\xE2\x82\xAC", HTH_LEVEL_CHARACTER, true,
                      letters, 4);
}

/* More kinds than the table has at first. */
static void test_vocabulary_grows(void **state) {
    (void)state;
    enum { KINDS = 5000 };
    char *text = malloc(KINDS * 8), *at = text;
    for (int i = 0; i < KINDS; i++) at += sprintf(at, "w%04d ", i);
    hth_vocabulary *v;
    hth_cutter cutter = hth_cut(text, (size_t)(at - text), HTH_LEVEL_WORD, true);
    assert_int_equal(hth_vocabulary_create(cutter, "f", &v, NULL), HTH_OK);
    free(text);
    assert_int_equal(hth_vocabulary_size(v), KINDS);
    assert_int_equal(hth_vocabulary_find(v, (hth_piece){"w0000", 5}), 0);
    assert_int_equal(hth_vocabulary_find(v, (hth_piece){"w4321", 5}), 4321);
    hth_vocabulary_destroy(v);
}

/* ---- Batches ---------------------------------------------------------------------------- */

/* 23 words whose numbers are 0, 1, 2, ... in the order of the text, since each occurs once. */
static const char *const letters23 = "a b c d e f g h i j k l m n o p q r s t u v w";

static void test_batches_as_in_the_tutorial(void **unused) {
    (void)unused;
    write_text("train.txt", letters23);
    /* 23 tokens, batch 2: two pieces of 11, one token dropped; 10 steps, chunks of 4: 2 steps dropped. */
    const int32_t in1[] = {0, 11, 1, 12, 2, 13, 3, 14}, out1[] = {1, 12, 2, 13, 3, 14, 4, 15};
    const int32_t in2[] = {4, 15, 5, 16, 6, 17, 7, 18}, out2[] = {5, 16, 6, 17, 7, 18, 8, 19};
    const int32_t in3[] = {8, 19, 9, 20}, out3[] = {9, 20, 10, 21};
    uint64_t sequence, epoch;
    void *state = opened(NULL, HTH_TRAIN, 2);
    for (int pass = 0; pass < 2; pass++) {
        assert_chunk(state, 4, in1, out1, 4, 2, "s");
        assert_chunk(state, 4, in2, out2, 4, 2, "e");
    }
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == 8 && epoch == 8);
    kind()->close(state);
    state = opened((const char *const[]){"data.drop_last", "false", NULL}, HTH_TRAIN, 2);
    for (int pass = 0; pass < 2; pass++) {
        assert_chunk(state, 4, in1, out1, 4, 2, "s");
        assert_chunk(state, 4, in2, out2, 4, 2, "");
        assert_chunk(state, 4, in3, out3, 2, 2, "e");
    }
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == 10 && epoch == 10);
    kind()->close(state);
}

static void test_exact_and_short_epochs(void **unused) {
    (void)unused;
    const int32_t in[] = {0, 1, 2, 3, 4}, out[] = {1, 2, 3, 4, 5};
    write_text("train.txt", "a b c d e f");
    void *state = opened(NULL, HTH_TRAIN, 1);
    assert_chunk(state, 5, in, out, 5, 1, "se");
    assert_chunk(state, 5, in, out, 5, 1, "se");
    kind()->close(state);
    state = opened(NULL, HTH_TRAIN, 1); /* a text shorter than one chunk is not dropped */
    assert_chunk(state, 100, in, out, 5, 1, "se");
    assert_chunk(state, 100, in, out, 5, 1, "se");
    kind()->close(state);
}

static void test_validation_is_whole(void **unused) {
    (void)unused;
    write_text("train.txt", letters23);
    write_text("valid.txt", "c b a");
    const int32_t in[] = {2, 1}, out[] = {1, 0};
    void *state = opened(NULL, HTH_VALIDATE, 1);
    assert_chunk(state, 1, in, out, 1, 1, "s");
    assert_chunk(state, 1, in + 1, out + 1, 1, 1, "e");
    assert_chunk(state, 2, in, out, 2, 1, "se");
    kind()->close(state);
}

static void test_what_was_read_is_told(void **unused) {
    (void)unused;
    char what[100];
    write_text("train.txt", "a b a c a b");
    void *state = opened(NULL, HTH_TRAIN, 2);
    kind()->describe(state, what, sizeof what);
    assert_string_equal(what, "6 tokens of 3 kinds (24 B)");
    kind()->close(state);
}

static void test_no_such_split(void **unused) {
    (void)unused;
    void *state;
    hth_shape shape;
    write_text("train.txt", letters23);
    assert_int_equal(open_text(NULL, HTH_TEST, 1, &state, &shape), HTH_OK);
    assert_null(state);
}

static void test_unknown_words(void **unused) {
    (void)unused;
    void *state;
    hth_shape shape;
    write_text("train.txt", "a <unk> a <unk> <unk> b\n");
    write_text("valid.txt", "a zebra b\n");
    const int32_t in[] = {1, 0, 3}, out[] = {0, 3, 2}; /* <unk> 3, a 2, <eos> 1, b 1 */
    state = opened(NULL, HTH_VALIDATE, 1);
    assert_chunk(state, 9, in, out, 3, 1, "se");
    kind()->close(state);
    write_text("train.txt", "a b\n");
    write_text("valid.txt", "a b\nb a\nb zebra\n");
    assert_int_equal(open_text(NULL, HTH_VALIDATE, 1, &state, &shape), HTH_INVALID);
    assert_message("valid.txt:3: \"zebra\"");
    assert_null(state);
    const char *const characters[] = {"data.level", "character", NULL};
    write_text("train.txt", "ab\n zer");
    assert_int_equal(open_text(characters, HTH_VALIDATE, 1, &state, &shape), HTH_OK);
    kind()->close(state);
    write_text("valid.txt", "a\n\nQ");
    assert_int_equal(open_text(characters, HTH_VALIDATE, 1, &state, &shape), HTH_INVALID);
    assert_message("valid.txt:3: \"Q\"");
}

static void test_bad_files(void **unused) {
    (void)unused;
    void *state;
    hth_shape shape;
    unlink(scratch_path("train.txt"));
    assert_int_equal(open_text(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("train.txt: No such file");
    write_text("train.txt", " \n ");
    const char *const no_eos[] = {"data.eos", "false", NULL};
    assert_int_equal(open_text(no_eos, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("holds no text");
    write_text("train.txt", "a b c");
    assert_int_equal(open_text(NULL, HTH_TRAIN, 2, &state, &shape), HTH_INVALID);
    assert_message("3 tokens are too few for a batch of 2");
    const char *const wrong[] = {"data.level", "sentence", NULL};
    assert_int_equal(open_text(wrong, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("data.level");
}

/* ---- xz --------------------------------------------------------------------------------- */

static size_t pack(const char *text, uint8_t *out, size_t capacity) {
    size_t length = 0;
    assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text,
                                             strlen(text), out, &length, capacity),
                     LZMA_OK);
    return length;
}

static void test_xz(void **unused) {
    (void)unused;
    uint8_t packed[1024];
    void *state;
    hth_shape shape;
    size_t length = pack("a b c d e f", packed, sizeof packed);
    const int32_t in[] = {0, 1, 2, 3, 4}, out[] = {1, 2, 3, 4, 5};
    unlink(scratch_path("train.txt"));
    scratch_write("train.txt.xz", packed, length);
    const char *const names[] = {"train.txt", "train.txt.xz"};
    for (int i = 0; i < 2; i++) { /* by the name without .xz, and by its own */
        state = opened((const char *const[]){"data.train", names[i], NULL}, HTH_TRAIN, 1);
        assert_chunk(state, 5, in, out, 5, 1, "se");
        kind()->close(state);
    }
    scratch_write("train.txt.xz", packed, length - 9);
    assert_int_equal(open_text(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("cut short");
    packed[length / 2] ^= 0x55;
    scratch_write("train.txt.xz", packed, length);
    assert_int_equal(open_text(NULL, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("damaged");
    write_text("train.txt", letters23); /* a plain file comes first */
    state = opened(NULL, HTH_TRAIN, 2);
    kind()->close(state);
    unlink(scratch_path("train.txt.xz"));
}

/* ---- Resuming --------------------------------------------------------------------------- */

static void test_resume(void **unused) {
    (void)unused;
    write_text("train.txt", letters23);
    hth_chunk chunk;
    hth_position_flags flags;
    hth_field from[2], to[2];
    int32_t tokens[4];
    void *whole = opened(NULL, HTH_TRAIN, 2), *resumed = opened(NULL, HTH_TRAIN, 2);
    assert_int_equal(kind()->state(whole, from, 2), 2);
    assert_int_equal(kind()->state(resumed, to, 2), 2);
    assert_int_equal(kind()->state(resumed, NULL, 0), 2);
    for (int i = 0; i < 13; i++) { /* in the middle of the third epoch of five chunks */
        assert_int_equal(kind()->next(whole, 2, &chunk, &flags, &message), HTH_OK);
    }
    assert_int_equal(*(uint64_t *)from[0].data, 2);
    assert_int_equal(*(uint64_t *)from[1].data, 6);
    for (int i = 0; i < 2; i++) memcpy(to[i].data, from[i].data, sizeof(uint64_t));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kind()->next(whole, 2, &chunk, &flags, &message), HTH_OK);
        memcpy(tokens, chunk.tokens, sizeof tokens);
        hth_position_flags before = flags;
        assert_int_equal(kind()->next(resumed, 2, &chunk, &flags, &message), HTH_OK);
        assert_memory_equal(tokens, chunk.tokens, sizeof tokens);
        assert_int_equal(before.starts, flags.starts);
        assert_int_equal(before.epoch_end, flags.epoch_end);
    }
    *(uint64_t *)to[1].data = 10; /* beyond the text */
    assert_int_equal(kind()->next(resumed, 2, &chunk, &flags, &message), HTH_MISMATCH);
    kind()->close(whole);
    kind()->close(resumed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vocabulary_order),
        cmocka_unit_test(test_vocabulary_grows),
        cmocka_unit_test(test_batches_as_in_the_tutorial),
        cmocka_unit_test(test_exact_and_short_epochs),
        cmocka_unit_test(test_validation_is_whole),
        cmocka_unit_test(test_what_was_read_is_told),
        cmocka_unit_test(test_no_such_split),
        cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_xz),
        cmocka_unit_test(test_resume),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
