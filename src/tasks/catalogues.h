/* The catalogues of streams: tasks, and readers of data. */
#ifndef HTH_TASKS_CATALOGUES_H
#define HTH_TASKS_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_tasks;        /* task.name and task.* */
extern const hth_catalogue hth_readers;      /* data.name and data.* */
extern const hth_catalogue hth_worlds;       /* world.name and world.* */
extern const hth_catalogue hth_agents;       /* agent.* */
extern const hth_catalogue hth_view_section; /* view.* */
extern const hth_catalogue hth_replays;      /* replay.name and replay.* */

/* Writes how large a world is with its default settings: "2 actions, 4 numbers seen, up to 200 steps". "": they do not
 * suffice. */
void hth_world_size(size_t index, char *out, size_t size);

/* A line that curves can be held against: what a network reaches of which `name` tells. */
typedef struct hth_reference {
    const char *measure; /* "softmax": the loss of that name, in nats; or a metric: "nmse" */
    const char *name;    /* "both tosses known" */
    double value;
} hth_reference;

enum { HTH_MOST_REFERENCES = 8 };
/* Those of the measure that the task of the settings knows; 0 where there is no task. */
size_t hth_task_references(const hth_settings *settings, const char *measure,
                           hth_reference out[HTH_MOST_REFERENCES]);

#endif
