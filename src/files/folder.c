/*
 * A run directory:
 *
 *     settings.yaml                    all settings of the run, defaults included
 *     metrics.jsonl                    a line a report
 *     checkpoint.safetensors           the newest state, and
 *     checkpoint.previous.safetensors  the one before
 *     summary.json                     what came out, at the end
 *     lock                             held while a run writes here
 *
 * A file is written under a temporary name, synced, and renamed.
 */
#define _DEFAULT_SOURCE /* flock */
#include "files/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char lock_name[] = "lock";

hth_status hth_rundir_file(const char *path, const char *name, char *out, hth_error *error) {
    int length = snprintf(out, HTH_PATH_LENGTH, "%s/%s", path, name);
    if (length < 0 || length >= HTH_PATH_LENGTH)
        return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", path);
    return HTH_OK;
}

bool hth_file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

/* ---- The directory ------------------------------------------------------------------------ */

/* Whether there is anything but an old lock. */
static bool holds_files(DIR *folder) {
    for (const struct dirent *entry; (entry = readdir(folder));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, lock_name) != 0)
            return true;
    }
    return false;
}

hth_status hth_rundir_check(const char *path, bool resume, hth_error *error) {
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT) {
        if (!resume) return HTH_OK;
        return hth_fail(error, HTH_FILE, "%s: there is no run to resume", path);
    }
    if (!folder) return hth_fail(error, HTH_FILE, "%s: %s", path, strerror(errno));
    bool occupied = holds_files(folder);
    closedir(folder);
    if (occupied && !resume)
        return hth_fail(error, HTH_FILE,
                        "%s is not empty: resume the run that it holds, or name another directory",
                        path);
    return HTH_OK;
}

static hth_status make_directories(const char *path, hth_error *error) {
    char part[HTH_PATH_LENGTH];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return hth_fail(error, HTH_FILE, "'%.60s' cannot be a directory's path", path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return hth_fail(error, HTH_FILE, "%s: cannot make the directory: %s", part,
                            strerror(errno));
        part[i] = kept;
    }
    return HTH_OK;
}

static hth_status take_lock(hth_rundir *dir, hth_error *error) {
    char name[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(dir->path, lock_name, name, error));
    dir->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (dir->lock < 0) return hth_fail(error, HTH_FILE, "%s: %s", name, strerror(errno));
    if (flock(dir->lock, LOCK_EX | LOCK_NB) == 0) return HTH_OK;
    hth_rundir_close(dir);
    return hth_fail(error, HTH_FILE, "%s: another run is writing in this directory", dir->path);
}

hth_status hth_rundir_open(const char *path, bool resume, hth_rundir *out, hth_error *error) {
    hth_rundir dir = {.lock = -1};
    HTH_TRY(hth_rundir_check(path, resume, error));
    HTH_TRY(make_directories(path, error));
    snprintf(dir.path, sizeof dir.path, "%s", path);
    HTH_TRY(take_lock(&dir, error));
    /* Another run may have come and gone between the first look and the lock. */
    hth_status status = hth_rundir_check(path, resume, error);
    if (status != HTH_OK)
        hth_rundir_close(&dir);
    else
        *out = dir;
    return status;
}

void hth_rundir_close(hth_rundir *dir) {
    if (dir->lock >= 0) close(dir->lock); /* and with it the lock */
    dir->lock = -1;
}

hth_status hth_folder_remove(const char *path, hth_error *error) {
    char file[HTH_PATH_LENGTH + 512];
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT) return HTH_OK;
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        unlink(file);
    }
    if (folder) closedir(folder);
    if (rmdir(path) == 0) return HTH_OK;
    return hth_fail(error, HTH_FILE, "%s: cannot be removed: %s", path, strerror(errno));
}

/* ---- Files -------------------------------------------------------------------------------- */

static bool sync_path(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) return false;
    bool done = fsync(file) == 0 || errno == EINVAL; /* some file systems sync no directories */
    return close(file) == 0 && done;
}

static void sync_directory_of(const char *path) {
    char folder[HTH_PATH_LENGTH];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    sync_path(slash ? (*folder ? folder : "/") : ".", O_RDONLY | O_DIRECTORY);
}

hth_status hth_file_commit(const char *temporary, const char *path, hth_error *error) {
    if (!sync_path(temporary, O_RDWR) || rename(temporary, path) != 0) {
        int reason = errno;
        unlink(temporary);
        return hth_fail(error, HTH_FILE, "%s: cannot be written: %s", path, strerror(reason));
    }
    sync_directory_of(path);
    return HTH_OK;
}

hth_status hth_file_replace(const char *path, const char *text, hth_error *error) {
    char temporary[HTH_PATH_LENGTH];
    int length = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = length < HTH_PATH_LENGTH ? fopen(temporary, "w") : NULL;
    if (!file) return hth_fail(error, HTH_FILE, "%s: cannot be written: %s", path, strerror(errno));
    bool written = fputs(text, file) >= 0;
    if (fclose(file) != 0 || !written) {
        unlink(temporary);
        return hth_fail(error, HTH_FILE, "%s: cannot be written", path);
    }
    return hth_file_commit(temporary, path, error);
}
