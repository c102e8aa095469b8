/* Whole folders; see tree.h. */
#include "files/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 16 };

/* "a/b" to out[HTH_PATH_LENGTH]. */
static hth_status join(const char *folder, const char *name, char *out, hth_error *error) {
    const int length = snprintf(out, HTH_PATH_LENGTH, "%s/%s", folder, name);
    if (length >= 0 && length < HTH_PATH_LENGTH) return HTH_OK;
    return hth_fail(error, HTH_FILE, "%.60s...: the path is too long", folder);
}

/* ---- A draft ---- */

/* Whether something is there that the draft cannot take the place of. */
static hth_status check_place(const char *path, hth_error *error) {
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? HTH_OK : hth_file_fail(path, "looked at", error);
    DIR *folder = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    bool empty = folder != NULL;
    for (struct dirent *e; folder && empty && (e = readdir(folder));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (folder) closedir(folder);
    return empty ? HTH_OK
                 : hth_fail(error, HTH_FILE,
                            "%s is there already: remove it, or name another folder", path);
}

hth_status hth_tree_begin(const char *path, hth_tree *out, hth_error *error) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    if (length == 0 || length + sizeof ".tmp" > HTH_PATH_LENGTH)
        return hth_fail(error, HTH_FILE, "'%.60s' is empty or too long for the path of a folder",
                        path);
    snprintf(out->path, sizeof out->path, "%.*s", (int)length, path);
    snprintf(out->temporary, sizeof out->temporary, "%.*s.tmp", (int)length, path);
    HTH_TRY(check_place(out->path, error));
    if (mkdir(out->temporary, 0777) == 0) return HTH_OK;
    if (errno != EEXIST) return hth_file_fail(out->temporary, "made", error);
    return hth_fail(error, HTH_FILE,
                    "%s is there, perhaps from a program that was stopped: remove it, or name "
                    "another folder",
                    out->temporary);
}

/* Removes a folder and all below it; links are removed and not followed. */
static void remove_all(const char *path, int depth) {
    char below[HTH_PATH_LENGTH];
    DIR *folder = depth < DEEPEST ? opendir(path) : NULL;
    for (struct dirent *e; folder && (e = readdir(folder));) {
        struct stat info;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (join(path, e->d_name, below, NULL) != HTH_OK || lstat(below, &info) != 0) continue;
        if (S_ISDIR(info.st_mode))
            remove_all(below, depth + 1);
        else
            unlink(below);
    }
    if (folder) closedir(folder);
    rmdir(path);
}

hth_status hth_tree_end(hth_tree *tree, bool written, hth_error *error) {
    hth_status status = HTH_OK;
    if (written) status = check_place(tree->path, error);
    /* A folder takes the place of an empty one. */
    if (written && status == HTH_OK && rename(tree->temporary, tree->path) != 0)
        status = hth_file_fail(tree->path, "written", error);
    if (!written || status != HTH_OK) remove_all(tree->temporary, 0);
    return status;
}

hth_status hth_tree_place(const hth_tree *tree, const char *name, char *out, hth_error *error) {
    HTH_TRY(join(tree->temporary, name, out, error));
    for (char *at = out + strlen(tree->temporary) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        const bool made = mkdir(out, 0777) == 0 || errno == EEXIST;
        if (!made) return hth_file_fail(out, "made", error);
        *at = '/';
    }
    return HTH_OK;
}

/* ---- Walking and copying ---- */

typedef struct walk {
    const char *path;
    hth_status (*visit)(void *context, const char *name, hth_error *error);
    void *context;
} walk;

static hth_status walk_below(const walk *w, const char *under, int depth, hth_error *error) {
    char path[HTH_PATH_LENGTH], name[HTH_PATH_LENGTH];
    struct stat info;
    HTH_TRY(join(w->path, under, path, error));
    DIR *folder = opendir(path);
    if (!folder) return hth_file_fail(path, "read", error);
    hth_status status = HTH_OK;
    for (struct dirent *e; status == HTH_OK && (e = readdir(folder));) {
        if (e->d_name[0] == '.') continue;
        status = join(under, e->d_name, name, error);
        if (status == HTH_OK) status = join(w->path, name, path, error);
        if (status == HTH_OK && stat(path, &info) != 0) status = hth_file_fail(path, "read", error);
        if (status != HTH_OK) break;
        if (!S_ISDIR(info.st_mode))
            status = w->visit(w->context, name, error);
        else if (depth < DEEPEST)
            status = walk_below(w, name, depth + 1, error);
    }
    closedir(folder);
    return status;
}

hth_status hth_tree_walk(const char *path, const char *under,
                         hth_status (*visit)(void *context, const char *name, hth_error *error),
                         void *context, hth_error *error) {
    const walk w = {path, visit, context};
    return walk_below(&w, under, 0, error);
}

bool hth_file_pour(FILE *from, FILE *to) {
    char block[16384];
    size_t length;
    bool written = true;
    while (written && (length = fread(block, 1, sizeof block, from)) > 0)
        written = fwrite(block, 1, length, to) == length;
    return written && !ferror(from);
}

hth_status hth_file_copy(const char *from, const char *to, hth_error *error) {
    FILE *in = fopen(from, "rbe"), *out = in ? fopen(to, "wbe") : NULL;
    if (!out) {
        const hth_status status = hth_file_fail(in ? to : from, in ? "written" : "read", error);
        if (in) fclose(in);
        return status;
    }
    const bool poured = hth_file_pour(in, out), read = !ferror(in);
    fclose(in);
    if (fclose(out) == 0 && poured) return HTH_OK;
    return hth_file_fail(read ? to : from, read ? "written" : "read", error);
}
