/* The tasks: synthetic streams. To add one, write its file and one line in TASKS. */
#include "tasks/stream.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define TASKS(X)                                                                                   \
    X(add)                                                                                         \
    X(adding)                                                                                      \
    X(arm)                                                                                         \
    X(associative_recall)                                                                          \
    X(copy_memory)                                                                                 \
    X(copy_repeat)                                                                                 \
    X(full_force)                                                                                  \
    X(mimic)                                                                                       \
    X(pattern)                                                                                     \
    X(recall)                                                                                      \
    X(sines)                                                                                       \
    X(store_recall)

#define DECLARE(name) extern const hth_stream_kind hth_task_##name;
TASKS(DECLARE)

#define POINTER(name) &hth_task_##name,
static const hth_stream_kind *const tasks[] = {TASKS(POINTER)};

const hth_stream_kind *hth_task_at(size_t index) {
    return tasks[index];
}

static const hth_part *part_at(size_t index) {
    return &tasks[index]->part;
}

uint64_t hth_draws(const hth_stream_context *context) {
    const hth_setting *number = hth_settings_find(context->settings, "phases.number");
    const uint64_t phase = number ? strtoull(number->value, NULL, 10) : 0;
    const hth_random random = {context->seed, HTH_RANDOM_PHASE, 0};
    uint64_t words[2];
    if (phase == 0 || context->split != HTH_TRAIN) return context->seed;
    hth_random_words(&random, phase, words);
    return words[0];
}

size_t hth_task_references(const hth_settings *settings, const char *measure,
                           hth_reference out[HTH_MOST_REFERENCES]) {
    size_t task, kept = 0;
    if (!hth_settings_find(settings, hth_tasks.key)) return 0;
    if (hth_part_choose(&hth_tasks, settings, &task, NULL) != HTH_OK) return 0;
    const size_t count = tasks[task]->references ? tasks[task]->references(settings, out) : 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(out[i].measure, measure) == 0) out[kept++] = out[i];
    return kept;
}

const hth_catalogue hth_tasks = {
    .kind = "task",
    .summary = "synthetic tasks, drawn from the seed",
    .key = "task.name",
    .optional = true,
    .common = {.section = "task", .items = NULL, .count = 0},
    .count = HTH_COUNT(tasks),
    .at = part_at,
};
