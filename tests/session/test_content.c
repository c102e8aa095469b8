/* The number of what training files hold: the same wherever they lie, another with any other byte. */
#include "data/npz.h"
#include "scratch.h"
#include "session/content.h"

#include <sys/stat.h>

static void write_file(const char *name, size_t size, size_t changed, char to) {
    FILE *file = fopen(scratch_path(name), "wb");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) fputc(i == changed ? to : (char)(i * 31 % 127), file);
    assert_int_equal(fclose(file), 0);
}

static uint64_t content(const char *key, const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s", scratch_path(name));
    hth_setting item = {key, path, "test"};
    return hth_content_of(&(hth_settings){&item, 1});
}

static void test_place_and_key_are_nothing_content_is_all(void **state) {
    (void)state;
    enum { SIZE = 9000 };
    write_file("a", SIZE, SIZE, 0);
    write_file("b", SIZE, SIZE, 0);
    const uint64_t number = content("data.file", "a");
    assert_true(number != 0 && content("data.file", "b") == number);
    assert_true(content("data.train", "a") != number);
    static const size_t places[] = {0, 4095, 4096, SIZE - 1};
    for (size_t i = 0; i < HTH_COUNT(places); i++) {
        write_file("b", SIZE, places[i], 127);
        assert_true(content("data.file", "b") != number);
    }
    write_file("b", SIZE + 1, SIZE + 1, 0);
    assert_true(content("data.file", "b") != number);
    /* A file that has been packed away is found as the readers find it. */
    assert_int_equal(rename(scratch_path("a"), scratch_path("c.xz")), 0);
    assert_true(content("data.file", "c") == number);
}

/* Of a large file the ends count in any case, and its size. */
static void test_a_large_file_has_ends(void **state) {
    (void)state;
    enum { SIZE = 17 << 20 };
    write_file("large", SIZE, SIZE, 0);
    const uint64_t number = content("data.file", "large");
    write_file("large", SIZE, 0, 127);
    assert_true(content("data.file", "large") != number);
    write_file("large", SIZE, SIZE - 1, 127);
    assert_true(content("data.file", "large") != number);
    write_file("large", SIZE - 1, SIZE, 0);
    assert_true(content("data.file", "large") != number);
}

static void test_a_folder_is_its_arrays(void **state) {
    (void)state;
    char folder[400];
    snprintf(folder, sizeof folder, "%s", scratch_path("folder"));
    assert_int_equal(mkdir(folder, 0777), 0);
    write_file("folder/inputs.npy", 100, 100, 0);
    write_file("folder/targets.npy", 50, 50, 0);
    const uint64_t number = content("data.file", "folder");
    write_file("folder/notes.txt", 10, 10, 0);
    assert_true(number != 0 && content("data.file", "folder") == number);
    /* Those of other folders in it are not its own. */
    assert_int_equal(mkdir(scratch_path("folder/test"), 0777), 0);
    write_file("folder/test/targets.npy", 50, 50, 0);
    assert_true(content("data.file", "folder") == number);
    write_file("folder/targets.npy", 50, 20, 127);
    assert_true(content("data.file", "folder") != number);
}

/* The labels of images count, those that are named and those beside the images. */
static void test_images_have_labels(void **state) {
    (void)state;
    static const char *const keys[][2] = {{"data.name", "images"}, {"world.name", "glimpse"}};
    static const char *const names[][2] = {{"data.file", "data.labels"},
                                           {"world.file", "world.labels"}};
    char images[400], labels[400];
    write_file("a-images-idx3-ubyte", 100, 100, 0);
    snprintf(images, sizeof images, "%s", scratch_path("a-images-idx3-ubyte"));
    for (size_t i = 0; i < 2 * HTH_COUNT(keys); i++) {
        const bool beside = i % 2;
        const char *name = beside ? "a-labels-idx1-ubyte" : "b";
        snprintf(labels, sizeof labels, "%s", scratch_path(name));
        const hth_setting items[] = {{keys[i / 2][0], keys[i / 2][1], "test"},
                                     {names[i / 2][0], images, "test"},
                                     {names[i / 2][1], beside ? "" : labels, "test"}};
        const hth_settings settings = {items, HTH_COUNT(items)};
        write_file(name, 50, 50, 0);
        const uint64_t number = hth_content_of(&settings);
        write_file(name, 50, 20, 127);
        if (hth_content_of(&settings) == number) fail_msg("%s, %zu", keys[i / 2][1], i);
    }
}

/* The arrays of an archive count, not their order or when it was written. */
static void test_an_archive_is_its_arrays(void **state) {
    (void)state;
    static float x[6] = {1, 2, 3}, y[6] = {4};
    const array first[] = {{"inputs", "<f4", "(6,)", false, x, sizeof x},
                           {"targets", "<f4", "(6,)", false, y, sizeof y}};
    const array again[] = {{0}, first[1], first[0]}; /* a place decides how npz_write packs */
    npz_write(scratch_path("a.npz"), first, 2);
    npz_write(scratch_path("b.npz"), again, 3);
    const uint64_t number = content("data.file", "a.npz");
    assert_true(number != 0 && content("data.file", "b.npz") == number);
    y[5] = 1;
    npz_write(scratch_path("b.npz"), again, 3);
    assert_true(content("data.file", "b.npz") != number);
}

static void test_what_cannot_be_read_twice_has_none(void **state) {
    (void)state;
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    assert_true(content("data.file", "pipe") == 0);
    assert_true(content("data.file", "none") == 0);
    assert_true(hth_content_of(&(hth_settings){NULL, 0}) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place_and_key_are_nothing_content_is_all),
        cmocka_unit_test(test_a_large_file_has_ends),
        cmocka_unit_test(test_a_folder_is_its_arrays),
        cmocka_unit_test(test_images_have_labels),
        cmocka_unit_test(test_an_archive_is_its_arrays),
        cmocka_unit_test(test_what_cannot_be_read_twice_has_none),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
