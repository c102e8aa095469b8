/*
 * Episodes of one-shot classification (Santoro et al. 2016) from images with labels: an .npz file or a folder with the
 * arrays `images` (count, ...) and `labels` (count), or an IDX file as MNIST's (idx.h) with the labels beside it. An
 * episode takes data.classes of the classes, gives each a new label 0.. of its own, and shows data.showings images of
 * each, all mixed. A step reads
 *
 *     x_t = [ image_t ; label of image_{t-1}, one-hot ]          and is to say the label of image_t
 *
 * so that at the first showing of a class there is nothing but to guess, and later what was said of it must be
 * remembered. With data.rotate a class is turned by a multiple of 90 degrees, another one in each episode. The files of
 * the splits should have different classes. Memory: all images of a split.
 */
#include "data/archive.h"
#include "data/idx.h"
#include "tasks/trials.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct one_shot_options {
    const char *file, *validate_file, *test_file;
    int64_t classes, showings;
    bool rotate;
} one_shot_options;

/* The images of a split, by class. */
typedef struct images {
    size_t count, pixels, side, kinds; /* side: of images that are square, else 0 */
    size_t classes, showings;
    bool rotate;
    hth_real *x;   /* [count][pixels] */
    size_t *label; /* [count] */
    size_t *order; /* [count]: images of class 0, of class 1, ... */
    size_t *first; /* [kinds + 1]: where they begin in `order` */
    size_t *room;  /* [count + steps], scratch of an episode */
} images;

extern const hth_stream_kind hth_reader_one_shot;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(one_shot_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(file,
           .help =
               "training images: an .npz file or a folder, with images and labels, or an IDX file "
               "(idx3 in its name) with the labels beside it",
           .fallback = NULL, .kind = HTH_KIND_TEXT),
    OPTION(validate_file, .help = "validation images, of other classes; \"\" for none",
           .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(test_file, .help = "test images, of other classes; \"\" for none", .fallback = "",
           .kind = HTH_KIND_TEXT),
    OPTION(classes, .help = "of an episode", .fallback = "5", .kind = HTH_KIND_INTEGER, .min = 2,
           .max = 1000),
    OPTION(showings, .help = "images of each class in an episode", .fallback = "10",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1000),
    OPTION(rotate, .help = "turn each class of an episode by 0, 90, 180 or 270 degrees",
           .fallback = "true", .kind = HTH_KIND_BOOL),
};

/* ---- An episode ---- */

/* The first `count` of list[size] become a random choice of them. */
static void choose(const hth_random *random, size_t *list, size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const size_t other = i + (size_t)hth_random_below(random, i, size - i), kept = list[i];
        list[i] = list[other];
        list[other] = kept;
    }
}

/* Pixel k of an image that is turned by quarters. */
static size_t turned(const images *s, size_t k, size_t quarters) {
    const size_t n = s->side, row = n ? k / n : 0, column = n ? k % n : k;
    if (quarters == 1) return (n - 1 - column) * n + row;
    if (quarters == 2) return n * n - 1 - k;
    if (quarters == 3) return column * n + n - 1 - row;
    return k;
}

/* Numbers of an episode for one use; no two share any. */
enum { OF_CLASSES, OF_ORDER, OF_TURNS, OF_IMAGES };
static hth_random random_of(const hth_random *random, uint32_t use) {
    return (hth_random){random->seed, random->purpose, use};
}

static void write(const void *options, const hth_random *random, const hth_trial_item *to) {
    const images *s = options;
    const size_t width = s->pixels + s->classes, steps = s->classes * s->showings;
    const hth_random classes = random_of(random, OF_CLASSES), order = random_of(random, OF_ORDER);
    const hth_random turns = random_of(random, OF_TURNS);
    size_t *chosen = s->room, *shown = s->room + s->kinds, *of_class = shown + steps;
    /* Which classes, and in which order their images come: step -> class * showings + showing. */
    for (size_t k = 0; k < s->kinds; k++) chosen[k] = k;
    choose(&classes, chosen, s->kinds, s->classes);
    for (size_t t = 0; t < steps; t++) shown[t] = t;
    choose(&order, shown, steps, steps);
    for (size_t label = 0; label < s->classes; label++) {
        const size_t first = s->first[chosen[label]], size = s->first[chosen[label] + 1] - first;
        const hth_random own = random_of(random, OF_IMAGES + (uint32_t)label);
        const size_t quarters = s->rotate ? (size_t)hth_random_below(&turns, label, 4) : 0;
        memcpy(of_class, s->order + first, size * sizeof *of_class);
        choose(&own, of_class, size, s->showings);
        for (size_t t = 0; t < steps; t++) {
            if (shown[t] / s->showings != label) continue;
            const size_t row = hth_trial_row(to, t), image = of_class[shown[t] % s->showings];
            for (size_t k = 0; k < s->pixels; k++)
                to->x[row * width + k] = s->x[image * s->pixels + turned(s, k, quarters)];
            if (t + 1 < steps) to->x[hth_trial_row(to, t + 1) * width + s->pixels + label] = 1;
            to->classes[row] = (int32_t)label;
            to->weights[row] = 1;
        }
    }
}

