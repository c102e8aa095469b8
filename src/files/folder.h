/* A run directory: who may write in it, and what lies there. */
#ifndef HTH_FOLDER_H
#define HTH_FOLDER_H

#include "files/draft.h"

typedef struct hth_rundir {
    char path[HTH_PATH_LENGTH];
    int lock; /* descriptor of the locked file; -1: not open */
} hth_rundir;

/* Whether a run may go there: a directory that holds anything but a lock and drafts of a run's files is refused unless
 * resume is true, one that does not exist is refused if it is. Changes nothing. */
hth_status hth_rundir_check(const char *path, bool resume, hth_error *error);
/* Makes the directory (and those above it) and locks it against a second run. */
hth_status hth_rundir_open(const char *path, bool resume, hth_rundir *out, hth_error *error);
void hth_rundir_close(hth_rundir *dir);

/* Takes a run directory away, with the files that a run writes and no others; links are not followed, neither `path`
 * nor what lies there. HTH_FILE when it is a link or something else stays in it. */
hth_status hth_folder_remove(const char *path, hth_error *error);

/* PATH/name, in out[HTH_PATH_LENGTH]. HTH_FILE when it is too long. */
hth_status hth_rundir_file(const char *path, const char *name, char *out, hth_error *error);
/* A run may be named by one of its checkpoint files: its folder, in out[HTH_PATH_LENGTH], and whether it was named
 * so. */
hth_status hth_rundir_of(const char *path, char *out, bool *by_file, hth_error *error);
/* False also where the system does not say: where that matters, see hth_file_look. */
bool hth_file_exists(const char *path);

#endif
