/*
 * NumPy's .npy format, versions 1 to 3: 6 magic bytes, version, header length, a Python dictionary with the keys
 * descr, fortran_order and shape; then the numbers. Can read bool, integers of 1 to 8 bytes and floats of 2, 4 and
 * 8 bytes, in either byte order, in C or Fortran order.
 */
#include "data/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HEADER = 1 << 16, BLOCK = 1 << 15 };

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

/* Finds the value of a key, or NULL. NumPy writes each key once, in single quotes. */
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
    if (kind == HTH_NPY_FLOAT) return size == 2 || size == 4 || size == 8;
    return size == 1 || size == 2 || size == 4 || size == 8;
}

/* Reads 'descr': '<f4'. dtype keeps the text for messages. */
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

/* Reads 'shape': (3, 4). */
static bool read_shape(const char *header, hth_npy *out) {
    const char *at = value_of(header, "shape");
    if (!at || *at != '(') return false;
    at = skip_space(at + 1);
    /* Axes that the shape does not name have length 1. */
    out->rank = 0;
    out->count = 1;
    for (size_t i = 0; i < HTH_NPY_RANK; i++) out->shape[i] = 1;
    /* Read the lengths; their product must not overflow. */
    while (isdigit((unsigned char)*at)) {
        char *end;
        unsigned long long length = strtoull(at, &end, 10);
        if (out->rank == HTH_NPY_RANK || length > SIZE_MAX / 64) return false;
        if (length && out->count > SIZE_MAX / 64 / length) return false;
        out->shape[out->rank++] = (size_t)length;
        out->count *= (size_t)length;
        at = skip_space(end);
        if (*at != ',') break;
        at = skip_space(at + 1);
    }
    return *at == ')';
}

/* ---- The header ---- */

/* Reads the bytes before the dictionary, which give its length: in 2 bytes in version 1, in 4 later. */
static hth_status read_header_length(const hth_npy_source *s, size_t *length, hth_error *error) {
    unsigned char start[8], more[4] = {0};
    HTH_TRY(s->read(s, start, sizeof start, error));
    if (memcmp(start, "\x93NUMPY", 6) || start[6] < 1 || start[6] > 3)
        return hth_fail(error, HTH_INVALID, "%s: array %s is not in NumPy's .npy format", s->path,
                        s->name);
    HTH_TRY(s->read(s, more, start[6] == 1 ? 2 : 4, error));
    *length = more[0] | (size_t)more[1] << 8 | (size_t)more[2] << 16 | (size_t)more[3] << 24;
    if (*length <= MOST_HEADER) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: array %s has a header of %zu bytes, too long to be one", s->path, s->name,
                    *length);
}

static hth_status parse_header(const hth_npy_source *s, const char *header, hth_npy *out,
                               hth_error *error) {
    /* Read the three keys of the dictionary. */
    *out = (hth_npy){.dtype = "?"};
    if (!read_dtype(header, out))
        return hth_fail(error, HTH_INVALID,
                        "%s: array %s has dtype %s; bool, int8 to int64, uint8 to uint64, float16, "
                        "float32 and float64 can be read",
                        s->path, s->name, out->dtype);
    if (!read_shape(header, out))
        return hth_fail(error, HTH_INVALID,
                        "%s: array %s has a shape that cannot be read; up to %d axes can", s->path,
                        s->name, HTH_NPY_RANK);
    if (!read_order(header, out))
        return hth_fail(error, HTH_INVALID, "%s: the header of array %s has no fortran_order",
                        s->path, s->name);
    /* checked before any memory is allocated for it */
    if (out->count <= s->length / out->size) return HTH_OK;
    return hth_fail(error, HTH_FILE,
                    "%s: array %s has the shape %s, but only %llu bytes: the file is cut short",
                    s->path, s->name, hth_npy_shape_text(out).text, (unsigned long long)s->length);
}

hth_status hth_npy_header(const hth_npy_source *s, hth_npy *out, hth_error *error) {
    size_t length = 0;
    HTH_TRY(read_header_length(s, &length, error));
    char *header = malloc(length + 1);
    if (!header) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", s->path);
    hth_status status = s->read(s, header, length, error);
    header[length] = '\0';
    if (status == HTH_OK) status = parse_header(s, header, out, error);
    free(header);
    return status;
}

/* ---- Numbers ---- */

/* The value of a half: 1 bit sign, 5 bits exponent, 10 bits fraction. */
static double half_of(uint32_t bits) {
    const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    const uint64_t sign = (uint64_t)(bits >> 15) << 63;
    double value = (double)fraction * 0x1p-24; /* subnormal */
    uint64_t word = (uint64_t)(exponent + 1008) << 52 | (uint64_t)fraction << 42;
    if (exponent == 31) word = UINT64_C(2047) << 52 | (uint64_t)fraction << 42;
    if (exponent) memcpy(&value, &word, sizeof value);
    memcpy(&word, &value, sizeof word);
    word |= sign;
    memcpy(&value, &word, sizeof value);
    return value;
}

static double float_of(size_t size, uint64_t word) {
    double value;
    float single;
    const uint32_t half = (uint32_t)word;
    if (size == 2) return half_of(half);
    memcpy(&single, &half, sizeof single);
    if (size == 4) return (double)single;
    memcpy(&value, &word, sizeof value);
    return value;
}

double hth_npy_number(const hth_npy *array, const unsigned char *bytes) {
    uint64_t word = 0;
    for (size_t i = 0; i < array->size; i++)
        word |= (uint64_t)bytes[array->big_endian ? array->size - 1 - i : i] << 8 * i;
    if (array->kind == HTH_NPY_FLOAT) return float_of(array->size, word);
    if (array->kind != HTH_NPY_SIGNED) return (double)word;
    size_t unused = 64 - 8 * array->size; /* extend the sign */
    uint64_t sign = UINT64_C(1) << (8 * array->size - 1);
    return word & sign ? -(double)((~word << unused >> unused) + 1) : (double)word;
}

/* The index in C order of the number at `position` in the file. */
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

hth_status hth_npy_numbers(const hth_npy_source *s, const hth_npy *array, hth_npy_visit visit,
                           void *arg, hth_error *error) {
    unsigned char block[BLOCK];
    size_t per_block = BLOCK / array->size, done = 0;
    while (done < array->count) {
        size_t some = array->count - done < per_block ? array->count - done : per_block;
        HTH_TRY(s->read(s, block, some * array->size, error));
        for (size_t i = 0; i < some; i++, done++)
            HTH_TRY(visit(arg, array, c_index(array, done),
                          hth_npy_number(array, block + i * array->size), error));
    }
    return HTH_OK;
}

/* Whether the file stores numbers exactly as the machine stores hth_real. */
static bool is_native(const hth_npy *array) {
    const uint16_t one = 1;
    const bool little = *(const unsigned char *)&one == 1;
    return array->kind == HTH_NPY_FLOAT && array->size == sizeof(hth_real) &&
           array->big_endian == !little;
}

void hth_npy_convert(const hth_npy *array, const unsigned char *numbers, size_t from, size_t count,
                     hth_real *out) {
    numbers += from * array->size;
    if (is_native(array)) {
        memcpy(out, numbers, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = (hth_real)hth_npy_number(array, numbers + i * array->size);
}
