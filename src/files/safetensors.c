/*
 * Reading and writing safetensors files.
 *
 *     8 bytes     length of the header, little-endian
 *     header      JSON: {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [count],
 *                 "data_offsets": [begin, end]}, ...}, padded with spaces to a multiple of 8 bytes
 *     data        the tensors one after the other without gaps; begin and end count from here
 *
 * A file is trusted in nothing: every offset, shape and dtype of the header is checked against the others
 * and against the length of the file before anything is used. Tensors of 8-byte numbers are written first,
 * so that every tensor is aligned to its numbers.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "files/safetensors.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors.c copies numbers as they lie in memory and needs a little-endian machine"
#endif

enum { MOST_HEADER = 100 * 1000 * 1000 }; /* the bound that the format's own reader has */

static const char METADATA[] = "__metadata__";

static const struct dtype {
    const char *name;
    size_t size;
} dtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
              {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};

static const char *dtype_name(hth_dtype dtype) {
    if (dtype == HTH_DTYPE_REAL) return sizeof(hth_real) == 8 ? "F64" : "F32";
    return dtype == HTH_DTYPE_I32 ? "I32" : dtype == HTH_DTYPE_F64 ? "F64" : "U64";
}

static size_t dtype_size(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(dtypes); i++)
        if (!strcmp(dtypes[i].name, name)) return dtypes[i].size;
    return 0;
}

static size_t field_size(const hth_field *field) {
    return dtype_size(dtype_name(field->dtype));
}

static hth_status fail_errno(const char *path, const char *what, hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: cannot be %s: %s", path, what, strerror(errno));
}

static hth_status no_memory(const char *path, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
}

/* ---- Writing ---------------------------------------------------------------------------- */

/* Fields in the order of the file: size 8, then size 4. */
static const hth_field *next_field(const hth_field *fields, size_t count, const hth_field *last) {
    size_t size = last ? field_size(last) : 8;
    size_t from = last ? (size_t)(last - fields) + 1 : 0;
    for (; size >= 4; size -= 4, from = 0)
        for (size_t i = from; i < count; i++)
            if (field_size(&fields[i]) == size) return &fields[i];
    return NULL;
}

static bool describe(cJSON *root, const hth_field *field, uint64_t begin) {
    cJSON *entry = cJSON_AddObjectToObject(root, field->name);
    uint64_t end = begin + field->count * field_size(field);
    cJSON *shape = NULL, *offsets = NULL, *numbers[3] = {0};
    if (!entry || !cJSON_AddStringToObject(entry, "dtype", dtype_name(field->dtype)) ||
        !(shape = cJSON_AddArrayToObject(entry, "shape")) ||
        !(offsets = cJSON_AddArrayToObject(entry, "data_offsets")))
        return false;
    const uint64_t values[3] = {field->count, begin, end};
    for (int i = 0; i < 3; i++) {
        numbers[i] = cJSON_CreateNumber((double)values[i]);
        if (!numbers[i] || !cJSON_AddItemToArray(i ? offsets : shape, numbers[i])) {
            cJSON_Delete(numbers[i]);
            return false;
        }
    }
    return true;
}

static bool describe_all(cJSON *root, const hth_field *fields, size_t count,
                         const hth_metadata *metadata, size_t metadata_count) {
    cJSON *texts = metadata_count ? cJSON_AddObjectToObject(root, METADATA) : NULL;
    if (metadata_count && !texts) return false;
    for (size_t i = 0; i < metadata_count; i++)
        if (!cJSON_AddStringToObject(texts, metadata[i].key, metadata[i].value)) return false;
    uint64_t begin = 0;
    const hth_field *field = NULL;
    while ((field = next_field(fields, count, field))) {
        if (!describe(root, field, begin)) return false;
        begin += field->count * field_size(field);
    }
    return true;
}

