/* The catalogues of streams: tasks, and readers of data. */
#ifndef HTH_TASKS_CATALOGUES_H
#define HTH_TASKS_CATALOGUES_H

#include "base/options.h"

extern const hth_catalogue hth_tasks;   /* task.name and task.* */
extern const hth_catalogue hth_readers; /* data.name and data.* */

#endif
