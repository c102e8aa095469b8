/* Writes .npz files: each array gets a header of numpy's format version 1.0 before its numbers; libzip stores the
 * members. */
#include "files/npz.h"

#include "data/zip_reason.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ALIGNMENT: of the numbers in a member; PREFIX: bytes of magic, version and length */
enum { ALIGNMENT = 64, PREFIX = 10 };

static const char *descr_of(hth_dtype dtype) {
    switch (dtype) {
    case HTH_DTYPE_REAL:
        return sizeof(hth_real) == sizeof(double) ? "<f8" : "<f4";
    case HTH_DTYPE_F64:
        return "<f8";
    case HTH_DTYPE_I32:
        return "<i4";
    case HTH_DTYPE_U64:
        return "<u8";
    }
    return NULL;
}

static size_t size_of(hth_dtype dtype) {
    return dtype == HTH_DTYPE_REAL ? sizeof(hth_real) : dtype == HTH_DTYPE_I32 ? 4 : 8;
}

/* Makes the bytes of a member: header and numbers. NULL if memory ran out. The caller frees them. */
static unsigned char *member_of(const hth_npz_array *a, size_t *length) {
    char shape[96] = "", header[256];
    size_t numbers = 1, used = 0;
    /* The shape, as Python writes it. */
    for (size_t i = 0; i < a->rank; i++) {
        numbers *= a->shape[i];
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%zu%s", i ? " " : "",
                                 a->shape[i], i + 1 < a->rank || a->rank == 1 ? "," : "");
    }
    /* The header is padded with spaces so that the numbers begin at a multiple of 64. */
    const int text =
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                 descr_of(a->dtype), shape);
    const size_t whole = (PREFIX + (size_t)text + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t bytes = numbers * size_of(a->dtype), dictionary = whole - PREFIX;
    unsigned char *member = malloc(whole + bytes);
    if (!member) return NULL;
    /* Write the prefix, the header and the numbers. */
    memcpy(member, "\x93NUMPY\x01\x00", 8);
    member[8] = (unsigned char)(dictionary & 255);
    member[9] = (unsigned char)(dictionary >> 8);
    memset(member + PREFIX, ' ', dictionary);
    memcpy(member + PREFIX, header, (size_t)text);
    member[whole - 1] = '\n';
    if (bytes) memcpy(member + whole, a->data, bytes);
    *length = whole + bytes;
    return member;
}

/* Adds a member, whose bytes the caller frees when the archive is closed. */
static bool add(zip_t *zip, const hth_npz_array *a, unsigned char **member) {
    char name[80];
    size_t length = 0;
    *member = member_of(a, &length);
    if (!*member) return false;
    zip_source_t *source = zip_source_buffer(zip, *member, length, 0);
    if (!source) return false;
    snprintf(name, sizeof name, "%s.npy", a->name);
    const zip_int64_t at = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(source);
        return false;
    }
    /* Always the same date, the earliest that a zip archive can hold, so that equal arrays make equal files. */
    return zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_mtime(zip, (zip_uint64_t)at, 315532800, 0) == 0;
}

static hth_status fail(const char *path, zip_error_t *failure, hth_error *error) {
    hth_status status;
    const char *reason = hth_zip_reason(failure, &status);
    return hth_fail(error, status, "cannot write %s: %s", path, reason);
}

/* Adds all members, closes the archive and frees their bytes. */
static hth_status write_members(zip_t *zip, const char *path, const hth_npz_array *arrays,
                                size_t count, unsigned char **members, hth_error *error) {
    hth_status status = HTH_OK;
    for (size_t i = 0; i < count && status == HTH_OK; i++)
        if (!add(zip, &arrays[i], &members[i]))
            status = hth_fail(error, HTH_NO_MEMORY, "cannot write %s: not enough memory", path);
    /* zip_close writes another file and renames it at the end. */
    if (status == HTH_OK && zip_close(zip) == 0)
        zip = NULL;
    else if (status == HTH_OK)
        status = fail(path, zip_get_error(zip), error);
    if (zip) zip_discard(zip);
    for (size_t i = 0; i < count; i++) free(members[i]);
    return status;
}

hth_status hth_npz_write(const char *path, const hth_npz_array *arrays, size_t count,
                         hth_error *error) {
    unsigned char **members = calloc(count + 1, sizeof *members);
    if (!members) return hth_fail(error, HTH_NO_MEMORY, "cannot write %s: not enough memory", path);
    int code;
    hth_status status;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (zip) {
        status = write_members(zip, path, arrays, count, members, error);
    } else {
        zip_error_t failure;
        zip_error_init_with_code(&failure, code);
        status = fail(path, &failure, error);
        zip_error_fini(&failure);
    }
    free(members);
    return status;
}