/* The JSON text, or NULL without memory. */
static char *header_text(const hth_field *fields, size_t count, const hth_metadata *metadata,
                         size_t metadata_count) {
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;
    if (root && describe_all(root, fields, count, metadata, metadata_count))
        text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static bool write_file(FILE *file, const char *header, const hth_field *fields, size_t count) {
    size_t length = strlen(header), padding = (8 - length % 8) % 8;
    uint64_t total = length + padding;
    bool good = fwrite(&total, sizeof total, 1, file) == 1;
    good = good && fwrite(header, 1, length, file) == length;
    good = good && fwrite("       ", 1, padding, file) == padding;
    const hth_field *field = NULL;
    while (good && (field = next_field(fields, count, field))) {
        size_t numbers = field->count;
        good = !numbers || fwrite(field->data, field_size(field), numbers, file) == numbers;
    }
    return good && !fflush(file) && !fsync(fileno(file));
}

/* The rename itself must reach the disk, which is a matter of the folder. */
static bool sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 1;
    char *folder = malloc(length + 1);
    if (!folder) return false;
    memcpy(folder, slash ? path : ".", length);
    folder[length] = '\0';
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY);
    free(folder);
    if (descriptor < 0) return false;
    bool good = !fsync(descriptor) || errno == EINVAL; /* a file system without it */
    close(descriptor);
    return good;
}

static hth_status replace(const char *temporary, const char *path, const char *header,
                          const hth_field *fields, size_t count, hth_error *error) {
    FILE *file = fopen(temporary, "wb");
    if (!file) return fail_errno(temporary, "written", error);
    bool good = write_file(file, header, fields, count);
    int reason = errno;
    if (fclose(file) && good) {
        good = false;
        reason = errno;
    }
    if (good && rename(temporary, path)) {
        good = false;
        reason = errno;
    }
    if (good) return sync_folder(path) ? HTH_OK : fail_errno(path, "synced", error);
    unlink(temporary);
    errno = reason;
    return fail_errno(path, "written", error);
}

/* A file with a name twice could be written, but never be read. */
static hth_status check_names(const char *path, const hth_field *fields, size_t count,
                              hth_error *error) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(fields[i].name, fields[j].name))
                return hth_fail(error, HTH_INVALID, "%s: two fields to write are both called %s",
                                path, fields[i].name);
    return HTH_OK;
}

hth_status hth_safetensors_write(const char *path, const hth_field *fields, size_t count,
                                 const hth_metadata *metadata, size_t metadata_count,
                                 hth_error *error) {
    HTH_TRY(check_names(path, fields, count, error));
    size_t length = strlen(path);
    char *temporary = malloc(length + 5);
    char *header = header_text(fields, count, metadata, metadata_count);
    hth_status status;
    if (temporary && header) {
        memcpy(temporary, path, length);
        memcpy(temporary + length, ".tmp", 5);
        status = replace(temporary, path, header, fields, count, error);
    } else {
        status = no_memory(path, error);
    }
    free(temporary);
    cJSON_free(header);
    return status;
}

/* ---- Reading the header ----------------------------------------------------------------- */

struct hth_safetensors {
    char *path;
    FILE *file;
    cJSON *header;       /* owns the texts of tensors and metadata */
    hth_tensor *tensors; /* [count], by begin */
    size_t count;
    uint64_t start; /* of the data, in the file */
    uint64_t bytes; /* of data */
};

static hth_status fail_header(const char *path, const char *what, hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: not a safetensors file, or damaged: %s", path, what);
}

static hth_status fail_tensor(const hth_safetensors *file, const char *name, const char *what,
                              hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: the header is damaged: tensor %.60s %s", file->path, name,
                    what);
}

/* A whole number that a double holds exactly. */
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
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    tensor.dtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "dtype"));
    size_t size = tensor.dtype ? dtype_size(tensor.dtype) : 0;
    if (!size) return fail_tensor(file, tensor.name, "has no dtype that is known", error);
    if (!read_shape(cJSON_GetObjectItemCaseSensitive(entry, "shape"), &tensor))
        return fail_tensor(file, tensor.name, "has no shape that can be read", error);
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
    if (a->end != b->end) return a->end < b->end ? -1 : 1; /* empty ones come first */
    return strcmp(a->name, b->name);
}

