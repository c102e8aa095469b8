/*
 * Reads .npy arrays (NumPy's format, versions 1 to 3) from a zip archive through libzip, which also
 * checks every member's CRC.
 *
 * A member is: 6 magic bytes, version, header length, and a Python dictionary with the keys descr,
 * fortran_order and shape; then the numbers. Bool, integers of 1 to 8 bytes and floats of 4 and 8
 * bytes are read, either byte order, C or Fortran order.
 */
#include "data/npy.h"
#include "base/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { MOST_HEADER = 1 << 16, BLOCK = 1 << 15 };

struct hth_npz {
    zip_t *zip;
    char *path;
};

bool hth_npy_is_integer(const hth_npy *array) {
    return array->kind != HTH_NPY_FLOAT;
}

static hth_npy_text list(const size_t *numbers, size_t count, const char *open, const char *close) {
    hth_npy_text out = {""};
    size_t used = (size_t)snprintf(out.text, sizeof out.text, "%s", open);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(out.text + used, sizeof out.text - used, "%s%zu", i ? ", " : "",
                                 numbers[i]);
    snprintf(out.text + used, sizeof out.text - used, "%s", close);
    return out;
}

hth_npy_text hth_npy_shape_text(const hth_npy *array) {
    return list(array->shape, array->rank, "(", array->rank == 1 ? ",)" : ")");
}

hth_npy_text hth_npy_index_text(const hth_npy *array, size_t index) {
    size_t at[HTH_NPY_RANK] = {0};
    for (size_t i = array->rank; i-- > 0; index /= array->shape[i]) at[i] = index % array->shape[i];
    return list(at, array->rank, "[", "]");
}

/* ---- The header's dictionary ------------------------------------------------------------- */

static const char *skip_space(const char *at) {
    while (isspace((unsigned char)*at)) at++;
    return at;
}

/* The value of a key, or NULL. NumPy writes each key once, in single quotes. */
static const char *value_of(const char *header, const char *key) {
    char quoted[24];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at) return NULL;
    at = skip_space(at + strlen(quoted));
    return *at == ':' ? skip_space(at + 1) : NULL;
}

static bool read_kind(char letter, hth_npy_kind *kind) {
    const char *const letters = "biuf"; /* in the order of hth_npy_kind */
    const char *at = letter ? strchr(letters, letter) : NULL;
    if (at) *kind = (hth_npy_kind)(at - letters);
    return at != NULL;
}

static bool size_is_known(hth_npy_kind kind, size_t size) {
    if (kind == HTH_NPY_BOOL) return size == 1;
    if (kind == HTH_NPY_FLOAT) return size == 4 || size == 8;
    return size == 1 || size == 2 || size == 4 || size == 8;
}

/* 'descr': '<f4'. dtype keeps what was there, for the message. */
static bool read_dtype(const char *header, hth_npy *out) {
    const char *at = value_of(header, "descr");
    if (!at) return false;
    const char *end = *at == '\'' ? strchr(++at, '\'') : NULL;
    size_t length = end ? (size_t)(end - at) : strcspn(at, "}");
    snprintf(out->dtype, sizeof out->dtype, "%.*s", length > 15 ? 15 : (int)length, at);
    if (length != 3 || !strchr("<>|=", at[0]) || !isdigit((unsigned char)at[2])) return false;
    out->big_endian = at[0] == '>';
    out->size = (size_t)(at[2] - '0');
    return read_kind(at[1], &out->kind) && size_is_known(out->kind, out->size);
}

static bool read_order(const char *header, hth_npy *out) {
    const char *at = value_of(header, "fortran_order");
    if (!at) return false;
    out->fortran = !strncmp(at, "True", 4);
    return out->fortran || !strncmp(at, "False", 5);
}

/* 'shape': (3, 4). */
static bool read_shape(const char *header, hth_npy *out) {
    const char *at = value_of(header, "shape");
    if (!at || *at != '(') return false;
    at = skip_space(at + 1);
    out->rank = 0;
    out->count = 1;
    for (size_t i = 0; i < HTH_NPY_RANK; i++) out->shape[i] = 1;
    while (isdigit((unsigned char)*at)) {
        char *end;
        unsigned long long length = strtoull(at, &end, 10);
        if (out->rank == HTH_NPY_RANK || length > SIZE_MAX / 64) return false;
        if (length && out->count > SIZE_MAX / 64 / length) return false;
        out->shape[out->rank++] = (size_t)length;
        out->count *= (size_t)length;
        at = skip_space(end);
        if (*at == ',') at = skip_space(at + 1);
    }
    return *at == ')';
}

/* ---- Members ------------------------------------------------------------------------------ */

