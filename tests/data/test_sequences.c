/* The reader `arrays`: sequences of unequal length, resets within a sequence, a stream in one piece, folders of files;
 * the draw of the sequences that validate; and files that hardly mean what they say. */
#include "array_files.h"

#include <math.h>

static const char *const in_order[] = {"data.shuffle", "false", NULL};

static void refused_by(const array *arrays, size_t count, const char *const *extra,
                       const char *part) {
    void *state;
    hth_shape shape;
    write_npz("a.npz", arrays, count);
    if (open_arrays(extra, HTH_TRAIN, 1, &state, &shape) == HTH_OK)
        fail_msg("not refused: %s", part);
    assert_null(state);
    assert_message("a.npz: ");
    assert_message(part);
}

/* ---- lengths ---- */

static void test_lengths(void **unused) {
    (void)unused;
    const int64_t lengths[N] = {2, 3, 1, 3, 2};
    inputs[2][1][0] = NAN; /* padding, whatever it is */
    classes[0][2] = 77;
    const array arrays[] = {
        INPUTS_ARRAY, CLASSES_ARRAY, {"lengths", "<i8", "(5,)", false, lengths, sizeof lengths}};
    write_npz("a.npz", arrays, 3);
    void *state = opened(in_order, HTH_TRAIN, 2);
    uint64_t sequence, epoch;
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == 3 && epoch == 6); /* 3 and 3: the fifth is dropped */
    hth_chunk chunk = next(state, 2, "s");
    assert_true(chunk.lengths[0] == 2 && chunk.lengths[1] == 2);
    chunk = next(state, 2, "e");
    assert_int_equal(chunk.steps, 1);
    assert_true(chunk.lengths[0] == 0 && chunk.lengths[1] == 1);
    assert_true(chunk.weights[0] == 0 && chunk.x[0] == 0 && chunk.classes[0] == 0);
    assert_true(chunk.weights[1] == 1 && chunk.x[INPUTS] == 120);
    chunk = next(state, 9, "seE");
    assert_true(chunk.steps == 3 && chunk.lengths[0] == 1 && chunk.lengths[1] == 3);
    assert_true(chunk.x[2 * INPUTS] == 0 && chunk.weights[2] == 0); /* NAN was there */
    char what[200];
    kind()->describe(state, what, sizeof what);
    assert_string_equal(what, sizeof(hth_real) == 4
                                  ? "5 sequences of 1 to 3 steps, 2 inputs (88 B), 4 classes"
                                  : "5 sequences of 1 to 3 steps, 2 inputs (176 B), 4 classes");
    kind()->close(state);
    /* What fills up a last batch has no steps. */
    const char *const pad[] = {"data.shuffle", "false", "data.incomplete", "pad", NULL};
    state = opened(pad, HTH_TRAIN, 4);
    next(state, 9, "se");
    chunk = next(state, 9, "seE");
    assert_true(chunk.steps == 2 && chunk.lengths[0] == 2 && chunk.lengths[1] == 0);
    kind()->close(state);
    fill_arrays();
}

static void test_lengths_refused(void **unused) {
    (void)unused;
    const int64_t four[N] = {2, 3, 1, 4, 2}, none[N] = {2, 3, 0, 3, 2};
    const double real[N] = {1, 1, 1, 1, 1};
    array arrays[] = {
        INPUTS_ARRAY, CLASSES_ARRAY, {"lengths", "<i8", "(5,)", false, four, sizeof four}};
    refused_by(arrays, 3, NULL, "lengths[3] is 4, but must be 1 to 3, the steps of inputs");
    arrays[2].data = none;
    refused_by(arrays, 3, NULL, "lengths[2] is 0");
    arrays[2] = (array){"lengths", "<f8", "(5,)", false, real, sizeof real};
    refused_by(arrays, 3, NULL, "but must be (5,) of integers: the steps of each sequence");
    arrays[2] = (array){"length", "<i8", "(5,)", false, four, sizeof four};
    refused_by(arrays, 3, NULL, "there is no use for array length; did you mean 'lengths'?");
    arrays[2].name = "zzzzzzzzzzzz";
    refused_by(
        arrays, 3, NULL,
        "there is no use for array zzzzzzzzzzzz; there is for inputs, targets, mask, lengths, "
        "starts, w_in, w_rec, w_out, b_rec, b_out, feedback, class_weights");
}

/* ---- starts ---- */

