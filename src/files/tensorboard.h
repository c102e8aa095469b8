/* The lines of metrics.jsonl once more, as an event file that TensorBoard shows. */
#ifndef HTH_TENSORBOARD_H
#define HTH_TENSORBOARD_H

#include "files/observer.h"

#include <stdio.h>

/* TensorBoard knows event files by "tfevents" in their names. */
#define HTH_TENSORBOARD_FILE "events.out.tfevents.hitherto"

/* Opens the file at its end; a link is not followed. keep_to: first removes records of later steps and what follows a
 * record that is damaged or unfinished; 0: begins anew. HTH_FILE; after an error *out is NULL. */
hth_status hth_tensorboard_open(const char *path, uint64_t keep_to, FILE **out, hth_error *error);
/* Appends a record with the numbers of the line that are known, and flushes it to the system. HTH_FILE. */
hth_status hth_tensorboard_append(FILE *file, const hth_progress *line, hth_error *error);

#endif
