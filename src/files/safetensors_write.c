/*
 * Writes safetensors files: see safetensors.c for the format. Tensors of 8-byte numbers come first, so that every
 * tensor is aligned.
 */
#include "files/tensors.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(const hth_field *field) {
    return hth_dtype_size(hth_dtype_name(field->dtype));
}

/* The field after `last` in the order of the file: fields with 8-byte numbers, then 4-byte ones. last NULL: the
 * first. */
static const hth_field *next_field(const hth_field *fields, size_t count, const hth_field *last) {
    size_t size = last ? size_of(last) : 8;
    size_t from = last ? (size_t)(last - fields) + 1 : 0;
    for (; size >= 4; size -= 4, from = 0)
        for (size_t i = from; i < count; i++)
            if (size_of(&fields[i]) == size) return &fields[i];
    return NULL;
}

/* ---- The header ------------------------------------------------------------------------- */

static bool add_number(cJSON *array, uint64_t value) {
    cJSON *number = array ? cJSON_CreateNumber((double)value) : NULL;
    if (number && cJSON_AddItemToArray(array, number)) return true;
    cJSON_Delete(number);
    return false;
}

static bool is_list(const hth_field *field) {
    return field->shape[0] == 0 || field->count == 0;
}

/* Adds the shape of the field; a list has one axis. */
static bool add_shape(cJSON *entry, const hth_field *field) {
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
    bool good = shape != NULL;
    if (is_list(field)) return good && add_number(shape, field->count);
    for (size_t i = 0; i < HTH_FIELD_RANK && field->shape[i]; i++)
        good = good && add_number(shape, field->shape[i]);
    return good;
}

static bool describe(cJSON *root, const hth_field *field, uint64_t begin) {
    cJSON *entry = cJSON_AddObjectToObject(root, field->name);
    if (!entry || !cJSON_AddStringToObject(entry, "dtype", hth_dtype_name(field->dtype)) ||
        !add_shape(entry, field))
        return false;
    cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
    return add_number(offsets, begin) && add_number(offsets, begin + field->count * size_of(field));
}

static bool describe_all(cJSON *root, const hth_field *fields, size_t count,
                         const hth_metadata *metadata, size_t metadata_count) {
    cJSON *texts = cJSON_AddObjectToObject(root, "__metadata__");
    if (!texts) return false;
    for (size_t i = 0; i < metadata_count; i++)
        if (!cJSON_AddStringToObject(texts, metadata[i].key, metadata[i].value)) return false;
    if (!cJSON_AddStringToObject(texts, HTH_DIGEST_KEY, HTH_DIGEST_ZERO)) return false;
    uint64_t begin = 0;
    const hth_field *field = NULL;
    while ((field = next_field(fields, count, field))) {
        if (!describe(root, field, begin)) return false;
        begin += field->count * size_of(field);
    }
    return true;
}

/* The header as JSON, padded with spaces to a multiple of 8 bytes; NULL if memory ran out. */
static char *header_text(const hth_field *fields, size_t count, const hth_metadata *metadata,
                         size_t metadata_count) {
    cJSON *root = cJSON_CreateObject();
    char *text = NULL, *padded = NULL;
    if (root && describe_all(root, fields, count, metadata, metadata_count))
        text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text) {
        const size_t length = strlen(text), whole = (length + 7) / 8 * 8;
        padded = malloc(whole + 1);
        if (padded) snprintf(padded, whole + 1, "%-*s", (int)whole, text);
    }
    cJSON_free(text);
    return padded;
}

/* Writes the digest over its zeros in the header. */
static void put_digest(char *header, const hth_field *fields, size_t count) {
    const uint64_t length = strlen(header);
    uint64_t digest = hth_digest_add(HTH_DIGEST_START, &length, sizeof length);
    char digits[HTH_DIGEST_DIGITS + 1], *place = hth_digest_digits(header);
    digest = hth_digest_add(digest, header, (size_t)length);
    for (const hth_field *field = NULL; (field = next_field(fields, count, field));)
        digest = hth_digest_add(digest, field->data, field->count * size_of(field));
    hth_digest_text(digest, digits);
    memcpy(place, digits, HTH_DIGEST_DIGITS);
}

/* ---- The file --------------------------------------------------------------------------- */

static bool write_file(FILE *file, const char *header, const hth_field *fields, size_t count) {
    const uint64_t length = strlen(header);
    bool good = fwrite(&length, sizeof length, 1, file) == 1;
    good = good && fwrite(header, 1, (size_t)length, file) == length;
    const hth_field *field = NULL;
    while (good && (field = next_field(fields, count, field))) {
        const size_t numbers = field->count;
        good = !numbers || fwrite(field->data, size_of(field), numbers, file) == numbers;
    }
    return good;
}

/* Refuses fields that could be written but not read: two with the same name, or a shape that does not fit the
 * count. */
static hth_status check_fields(const char *path, const hth_field *fields, size_t count,
                               hth_error *error) {
    for (size_t i = 0; i < count; i++) {
        const hth_field *field = &fields[i];
        size_t numbers = is_list(field) ? field->count : 1;
        for (size_t k = 0; k < HTH_FIELD_RANK && field->shape[k] && !is_list(field); k++)
            numbers = numbers * field->shape[k];
        if (numbers != field->count)
            return hth_fail(error, HTH_INVALID, "%s: %s has %zu numbers, but a shape of %zu", path,
                            field->name, field->count, numbers);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(field->name, fields[j].name))
                return hth_fail(error, HTH_INVALID, "%s: two fields to write are both called %s",
                                path, field->name);
    }
    return HTH_OK;
}

hth_status hth_safetensors_write(const char *path, const hth_field *fields, size_t count,
                                 const hth_metadata *metadata, size_t metadata_count,
                                 hth_error *error) {
    hth_draft draft;
    HTH_TRY(check_fields(path, fields, count, error));
    char *header = header_text(fields, count, metadata, metadata_count);
    if (!header) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
    put_digest(header, fields, count);
    hth_status status = hth_draft_begin(path, &draft, error);
    if (status == HTH_OK)
        status = hth_draft_end(&draft, write_file(draft.file, header, fields, count), error);
    free(header);
    return status;
}
