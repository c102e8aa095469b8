/* Run folders: who may write there, and their content. */
#ifndef HTH_FOLDER_H
#define HTH_FOLDER_H

#include "files/draft.h"

typedef struct hth_rundir {
    char path[HTH_PATH_LENGTH];
    int lock; /* descriptor of the locked file; -1: not open */
} hth_rundir;

/* Whether a run may use the folder. Without resume, a folder that holds anything except a lock and drafts is
 * refused; with it, one that does not exist is. Changes nothing. */
hth_status hth_rundir_check(const char *path, bool resume, hth_error *error);
/* Makes the folder (and those above it) and locks it against a second run. */
hth_status hth_rundir_open(const char *path, bool resume, hth_rundir *out, hth_error *error);
void hth_rundir_close(hth_rundir *dir);

/* Removes a run folder with the files that a run writes, and no others. Links are not followed, neither `path`
 * itself nor links inside. HTH_FILE if `path` is a link or other files are left. */
hth_status hth_folder_remove(const char *path, hth_error *error);

/* Makes the folder of a run that has ended that of another, which has none: as if it had just been made, and sooner,
 * since file systems are slow to make files. HTH_FILE if there is one, or if `path` holds other files; `path` may then
 * be empty. */
hth_status hth_folder_hand_on(const char *path, const char *to, hth_error *error);

/* Writes PATH/name to out[HTH_PATH_LENGTH]. HTH_FILE if it is too long. */
hth_status hth_rundir_file(const char *path, const char *name, char *out, hth_error *error);
/* The folder of a run that may be named by one of its checkpoint files, in out[HTH_PATH_LENGTH]. *by_file: whether
 * it was. */
hth_status hth_rundir_of(const char *path, char *out, bool *by_file, hth_error *error);
/* Also false if the system cannot tell: use hth_file_look where that matters. */
bool hth_file_exists(const char *path);

#endif
