/* A run directory: what counts as a run in it, what is removed from it and what never is, and files that are written
 * whole or not at all. */
#define _GNU_SOURCE
#include "files/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scratch.h"

static hth_error message;

static void put(const char *name) {
    scratch_write(name, "x", 1);
}

static bool is_there(const char *name) {
    struct stat info;
    return lstat(scratch_path(name), &info) == 0;
}

static void assert_message(const char *part) {
    if (!strstr(message.message, part))
        fail_msg("'%s' is not in the message '%s'", part, message.message);
}

/* ---- Beginning ------------------------------------------------------------------------------ */

/* Whoever was killed before the first file had its name has begun no run. */
static void drafts_and_a_lock_are_no_run(void **state) {
    (void)state;
    static const char *const left[] = {"drafts/lock", "drafts/settings.yaml.tmp",
                                       "drafts/checkpoint.safetensors.tmp"};
    hth_rundir dir;
    assert_int_equal(mkdir(scratch_path("drafts"), 0777), 0);
    for (size_t i = 0; i < HTH_COUNT(left); i++) put(left[i]);
    assert_int_equal(hth_rundir_open(scratch_path("drafts"), false, &dir, &message), HTH_OK);
    hth_rundir_close(&dir);
    /* The controls: a file of a run, and a draft of somebody else's. */
    put("drafts/letter.tmp");
    assert_int_equal(hth_rundir_check(scratch_path("drafts"), false, &message), HTH_FILE);
    assert_message("is not empty");
    assert_int_equal(unlink(scratch_path("drafts/letter.tmp")), 0);
    put("drafts/settings.yaml");
    assert_int_equal(hth_rundir_check(scratch_path("drafts"), false, &message), HTH_FILE);
}

/* What the system says of a lock is told as that; only a lock that is held is another run. */
static void a_lock_that_cannot_be_taken(void **state) {
    (void)state;
    hth_rundir dir, second;
    assert_int_equal(mkdir(scratch_path("locked"), 0777), 0);
    assert_int_equal(symlink("lock", scratch_path("locked/lock")), 0); /* to itself */
    assert_int_equal(hth_rundir_open(scratch_path("locked"), false, &dir, &message), HTH_FILE);
    assert_message("locked/lock: cannot be opened: Too many levels of symbolic links");
    assert_int_equal(unlink(scratch_path("locked/lock")), 0);
    assert_int_equal(hth_rundir_open(scratch_path("locked"), false, &dir, &message), HTH_OK);
    assert_int_equal(hth_rundir_open(scratch_path("locked"), false, &second, &message), HTH_FILE);
    assert_message("another run is writing");
    hth_rundir_close(&dir);
}

/* ---- Removing ------------------------------------------------------------------------------- */

static void only_what_a_run_writes_is_removed(void **state) {
    (void)state;
    static const char *const written[] = {"gone/settings.yaml",
                                          "gone/metrics.jsonl",
                                          "gone/checkpoint.safetensors",
                                          "gone/lock",
                                          "gone/summary.json.tmp",
                                          "gone/checkpoint.best.safetensors",
                                          "gone/align.jsonl",
                                          "gone/events.out.tfevents.hitherto",
                                          "gone/checkpoint.previous.safetensors"};
    assert_int_equal(mkdir(scratch_path("gone"), 0777), 0);
    for (size_t i = 0; i < HTH_COUNT(written); i++) put(written[i]);
    put("gone/notes.txt");
    put("gone/checkpoint.damaged.safetensors");
    assert_int_equal(hth_folder_remove(scratch_path("gone"), &message), HTH_FILE);
    assert_message("gone: cannot be removed: Directory not empty");
    for (size_t i = 0; i < HTH_COUNT(written); i++) assert_false(is_there(written[i]));
    assert_true(is_there("gone/notes.txt") && is_there("gone/checkpoint.damaged.safetensors"));
    assert_int_equal(unlink(scratch_path("gone/notes.txt")), 0);
    assert_int_equal(unlink(scratch_path("gone/checkpoint.damaged.safetensors")), 0);
    assert_int_equal(hth_folder_remove(scratch_path("gone"), &message), HTH_OK);
    assert_false(is_there("gone"));
    assert_int_equal(hth_folder_remove(scratch_path("gone"), &message), HTH_OK); /* as wanted */
}

