/* A temporary folder for the files of a test. Define _POSIX_C_SOURCE 200809L before including. */
#ifndef HTH_TEST_SCRATCH_H
#define HTH_TEST_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[64];

static inline int scratch_make(void **state) {
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/hitherto-test-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

/* Valid until 64 calls later. */
static inline const char *scratch_path(const char *name) {
    static char paths[64][512];
    static unsigned turn;
    char *path = paths[turn++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
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

static inline int scratch_remove(void **state) {
    (void)state;
    DIR *folder = opendir(scratch);
    if (!folder) return -1;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.') unlink(scratch_path(entry->d_name));
    closedir(folder);
    return rmdir(scratch);
}

#endif
