/*
 * Reads safetensors files; safetensors_write.c writes them.
 *
 *     8 bytes     length of the header, little-endian
 *     header      JSON: {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [rows, columns],
 *                 "data_offsets": [begin, end]}, ...}, padded with spaces to a multiple of 8 bytes
 *     data        the tensors one after the other without gaps; begin and end count from here
 *
 * Nothing in a file is trusted. Every offset, shape and dtype of the header is checked against the others and
 * against the length of the file, and all bytes against the digest if the metadata have one, before anything is
 * used. HTH_DAMAGED: the bytes are wrong. HTH_FILE: the system could not read them, and the file may be in order.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "files/tensors.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors.c copies numbers as they lie in memory and needs a little-endian machine"
#endif

enum { MOST_HEADER = 100 * 1000 * 1000 }; /* the limit of the format's own reader */

static const char METADATA[] = "__metadata__";

static const struct dtype {
    const char *name;
    size_t size;
} dtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
              {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};

const char *hth_dtype_name(hth_dtype dtype) {
    if (dtype == HTH_DTYPE_REAL) return sizeof(hth_real) == 8 ? "F64" : "F32";
    return dtype == HTH_DTYPE_I32 ? "I32" : dtype == HTH_DTYPE_F64 ? "F64" : "U64";
}

size_t hth_dtype_size(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(dtypes); i++)
        if (!strcmp(dtypes[i].name, name)) return dtypes[i].size;
    return 0;
}

/* ---- The digest ------------------------------------------------------------------------- */

/* Finds the digits. Inside a JSON text every quotation mark follows a backslash, so no other value can match. */
char *hth_digest_digits(char *header) {
    static const char before[] = "\"" HTH_DIGEST_KEY "\":\"fnv1a64:";
    char *at = strstr(header, before);
    return at && strlen(at) >= sizeof before - 1 + HTH_DIGEST_DIGITS ? at + sizeof before - 1
                                                                     : NULL;
}

void hth_digest_text(uint64_t digest, char out[HTH_DIGEST_DIGITS + 1]) {
    snprintf(out, HTH_DIGEST_DIGITS + 1, "%016llx", (unsigned long long)digest);
}

/* ---- Reading the header ----------------------------------------------------------------- */

struct hth_safetensors {
    char *path;
    FILE *file;
    cJSON *header;       /* owns the texts of tensors and metadata */
    hth_tensor *tensors; /* [count], sorted by begin */
    size_t count;
    uint64_t start; /* offset of the data in the file */
    uint64_t bytes; /* length of the data */
};

static size_t field_size(const hth_field *field) {
    return hth_dtype_size(hth_dtype_name(field->dtype));
}

static hth_status fail_read(const hth_safetensors *file, hth_error *error) {
    if (ferror(file->file)) return hth_file_fail(file->path, "read", error);
    return hth_fail(error, HTH_DAMAGED, "%s: the file is cut short", file->path);
}

static hth_status no_memory(const char *path, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
}

static hth_status fail_header(const char *path, const char *what, hth_error *error) {
    return hth_fail(error, HTH_DAMAGED, "%s: not a safetensors file, or damaged: %s", path, what);
}

static hth_status fail_tensor(const hth_safetensors *file, const char *name, const char *what,
                              hth_error *error) {
    return hth_fail(error, HTH_DAMAGED, "%s: the header is damaged: tensor %.60s %s", file->path,
                    name, what);
}

/* Reads a whole number that a double holds exactly. */
static bool read_number(const cJSON *item, uint64_t *out) {
    const double most = 9007199254740992.0; /* 2^53 */
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= most))
        return false;
    *out = (uint64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

static bool read_shape(const cJSON *shape, hth_tensor *tensor) {
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > HTH_TENSOR_RANK) return false;
    const uint64_t most = UINT64_C(1) << 53;
    const cJSON *length;
    tensor->count = 1;
    cJSON_ArrayForEach(length, shape) {
        uint64_t *axis = &tensor->shape[tensor->rank++];
        if (!read_number(length, axis) || (*axis && tensor->count > most / *axis)) return false;
        tensor->count *= *axis;
    }
    return true;
}

