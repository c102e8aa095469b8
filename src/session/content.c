/* What the training files hold: see content.h. The files of a folder count in any order. */
#include "session/content.h"

#include "data/idx.h"
#include "files/digest.h"
#include "files/tree.h"
#include "settings/config.h"

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

/* The arrays of a folder: their names, and what they hold. */
typedef struct arrays {
    const char *path;
    uint64_t sum;
} arrays;

static hth_status add_array(void *context, const char *name, hth_error *error) {
    arrays *a = context;
    char path[HTH_PATH_LENGTH];
    const char *ending = strrchr(name, '.');
    (void)error;
    if (!ending || strcmp(ending, ".npy") != 0) return HTH_OK;
    if (snprintf(path, sizeof path, "%s/%s", a->path, name) >= (int)sizeof path) return HTH_OK;
    const uint64_t content = of_file(path);
    a->sum += hth_digest_add(content, name, strlen(name));
    return HTH_OK;
}

/* The number of a path: a file, a file with .xz or .gz added, or a folder of arrays. */
static uint64_t of_path(const char *path) {
    static const char *const endings[] = {"", ".xz", ".gz"};
    char full[HTH_PATH_LENGTH];
    struct stat info;
    if (!*path) return 0;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        arrays a = {path, 0};
        return hth_tree_walk(path, ".", add_array, &a, NULL) == HTH_OK ? a.sum : 0;
    }
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

/* Whether labels may lie beside a file of images. */
static bool has_images(const hth_settings *settings) {
    const char *reader = hth_config_value(settings, "data.name", "");
    return strcmp(reader, "images") == 0 || strcmp(reader, "one-shot") == 0;
}

uint64_t hth_content_of(const hth_settings *settings) {
    char beside[HTH_PATH_LENGTH];
    const char *file = hth_config_value(settings, "data.file", "");
    const char *labels = hth_config_value(settings, "data.labels", "");
    const char *dir = hth_config_value(settings, "data.dir", "");
    const char *train = hth_config_value(settings, "data.train", *dir ? "ptb.train.txt" : "");
    if (!*labels && has_images(settings) && hth_idx_labels(file, beside, sizeof beside))
        labels = beside;
    const uint64_t numbers[] = {
        of_path(file),
        *dir ? of_path_below(dir, train) : of_path(train),
        of_path(labels),
        of_path(hth_config_value(settings, "data.phones", "")),
        of_path(hth_config_value(settings, "world.file", "")),
    };
    uint64_t any = 0;
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) any |= numbers[i];
    return any ? hth_digest_add(HTH_DIGEST_START, numbers, sizeof numbers) : 0;
}
