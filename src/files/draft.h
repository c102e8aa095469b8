/* Files that are never half-written: a draft under another name, which becomes the file or goes. */
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

/* Begins PATH.tmp anew: what lay there goes, and a link there is not followed. */
hth_status hth_draft_begin(const char *path, hth_draft *out, hth_error *error);
/* The draft becomes PATH: it is synced and renamed, and the folder is synced behind it. `written`: all that was to go
 * into the file has. HTH_FILE with what the system says: the draft is then gone, and the old file is as it was unless
 * it was only the folder that could not be synced. */
hth_status hth_draft_end(hth_draft *draft, bool written, hth_error *error);

/* Replaces the file by `text`, whole or not at all. */
hth_status hth_file_replace(const char *path, const char *text, hth_error *error);
/* Whether there is such a file or folder. HTH_FILE: the system does not say. */
hth_status hth_file_look(const char *path, bool *there, hth_error *error);
/* What the system says of the file, as in errno: HTH_FILE, or HTH_NO_MEMORY. */
hth_status hth_file_fail(const char *path, const char *what, hth_error *error);

#endif
