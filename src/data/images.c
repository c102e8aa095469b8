/*
 * Reads images as sequences from IDX files (MNIST and similar; idx.h), plain or compressed with gzip or xz.
 *
 * An image is read row by row (data.by=rows: height steps of width inputs), column by column, or pixel by pixel
 * (height width steps of one input); a byte becomes byte / 255. Memory: one byte a pixel.
 */
#include "data/idx.h"
#include "data/sequences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct images_options {
    hth_sequence_options sequences;
    const char *labels, *validate_labels, *test_labels;
    int64_t classes;
    int by, weight;
} images_options;

enum { ROWS, COLUMNS, PIXELS };
enum { ALL, LAST };
static const char *const ways[] = {"rows", "columns", "pixels", NULL};
static const char *const weights[] = {"all", "last", NULL};

extern const hth_stream_kind hth_reader_images;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(images_options, field), __VA_ARGS__ }
#define LABELS(field, what)                                                                        \
    OPTION(field, .fallback = "", .kind = HTH_KIND_TEXT,                                           \
           .help = what "; \"\": the file of images, with labels for images and idx1 for idx3")

static const hth_option table[] = {
    HTH_SEQUENCE_OPTIONS(images_options, "an IDX file of images, as MNIST's"),
    LABELS(labels, "IDX file of the training labels"),
    LABELS(validate_labels, "of the validation labels"),
    LABELS(test_labels, "of the test labels"),
    OPTION(by, .help = "a step is a row, a column or a pixel", .fallback = "rows",
           .kind = HTH_KIND_CHOICE, .choices = ways),
    OPTION(weight, .help = "steps that count in loss and metric: all, or the last of an image",
           .fallback = "all", .kind = HTH_KIND_CHOICE, .choices = weights),
    OPTION(classes, .help = "outputs; 0: the training file's largest label plus 1", .fallback = "0",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 256),
};

typedef struct images {
    hth_idx images, labels;
    int by, weight;
} images;

static void images_close(void *held) {
    images *i = held;
    free(i->images.file.data);
    free(i->labels.file.data);
    free(i);
}

/* ---- Reading ---- */

