/*
 * The heap of this program, told to fail at the n-th allocation and to count what is not given back.
 * Allocations of the libraries under the code that is tested fail too. Only with glibc and without a
 * sanitizer, which needs the heap for itself: elsewhere FAILING_MALLOC is 0.
 */
#ifndef HTH_TEST_FAILING_MALLOC_H
#define HTH_TEST_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_IS_TAKEN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define HEAP_IS_TAKEN 1
#endif

#ifdef HEAP_IS_TAKEN
#define FAILING_MALLOC 0
static inline void failing_malloc_start(size_t n) {
    (void)n;
}
static inline size_t failing_malloc_stop(void) {
    return 0;
}
static inline size_t failing_malloc_stop_own(void) {
    return 0;
}
static inline bool failing_malloc_reached(void) {
    return false;
}
#else
#define FAILING_MALLOC 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

extern char __executable_start, etext; /* from the linker: this program without its libraries */

/* The libraries must find these in place of their own, whatever the program is compiled with. */
#define VISIBLE __attribute__((visibility("default")))

enum { MOST_LIVE = 4096 };

typedef struct live_piece {
    void *memory;
    bool own; /* taken by this program itself */
} live_piece;

static struct {
    bool on, reached;
    size_t left; /* allocations until the one that fails */
    size_t live_count;
    live_piece live[MOST_LIVE]; /* taken since the start and not yet given back */
} heap;

static bool heap_fails(void) {
    if (!heap.on) return false;
    if (heap.left--) return false;
    heap.reached = true;
    heap.left = (size_t)-1; /* one failure, then none */
    return true;
}

static void heap_forget(const void *memory) {
    for (size_t i = heap.live_count; heap.on && memory && i-- > 0;)
        if (heap.live[i].memory == memory) {
            heap.live[i] = heap.live[--heap.live_count];
            return;
        }
}

static void *heap_note(void *memory, const void *caller) {
    bool own = (const char *)caller >= &__executable_start && (const char *)caller < &etext;
    if (heap.on && memory && heap.live_count < MOST_LIVE)
        heap.live[heap.live_count++] = (live_piece){memory, own};
    return memory;
}

VISIBLE void *malloc(size_t size) {
    return heap_fails() ? NULL : heap_note(__libc_malloc(size), __builtin_return_address(0));
}

VISIBLE void *calloc(size_t count, size_t size) {
    return heap_fails() ? NULL : heap_note(__libc_calloc(count, size), __builtin_return_address(0));
}

VISIBLE void *realloc(void *memory, size_t size) {
    if (heap_fails()) return NULL;
    heap_forget(memory);
    return heap_note(__libc_realloc(memory, size), __builtin_return_address(0));
}

VISIBLE void free(void *memory) {
    heap_forget(memory);
    __libc_free(memory);
}

/* From now on, the allocation after n others fails. */
static inline void failing_malloc_start(size_t n) {
    heap.left = n;
    heap.live_count = 0;
    heap.reached = false;
    heap.on = true;
}

/* Pieces that have been taken since the start and not given back. */
static inline size_t failing_malloc_stop(void) {
    heap.on = false;
    return heap.live_count;
}

/* As failing_malloc_stop, without those that a library took for itself. */
static inline size_t failing_malloc_stop_own(void) {
    size_t count = 0;
    heap.on = false;
    for (size_t i = 0; i < heap.live_count; i++) count += heap.live[i].own;
    return count;
}

static inline bool failing_malloc_reached(void) {
    return heap.reached;
}
#endif

#endif
