/* A run directory: who may write in it, and files that are never half-written. */
#ifndef HTH_FOLDER_H
#define HTH_FOLDER_H

#include "base/base.h"

enum { HTH_PATH_LENGTH = 4096 };

typedef struct hth_rundir {
    char path[HTH_PATH_LENGTH];
    int lock; /* descriptor of the locked file; -1: not open */
} hth_rundir;

/* Whether a run may go there: a directory that holds anything is refused unless resume is true, one
 * that does not exist is refused if it is. Changes nothing. */
hth_status hth_rundir_check(const char *path, bool resume, hth_error *error);
/* Makes the directory (and those above it) and locks it against a second run. */
hth_status hth_rundir_open(const char *path, bool resume, hth_rundir *out, hth_error *error);
void hth_rundir_close(hth_rundir *dir);

/* Takes a run directory away, with the files in it. HTH_FILE when it holds what no run has written. */
hth_status hth_folder_remove(const char *path, hth_error *error);

/* PATH/name, in out[HTH_PATH_LENGTH]. HTH_FILE when it is too long. */
hth_status hth_rundir_file(const char *path, const char *name, char *out, hth_error *error);
bool hth_file_exists(const char *path);
/* temporary -> path, after syncing the file and, behind it, the directory. */
hth_status hth_file_commit(const char *temporary, const char *path, hth_error *error);
/* Replaces the file by `text`, whole or not at all. */
hth_status hth_file_replace(const char *path, const char *text, hth_error *error);

#endif
