/* IDX files: see idx.h. */
#include "data/idx.h"

#include <stdio.h>
#include <string.h>

static size_t word_at(const unsigned char *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static hth_status fail_idx(const char *path, size_t rank, const char *what, hth_error *error) {
    return hth_fail(error, HTH_FILE,
                    "%s: %s; an IDX file of bytes with %zu %s, as MNIST's, is expected", path, what,
                    rank, rank == 1 ? "axis (labels)" : "axes (images)");
}

static hth_status parse(const char *path, size_t rank, hth_idx *out, hth_error *error) {
    const unsigned char *bytes = (const unsigned char *)out->file.data;
    const size_t header = 4 + 4 * rank, length = out->file.length;
    const unsigned char magic[4] = {0, 0, 8, (unsigned char)rank};
    size_t count = 1;
    if (length < header || memcmp(bytes, magic, sizeof magic) != 0)
        return fail_idx(path, rank, "it does not begin as one", error);
    for (size_t i = 0; i < rank; i++) {
        out->shape[i] = word_at(bytes + 4 + 4 * i);
        count = out->shape[i] ? hth_times(count, out->shape[i]) : 0;
        if (count == 0) return fail_idx(path, rank, "it is empty", error);
    }
    if (count != length - header)
        return fail_idx(path, rank, "its length is not that of its shape", error);
    out->bytes = bytes + header;
    return HTH_OK;
}

hth_status hth_idx_read(const char *path, size_t rank, hth_idx *out, hth_error *error) {
    HTH_TRY(hth_file_read(path, &out->file, error));
    return parse(path, rank, out, error);
}

/* Replaces the last `from` in a path by `to`, which must be as long. */
static void replace_last(char *path, const char *from, const char *to) {
    char *found = NULL;
    for (char *at = path; (at = strstr(at, from)); at++) found = at;
    if (found) memcpy(found, to, strlen(to));
}

bool hth_idx_labels(const char *path, char *out, size_t size) {
    if (snprintf(out, size, "%s", path) >= (int)size) return false;
    replace_last(out, "images", "labels");
    replace_last(out, "idx3", "idx1");
    return strcmp(out, path) != 0;
}

hth_status hth_idx_check_pair(const hth_idx *images, const hth_idx *labels, const char *path,
                              const char *labels_path, hth_error *error) {
    if (images->shape[0] == labels->shape[0]) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH, "%.300s has %zu images, but %.300s has %zu labels", path,
                    images->shape[0], labels_path, labels->shape[0]);
}
