/*
 * Finds the files of a speech corpus. Folders differ between corpora and between copies, so everything below a
 * folder is listed, and an utterance is looked up by the end of its path. A list of n names over N files needs n N
 * comparisons of names, some milliseconds for TIMIT.
 */
#include "data/speech_files.h"

#include "data/file.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 32 }; /* levels of folders; a deeper one must be a link that leads back */

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for the names of files");
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void make_lower(char *text) {
    for (; *text; text++) *text = lower(*text);
}

const char *hth_speech_base(const char *stem) {
    const char *slash = strrchr(stem, '/');
    return slash ? slash + 1 : stem;
}

/* ---- The tree ----------------------------------------------------------------------------- */

void hth_speech_tree_free(hth_speech_tree *tree) {
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->files[i].path);
        free(tree->files[i].stem);
    }
    free(tree->files);
    *tree = (hth_speech_tree){0};
}

/* folder/name, from malloc; NULL if memory ran out. */
static char *join(const char *folder, const char *name) {
    size_t a = strlen(folder), b = strlen(name);
    char *path = malloc(a + b + 2);
    if (!path) return NULL;
    memcpy(path, folder, a);
    path[a] = '/';
    memcpy(path + a + 1, name, b + 1);
    return path;
}

/* The length of a lower-case name without its ending, if that is one of `endings`; 0 otherwise. */
static size_t without_ending(const char *name, const char *const *endings) {
    size_t length = strlen(name);
    for (; *endings; endings++) {
        size_t ending = strlen(*endings), same = 0;
        if (length < ending + 2 || name[length - ending - 1] != '.') continue;
        while (same < ending && name[length - ending + same] == lower((*endings)[same])) same++;
        if (same == ending) return length - ending - 1;
    }
    return 0;
}

/* Adds the file if it has one of the endings. Takes over the path in any case. */
static hth_status add_file(hth_speech_tree *tree, char *path, const char *const *endings,
                           hth_error *error) {
    const char *below = path + strlen(tree->folder);
    while (*below == '/') below++;
    /* The stem: the path below the folder in lower case, without its ending. */
    char *stem = malloc(strlen(below) + 1);
    if (!stem) {
        free(path);
        return no_memory(error);
    }
    memcpy(stem, below, strlen(below) + 1);
    make_lower(stem);
    size_t length = without_ending(stem, endings);
    if (!length) {
        free(path);
        free(stem);
        return HTH_OK;
    }
    stem[length] = '\0';
    /* Append the file to the list. */
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? tree->capacity * 2 : 256;
        hth_speech_file *files = realloc(tree->files, capacity * sizeof *files);
        if (!files) {
            free(path);
            free(stem);
            return no_memory(error);
        }
        tree->files = files;
        tree->capacity = capacity;
    }
    tree->files[tree->count++] = (hth_speech_file){path, stem};
    return HTH_OK;
}

static hth_status scan(hth_speech_tree *tree, const char *folder, const char *const *endings,
                       int depth, hth_error *error);

static hth_status visit(hth_speech_tree *tree, const char *folder, const char *name,
                        const char *const *endings, int depth, hth_error *error) {
    struct stat status;
    char *path = join(folder, name);
    if (!path) return no_memory(error);
    bool exists = !stat(path, &status);
    if (exists && S_ISREG(status.st_mode)) return add_file(tree, path, endings, error);
    hth_status result = HTH_OK;
    if (exists && S_ISDIR(status.st_mode)) result = scan(tree, path, endings, depth + 1, error);
    free(path);
    return result;
}

