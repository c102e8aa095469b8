/* The tasks: synthetic streams. To add one, write its file and one line in TASKS. */
#include "tasks/stream.h"

#define TASKS(X) X(add) X(copy_repeat) X(mimic) X(pattern) X(store_recall)

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

const hth_catalogue hth_tasks = {
    .kind = "task",
    .summary = "synthetic tasks, drawn from the seed",
    .key = "task.name",
    .optional = true,
    .common = {.section = "task", .items = NULL, .count = 0},
    .count = HTH_COUNT(tasks),
    .at = part_at,
};