/* ---- Reading ---- */

static void free_images(images *s) {
    free(s->x);
    free(s->label);
    free(s->order);
    free(s->first);
    free(s->room);
}

static hth_status take_pixel(void *arg, const hth_npy *about, size_t index, double value,
                             hth_error *error) {
    images *s = arg;
    (void)about;
    if (!isfinite(value))
        return hth_fail(error, HTH_INVALID, "images: pixel %zu of image %zu is not finite",
                        index % s->pixels, index / s->pixels);
    s->x[index] = (hth_real)value;
    return HTH_OK;
}

static hth_status take_label(void *arg, const hth_npy *about, size_t index, double value,
                             hth_error *error) {
    images *s = arg;
    (void)about;
    if (!(value >= 0 && value < 1e6))
        return hth_fail(error, HTH_INVALID,
                        "labels: that of image %zu is %g, but must be a class from 0 to 999999",
                        index, value);
    s->label[index] = (size_t)value;
    if (s->label[index] >= s->kinds) s->kinds = s->label[index] + 1;
    return HTH_OK;
}

static hth_status read_arrays(hth_npz *npz, images *s, hth_error *error) {
    static const char *const names[] = {"images", "labels"};
    hth_npy pixels, labels;
    HTH_TRY(hth_npz_only(npz, names, HTH_COUNT(names), error));
    HTH_TRY(hth_npz_header(npz, "images", &pixels, error));
    HTH_TRY(hth_npz_header(npz, "labels", &labels, error));
    if (pixels.rank < 2 || pixels.count == 0 || labels.rank != 1 ||
        labels.count != pixels.shape[0] || !hth_npy_is_integer(&labels))
        return hth_fail(error, HTH_MISMATCH,
                        "%s: images is %s and labels %s, but they must be (count, ...) and "
                        "(count,) whole numbers",
                        hth_npz_path(npz), hth_npy_shape_text(&pixels).text,
                        hth_npy_shape_text(&labels).text);
    s->count = labels.count;
    s->pixels = pixels.count / s->count;
    s->side = pixels.rank == 3 && pixels.shape[1] == pixels.shape[2] ? pixels.shape[1] : 0;
    s->x = calloc(pixels.count, sizeof *s->x);
    s->label = calloc(s->count, sizeof *s->label);
    if (!s->x || !s->label) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for images");
    HTH_TRY(hth_npz_read(npz, "images", take_pixel, s, error));
    return hth_npz_read(npz, "labels", take_label, s, error);
}

/* ---- Reading IDX ---- */

static hth_status copy_idx(const hth_idx *pixels, const hth_idx *labels, images *s,
                           hth_error *error) {
    s->count = labels->shape[0];
    s->pixels = pixels->shape[1] * pixels->shape[2];
    s->side = pixels->shape[1] == pixels->shape[2] ? pixels->shape[1] : 0;
    s->x = calloc(s->count * s->pixels, sizeof *s->x);
    s->label = calloc(s->count, sizeof *s->label);
    if (!s->x || !s->label) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for images");
    for (size_t i = 0; i < s->count * s->pixels; i++) s->x[i] = (hth_real)pixels->bytes[i] / 255;
    for (size_t i = 0; i < s->count; i++) {
        s->label[i] = labels->bytes[i];
        if (s->label[i] >= s->kinds) s->kinds = s->label[i] + 1;
    }
    return HTH_OK;
}

static hth_status read_idx(const char *path, images *s, hth_error *error) {
    char beside[4096];
    hth_idx pixels = {0}, labels = {0};
    if (!hth_idx_labels(path, beside, sizeof beside))
        return hth_fail(error, HTH_INVALID, "%.200s...: the path is too long", path);
    hth_status status = hth_idx_read(path, 3, &pixels, error);
    if (status == HTH_OK) status = hth_idx_read(beside, 1, &labels, error);
    if (status == HTH_OK) status = hth_idx_check_pair(&pixels, &labels, path, beside, error);
    if (status == HTH_OK) status = copy_idx(&pixels, &labels, s, error);
    free(pixels.file.data);
    free(labels.file.data);
    return status;
}

