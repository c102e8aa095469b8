/* What the training files hold: see content.h. The files of a folder count in any order. */
#include "session/content.h"

#include "data/idx.h"
#include "files/digest.h"
#include "files/draft.h"
#include "settings/config.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

enum { BLOCK = 4096, BLOCKS = 4096 };

/* Adds what is read at a place, at most a block. */
static uint64_t add_block(uint64_t digest, FILE *file, off_t at) {
    char block[BLOCK];
    const size_t count = fseeko(file, at, SEEK_SET) == 0 ? fread(block, 1, sizeof block, file) : 0;
    return hth_digest_add(digest, block, count);
}

/* The number of an archive: that of its arrays, whose check sums it has, and not of the time when it was packed. 0 for
 * any other file. */
static uint64_t of_archive(const char *path) {
    uint64_t sum = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
    for (zip_int64_t i = 0; zip && i < zip_get_num_entries(zip, 0); i++) {
        zip_stat_t entry;
        if (zip_stat_index(zip, (zip_uint64_t)i, 0, &entry) != 0) continue;
        const uint64_t numbers[] = {entry.size, entry.crc};
        sum += hth_digest_add(hth_digest_add(HTH_DIGEST_START, numbers, sizeof numbers), entry.name,
                              strlen(entry.name));
    }
    if (zip) zip_discard(zip);
    return sum;
}

/* The number of a file; 0 where it is none, or cannot be read twice. */
static uint64_t of_file(const char *path) {
    struct stat info;
    const bool is_file = stat(path, &info) == 0 && S_ISREG(info.st_mode); /* to open a pipe waits */
    FILE *file = is_file ? fopen(path, "rbe") : NULL;
    const uint64_t archive = file ? of_archive(path) : 0;
    if (archive) fclose(file);
    if (!file || archive) return archive;
    const uint64_t size = (uint64_t)info.st_size, blocks = (size + BLOCK - 1) / BLOCK;
    const uint64_t taken = blocks < BLOCKS ? blocks : BLOCKS;
    uint64_t digest = hth_digest_add(HTH_DIGEST_START, &size, sizeof size);
    for (uint64_t i = 0; i < taken; i++)
        digest = add_block(digest, file,
                           (off_t)((taken > 1 ? i * (blocks - 1) / (taken - 1) : 0) * BLOCK));
    fclose(file);
    return digest;
}

/* The number of an array of a folder: its name, and what it holds. */
static uint64_t of_array(const char *folder, const char *name) {
    char path[HTH_PATH_LENGTH];
    const char *ending = strrchr(name, '.');
    if (*name == '.' || !ending || strcmp(ending, ".npy") != 0) return 0;
    /* "./", as names were when the first checkpoints with this number were written. */
    const int length = snprintf(path, sizeof path, "%s/./%s", folder, name);
    if (length >= (int)sizeof path) return 0;
    return hth_digest_add(of_file(path), path + strlen(folder) + 1, strlen(name) + 2);
}

/* The number of a folder: that of the arrays in it; folders below it do not count. */
static uint64_t of_folder(const char *path) {
    uint64_t sum = 0;
    DIR *folder = opendir(path);
    if (!folder) return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        sum += of_array(path, entry->d_name);
    closedir(folder);
    return sum;
}

/* The number of a path: a file, a file with .xz or .gz added, or a folder of arrays. */
static uint64_t of_path(const char *path) {
    static const char *const endings[] = {"", ".xz", ".gz"};
    char full[HTH_PATH_LENGTH];
    struct stat info;
    if (!*path) return 0;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return of_folder(path);
    uint64_t number = 0;
    for (size_t i = 0; i < HTH_COUNT(endings) && number == 0; i++)
        if (snprintf(full, sizeof full, "%s%s", path, endings[i]) < (int)sizeof full)
            number = of_file(full);
    return number;
}

/* The number of PATH/name. */
static uint64_t of_path_below(const char *path, const char *name) {
    char full[HTH_PATH_LENGTH];
    const int length = snprintf(full, sizeof full, "%s/%s", path, name);
    return length < (int)sizeof full ? of_path(full) : 0;
}

/* The number of the labels of images, those of a setting or beside the images; 0 where there are none. */
static uint64_t of_labels(const char *labels, const char *images, bool beside) {
    char path[HTH_PATH_LENGTH];
    if (!*labels && beside && hth_idx_labels(images, path, sizeof path)) return of_path(path);
    return of_path(labels);
}

static bool has_value(const hth_settings *settings, const char *key, const char *value) {
    return strcmp(hth_config_value(settings, key, ""), value) == 0;
}

uint64_t hth_content_of(const hth_settings *settings) {
    const char *file = hth_config_value(settings, "data.file", "");
    const char *world = hth_config_value(settings, "world.file", "");
    const char *dir = hth_config_value(settings, "data.dir", "");
    const char *train = hth_config_value(settings, "data.train", *dir ? "ptb.train.txt" : "");
    const bool images =
        has_value(settings, "data.name", "images") || has_value(settings, "data.name", "one-shot");
    const bool glimpse = has_value(settings, "world.name", "glimpse");
    const uint64_t numbers[] = {
        of_path(file),
        *dir ? of_path_below(dir, train) : of_path(train),
        of_labels(hth_config_value(settings, "data.labels", ""), file, images),
        of_path(hth_config_value(settings, "data.phones", "")),
        of_path(world),
        of_labels(hth_config_value(settings, "world.labels", ""), world, glimpse),
    };
    uint64_t any = 0;
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) any |= numbers[i];
    /* Where the world has no labels, the number is as it was before these counted. */
    const size_t size = sizeof numbers - (numbers[HTH_COUNT(numbers) - 1] ? 0 : sizeof *numbers);
    return any ? hth_digest_add(HTH_DIGEST_START, numbers, size) : 0;
}
