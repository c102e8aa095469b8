/* Files that are never half-written: a draft under a temporary name either becomes the file or is removed. */
#ifndef HTH_DRAFT_H
#define HTH_DRAFT_H

#include "base/base.h"

#include <stdio.h>

enum { HTH_PATH_LENGTH = 4096 };

/* A file that is being written as PATH.tmp. */
typedef struct hth_draft {
    FILE *file;
    char path[HTH_PATH_LENGTH], temporary[HTH_PATH_LENGTH];
} hth_draft;

/* Opens an empty PATH.tmp. An older one is replaced. Of a link the file behind it is meant. A pipe, a device, and a
 * descriptor by its name, such as /dev/stdout, is written itself. */
hth_status hth_draft_begin(const char *path, hth_draft *out, hth_error *error);
/* Makes the draft PATH: syncs and renames it, then syncs the folder. `written`: all content was written. HTH_FILE
 * with the system's reason: the draft is then removed and the old file unchanged, unless only the sync of the
 * folder failed. */
hth_status hth_draft_end(hth_draft *draft, bool written, hth_error *error);

/* Replaces the file by `text`, whole or not at all. */
hth_status hth_file_replace(const char *path, const char *text, hth_error *error);
/* Whether a file or folder exists. HTH_FILE if the system cannot tell. */
hth_status hth_file_look(const char *path, bool *there, hth_error *error);
/* Fails with the system's message for errno: HTH_FILE, or HTH_NO_MEMORY. */
hth_status hth_file_fail(const char *path, const char *what, hth_error *error);

#endif