/* A folder that is handed on is as one that has just been made, and never takes a place or another's file along. */
static void a_folder_is_handed_on_empty(void **state) {
    (void)state;
    char text[64];
    assert_int_equal(mkdir(scratch_path("old"), 0777), 0);
    assert_int_equal(mkdir(scratch_path("taken"), 0777), 0);
    static const char *const written[] = {"old/settings.yaml", "old/metrics.jsonl",
                                          "old/checkpoint.safetensors", "old/lock",
                                          "old/summary.json.tmp"};
    for (size_t i = 0; i < HTH_COUNT(written); i++) put(written[i]);
    assert_true(scratch_read("old/metrics.jsonl", text, sizeof text) > 0);
    char from[320], to[320];
    snprintf(from, sizeof from, "%s", scratch_path("old"));
    snprintf(to, sizeof to, "%s", scratch_path("taken"));
    assert_int_equal(hth_folder_hand_on(from, to, &message), HTH_FILE);
    for (size_t i = 0; i < HTH_COUNT(written); i++) assert_true(is_there(written[i]));
    put("old/notes.txt");
    snprintf(to, sizeof to, "%s", scratch_path("new"));
    assert_int_equal(hth_folder_hand_on(from, to, &message), HTH_FILE);
    assert_message("old holds notes.txt, which is not of a run");
    assert_true(is_there("old/notes.txt") && !is_there("new"));
    assert_int_equal(unlink(scratch_path("old/notes.txt")), 0);
    assert_int_equal(hth_folder_hand_on(from, to, &message), HTH_OK);
    assert_false(is_there("old"));
    assert_true(is_there("new/lock"));
    assert_int_equal(scratch_read("new/metrics.jsonl", text, sizeof text), 0);
    assert_false(is_there("new/settings.yaml") || is_there("new/checkpoint.safetensors") ||
                 is_there("new/summary.json.tmp"));
    assert_int_equal(hth_rundir_check(to, true, &message), HTH_OK);
}

static void links_are_not_followed(void **state) {
    (void)state;
    assert_int_equal(mkdir(scratch_path("mine"), 0777), 0);
    put("mine/settings.yaml");
    put("mine/other.txt");
    assert_int_equal(symlink("mine", scratch_path("link")), 0);
    assert_int_equal(hth_folder_remove(scratch_path("link"), &message), HTH_FILE);
    assert_true(is_there("mine/settings.yaml") && is_there("link"));
    assert_int_equal(mkdir(scratch_path("run"), 0777), 0);
    assert_int_equal(symlink("../mine/other.txt", scratch_path("run/summary.json")), 0);
    assert_int_equal(hth_folder_remove(scratch_path("run"), &message), HTH_OK);
    assert_true(is_there("mine/other.txt"));
}

/* ---- Drafts --------------------------------------------------------------------------------- */

static void assert_text(const char *name, const char *expected) {
    char text[64] = "";
    const size_t length = scratch_read(name, text, sizeof text - 1);
    assert_int_equal(length, strlen(expected));
    assert_string_equal(text, expected);
}

/* A link in the place of a draft, or a draft that is left, stands in nobody's way, and is not written through. */
static void a_draft_follows_no_link(void **state) {
    (void)state;
    scratch_write("victim", "untouched", 9);
    assert_int_equal(symlink("victim", scratch_path("note.tmp")), 0);
    assert_int_equal(hth_file_replace(scratch_path("note"), "new", &message), HTH_OK);
    assert_text("victim", "untouched");
    assert_text("note", "new");
    assert_false(is_there("note.tmp"));
    put("note.tmp");
    assert_int_equal(hth_file_replace(scratch_path("note"), "newer", &message), HTH_OK);
    assert_text("note", "newer");
}

static void a_draft_that_fails_leaves_the_old_file(void **state) {
    (void)state;
    hth_draft draft;
    assert_int_equal(hth_file_replace(scratch_path("kept"), "old", &message), HTH_OK);
    assert_int_equal(hth_draft_begin(scratch_path("kept"), &draft, &message), HTH_OK);
    errno = ENOSPC;
    assert_int_equal(hth_draft_end(&draft, false, &message), HTH_FILE);
    assert_message("kept: cannot be written: No space left on device");
    assert_text("kept", "old");
    assert_false(is_there("kept.tmp"));
    assert_int_equal(mkdir(scratch_path("kept.tmp"), 0777), 0);
    assert_int_equal(hth_file_replace(scratch_path("kept"), "new", &message), HTH_FILE);
    assert_message("kept.tmp: cannot be written: File exists");
    assert_text("kept", "old");
}

static void memory_that_runs_out_is_told_as_that(void **state) {
    (void)state;
    errno = ENOMEM;
    assert_int_equal(hth_file_fail("a", "read", &message), HTH_NO_MEMORY);
    assert_message("a: cannot be read: Cannot allocate memory");
    errno = EIO;
    assert_int_equal(hth_file_fail("a", "read", &message), HTH_FILE);
}

static void looking_tells_absence_from_refusal(void **state) {
    (void)state;
    bool there = true;
    assert_int_equal(hth_file_look(scratch_path("nothing"), &there, &message), HTH_OK);
    assert_false(there);
    assert_int_equal(symlink("loop", scratch_path("loop")), 0);
    assert_int_equal(hth_file_look(scratch_path("loop"), &there, &message), HTH_FILE);
    assert_message("Too many levels");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafts_and_a_lock_are_no_run),
        cmocka_unit_test(a_lock_that_cannot_be_taken),
        cmocka_unit_test(only_what_a_run_writes_is_removed),
        cmocka_unit_test(a_folder_is_handed_on_empty),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(a_draft_follows_no_link),
        cmocka_unit_test(a_draft_that_fails_leaves_the_old_file),
        cmocka_unit_test(memory_that_runs_out_is_told_as_that),
        cmocka_unit_test(looking_tells_absence_from_refusal),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
