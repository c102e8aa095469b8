/*
 * Run folders: the files that a run writes (docs/files.md), and the lock that it holds while it writes.
 */
#define _DEFAULT_SOURCE /* flock */
#include "files/folder.h"

#include "files/tensorboard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char lock_name[] = "lock", lines_name[] = "metrics.jsonl", draft_end[] = ".tmp";

/* All files that a run writes. Each may also exist as a draft (files/draft.h). */
static const char *const run_files[] = {
    "settings.yaml",
    lines_name,
    "align.jsonl",
    "interference.jsonl",
    "phases.json",
    HTH_TENSORBOARD_FILE,
    "checkpoint.safetensors",
    "checkpoint.previous.safetensors",
    "checkpoint.best.safetensors",
    "summary.json",
    "trial.svg",
    lock_name,
};

static bool is_run_file(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(run_files); i++)
        if (strcmp(name, run_files[i]) == 0) return true;
    return false;
}

/* Whether the file is a draft that a killed run left. */
static bool is_draft(const char *name) {
    char whole[64];
    const size_t length = strlen(name), end = sizeof draft_end - 1;
    if (length <= end || length - end >= sizeof whole ||
        strcmp(name + length - end, draft_end) != 0)
        return false;
    snprintf(whole, sizeof whole, "%.*s", (int)(length - end), name);
    return is_run_file(whole);
}

hth_status hth_rundir_file(const char *path, const char *name, char *out, hth_error *error) {
    int length = snprintf(out, HTH_PATH_LENGTH, "%s/%s", path, name);
    if (length < 0 || length >= HTH_PATH_LENGTH)
        return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", path);
    return HTH_OK;
}

hth_status hth_rundir_of(const char *path, char *out, bool *by_file, hth_error *error) {
    static const char ending[] = ".safetensors";
    const size_t length = strlen(path), end = sizeof ending - 1;
    if (length >= HTH_PATH_LENGTH)
        return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", path);
    memcpy(out, path, length + 1);
    struct stat found;
    *by_file = (length > end && strcmp(path + length - end, ending) == 0) ||
               (stat(path, &found) == 0 && S_ISREG(found.st_mode));
    if (!*by_file) return HTH_OK;
    char *slash = strrchr(out, '/');
    if (slash == out)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    else
        snprintf(out, HTH_PATH_LENGTH, ".");
    return HTH_OK;
}

bool hth_file_exists(const char *path) {
    bool there;
    return hth_file_look(path, &there, NULL) == HTH_OK && there;
}

/* ---- The directory ------------------------------------------------------------------------ */

/* The next name in a folder, except "." and ".."; NULL at the end (errno 0) or on an error. */
static const char *next_name(DIR *folder) {
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(folder);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

/* *occupied: whether the folder holds anything except an old lock and drafts. Without a whole file no run has
 * started there. */
static hth_status look_inside(const char *path, DIR *folder, bool *occupied, hth_error *error) {
    const char *name;
    *occupied = false;
    while (!*occupied && (name = next_name(folder)))
        *occupied = strcmp(name, lock_name) != 0 && !is_draft(name);
    return *occupied || errno == 0 ? HTH_OK : hth_file_fail(path, "read", error);
}

hth_status hth_rundir_check(const char *path, bool resume, hth_error *error) {
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT) {
        if (!resume) return HTH_OK;
        return hth_fail(error, HTH_FILE, "%s: there is no run to resume", path);
    }
    if (!folder) return hth_file_fail(path, "opened", error);
    bool occupied;
    const hth_status status = look_inside(path, folder, &occupied, error);
    closedir(folder);
    HTH_TRY(status);
    if (occupied && !resume)
        return hth_fail(error, HTH_FILE,
                        "%s is not empty: resume the run that it holds, or name another directory",
                        path);
    return HTH_OK;
}

