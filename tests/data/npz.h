/* Archives of arrays, built by hand as NumPy lays them out. */
#ifndef HTH_TEST_NPZ_H
#define HTH_TEST_NPZ_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zip.h>

typedef struct array {
    const char *name, *dtype, *shape;
    bool fortran;
    const void *data;
    size_t bytes;
} array;

/* Contents of a .npy member, header padded to 64 bytes as NumPy does. */
static inline char *npy_bytes(const array *a, int version, size_t *length) {
    char *out = calloc(1, 256 + a->bytes);
    int start = version == 1 ? 10 : 12;
    int used = snprintf(out + start, 200, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }",
                        a->dtype, a->fortran ? "True" : "False", a->shape);
    size_t header = ((size_t)(start + used) / 64 + 1) * 64;
    memset(out + start + used, ' ', header - (size_t)(start + used));
    out[header - 1] = '\n';
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (char)version;
    out[8] = (char)(header - (size_t)start);
    if (a->bytes) memcpy(out + header, a->data, a->bytes);
    *length = header + a->bytes;
    return out;
}

/* Members without a name are left out; versions of the format and compression take turns. */
static inline void npz_write(const char *path, const array *arrays, size_t count) {
    unlink(path);
    int code;
    zip_t *zip = zip_open(path, ZIP_CREATE, &code);
    assert_non_null(zip);
    for (size_t i = 0; i < count; i++) {
        if (!arrays[i].name) continue;
        char member[64];
        size_t length;
        snprintf(member, sizeof member, "%s.npy", arrays[i].name);
        char *bytes = npy_bytes(&arrays[i], 1 + (int)(i % 2), &length);
        zip_source_t *source = zip_source_buffer(zip, bytes, length, 1);
        zip_int64_t at = zip_file_add(zip, member, source, 0);
        assert_true(at >= 0);
        zip_set_file_compression(zip, (zip_uint64_t)at, i % 2 ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    assert_int_equal(zip_close(zip), 0);
}

#endif
