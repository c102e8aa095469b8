/*
 * One task, as its streams are seen from outside. A test says which: #define TASK "add" before it includes this.
 */
#ifndef HTH_TEST_TASK_H
#define HTH_TEST_TASK_H

#include "tasks/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static inline const hth_stream_kind *kind(void) {
    for (size_t i = 0; i < hth_tasks.count; i++)
        if (!strcmp(hth_tasks.at(i)->name, TASK)) return hth_task_at(i);
    return NULL;
}

static inline void *open_stream(const hth_setting *items, size_t count, hth_split split,
                                size_t batch, uint64_t seed, hth_shape *shape) {
    const hth_settings settings = {items, count};
    const hth_stream_context context = {&settings, split, batch, seed};
    hth_error error;
    void *state = NULL;
    if (kind()->open(&context, &state, shape, &error) != HTH_OK) fail_msg("%s", error.message);
    return state;
}

/* The task refuses the settings, and says the words. */
static inline void assert_refuses(const hth_setting *items, size_t count, const char *words) {
    const hth_settings settings = {items, count};
    const hth_stream_context context = {&settings, HTH_TRAIN, 1, 1};
    hth_shape shape;
    hth_error error = {0};
    void *state = NULL;
    assert_int_equal(kind()->open(&context, &state, &shape, &error), HTH_INVALID);
    if (!strstr(error.message, words)) fail_msg("%s", error.message);
    assert_null(state);
}

#endif