static hth_status make_directories(const char *path, hth_error *error) {
    char part[HTH_PATH_LENGTH];
    size_t length = strlen(path);
    /* Copy the path; each part of it is cut off in turn. */
    if (length == 0) return hth_fail(error, HTH_FILE, "the path of the directory is empty");
    if (length >= sizeof part)
        return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", path);
    memcpy(part, path, length + 1);
    /* Make every folder on the way that does not exist. */
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
    dir->lock = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (dir->lock < 0) return hth_file_fail(name, "opened", error);
    if (flock(dir->lock, LOCK_EX | LOCK_NB) == 0) return HTH_OK;
    const bool taken = errno == EWOULDBLOCK;
    const hth_status status = taken ? HTH_FILE : hth_file_fail(name, "locked", error);
    hth_rundir_close(dir);
    if (!taken) return status;
    return hth_fail(error, HTH_FILE, "%s: another run is writing in this directory", dir->path);
}

hth_status hth_rundir_open(const char *path, bool resume, hth_rundir *out, hth_error *error) {
    hth_rundir dir = {.lock = -1};
    HTH_TRY(hth_rundir_check(path, resume, error));
    HTH_TRY(make_directories(path, error));
    snprintf(dir.path, sizeof dir.path, "%s", path);
    HTH_TRY(take_lock(&dir, error));
    /* Another run may have started and ended between the first check and the lock. */
    hth_status status = hth_rundir_check(path, resume, error);
    if (status != HTH_OK)
        hth_rundir_close(&dir);
    else
        *out = dir;
    return status;
}

void hth_rundir_close(hth_rundir *dir) {
    if (dir->lock >= 0) close(dir->lock); /* releases the lock */
    dir->lock = -1;
}

static hth_status cannot_remove(const char *path, hth_error *error) {
    return hth_file_fail(path, "removed", error);
}

/* Removes the files that a run has written, by name. A link is removed, its target stays. */
static hth_status empty_folder(const char *path, DIR *folder, hth_error *error) {
    const char *name;
    while ((name = next_name(folder)))
        if ((is_run_file(name) || is_draft(name)) && unlinkat(dirfd(folder), name, 0) != 0)
            return cannot_remove(path, error);
    return errno == 0 ? HTH_OK : cannot_remove(path, error);
}

/* Empties a file of lines, and removes any other file that a run has written, but its lock. */
static hth_status clear_file(const char *path, int folder, const char *name, hth_error *error) {
    if (strcmp(name, lock_name) == 0) return HTH_OK;
    if (!is_run_file(name) && !is_draft(name))
        return hth_fail(error, HTH_FILE, "%s holds %s, which is not of a run", path, name);
    if (strcmp(name, lines_name) != 0)
        return unlinkat(folder, name, 0) == 0 ? HTH_OK : hth_file_fail(path, "cleared", error);
    const int file = openat(folder, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return hth_file_fail(path, "cleared", error);
    close(file);
    return HTH_OK;
}

static hth_status clear_folder(const char *path, DIR *folder, hth_error *error) {
    const char *name;
    while ((name = next_name(folder))) HTH_TRY(clear_file(path, dirfd(folder), name, error));
    return errno == 0 ? HTH_OK : hth_file_fail(path, "cleared", error);
}

hth_status hth_folder_hand_on(const char *path, const char *to, hth_error *error) {
    bool there;
    HTH_TRY(hth_file_look(to, &there, error));
    if (there) return hth_fail(error, HTH_FILE, "%s: there is a folder already", to);
    DIR *folder = opendir(path);
    if (!folder) return hth_file_fail(path, "opened", error);
    const hth_status status = clear_folder(path, folder, error);
    closedir(folder);
    HTH_TRY(status);
    return rename(path, to) == 0 ? HTH_OK : hth_file_fail(to, "written", error);
}

hth_status hth_folder_remove(const char *path, hth_error *error) {
    const int opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0 && errno == ENOENT) return HTH_OK;
    if (opened < 0) return cannot_remove(path, error);
    DIR *folder = fdopendir(opened);
    if (!folder) {
        hth_status status = cannot_remove(path, error);
        close(opened);
        return status;
    }
    const hth_status status = empty_folder(path, folder, error);
    closedir(folder);
    HTH_TRY(status);
    return rmdir(path) == 0 ? HTH_OK : cannot_remove(path, error);
}