static int by_name(const void *left, const void *right) {
    const hth_tensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* No name twice; tensors lie one after the other, and fill the file to its last byte. */
static hth_status check_layout(hth_safetensors *file, hth_error *error) {
    uint64_t end = 0;
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (!strcmp(file->tensors[i - 1].name, file->tensors[i].name))
            return fail_tensor(file, file->tensors[i].name, "is there twice", error);
    qsort(file->tensors, file->count, sizeof *file->tensors, by_begin);
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensors[i].begin != end)
            return fail_tensor(file, file->tensors[i].name,
                               "does not begin where the one before ends", error);
        end = file->tensors[i].end;
    }
    if (file->bytes == end) return HTH_OK;
    return hth_fail(error, HTH_FILE, "%s: the file is %s: %llu bytes of data instead of %llu",
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

static hth_status read_text(hth_safetensors *file, uint64_t length, hth_error *error) {
    char *text = malloc((size_t)length + 1);
    if (!text) return no_memory(file->path, error);
    if (fread(text, 1, (size_t)length, file->file) != length) {
        free(text);
        return fail_errno(file->path, "read", error);
    }
    text[length] = '\0';
    file->header = cJSON_ParseWithLengthOpts(text, (size_t)length + 1, NULL, true);
    free(text);
    if (cJSON_IsObject(file->header)) return HTH_OK;
    return fail_header(file->path, "the header is not a JSON object", error);
}

static hth_status read_header(hth_safetensors *file, hth_error *error) {
    struct stat about;
    uint64_t length = 0;
    if (fstat(fileno(file->file), &about)) return fail_errno(file->path, "read", error);
    uint64_t all = (uint64_t)about.st_size;
    if (all < sizeof length || fread(&length, sizeof length, 1, file->file) != 1)
        return fail_header(file->path, "it has fewer than 8 bytes", error);
    if (length > MOST_HEADER || length > all - sizeof length)
        return fail_header(file->path, "its header is longer than the file", error);
    file->start = sizeof length + length;
    file->bytes = all - file->start;
    HTH_TRY(read_text(file, length, error));
    return read_entries(file, error);
}

hth_status hth_safetensors_open(const char *path, hth_safetensors **out, hth_error *error) {
    size_t length = strlen(path) + 1;
    hth_safetensors *file = calloc(1, sizeof *file + length);
    if (!file) return no_memory(path, error);
    file->path = memcpy(file + 1, path, length);
    file->file = fopen(path, "rb");
    hth_status status = file->file ? read_header(file, error) : fail_errno(path, "opened", error);
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
    const char *wanted = dtype_name(field->dtype);
    if (!tensor)
        return hth_fail(error, HTH_MISMATCH,
                        "%s: there is no tensor %s in the file; another version of the program has "
                        "perhaps written it",
                        file->path, field->name);
    if (tensor->count != field->count)
        return hth_fail(error, HTH_MISMATCH,
                        "%s: tensor %s has %llu numbers, but %zu are needed here", file->path,
                        field->name, (unsigned long long)tensor->count, field->count);
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
    size_t size = dtype_size(tensor->dtype);
    if (size == field_size(field)) {
        if (field->count) memcpy(field->data, bytes, field->count * size);
        return;
    }
    hth_real *out = field->data; /* of the other precision */
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
    errno = EIO; /* what it is when the file has become shorter since it was opened */
    return !fseeko(file->file, (off_t)(file->start + tensor->begin), SEEK_SET) &&
           fread(out, 1, bytes_of(tensor), file->file) == bytes_of(tensor);
}

hth_status hth_safetensors_restore(hth_safetensors *file, const hth_field *fields, size_t count,
                                   unsigned flags, hth_error *error) {
    HTH_TRY(check_all(file, fields, count, flags, error));
    size_t bytes = 0, at = 0;
    for (size_t i = 0; i < count; i++) bytes += bytes_of(find(file, fields[i].name));
    char *data = malloc(bytes ? bytes : 1); /* all is read before any of it is copied */
    if (!data) return no_memory(file->path, error);
    for (size_t i = 0; i < count; i++) {
        const hth_tensor *tensor = find(file, fields[i].name);
        if (!read_data(file, tensor, data + at)) {
            free(data);
            return fail_errno(file->path, "read", error);
        }
        at += bytes_of(tensor);
    }
    at = 0;
    for (size_t i = 0; i < count; i++) {
        const hth_tensor *tensor = find(file, fields[i].name);
        copy_tensor(tensor, data + at, &fields[i]);
        at += bytes_of(tensor);
    }
    free(data);
    return HTH_OK;
}