/* A row with resets is its pieces, one after the other. */
static void test_starts(void **unused) {
    (void)unused;
    unsigned char starts[N][T] = {{0, 0, 1}, {1, 0, 0}, {0, 1, 1}};
    array arrays[] = {
        INPUTS_ARRAY, TARGETS_ARRAY, {"starts", "|b1", "(5, 3)", false, starts, sizeof starts}};
    const size_t steps[] = {2, 1, 3, 1, 1, 1, 3, 3};
    write_npz("a.npz", arrays, 3);
    void *state = opened(in_order, HTH_TRAIN, 1);
    for (int i = 0, first = 0; i < 8; i++) {
        hth_chunk chunk = next(state, 9, i == 7 ? "seE" : "se");
        assert_int_equal(chunk.steps, steps[i]);
        assert_true(chunk.x[0] == first / 3 * 100 + first % 3 * 10);
        assert_true(chunk.targets[0] == -chunk.x[0]);
        first += (int)steps[i];
    }
    assert_non_null(strstr(kind()->breaks(state), "starts"));
    kind()->close(state);
    arrays[2].shape = "(3, 5)";
    refused_by(arrays, 3, NULL, "but must be (5, 3) of 0 and 1: whether the state is reset");
    arrays[2] = (array){"starts", "<i8", "(5, 3)", false, classes, sizeof classes};
    refused_by(arrays, 3, NULL, "starts[0, 2] is 2, but must be 0 or 1");
}

/* One stream: flags or positions mean the same. */
static void test_stream(void **unused) {
    (void)unused;
    unsigned char flags[15] = {[4] = 1, [5] = 1};
    const int32_t positions[] = {0, 4, 5}, back[] = {4, 0, 5}, beyond[] = {0, 4, 15};
    array arrays[] = {{"inputs", "<f4", "(15, 2)", false, inputs, sizeof inputs},
                      {"targets", "<i8", "(15,)", false, classes, sizeof classes},
                      {"starts", "|b1", "(15,)", false, flags, sizeof flags}};
    for (int form = 0; form < 3; form++) {
        const size_t steps[] = {4, 1, 10};
        write_npz("a.npz", arrays, form < 2 ? 3 : 2);
        void *state = opened(in_order, HTH_TRAIN, 1);
        for (int i = 0; i < (form < 2 ? 3 : 1); i++) {
            hth_chunk chunk = next(state, 99, form == 2 || i == 2 ? "seE" : "se");
            assert_int_equal(chunk.steps, form < 2 ? steps[i] : 15);
        }
        kind()->close(state);
        arrays[2] = (array){"starts", "<i4", "(3,)", false, positions, sizeof positions};
    }
    arrays[2].data = back;
    refused_by(arrays, 3, NULL, "starts[1] is 0, but must be larger than the one before");
    arrays[2].data = beyond;
    refused_by(arrays, 3, NULL,
               "starts[2] is 15, but must be larger than the one before and less "
               "than 15");
    arrays[2] = (array){"lengths", "<i4", "(3,)", false, positions, sizeof positions};
    refused_by(arrays, 3, NULL, "left out where inputs are one stream");
}

/* ---- Folders ---- */

static void write_npy(const char *folder, const array *a) {
    char name[96];
    size_t length;
    char *bytes = npy_bytes(a, 1, &length);
    snprintf(name, sizeof name, "%s/%s.npy", folder, a->name);
    scratch_write(name, bytes, length);
    free(bytes);
}

