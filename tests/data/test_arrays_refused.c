/* The reader `arrays`: a clear message for everything that can be wrong with a file. */
#include "array_files.h"

#include <math.h>

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
    const array flat[] = {{"inputs", "<f4", "(30,)", false, inputs, sizeof inputs}, TARGETS_ARRAY};
    refused(flat, 2, HTH_MISMATCH,
            "inputs has shape (30,) and dtype <f4, but must be (N, T, n_in)");
    const array stream[] = {{"inputs", "<f4", "(15, 2)", false, inputs, sizeof inputs},
                            TARGETS_ARRAY};
    refused(stream, 2, HTH_MISMATCH,
            "targets has shape (5, 3, 2) and dtype <f8, but must be (S, n_out) for values");
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
    const char *const dtypes[] = {"<f3", "<c8", "<U4", "|O", "<f16", "<b4"};
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

/* A few bytes a member that claim 4 GB each, 16 TB in all: refused by the directory, before anything is unpacked. */
static void test_more_than_memory(void **unused) {
    enum { MEMBERS = 4096, ROOM = 1 << 21 };
    (void)unused;
    void *state;
    hth_shape shape;
    static array arrays[MEMBERS];
    static char names[MEMBERS][16], bytes[ROOM];
    const unsigned char claim[4] = {0xf0, 0xff, 0xff, 0xff};
    for (int i = 0; i < MEMBERS; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        arrays[i] = (array){names[i], "|b1", "(5, 3)", false, mask, sizeof mask};
    }
    write_npz("a.npz", arrays, MEMBERS);
    const size_t length = scratch_read("a.npz", bytes, sizeof bytes);
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    for (size_t i = 0; i + 28 < length;
         i++) /* each entry of the directory, and its size unpacked */
        if (!memcmp(bytes + i, "PK\1\2", 4)) memcpy(bytes + i + 24, claim, sizeof claim);
    scratch_write("a.npz", bytes, length);
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_NO_MEMORY);
    assert_message("a.npz: its arrays unpack to 17592.2 GB, and this machine has ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_shapes),    cmocka_unit_test(test_bad_dtypes),
        cmocka_unit_test(test_bad_numbers),   cmocka_unit_test(test_files_that_differ),
        cmocka_unit_test(test_damaged_files), cmocka_unit_test(test_more_than_memory),
    };
    return cmocka_run_group_tests(tests, fill, scratch_remove);
}
