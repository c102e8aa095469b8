/* Folders that are whole or not there, and templates. */
#include "files/tree.h"
#include "scratch.h"

#include <stdlib.h>
#include <unistd.h>

static int enter(void **state) {
    return scratch_make(state) == 0 ? chdir(scratch) : -1;
}

static int leave(void **state) {
    return chdir("/") == 0 ? scratch_remove(state) : -1;
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_text(const char *path, const char *text) {
    char found[500] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

/* ---- Templates ---- */

static bool put(void *context, const char *word, FILE *out) {
    (void)context;
    if (strcmp(word, "name") != 0) return false;
    fputs("pump", out);
    return true;
}

static bool holds(void *context, const char *word) {
    (void)context;
    return strcmp(word, "yes") == 0;
}

static void test_templates(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a @name@ b\n", "a pump b\n"},
        {"@other@ $@ @mkdir $(@D) @name@@name@", "@other@ $@ @mkdir $(@D) pumppump"},
        {"1\n@if yes@\n2\n@else@\n3\n@end@\n4\n", "1\n2\n4\n"},
        {"1\n@if no@\n2\n@else@\n3\n@end@\n4\n", "1\n3\n4\n"},
        {"a@if yes@b@end@c@if no@d@else@e@end@f\n", "abcef\n"},
        {"@if no@\n@if yes@\nx\n@else@\ny\n@end@\n@else@\n@if yes@\nz\n@end@\n@end@\n", "z\n"},
        {"@if no@@name@@end@.", "."},
    };
    const hth_words words = {put, holds, NULL};
    hth_error error;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        write_text("from", cases[i][0]);
        assert_int_equal(hth_template_fill("from", &words, "to", &error), HTH_OK);
        expect_text("to", cases[i][1]);
    }
    assert_int_equal(hth_template_fill("nothing", &words, "to", &error), HTH_FILE);
}

/* ---- Folders ---- */

static void place(const hth_tree *tree, const char *name, const char *text) {
    char path[HTH_PATH_LENGTH];
    hth_error error;
    assert_int_equal(hth_tree_place(tree, name, path, &error), HTH_OK);
    write_text(path, text);
}

static hth_status count_one(void *context, const char *name, hth_error *error) {
    size_t *count = context;
    (void)error;
    assert_memory_equal(name, "a/", 2);
    ++*count;
    return HTH_OK;
}

static void test_a_draft_becomes_the_folder_or_goes(void **state) {
    (void)state;
    hth_tree tree;
    hth_error error;
    size_t count = 0;
    /* Given up: nothing is left. */
    assert_int_equal(hth_tree_begin("new/", &tree, &error), HTH_OK);
    place(&tree, "a/b/c", "x");
    assert_int_equal(access("new.tmp/a/b/c", F_OK), 0);
    assert_int_equal(hth_tree_end(&tree, false, &error), HTH_OK);
    assert_int_not_equal(access("new.tmp", F_OK), 0);
    assert_int_not_equal(access("new", F_OK), 0);
    /* Ended: it is the folder. */
    assert_int_equal(hth_tree_begin("new", &tree, &error), HTH_OK);
    place(&tree, "a/b/c", "x");
    place(&tree, "a/d", "y");
    place(&tree, "a/.hidden", "z");
    assert_int_equal(hth_tree_end(&tree, true, &error), HTH_OK);
    expect_text("new/a/b/c", "x");
    assert_int_equal(hth_tree_walk("new", "a", count_one, &count, &error), HTH_OK);
    assert_int_equal(count, 2);
    /* What comes into the way meanwhile stays, and the draft goes. */
    assert_int_equal(hth_tree_begin("late", &tree, &error), HTH_OK);
    place(&tree, "a", "mine");
    write_text("late", "theirs");
    assert_int_equal(hth_tree_end(&tree, true, &error), HTH_FILE);
    expect_text("late", "theirs");
    assert_int_not_equal(access("late.tmp", F_OK), 0);
    /* Another's draft stays. */
    assert_int_equal(mkdir("other.tmp", 0777), 0);
    assert_int_equal(hth_tree_begin("other", &tree, &error), HTH_FILE);
    assert_int_equal(access("other.tmp", F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_templates, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_draft_becomes_the_folder_or_goes, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
