/*
 * The folder of a test's files: made in TMPDIR, or in /tmp, and taken away at the end with all that is in it.
 */
#ifndef HTH_TEST_SCRATCH_H
#define HTH_TEST_SCRATCH_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SCRATCH_LENGTH = 160, SCRATCH_PATHS = 64 };

static char scratch[SCRATCH_LENGTH];

static inline int scratch_make(void **state) {
    const char *where = getenv("TMPDIR");
    (void)state;
    if (!where || *where != '/') where = "/tmp";
    const int length = snprintf(scratch, sizeof scratch, "%s/hitherto-test-XXXXXX", where);
    return length < SCRATCH_LENGTH && mkdtemp(scratch) ? 0 : -1;
}

/* scratch/name; valid until 64 calls later. */
static inline const char *scratch_path(const char *name) {
    static char paths[SCRATCH_PATHS][512];
    static unsigned turn;
    char *path = paths[turn++ % SCRATCH_PATHS];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

/* A file, or a folder with what is in it. Links are not followed. */
static inline int scratch_remove_tree(const char *path) {
    struct stat info;
    if (lstat(path, &info) != 0) return -1;
    DIR *folder = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    int left = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inside[1024];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        const int length = snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        left |= length < (int)sizeof inside ? scratch_remove_tree(inside) : -1;
    }
    if (folder) closedir(folder);
    return left | remove(path);
}

static inline int scratch_remove(void **state) {
    (void)state;
    return scratch_remove_tree(scratch);
}

static inline void scratch_write(const char *name, const void *bytes, size_t length) {
    FILE *file = fopen(scratch_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline size_t scratch_read(const char *name, void *bytes, size_t capacity) {
    FILE *file = fopen(scratch_path(name), "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, capacity, file);
    fclose(file);
    return length;
}

#endif
