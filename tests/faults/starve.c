/*
 * Preloaded into the program: the n-th allocation fails as if there were no memory (HTH_STARVE_AT=n, from 1), once.
 * With HTH_STARVE_COUNT=FILE the number of all allocations is written there at the end. /
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

VISIBLE void *malloc(size_t size);
VISIBLE void *calloc(size_t count, size_t size);
VISIBLE void *realloc(void *memory, size_t size);

static unsigned long at, count;
static int is_on;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("HTH_STARVE_AT");
    at = text ? strtoul(text, NULL, 10) : 0;
    is_on = 1;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("HTH_STARVE_COUNT");
    char text[32];
    is_on = 0;
    if (!path) return;
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int length = snprintf(text, sizeof text, "%lu\n", count);
    if (file >= 0 && write(file, text, (size_t)length) == length) close(file);
}

static int fails(void) {
    if (!is_on || ++count != at) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    return fails() ? NULL : __libc_realloc(memory, size);
}
