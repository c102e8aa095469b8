/*
 * Writes files whole or not at all. A file is written under a temporary name, synced and renamed; then its folder
 * is synced, because the folder stores the name. If the process is killed in between, the old file stays, and so
 * does a draft, which the next draft replaces.
 */
#include "files/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

hth_status hth_file_fail(const char *path, const char *what, hth_error *error) {
    const hth_status status = errno == ENOMEM ? HTH_NO_MEMORY : HTH_FILE;
    return hth_fail(error, status, "%s: cannot be %s: %s", path, what, strerror(errno));
}

hth_status hth_file_look(const char *path, bool *there, hth_error *error) {
    struct stat info;
    *there = stat(path, &info) == 0;
    if (*there || errno == ENOENT || errno == ENOTDIR) return HTH_OK;
    return hth_file_fail(path, "looked at", error);
}

/* Pipes, devices, and what the names below /dev stand for: nothing can take their place. */
static bool is_replaced(const char *path) {
    struct stat info;
    return strncmp(path, "/dev/", 5) != 0 && (stat(path, &info) != 0 || S_ISREG(info.st_mode));
}

hth_status hth_draft_begin(const char *path, hth_draft *out, hth_error *error) {
    const int length = snprintf(out->temporary, sizeof out->temporary, "%s.tmp", path);
    out->file = NULL;
    if (length < 0 || length >= HTH_PATH_LENGTH)
        return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", path);
    memcpy(out->path, path, strlen(path) + 1);
    if (!is_replaced(path)) {
        *out->temporary = 0;
        out->file = fopen(path, "wbe");
        return out->file ? HTH_OK : hth_file_fail(path, "written", error);
    }
    /* Remove an earlier process's draft. "x" refuses any file that appears after that. */
    unlink(out->temporary);
    out->file = fopen(out->temporary, "wbxe");
    return out->file ? HTH_OK : hth_file_fail(out->temporary, "written", error);
}

/* Some file systems cannot sync folders and report EINVAL, which is accepted. */
static bool sync_folder_of(const char *path) {
    char folder[HTH_PATH_LENGTH];
    memcpy(folder, path, strlen(path) + 1);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    const int file =
        open(slash ? (*folder ? folder : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return false;
    const bool done = fsync(file) == 0 || errno == EINVAL;
    const int reason = errno;
    close(file);
    errno = reason;
    return done;
}

/* Writes all bytes, to the disk if it is to sync, and closes the file. */
static bool close_written(FILE *file, bool written, bool syncs) {
    const bool flushed = written && !ferror(file) && fflush(file) == 0;
    const bool synced = flushed && (!syncs || fsync(fileno(file)) == 0);
    const int reason = errno;
    const bool closed = fclose(file) == 0;
    if (!synced) errno = reason;
    return synced && closed;
}

hth_status hth_draft_end(hth_draft *draft, bool written, hth_error *error) {
    const bool replaces = *draft->temporary;
    const bool good = close_written(draft->file, written, replaces);
    draft->file = NULL;
    if (good && !replaces) return HTH_OK;
    if (good && rename(draft->temporary, draft->path) == 0)
        return sync_folder_of(draft->path) ? HTH_OK : hth_file_fail(draft->path, "synced", error);
    const int reason = errno;
    if (replaces) unlink(draft->temporary);
    errno = reason;
    return hth_file_fail(draft->path, "written", error);
}

hth_status hth_file_replace(const char *path, const char *text, hth_error *error) {
    hth_draft draft;
    HTH_TRY(hth_draft_begin(path, &draft, error));
    return hth_draft_end(&draft, fputs(text, draft.file) >= 0, error);
}
