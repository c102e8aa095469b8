/*
 * Writes files whole or not at all. A file is written under a temporary name, synced and renamed; then its folder
 * is synced, because the folder stores the name. If the process is killed in between, the old file stays, and so
 * does a draft, which the next draft replaces.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "files/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
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

/* The descriptor that a path names, such as /dev/stdout; -1: none. */
static int descriptor_of(const char *path) {
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    for (size_t i = 0; i < HTH_COUNT(folders); i++) {
        char *end = NULL;
        const size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) != 0) continue;
        const long number = strtol(path + length, &end, 10);
        if (end != path + length && *end == 0 && number >= 0 && number <= INT_MAX)
            return (int)number;
    }
    return -1;
}

/* Opens what no file can take the place of: descriptors, pipes and devices. NULL: it is a file, or none, or cannot be
 * opened, which `there` says. */
static FILE *open_itself(const char *path, bool *there) {
    struct stat info;
    const int descriptor = descriptor_of(path);
    *there = descriptor >= 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode));
    if (descriptor < 0) return *there ? fopen(path, "wbe") : NULL;
    /* After what the program has said there. */
    fflush(NULL);
    const int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return own >= 0 ? fdopen(own, "wb") : NULL;
}

hth_status hth_draft_begin(const char *path, hth_draft *out, hth_error *error) {
    char behind[PATH_MAX];
    struct stat info;
    bool there;
    *out->temporary = 0;
    out->file = open_itself(path, &there);
    if (there && !out->file) return hth_file_fail(path, "written", error);
    /* The draft of a file behind a link lies beside that file. */
    if (!there && lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && realpath(path, behind))
        path = behind;
    const size_t length = strlen(path);
    if (length + sizeof ".tmp" > HTH_PATH_LENGTH)
        return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", path);
    memcpy(out->path, path, length + 1);
    if (out->file) return HTH_OK;
    memcpy(out->temporary, path, length);
    memcpy(out->temporary + length, ".tmp", sizeof ".tmp");
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