static hth_status read_tensor(const hth_safetensors *file, const cJSON *entry, hth_tensor *out,
                              hth_error *error) {
    hth_tensor tensor = {.name = entry->string};
    /* Read the dtype and the shape. */
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    tensor.dtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "dtype"));
    size_t size = tensor.dtype ? hth_dtype_size(tensor.dtype) : 0;
    if (!size) return fail_tensor(file, tensor.name, "has no dtype that is known", error);
    if (!read_shape(cJSON_GetObjectItemCaseSensitive(entry, "shape"), &tensor))
        return fail_tensor(file, tensor.name, "has no shape that can be read", error);
    /* The offsets, which must fit both. */
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !read_number(cJSON_GetArrayItem(offsets, 0), &tensor.begin) ||
        !read_number(cJSON_GetArrayItem(offsets, 1), &tensor.end))
        return fail_tensor(file, tensor.name, "has no data_offsets that can be read", error);
    if (tensor.end < tensor.begin || tensor.end - tensor.begin != tensor.count * size)
        return fail_tensor(file, tensor.name, "has a shape that does not fit its data_offsets",
                           error);
    *out = tensor;
    return HTH_OK;
}

static int by_begin(const void *left, const void *right) {
    const hth_tensor *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1; /* empty tensors come first */
    return strcmp(a->name, b->name);
}

static int by_name(const void *left, const void *right) {
    const hth_tensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* Checks that no name occurs twice and that the tensors fill the file without gaps, up to the last byte. */
static hth_status check_layout(hth_safetensors *file, hth_error *error) {
    uint64_t end = 0;
    /* Sort by name: a repeated name then stands beside its twin. */
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (!strcmp(file->tensors[i - 1].name, file->tensors[i].name))
            return fail_tensor(file, file->tensors[i].name, "is there twice", error);
    /* Sort by offset: each tensor must begin where the one before ends. */
    qsort(file->tensors, file->count, sizeof *file->tensors, by_begin);
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensors[i].begin != end)
            return fail_tensor(file, file->tensors[i].name,
                               "does not begin where the one before ends", error);
        end = file->tensors[i].end;
    }
    if (file->bytes == end) return HTH_OK;
    return hth_fail(error, HTH_DAMAGED, "%s: the file is %s: %llu bytes of data instead of %llu",
                    file->path, file->bytes < end ? "cut short" : "too long",
                    (unsigned long long)file->bytes, (unsigned long long)end);
}

static hth_status check_metadata(const hth_safetensors *file, const cJSON *metadata,
                                 hth_error *error) {
    const cJSON *text;
    if (!cJSON_IsObject(metadata))
        return fail_header(file->path, "__metadata__ is not an object", error);
    cJSON_ArrayForEach(text, metadata) {
        if (!cJSON_IsString(text))
            return fail_header(file->path, "__metadata__ holds something else than texts", error);
    }
    return HTH_OK;
}

static hth_status read_entries(hth_safetensors *file, hth_error *error) {
    const cJSON *entry;
    size_t count = (size_t)cJSON_GetArraySize(file->header);
    file->tensors = calloc(count ? count : 1, sizeof *file->tensors);
    if (!file->tensors) return no_memory(file->path, error);
    cJSON_ArrayForEach(entry, file->header) {
        if (!strcmp(entry->string, METADATA))
            HTH_TRY(check_metadata(file, entry, error));
        else
            HTH_TRY(read_tensor(file, entry, &file->tensors[file->count++], error));
    }
    return check_layout(file, error);
}

/* Parses the header. The parser does not say whether memory ran out or the text is wrong; errno does. */
static hth_status parse(hth_safetensors *file, const char *text, size_t length, hth_error *error) {
    if (memchr(text, '\0', length))
        return fail_header(file->path, "the header has a byte 0", error);
    errno = 0;
    file->header = cJSON_ParseWithLengthOpts(text, length + 1, NULL, true);
    if (!file->header && errno == ENOMEM) return no_memory(file->path, error);
    if (cJSON_IsObject(file->header)) return HTH_OK;
    return fail_header(file->path, "the header is not a JSON object", error);
}

