/* The reader `arrays`: every dtype and order, batches, shuffling, masks, given values, resuming. */
#include "array_files.h"

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
    const uint16_t f2[] = {0, 0xbc00, 0xc000, 0xc200, 0xc400, 0xc500};
    check_dtype("<f2", false, f2, sizeof f2, true);
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
    int seen = 0;
    for (size_t b = 0; b < 3; b++) seen |= 1 << sequence_of(&chunk, b);
    assert_true(sequence_of(&chunk, 0) < sequence_of(&chunk, 1)); /* in the order of the file */
    kind()->close(state);
    state = opened(fraction, HTH_VALIDATE, 3); /* padded: each of its two exactly once */
    chunk = next(state, T, "seE");
    for (size_t b = 0; b < 2; b++) {
        assert_int_equal(seen & 1 << sequence_of(&chunk, b), 0);
        seen |= 1 << sequence_of(&chunk, b);
    }
    assert_int_equal(seen, 31); /* each sequence trains or validates */
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
    };
    return cmocka_run_group_tests(tests, fill, scratch_remove);
}