/* A folder gives what the archive of its files gives. */
static void test_folder(void **unused) {
    (void)unused;
    const int64_t lengths[N] = {2, 3, 1, 3, 2};
    array arrays[] = {INPUTS_ARRAY,
                      TARGETS_ARRAY,
                      MASK_ARRAY,
                      {"lengths", "<i8", "(5,)", false, lengths, sizeof lengths}};
    targets[1][0][1] = NAN; /* does not count */
    mkdir(scratch_path("folder"), 0777);
    write_npz("a.npz", arrays, 4);
    for (int fortran = 0; fortran < 2; fortran++) {
        for (int i = 0; i < 4; i++) write_npy("folder", &arrays[i]);
        const char *const folder[] = {"data.file", scratch_path("folder"), NULL};
        void *one = opened(NULL, HTH_TRAIN, 2), *other = opened(folder, HTH_TRAIN, 2);
        for (int i = 0; i < 20; i++) {
            hth_chunk a, b;
            hth_position_flags flags;
            assert_int_equal(kind()->next(one, 9, &a, &flags, &message), HTH_OK);
            assert_int_equal(kind()->next(other, 9, &b, &flags, &message), HTH_OK);
            assert_int_equal(a.steps, b.steps);
            assert_memory_equal(a.x, b.x, a.steps * 2 * INPUTS * sizeof *a.x);
            assert_memory_equal(a.targets, b.targets, a.steps * 2 * OUTPUTS * sizeof *a.targets);
            assert_memory_equal(a.weights, b.weights, a.steps * 2 * sizeof *a.weights);
        }
        kind()->close(one);
        kind()->close(other);
        /* The same numbers in the other order of axes, which cannot be used where they lie. */
        static float turned[INPUTS][T][N];
        for (int n = 0; n < N; n++)
            for (int t = 0; t < T; t++)
                for (int i = 0; i < INPUTS; i++) turned[i][t][n] = inputs[n][t][i];
        arrays[0].data = turned;
        arrays[0].fortran = true;
    }
    fill_arrays();
}