static hth_status scan(hth_speech_tree *tree, const char *folder, const char *const *endings,
                       int depth, hth_error *error) {
    if (depth > DEEPEST)
        return hth_fail(error, HTH_FILE,
                        "%.300s: folders lie deeper than %d; does a link lead back?", folder,
                        DEEPEST);
    DIR *directory = opendir(folder);
    if (!directory)
        return hth_fail(error, errno == ENOMEM ? HTH_NO_MEMORY : HTH_FILE, "%.300s: %s", folder,
                        strerror(errno));
    hth_status status = HTH_OK;
    struct dirent *entry;
    while (status == HTH_OK && (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            status = visit(tree, folder, entry->d_name, endings, depth, error);
    closedir(directory);
    return status;
}

static int by_stem(const void *left, const void *right) {
    const hth_speech_file *a = left, *b = right;
    return strcmp(a->stem, b->stem);
}

/* Sorts the files by stem, because the order of a folder depends on the file system. Refuses two files with the
 * same stem. */
static hth_status put_in_order(hth_speech_tree *tree, const char *const *endings,
                               hth_error *error) {
    if (tree->count == 0)
        return hth_fail(error, HTH_FILE, "%.300s: no file in or below this folder ends in .%s%s",
                        tree->folder, endings[0], endings[1] ? " or another known ending" : "");
    qsort(tree->files, tree->count, sizeof *tree->files, by_stem);
    for (size_t i = 1; i < tree->count; i++)
        if (!by_stem(&tree->files[i - 1], &tree->files[i]))
            return hth_fail(error, HTH_INVALID,
                            "%.180s and %.180s are the same utterance: say with data.extension "
                            "which ending is meant",
                            tree->files[i - 1].path, tree->files[i].path);
    return HTH_OK;
}

hth_status hth_speech_tree_scan(const char *folder, const char *const *endings,
                                hth_speech_tree *out, hth_error *error) {
    hth_speech_tree tree = {.folder = folder};
    hth_status status = scan(&tree, folder, endings, 0, error);
    if (status == HTH_OK) status = put_in_order(&tree, endings, error);
    if (status == HTH_OK)
        *out = tree;
    else
        hth_speech_tree_free(&tree);
    return status;
}

const hth_speech_file *hth_speech_tree_find(const hth_speech_tree *tree, const char *stem) {
    const hth_speech_file key = {.stem = (char *)stem};
    return bsearch(&key, tree->files, tree->count, sizeof key, by_stem);
}

/* ---- Lists -------------------------------------------------------------------------------- */

typedef struct list {
    const char *path, *exclude;
    const hth_speech_tree *tree;
    size_t line; /* from 1 */
    bool *taken; /* [tree->count] */
    size_t *files, count;
} list;

static bool is_file(const char *stem, const char *name, size_t length) {
    size_t whole = strlen(stem);
    if (whole < length || strcmp(stem + whole - length, name) != 0) return false;
    return whole == length || stem[whole - length - 1] == '/';
}

static bool is_below(const char *stem, const char *name, size_t length) {
    for (const char *at = stem; (at = strstr(at, name)); at++)
        if ((at == stem || at[-1] == '/') && at[length] == '/') return true;
    return false;
}

static hth_status take(list *l, size_t file, hth_error *error) {
    const char *stem = l->tree->files[file].stem;
    if (*l->exclude && !fnmatch(l->exclude, hth_speech_base(stem), 0)) return HTH_OK;
    if (l->taken[file])
        return hth_fail(error, HTH_INVALID, "%.200s:%zu: the utterance %.150s is named twice",
                        l->path, l->line, stem);
    l->taken[file] = true;
    l->files[l->count++] = file;
    return HTH_OK;
}

static hth_status take_folder(list *l, const char *name, size_t length, hth_error *error) {
    bool found = false;
    for (size_t i = 0; i < l->tree->count; i++) {
        if (!is_below(l->tree->files[i].stem, name, length)) continue;
        found = true;
        HTH_TRY(take(l, i, error));
    }
    if (found) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%.150s:%zu: '%.80s' names no utterance and no folder of the %zu utterances in "
                    "%.120s",
                    l->path, l->line, name, l->tree->count, l->tree->folder);
}

/* Takes the utterance or folder with this name, which is in lower case. */
static hth_status take_name(list *l, const char *name, size_t length, hth_error *error) {
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < l->tree->count; i++) {
        if (!is_file(l->tree->files[i].stem, name, length)) continue;
        if (first == SIZE_MAX)
            first = i;
        else
            return hth_fail(error, HTH_INVALID,
                            "%.120s:%zu: '%.60s' may be %.110s or %.110s: name its folder too",
                            l->path, l->line, name, l->tree->files[first].path,
                            l->tree->files[i].path);
    }
    return first == SIZE_MAX ? take_folder(l, name, length, error) : take(l, first, error);
}

/* Takes the name in one line, without comment and surrounding space. Changes the line. */
static hth_status take_line(list *l, char *line, hth_error *error) {
    static const char *const endings[] = {"wav.wav", "mfc",  "mfcc", "htk", "fea", "wav",
                                          "sph",     "nist", "flac", "phn", "lab", NULL};
    /* Remove what surrounds the name. */
    line[strcspn(line, "\r")] = '\0';
    line += strspn(line, " \t");
    if (*line == '#') return HTH_OK;
    for (size_t end = strlen(line); end && (line[end - 1] == ' ' || line[end - 1] == '\t'); end--)
        line[end - 1] = '\0';
    if (!strncmp(line, "./", 2)) line += 2;
    while (*line == '/') line++;
    for (size_t end = strlen(line); end && line[end - 1] == '/'; end--) line[end - 1] = '\0';
    /* Make the name lower case and remove its ending. */
    make_lower(line);
    if (!*line) return HTH_OK;
    size_t length = without_ending(line, endings);
    if (length) line[length] = '\0';
    return take_name(l, line, strlen(line), error);
}

static hth_status take_lines(list *l, hth_bytes *text, hth_error *error) {
    char *at = text->data, *end = text->data + text->length;
    while (at < end) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        *stop = '\0'; /* there is room for one byte after the text: see read_text */
        l->line++;
        HTH_TRY(take_line(l, at, error));
        at = stop + 1;
    }
    if (l->count) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%.300s: the list names no utterance%s; it must have one name a line", l->path,
                    *l->exclude ? " that data.exclude leaves" : "");
}

/* Reads a text and makes room for a closing zero. */
static hth_status read_text(const char *path, hth_bytes *text, hth_error *error) {
    HTH_TRY(hth_file_read(path, text, error));
    char *longer = realloc(text->data, text->length + 1);
    if (longer) {
        text->data = longer;
        return HTH_OK;
    }
    free(text->data);
    return no_memory(error);
}

hth_status hth_speech_list_read(const char *path, const hth_speech_tree *tree, const char *exclude,
                                size_t **out, size_t *count, hth_error *error) {
    hth_bytes text;
    HTH_TRY(read_text(path, &text, error));
    list l = {.path = path, .exclude = exclude, .tree = tree};
    l.taken = calloc(tree->count, sizeof *l.taken);
    l.files = calloc(tree->count, sizeof *l.files);
    hth_status status = l.taken && l.files ? take_lines(&l, &text, error) : no_memory(error);
    free(text.data);
    free(l.taken);
    if (status == HTH_OK) {
        *out = l.files;
        *count = l.count;
    } else {
        free(l.files);
    }
    return status;
}