/* Compares all bytes with the digest. */
static hth_status check_digest(hth_safetensors *file, char *header, uint64_t length,
                               hth_error *error) {
    enum { BLOCK = 1 << 16 };
    char block[BLOCK], told[HTH_DIGEST_DIGITS + 1] = "", text[HTH_DIGEST_DIGITS + 1];
    char *digits = hth_digest_digits(header);
    if (!digits) return HTH_OK; /* an older version or another program wrote the file */
    /* The digest was made with zeros in place of its digits. */
    memcpy(told, digits, HTH_DIGEST_DIGITS);
    memset(digits, '0', HTH_DIGEST_DIGITS);
    uint64_t found = hth_digest_add(HTH_DIGEST_START, &length, sizeof length);
    found = hth_digest_add(found, header, (size_t)length);
    /* Add all tensors' bytes to the digest, block by block. */
    for (uint64_t left = file->bytes; left > 0;) {
        const size_t some = left < BLOCK ? (size_t)left : BLOCK;
        if (fread(block, 1, some, file->file) != some) return fail_read(file, error);
        found = hth_digest_add(found, block, some);
        left -= some;
    }
    /* Compare the computed digest with the stored one. */
    hth_digest_text(found, text);
    if (strcmp(text, told) == 0) return HTH_OK;
    return hth_fail(error, HTH_DAMAGED,
                    "%s: the file is damaged: its bytes are not those that were written (digest "
                    "%s, but %.16s is what they had)",
                    file->path, text, told);
}

static hth_status read_text(hth_safetensors *file, char *text, uint64_t length, hth_error *error) {
    if (fread(text, 1, (size_t)length, file->file) != length) return fail_read(file, error);
    text[length] = '\0';
    HTH_TRY(parse(file, text, (size_t)length, error));
    HTH_TRY(read_entries(file, error));
    return check_digest(file, text, length, error);
}

static hth_status read_header(hth_safetensors *file, hth_error *error) {
    struct stat about;
    uint64_t length = 0;
    /* Refuse a folder. */
    if (fstat(fileno(file->file), &about)) return hth_file_fail(file->path, "read", error);
    errno = EISDIR;
    if (S_ISDIR(about.st_mode)) return hth_file_fail(file->path, "read", error);
    uint64_t all = (uint64_t)about.st_size;
    /* Read the length of the header and check it against the file. */
    if (all < sizeof length) return fail_header(file->path, "it has fewer than 8 bytes", error);
    if (fread(&length, sizeof length, 1, file->file) != 1) return fail_read(file, error);
    if (length > MOST_HEADER || length > all - sizeof length)
        return fail_header(file->path, "its header is longer than the file", error);
    file->start = sizeof length + length;
    file->bytes = all - file->start;
    /* Read the header itself. */
    char *text = malloc((size_t)length + 1);
    if (!text) return no_memory(file->path, error);
    const hth_status status = read_text(file, text, length, error);
    free(text);
    return status;
}

hth_status hth_safetensors_open(const char *path, hth_safetensors **out, hth_error *error) {
    size_t length = strlen(path) + 1;
    hth_safetensors *file = calloc(1, sizeof *file + length);
    if (!file) return no_memory(path, error);
    file->path = memcpy(file + 1, path, length);
    file->file = fopen(path, "rbe");
    hth_status status =
        file->file ? read_header(file, error) : hth_file_fail(path, "opened", error);
    if (status == HTH_OK)
        *out = file;
    else
        hth_safetensors_close(file);
    return status;
}

void hth_safetensors_close(hth_safetensors *file) {
    if (!file) return;
    if (file->file) fclose(file->file);
    cJSON_Delete(file->header);
    free(file->tensors);
    free(file);
}

const hth_tensor *hth_safetensors_list(const hth_safetensors *file, size_t *count) {
    *count = file->count;
    return file->tensors;
}

const char *hth_safetensors_metadata(const hth_safetensors *file, const char *key) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(file->header, METADATA);
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(all, key));
}

bool hth_safetensors_metadata_at(const hth_safetensors *file, size_t index, hth_metadata *out) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(file->header, METADATA);
    const cJSON *item = index < INT32_MAX ? cJSON_GetArrayItem(all, (int)index) : NULL;
    if (!item) return false;
    *out = (hth_metadata){item->string, item->valuestring};
    return true;
}

/* ---- Restoring -------------------------------------------------------------------------- */

static const hth_tensor *find(const hth_safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensors[i].name, name)) return &file->tensors[i];
    return NULL;
}