/* A member that is being read. */
typedef struct member {
    const hth_npz *npz;
    const char *name;
    zip_file_t *file;
    zip_uint64_t length; /* bytes, as the archive's directory says */
} member;

static hth_status fail_short(const member *m, hth_error *error) {
    const char *reason = zip_error_strerror(zip_file_get_error(m->file));
    bool zip_failed = zip_error_code_zip(zip_file_get_error(m->file)) != ZIP_ER_OK;
    return hth_fail(error, HTH_FILE, "%s: array %s is cut short or damaged%s%s", m->npz->path,
                    m->name, zip_failed ? ": " : "", zip_failed ? reason : "");
}

static hth_status read_bytes(const member *m, void *out, size_t length, hth_error *error) {
    char *at = out;
    while (length) {
        zip_int64_t got = zip_fread(m->file, at, length);
        if (got <= 0) return fail_short(m, error);
        at += got;
        length -= (size_t)got;
    }
    return HTH_OK;
}

/* The bytes before the dictionary give its length: 2 bytes in version 1, 4 after it. */
static hth_status read_header_length(const member *m, size_t *length, hth_error *error) {
    unsigned char start[8], more[4] = {0};
    HTH_TRY(read_bytes(m, start, sizeof start, error));
    if (memcmp(start, "\x93NUMPY", 6) || start[6] < 1 || start[6] > 3)
        return hth_fail(error, HTH_INVALID, "%s: array %s is not in NumPy's .npy format",
                        m->npz->path, m->name);
    HTH_TRY(read_bytes(m, more, start[6] == 1 ? 2 : 4, error));
    *length = more[0] | (size_t)more[1] << 8 | (size_t)more[2] << 16 | (size_t)more[3] << 24;
    if (*length <= MOST_HEADER) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: array %s has a header of %zu bytes, too long to be one", m->npz->path,
                    m->name, *length);
}

static hth_status parse_header(const member *m, const char *header, hth_npy *out,
                               hth_error *error) {
    *out = (hth_npy){.dtype = "?"};
    if (!read_dtype(header, out))
        return hth_fail(error, HTH_INVALID,
                        "%s: array %s has dtype %s; bool, int8 to int64, uint8 to uint64, float32 "
                        "and float64 can be read",
                        m->npz->path, m->name, out->dtype);
    if (!read_shape(header, out))
        return hth_fail(error, HTH_INVALID,
                        "%s: array %s has a shape that cannot be read; up to %d axes can",
                        m->npz->path, m->name, HTH_NPY_RANK);
    if (!read_order(header, out))
        return hth_fail(error, HTH_INVALID, "%s: the header of array %s has no fortran_order",
                        m->npz->path, m->name);
    if (out->count <= m->length / out->size) return HTH_OK; /* before memory is taken for it */
    return hth_fail(error, HTH_FILE,
                    "%s: array %s has the shape %s, but only %llu bytes: the file is cut short",
                    m->npz->path, m->name, hth_npy_shape_text(out).text,
                    (unsigned long long)m->length);
}

static hth_status read_header(const member *m, hth_npy *out, hth_error *error) {
    size_t length = 0;
    HTH_TRY(read_header_length(m, &length, error));
    char *header = malloc(length + 1);
    if (!header) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", m->npz->path);
    hth_status status = read_bytes(m, header, length, error);
    header[length] = '\0';
    if (status == HTH_OK) status = parse_header(m, header, out, error);
    free(header);
    return status;
}

/* ---- Numbers ------------------------------------------------------------------------------ */

static double number_at(const hth_npy *array, const unsigned char *bytes) {
    uint64_t word = 0;
    for (size_t i = 0; i < array->size; i++)
        word |= (uint64_t)bytes[array->big_endian ? array->size - 1 - i : i] << 8 * i;
    if (array->kind == HTH_NPY_FLOAT && array->size == 8) {
        double value;
        memcpy(&value, &word, sizeof value);
        return value;
    }
    if (array->kind == HTH_NPY_FLOAT) {
        uint32_t half = (uint32_t)word;
        float value;
        memcpy(&value, &half, sizeof value);
        return (double)value;
    }
    if (array->kind != HTH_NPY_SIGNED) return (double)word;
    size_t unused = 64 - 8 * array->size; /* extend the sign */
    uint64_t sign = UINT64_C(1) << (8 * array->size - 1);
    return word & sign ? -(double)((~word << unused >> unused) + 1) : (double)word;
}

/* Index in C order of the number that is at `position` in the file. */
static size_t c_index(const hth_npy *array, size_t position) {
    if (!array->fortran) return position;
    size_t at[HTH_NPY_RANK] = {0}, index = 0;
    for (size_t i = 0; i < array->rank; i++) {
        at[i] = position % array->shape[i];
        position /= array->shape[i];
    }
    for (size_t i = 0; i < array->rank; i++) index = index * array->shape[i] + at[i];
    return index;
}