static hth_status find_labels(const images_options *o, const char *path, char *out, size_t size,
                              hth_error *error) {
    const char *given = path == o->sequences.file            ? o->labels
                        : path == o->sequences.validate_file ? o->validate_labels
                                                             : o->test_labels;
    if (strlen(*given ? given : path) >= size)
        return hth_fail(error, HTH_INVALID, "%.200s...: the path is too long", path);
    if (*given) {
        snprintf(out, size, "%s", given);
        return HTH_OK;
    }
    if (hth_idx_labels(path, out, size)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: the name does not tell where the labels are: set data.labels (or "
                    "data.validate_labels, data.test_labels)",
                    path);
}

/* Reads the images and labels of a split. */
static hth_status read_pair(const images_options *o, const char *path, images *out,
                            hth_error *error) {
    char labels[4096];
    HTH_TRY(find_labels(o, path, labels, sizeof labels, error));
    HTH_TRY(hth_idx_read(path, 3, &out->images, error));
    HTH_TRY(hth_idx_read(labels, 1, &out->labels, error));
    return hth_idx_check_pair(&out->images, &out->labels, path, labels, error);
}

/* ---- Steps ---- */

static hth_shape shape_of(const images *i, size_t classes) {
    const size_t height = i->images.shape[1], width = i->images.shape[2];
    return (hth_shape){.inputs = i->by == ROWS      ? width
                                 : i->by == COLUMNS ? height
                                                    : 1,
                       .outputs = classes,
                       .target = HTH_TARGET_CLASSES};
}

static size_t steps_of(const images *i) {
    const size_t height = i->images.shape[1], width = i->images.shape[2];
    return i->by == ROWS ? height : i->by == COLUMNS ? width : height * width;
}

static void images_copy(const void *held, size_t image, size_t step, const hth_row *to) {
    const images *i = held;
    const size_t height = i->images.shape[1], width = i->images.shape[2];
    const size_t inputs = shape_of(i, 0).inputs, apart = i->by == COLUMNS ? width : 1;
    const unsigned char *from = i->images.bytes + image * height * width;
    from += i->by == ROWS ? step * width : step;
    for (size_t k = 0; k < inputs; k++) to->x[k] = (hth_real)from[k * apart] / 255;
    *to->class = i->labels.bytes[image];
    if (i->weight == LAST) *to->weight = step + 1 == steps_of(i) ? 1 : 0;
}

/* ---- Loading ---- */

static size_t count_classes(const images *i) {
    size_t largest = 0;
    for (size_t n = 0; n < i->labels.shape[0]; n++)
        if (i->labels.bytes[n] > largest) largest = i->labels.bytes[n];
    return largest + 1;
}

/* *classes: from the settings, or else from the training file's labels. split: the split if it is the training
 * file's, otherwise NULL. */
static hth_status find_classes(const images_options *o, const char *train, const images *split,
                               size_t *classes, hth_error *error) {
    *classes = (size_t)o->classes;
    if (*classes) return HTH_OK;
    *classes = split ? count_classes(split) : 0;
    if (*classes) return HTH_OK;
    char labels[4096];
    images other = {0};
    HTH_TRY(find_labels(o, train, labels, sizeof labels, error));
    hth_status status = hth_idx_read(labels, 1, &other.labels, error);
    if (status == HTH_OK) *classes = count_classes(&other);
    free(other.labels.file.data);
    return status;
}

static hth_status list_images(const images *i, const char *path, hth_sequence_set *out,
                              hth_error *error) {
    out->count = i->images.shape[0];
    out->lengths = calloc(out->count, sizeof *out->lengths);
    out->classes = calloc(out->count, sizeof *out->classes);
    if (!out->lengths || !out->classes)
        return hth_fail(error, HTH_NO_MEMORY, "images: not enough memory");
    for (size_t n = 0; n < out->count; n++) {
        out->lengths[n] = steps_of(i);
        out->classes[n] = i->labels.bytes[n];
        if (i->labels.bytes[n] >= out->shape.outputs)
            return hth_fail(error, HTH_INVALID,
                            "%s: the label of image %zu is %u, but classes are 0 to %zu", path, n,
                            (unsigned)i->labels.bytes[n], out->shape.outputs - 1);
    }
    return HTH_OK;
}

static hth_status images_load(const void *settings, const char *train, const char *path,
                              hth_sequence_set *out, hth_error *error) {
    const images_options *o = settings;
    images *i = calloc(1, sizeof *i);
    size_t classes = 0;
    if (!i) return hth_fail(error, HTH_NO_MEMORY, "images: not enough memory");
    /* Read the split's images and labels. */
    i->by = o->by;
    i->weight = o->weight;
    hth_status status = read_pair(o, path, i, error);
    if (status == HTH_OK)
        status = find_classes(o, train, path == train ? i : NULL, &classes, error);
    if (status != HTH_OK) {
        images_close(i);
        return status;
    }
    /* Describe the loaded set. */
    *out = (hth_sequence_set){.shape = shape_of(i, classes),
                              .is_weighted = i->weight == LAST,
                              .held = i,
                              .copy = images_copy,
                              .close = images_close};
    return list_images(i, path, out, error);
}

static hth_status images_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    images_options options;
    HTH_TRY(hth_options_read(&hth_reader_images.part.options, context->settings, &options, error));
    return hth_sequences_open(context, &options.sequences, images_load, state, shape, error);
}

const hth_stream_kind hth_reader_images = {
    .part = {.name = "images",
             .summary = "images of IDX files (MNIST) by rows, columns or pixels, and their classes",
             .source = "Y. LeCun's IDX format; sequential MNIST: Le, Jaitly and Hinton 2015",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = images_open,
    HTH_SEQUENCES_VERBS,
};
