/* Errors, the arena and allocation. */
#include "base/base.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, LONGEST_FORMAT = 512 };

const char *hth_version(void) {
    return HTH_VERSION;
}

const char *hth_status_text(hth_status status) {
    static const char *const texts[] = {
#define HTH_STATUS_TEXT(code, text) text,
        HTH_STATUSES(HTH_STATUS_TEXT)
#undef HTH_STATUS_TEXT
    };
    return (size_t)status < HTH_COUNT(texts) ? texts[status] : "unknown status";
}

/* %zu becomes %u where both are of one size: small C libraries, such as newlib-nano, do not know it. */
static int write_text(char *out, size_t size, const char *format, va_list arguments) {
#if SIZE_MAX == UINT_MAX
    char plain[LONGEST_FORMAT];
    size_t used = 0;
    for (const char *at = format; *at && used + 1 < sizeof plain; at++)
        if (*at != 'z' || at == format || at[-1] != '%') plain[used++] = *at;
    plain[used] = '\0';
    format = plain;
#endif
    return vsnprintf(out, size, format, arguments);
}

int hth_text(char *out, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = write_text(out, size, format, arguments);
    va_end(arguments);
    return length;
}

hth_status hth_fail(hth_error *error, hth_status status, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        write_text(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

size_t hth_field_bytes(const hth_field *field) {
    const size_t size = field->dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                        : field->dtype == HTH_DTYPE_I32 ? sizeof(int32_t)
                                                        : sizeof(uint64_t);
    return field->count * size;
}

size_t hth_times(size_t a, size_t b) {
    return b && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

void hth_on_chip(void *context, void *memory) {
    (void)context;
    (void)memory;
}

/* The chip for which the allocator counts. */
static hth_chip chip_of(const hth_allocator *allocator) {
    return allocator && allocator->release == hth_on_chip ? *(const hth_chip *)allocator->context
                                                          : HTH_NO_CHIP;
}

hth_arena hth_arena_for(const hth_allocator *allocator) {
    return (hth_arena){.chip = chip_of(allocator)};
}

void *hth_arena_take(hth_arena *arena, size_t count, size_t size) {
    const size_t bytes = hth_times(count, size);
    if (arena->used > SIZE_MAX / 2 || bytes > SIZE_MAX / 2) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    const size_t start = (arena->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    arena->used = start + bytes;
    return arena->base ? arena->base + start : NULL;
}

/* What precedes every block: how to give it back. */
typedef struct block_header {
    hth_allocator allocator;
    void *start;
} block_header;

static void *heap_allocate(void *context, size_t bytes) {
    (void)context;
    return malloc(bytes);
}

static void heap_release(void *context, void *memory) {
    (void)context;
    free(memory);
}

void *hth_allocate(const hth_allocator *allocator, size_t bytes) {
    static const hth_allocator heap = {heap_allocate, heap_release, NULL};
    const hth_allocator *from = allocator ? allocator : &heap;
    size_t overhead = HTH_SIZE_ON(chip_of(allocator), block_header) + ALIGNMENT;
    if (bytes > SIZE_MAX / 2) return NULL;
    char *start = from->allocate(from->context, bytes + overhead);
    if (!start) return NULL;
    size_t at = ((uintptr_t)start + overhead) / ALIGNMENT * ALIGNMENT - (uintptr_t)start;
    char *memory = start + at;
    ((block_header *)(void *)memory)[-1] = (block_header){*from, start};
    memset(memory, 0, bytes);
    return memory;
}

void hth_release(void *memory) {
    if (!memory) return;
    block_header header = ((block_header *)memory)[-1];
    header.allocator.release(header.allocator.context, header.start);
}
