/* Reads a file into memory and unpacks it: an .xz file with liblzma, a .gz file with zlib. */
#include "data/file.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FIRST_BLOCK = 1 << 16 };

static const char XZ_MAGIC[6] = {'\xFD', '7', 'z', 'X', 'Z', '\0'};

/* Makes room for at least one more byte. */
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

static hth_status fail_packed(const char *path, const char *kind, bool is_short, hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: the %s file is %s", path, kind,
                    is_short ? "cut short" : "damaged");
}

static hth_status unpack_xz(lzma_stream *stream, const char *path, hth_bytes *out,
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
    return fail_packed(path, "xz", status == LZMA_BUF_ERROR, error);
}

static hth_status read_xz(const char *path, const hth_bytes *packed, hth_bytes *plain,
                          hth_error *error) {
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
        return no_memory(path, error);
    stream.next_in = (const uint8_t *)packed->data;
    stream.avail_in = packed->length;
    hth_status status = unpack_xz(&stream, path, plain, error);
    lzma_end(&stream);
    return status;
}

/* Unpacks a gzip file. It may consist of several members. zlib takes at most 4 GiB at a time, in and out. */
static hth_status unpack_gzip(z_stream *stream, const char *path, const hth_bytes *packed,
                              hth_bytes *out, hth_error *error) {
    size_t capacity = 0, taken = 0;
    int status = Z_OK;
    while (status == Z_OK || (status == Z_STREAM_END && taken < packed->length)) {
        if (status == Z_STREAM_END && inflateReset(stream) != Z_OK) break;
        if (!grow(out, &capacity)) return no_memory(path, error);
        const size_t room = capacity - out->length, left = packed->length - taken;
        stream->next_in = (Bytef *)packed->data + taken;
        stream->avail_in = left < UINT32_MAX ? (uInt)left : UINT32_MAX;
        stream->next_out = (Bytef *)out->data + out->length;
        stream->avail_out = room < UINT32_MAX ? (uInt)room : UINT32_MAX;
        status = inflate(stream, Z_NO_FLUSH);
        taken = (size_t)((char *)stream->next_in - packed->data);
        out->length = (size_t)((char *)stream->next_out - out->data);
    }
    if (status == Z_STREAM_END) return HTH_OK;
    if (status == Z_MEM_ERROR) return no_memory(path, error);
    return fail_packed(path, "gzip", status == Z_BUF_ERROR, error);
}

static hth_status read_gzip(const char *path, const hth_bytes *packed, hth_bytes *plain,
                            hth_error *error) {
    z_stream stream = {0};
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return no_memory(path, error); /* 16: gzip */
    hth_status status = unpack_gzip(&stream, path, packed, plain, error);
    inflateEnd(&stream);
    return status;
}

/* Replaces compressed bytes by their content; other bytes stay. */
static hth_status unpack(const char *path, hth_bytes *bytes, hth_error *error) {
    const bool xz = bytes->length >= sizeof XZ_MAGIC && !memcmp(bytes->data, XZ_MAGIC, 6);
    const bool gzip = bytes->length >= 2 && !memcmp(bytes->data, "\x1f\x8b", 2);
    hth_bytes plain = {NULL, 0};
    if (!xz && !gzip) return HTH_OK;
    hth_status status = (xz ? read_xz : read_gzip)(path, bytes, &plain, error);
    if (status != HTH_OK) {
        free(plain.data);
        return status;
    }
    free(bytes->data);
    *bytes = plain;
    return HTH_OK;
}

static FILE *open_packed(const char *path, const char *ending) {
    size_t length = strlen(path);
    char *packed = malloc(length + 4);
    if (!packed) return NULL;
    memcpy(packed, path, length);
    memcpy(packed + length, ending, 4);
    FILE *file = fopen(packed, "rb");
    free(packed);
    return file;
}

hth_status hth_file_read(const char *path, hth_bytes *out, hth_error *error) {
    /* Open the file, or else a compressed one. */
    FILE *file = fopen(path, "rb");
    int reason = errno;
    if (!file && reason == ENOENT) {
        file = open_packed(path, ".xz");
        if (!file && errno == ENOENT) file = open_packed(path, ".gz");
        reason = errno;
    }
    if (!file)
        return hth_fail(error, reason == ENOMEM ? HTH_NO_MEMORY : HTH_FILE, "%s: %s%s", path,
                        strerror(reason),
                        reason == ENOENT ? ", with or without .xz or .gz added" : "");
    /* Read the file and unpack its content. */
    hth_bytes bytes = {NULL, 0};
    hth_status status = read_all(file, path, &bytes, error);
    fclose(file);
    if (status == HTH_OK) status = unpack(path, &bytes, error);
    if (status == HTH_OK)
        *out = bytes;
    else
        free(bytes.data);
    return status;
}

void hth_bytes_text(double bytes, char out[16]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < HTH_COUNT(units); unit++) bytes /= 1000;
    snprintf(out, 16, "%.3g %s", bytes, units[unit]);
}