/* ---- The classes ---- */

/* Puts the images in the order of their classes. */
static hth_status sort(images *s, hth_error *error) {
    const size_t steps = s->classes * s->showings;
    s->order = calloc(s->count, sizeof *s->order);
    s->first = calloc(s->kinds + 1, sizeof *s->first);
    s->room = calloc(s->kinds + steps + s->count, sizeof *s->room);
    if (!s->order || !s->first || !s->room)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for images");
    for (size_t i = 0; i < s->count; i++) s->first[s->label[i] + 1]++;
    for (size_t k = 0; k < s->kinds; k++) s->first[k + 1] += s->first[k];
    memcpy(s->room, s->first, s->kinds * sizeof *s->room);
    for (size_t i = 0; i < s->count; i++) s->order[s->room[s->label[i]]++] = i;
    return HTH_OK;
}

static hth_status check(const images *s, const char *path, hth_error *error) {
    for (size_t k = 0; k < s->kinds; k++)
        if (s->first[k + 1] - s->first[k] < s->showings)
            return hth_fail(error, HTH_INVALID,
                            "%s: class %zu has %zu images, but data.showings is %zu", path, k,
                            s->first[k + 1] - s->first[k], s->showings);
    if (s->kinds < s->classes)
        return hth_fail(error, HTH_INVALID,
                        "%s has %zu classes, but data.classes is %zu: an episode needs so many",
                        path, s->kinds, s->classes);
    if (s->rotate && s->side == 0)
        return hth_fail(error, HTH_INVALID,
                        "%s: data.rotate is true, but the images are not square: images must be "
                        "(count, side, side), or data.rotate false",
                        path);
    return HTH_OK;
}

static hth_status read_npz(const char *path, images *s, hth_error *error) {
    hth_npz *npz;
    HTH_TRY(hth_npz_open(path, &npz, error));
    const hth_status status = read_arrays(npz, s, error);
    hth_npz_close(npz);
    return status;
}

static hth_status read_images(const char *path, images *s, hth_error *error) {
    hth_status status = strstr(path, "idx3") ? read_idx(path, s, error) : read_npz(path, s, error);
    if (status == HTH_OK) status = sort(s, error);
    return status == HTH_OK ? check(s, path, error) : status;
}

/* ---- The stream ---- */

static hth_status one_shot_open(const hth_stream_context *context, void **state, hth_shape *shape,
                                hth_error *error) {
    one_shot_options o;
    HTH_TRY(hth_options_read(&hth_reader_one_shot.part.options, context->settings, &o, error));
    const char *path = context->split == HTH_TRAIN      ? o.file
                       : context->split == HTH_VALIDATE ? o.validate_file
                                                        : o.test_file;
    *state = NULL;
    if (!*path) return HTH_OK; /* no such split: see stream.h */
    images s = {.classes = (size_t)o.classes, .showings = (size_t)o.showings, .rotate = o.rotate};
    hth_status status = read_images(path, &s, error);
    const hth_trials_form form = {.shape = {.inputs = s.pixels + s.classes,
                                            .outputs = s.classes,
                                            .target = HTH_TARGET_CLASSES},
                                  .longest = s.classes * s.showings,
                                  .options = &s,
                                  .options_size = sizeof s,
                                  .write = write};
    if (status == HTH_OK) status = hth_trials_open(context, "one-shot", &form, state, shape, error);
    if (status != HTH_OK) free_images(&s);
    return status;
}

static void one_shot_close(void *state) {
    if (!state) return;
    free_images((images *)(uintptr_t)hth_trials_options(state));
    hth_trials_close(state);
}

static void one_shot_describe(const void *state, char *out, size_t size) {
    const images *s = hth_trials_options(state);
    snprintf(out, size, "%zu images of %zu pixels, %zu classes", s->count, s->pixels, s->kinds);
}

const hth_stream_kind hth_reader_one_shot = {
    .part = {.name = "one-shot",
             .summary = "episodes of new classes, images with the label of the one before",
             .source = "Santoro et al. 2016",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = one_shot_open,
    .next = hth_trials_next,
    .state = hth_trials_state,
    .extent = hth_trials_extent,
    .describe = one_shot_describe,
    .close = one_shot_close,
};