static bool is_real(const char *dtype) {
    return !strcmp(dtype, "F32") || !strcmp(dtype, "F64");
}

static hth_status check_field(const hth_safetensors *file, const hth_field *field, unsigned flags,
                              hth_error *error) {
    const hth_tensor *tensor = find(file, field->name);
    /* The tensor must exist and have as many numbers as the field. */
    const char *wanted = hth_dtype_name(field->dtype);
    if (!tensor)
        return hth_fail(error, HTH_MISMATCH,
                        "%s: there is no tensor %s in the file; another version of the program has "
                        "perhaps written it",
                        file->path, field->name);
    if (tensor->count != field->count)
        return hth_fail(error, HTH_MISMATCH,
                        "%s: tensor %s has %llu numbers, but %zu are needed here", file->path,
                        field->name, (unsigned long long)tensor->count, field->count);
    /* The dtypes must be the same, or both real if conversion is allowed. */
    bool convert =
        flags & HTH_RESTORE_CONVERT && field->dtype == HTH_DTYPE_REAL && is_real(tensor->dtype);
    if (!strcmp(tensor->dtype, wanted) || convert) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH, "%s: tensor %s has dtype %s, but %s is needed here%s",
                    file->path, field->name, tensor->dtype, wanted,
                    is_real(wanted) && is_real(tensor->dtype)
                        ? ": the file was written in the other precision"
                        : "");
}

static bool asked_for(const char *name, const hth_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(fields[i].name, name)) return true;
    return false;
}

static hth_status check_all(const hth_safetensors *file, const hth_field *fields, size_t count,
                            unsigned flags, hth_error *error) {
    for (size_t i = 0; i < count; i++) HTH_TRY(check_field(file, &fields[i], flags, error));
    for (size_t i = 0; flags & HTH_RESTORE_ALL && i < file->count; i++)
        if (!asked_for(file->tensors[i].name, fields, count))
            return hth_fail(error, HTH_MISMATCH, "%s: tensor %.60s of the file has no place here",
                            file->path, file->tensors[i].name);
    return HTH_OK;
}

static void copy_tensor(const hth_tensor *tensor, const char *bytes, const hth_field *field) {
    size_t size = hth_dtype_size(tensor->dtype);
    if (size == field_size(field)) {
        if (field->count) memcpy(field->data, bytes, field->count * size);
        return;
    }
    hth_real *out = field->data; /* the field has the other precision */
    for (size_t i = 0; i < field->count; i++) {
        double wide;
        float narrow;
        memcpy(size == 8 ? (void *)&wide : (void *)&narrow, bytes + i * size, size);
        out[i] = size == 8 ? (hth_real)wide : (hth_real)narrow;
    }
}

static uint64_t bytes_of(const hth_tensor *tensor) {
    return tensor->end - tensor->begin;
}

static bool read_data(const hth_safetensors *file, const hth_tensor *tensor, char *out) {
    errno = EIO; /* reported if the file has become shorter since it was opened */
    return !fseeko(file->file, (off_t)(file->start + tensor->begin), SEEK_SET) &&
           fread(out, 1, bytes_of(tensor), file->file) == bytes_of(tensor);
}

hth_status hth_safetensors_restore(hth_safetensors *file, const hth_field *fields, size_t count,
                                   unsigned flags, hth_error *error) {
    HTH_TRY(check_all(file, fields, count, flags, error));
    size_t bytes = 0, at = 0;
    for (size_t i = 0; i < count; i++) bytes += bytes_of(find(file, fields[i].name));
    /* Read everything before any field changes. */
    char *data = malloc(bytes ? bytes : 1);
    if (!data) return no_memory(file->path, error);
    for (size_t i = 0; i < count; i++) {
        const hth_tensor *tensor = find(file, fields[i].name);
        if (!read_data(file, tensor, data + at)) {
            free(data);
            return hth_file_fail(file->path, "read", error);
        }
        at += bytes_of(tensor);
    }
    /* Copy the data to the fields. */
    at = 0;
    for (size_t i = 0; i < count; i++) {
        const hth_tensor *tensor = find(file, fields[i].name);
        copy_tensor(tensor, data + at, &fields[i]);
        at += bytes_of(tensor);
    }
    free(data);
    return HTH_OK;
}
