/* Reads a file into memory and unpacks it with liblzma if it is an .xz file. */
#include "data/file.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 1 << 16 };

static const char XZ_MAGIC[6] = {'\xFD', '7', 'z', 'X', 'Z', '\0'};

/* Room for one byte more than is used, at least. */
static bool grow(hth_bytes *bytes, size_t *capacity) {
    if (bytes->length < *capacity) return true;
    size_t more = *capacity ? *capacity * 2 : FIRST_BLOCK;
    char *data = more > *capacity ? realloc(bytes->data, more) : NULL;
    if (!data) return false;
    bytes->data = data;
    *capacity = more;
    return true;
}

static hth_status no_memory(const char *path, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory to read the file", path);
}

static hth_status read_all(FILE *file, const char *path, hth_bytes *out, hth_error *error) {
    size_t capacity = 0;
    while (grow(out, &capacity)) {
        size_t got = fread(out->data + out->length, 1, capacity - out->length, file);
        out->length += got;
        if (ferror(file)) return hth_fail(error, HTH_FILE, "%s: %s", path, strerror(errno));
        if (got == 0) return HTH_OK;
    }
    return no_memory(path, error);
}

static hth_status unpack_all(lzma_stream *stream, const char *path, hth_bytes *out,
                             hth_error *error) {
    size_t capacity = 0;
    lzma_ret status = LZMA_OK;
    while (status == LZMA_OK) {
        if (!grow(out, &capacity)) return no_memory(path, error);
        stream->next_out = (uint8_t *)out->data + out->length;
        stream->avail_out = capacity - out->length;
        status = lzma_code(stream, LZMA_FINISH);
        out->length = capacity - stream->avail_out;
    }
    if (status == LZMA_STREAM_END) return HTH_OK;
    if (status == LZMA_MEM_ERROR) return no_memory(path, error);
    return hth_fail(error, HTH_FILE, "%s: the xz file is %s", path,
                    status == LZMA_BUF_ERROR ? "cut short" : "damaged");
}

/* Replaces packed bytes by what they hold. */
static hth_status unpack(const char *path, hth_bytes *bytes, hth_error *error) {
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
        return no_memory(path, error);
    stream.next_in = (const uint8_t *)bytes->data;
    stream.avail_in = bytes->length;
    hth_bytes plain = {NULL, 0};
    hth_status status = unpack_all(&stream, path, &plain, error);
    lzma_end(&stream);
    if (status != HTH_OK) {
        free(plain.data);
        return status;
    }
    free(bytes->data);
    *bytes = plain;
    return HTH_OK;
}

static FILE *open_packed(const char *path) {
    size_t length = strlen(path);
    char *packed = malloc(length + 4);
    if (!packed) return NULL;
    memcpy(packed, path, length);
    memcpy(packed + length, ".xz", 4);
    FILE *file = fopen(packed, "rb");
    free(packed);
    return file;
}

hth_status hth_file_read(const char *path, hth_bytes *out, hth_error *error) {
    FILE *file = fopen(path, "rb");
    int reason = errno;
    if (!file && reason == ENOENT) {
        file = open_packed(path);
        reason = errno;
    }
    if (!file)
        return hth_fail(error, reason == ENOMEM ? HTH_NO_MEMORY : HTH_FILE, "%s: %s%s", path,
                        strerror(reason), reason == ENOENT ? ", with or without .xz added" : "");
    hth_bytes bytes = {NULL, 0};
    hth_status status = read_all(file, path, &bytes, error);
    fclose(file);
    if (status == HTH_OK && bytes.length >= sizeof XZ_MAGIC &&
        !memcmp(bytes.data, XZ_MAGIC, sizeof XZ_MAGIC))
        status = unpack(path, &bytes, error);
    if (status == HTH_OK)
        *out = bytes;
    else
        free(bytes.data);
    return status;
}