static hth_status read_numbers(const member *m, const hth_npy *array, hth_npy_visit visit,
                               void *arg, hth_error *error) {
    unsigned char block[BLOCK];
    size_t per_block = BLOCK / array->size, done = 0;
    while (done < array->count) {
        size_t some = array->count - done < per_block ? array->count - done : per_block;
        HTH_TRY(read_bytes(m, block, some * array->size, error));
        for (size_t i = 0; i < some; i++, done++)
            HTH_TRY(visit(arg, array, c_index(array, done),
                          number_at(array, block + i * array->size), error));
    }
    /* The end must be here, and reaching it is what makes libzip check the CRC. */
    return zip_fread(m->file, block, 1) == 0 ? HTH_OK : fail_short(m, error);
}

/* ---- The archive -------------------------------------------------------------------------- */

static zip_int64_t locate(const hth_npz *npz, const char *name) {
    char file_name[64];
    int length = snprintf(file_name, sizeof file_name, "%s.npy", name);
    if (length >= (int)sizeof file_name) return -1;
    return zip_name_locate(npz->zip, file_name, 0);
}

static hth_status open_member(const hth_npz *npz, const char *name, member *out, hth_error *error) {
    zip_int64_t index = locate(npz, name);
    if (index < 0)
        return hth_fail(error, HTH_FILE, "%s: there is no array %s in the file", npz->path, name);
    zip_stat_t about;
    *out = (member){npz, name, NULL, 0};
    if (!zip_stat_index(npz->zip, (zip_uint64_t)index, 0, &about) && about.valid & ZIP_STAT_SIZE) {
        out->length = about.size;
        out->file = zip_fopen_index(npz->zip, (zip_uint64_t)index, 0);
    }
    if (out->file) return HTH_OK;
    return hth_fail(error, HTH_FILE, "%s: array %s cannot be read: %s", npz->path, name,
                    zip_strerror(npz->zip));
}

hth_status hth_npz_header(hth_npz *npz, const char *name, hth_npy *out, hth_error *error) {
    member m;
    HTH_TRY(open_member(npz, name, &m, error));
    hth_status status = read_header(&m, out, error);
    zip_fclose(m.file);
    return status;
}

hth_status hth_npz_read(hth_npz *npz, const char *name, hth_npy_visit visit, void *arg,
                        hth_error *error) {
    member m;
    hth_npy array;
    HTH_TRY(open_member(npz, name, &m, error));
    hth_status status = read_header(&m, &array, error);
    if (status == HTH_OK) status = read_numbers(&m, &array, visit, arg, error);
    zip_fclose(m.file);
    return status;
}

bool hth_npz_has(const hth_npz *npz, const char *name) {
    return locate(npz, name) >= 0;
}

hth_status hth_npz_only(const hth_npz *npz, const char *const *names, size_t count,
                        hth_error *error) {
    for (zip_int64_t i = 0; i < zip_get_num_entries(npz->zip, 0); i++) {
        const char *entry = zip_get_name(npz->zip, (zip_uint64_t)i, 0);
        char name[64];
        bool known = false;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(entry ? entry : "", "."),
                 entry ? entry : "");
        for (size_t k = 0; k < count; k++) known = known || strcmp(name, names[k]) == 0;
        if (known) continue;
        const char *nearest = hth_nearest(name, names, count);
        return hth_fail(error, HTH_INVALID, "%s: there is no use for array %s%s%s%s", npz->path,
                        name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
    }
    return HTH_OK;
}

const char *hth_npz_path(const hth_npz *npz) {
    return npz->path;
}

static hth_status fail_zip(const char *path, int code, hth_error *error) {
    zip_error_t reason;
    zip_error_init_with_code(&reason, code);
    hth_status status =
        hth_fail(error, HTH_FILE, "%s: %s%s", path, zip_error_strerror(&reason),
                 code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS
                     ? "; an .npz file, as numpy.savez writes it, is expected, whole"
                     : "");
    zip_error_fini(&reason);
    return status;
}

hth_status hth_npz_open(const char *path, hth_npz **out, hth_error *error) {
    size_t length = strlen(path) + 1;
    hth_npz *npz = calloc(1, sizeof *npz + length);
    if (!npz) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
    npz->path = memcpy(npz + 1, path, length);
    int code = 0;
    npz->zip = zip_open(path, ZIP_RDONLY, &code);
    if (!npz->zip) {
        free(npz);
        return fail_zip(path, code, error);
    }
    *out = npz;
    return HTH_OK;
}

void hth_npz_close(hth_npz *npz) {
    if (!npz) return;
    zip_discard(npz->zip);
    free(npz);
}