static void test_folder_refused(void **unused) {
    (void)unused;
    const array lying = {"inputs", "<f4", "(5, 3, 3)", false, inputs, sizeof inputs};
    const array right = INPUTS_ARRAY, other = {"target", "<f4", "(1,)", false, inputs, 4};
    const char *const folder[] = {"data.file", scratch_path("folder"), NULL};
    void *state;
    hth_shape shape;
    write_npy("folder", &lying);
    assert_int_equal(open_arrays(folder, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("array inputs ");
    assert_message("cut short");
    write_npy("folder", &right);
    write_npy("folder", &other);
    assert_int_equal(open_arrays(folder, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("there is no use for array target; did you mean 'targets'?");
    unlink(scratch_path("folder/target.npy"));
    unlink(scratch_path("folder/targets.npy"));
    assert_int_equal(open_arrays(folder, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("there is no array targets in the folder");
    scratch_write("folder/targets.npy", "", 0);
    assert_int_equal(open_arrays(folder, HTH_TRAIN, 1, &state, &shape), HTH_FILE);
    assert_message("array targets is cut short or damaged: it is empty");
}

/* Two members of one name: nobody knows which is meant. */
static void test_twins(void **unused) {
    (void)unused;
    const array arrays[] = {INPUTS_ARRAY,
                            TARGETS_ARRAY,
                            {"targetz", "<f8", "(5, 3, 2)", false, targets, sizeof targets}};
    char bytes[8192];
    write_npz("a.npz", arrays, 3);
    const size_t length = scratch_read("a.npz", bytes, sizeof bytes);
    for (size_t i = 0; i + 7 < length; i++)
        if (memcmp(bytes + i, "targetz", 7) == 0) bytes[i + 6] = 's';
    scratch_write("a.npz", bytes, length);
    void *state;
    hth_shape shape;
    assert_int_equal(open_arrays(NULL, HTH_TRAIN, 1, &state, &shape), HTH_INVALID);
    assert_message("the archive has two members targets.npy");
    const array spaced[] = {{"inputs", "<f4", "(5 3 2)", false, inputs, sizeof inputs},
                            TARGETS_ARRAY};
    refused_by(spaced, 2, NULL, "array inputs has a shape that cannot be read");
}

/* ---- What is hardly meant ---- */

static void test_classes_refused(void **unused) {
    (void)unused;
    uint8_t from_one[N][T], bytes[N][T];
    for (int i = 0; i < N * T; i++) {
        from_one[i / T][i % T] = (uint8_t)(1 + i % 9);
        bytes[i / T][i % T] = (uint8_t)(i % 3 ? i % 4 : 255);
    }
    const char *const ten[] = {"data.classes", "10", NULL}, *const all[] = {"data.classes", "256",
                                                                            NULL};
    array arrays[] = {INPUTS_ARRAY,
                      {"targets", "|u1", "(5, 3)", false, from_one, sizeof from_one},
                      {NULL, "|b1", "(5, 3)", false, mask, sizeof mask}};
    refused_by(
        arrays, 2, NULL,
        "the classes of targets are 1 to 9, but classes count from 0: subtract 1, or, if the "
        "lower ones are only missing here, set data.classes=10");
    write_npz("a.npz", arrays, 2);
    kind()->close(opened(ten, HTH_TRAIN, 1));
    arrays[1].data = bytes;
    refused_by(arrays, 2, NULL,
               "targets has class 255, and otherwise classes to 3: if 255 is -1, a step without a "
               "class, the array mask must be 0 there; if it is a class, set data.classes=256");
    write_npz("a.npz", arrays, 2);
    kind()->close(opened(all, HTH_TRAIN, 1));
    arrays[2].name = "mask"; /* 0 where t = 0, which is where 255 stands */
    write_npz("a.npz", arrays, 3);
    kind()->close(opened(NULL, HTH_TRAIN, 1));
}

static void test_masks(void **unused) {
    (void)unused;
    const unsigned char nothing[N][T] = {{0}},
                        window[N][T] = {{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}};
    const unsigned char padding[N][T] = {{1, 1, 1}, {1, 1, 0}, {1, 0, 0}, {1, 1, 1}, {1, 1, 1}};
    const int64_t lengths[N] = {3, 2, 1, 3, 3};
    array arrays[] = {INPUTS_ARRAY,
                      TARGETS_ARRAY,
                      {"mask", "|b1", "(5, 3)", false, nothing, sizeof nothing},
                      {NULL, "<i8", "(5,)", false, lengths, sizeof lengths}};
    refused_by(arrays, 3, NULL, "mask is 0 at every step, so that nothing counts");
    /* A window of steps that count is no padding; where masks end at different steps it may be. */
    for (int i = 0; i < 3; i++) {
        arrays[2].data = i ? padding : window;
        arrays[3].name = i == 2 ? "lengths" : NULL;
        write_npz("a.npz", arrays, 4);
        void *state = opened(NULL, HTH_TRAIN, 1);
        const char *doubt = kind()->doubt(state);
        assert_true(i == 1 ? strstr(doubt, "in 2 of 5 sequences the mask ends in zeros") != NULL
                           : doubt[0] == '\0');
        kind()->close(state);
    }
}

/* ---- The draw ---- */

enum { MANY = 103 };

/* Sorted by class: 60 of class 0, 30 of class 1, 10 of class 2, 3 of class 3. */
static void test_draw(void **unused) {
    (void)unused;
    int32_t labels[MANY];
    bool first[MANY], other[MANY];
    const size_t sizes[] = {60, 30, 10, 3};
    for (int i = 0; i < MANY; i++) labels[i] = i < 60 ? 0 : i < 90 ? 1 : i < 100 ? 2 : 3;
    size_t differ = 0;
    for (size_t wanted = 1; wanted < MANY; wanted += 7) {
        size_t drawn[4] = {0}, all = 0;
        memset(first, 0, sizeof first);
        memset(other, 0, sizeof other);
        assert_int_equal(hth_split_draw(labels, MANY, wanted, 1, first, &message), HTH_OK);
        assert_int_equal(hth_split_draw(labels, MANY, wanted, 1, other, &message), HTH_OK);
        assert_memory_equal(first, other, sizeof first); /* one seed, one draw */
        for (int i = 0; i < MANY; i++) {
            drawn[labels[i]] += first[i];
            all += first[i];
        }
        assert_int_equal(all, wanted);
        for (int c = 0; c < 4; c++) {
            const double share = (double)(sizes[c] * wanted) / MANY;
            assert_true(fabs((double)drawn[c] - share) < 1);
        }
        memset(other, 0, sizeof other);
        assert_int_equal(hth_split_draw(labels, MANY, wanted, 2, other, &message), HTH_OK);
        differ += memcmp(first, other, sizeof first) != 0;
    }
    assert_true(differ > 10);
}

/* Without classes every sequence is as likely: no place in the file is left out. */
static void test_draw_without_classes(void **unused) {
    (void)unused;
    size_t drawn[MANY] = {0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        bool validates[MANY] = {0};
        assert_int_equal(hth_split_draw(NULL, MANY, 20, seed, validates, &message), HTH_OK);
        for (int i = 0; i < MANY; i++) drawn[i] += validates[i];
    }
    for (int i = 0; i < MANY; i++) /* 77.7 expected, deviation 7.9 */
        assert_true(drawn[i] > 40 && drawn[i] < 120);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lengths_refused),
        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_folder_refused),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_classes_refused),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_draw_without_classes),
    };
    return cmocka_run_group_tests(tests, fill, scratch_remove);
}
