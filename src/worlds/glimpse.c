/*
 * Reading an image through a small window that moves (Mnih et al. 2014, the recurrent attention model): each step shows
 * `size` x `size` pixels, and the action chooses one of `grid` x `grid` places for the next look; at the last of
 * `glimpses` steps the action is the class of the image, and the right one pays 1. What has been seen must be
 * remembered, and where to look be learned from that reward alone.
 *
 * What is seen: the pixels, 0 to 1; the column and the row of the window, -1 to 1; and 1 at the last step. The first
 * place is drawn, and so is the image. An action beyond the places, where there are more classes, leaves the window.
 *
 * The images are those of IDX files such as MNIST's. Without a file they are drawn: a line of 5 pixels, flat, upright,
 * falling or rising (the class), at some place among noise.
 */
#include "worlds/shelf.h"
#include "worlds/world.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct glimpse_options {
    const char *file, *labels, *test_file, *test_labels;
    double validation_fraction;
    int64_t size, grid, glimpses, side;
} glimpse_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(glimpse_options, field), __VA_ARGS__ }
#define FILE_OPTION(field, meaning)                                                                \
    OPTION(field, .help = meaning, .fallback = "", .kind = HTH_KIND_TEXT)

static const hth_option table[] = {
    FILE_OPTION(file, "an IDX file of images, as MNIST's; \"\": lines among noise are drawn"),
    FILE_OPTION(labels,
                "its labels; \"\": the file of images, with labels for images and idx1 for idx3"),
    FILE_OPTION(test_file, "images of the test; \"\": those of validation"),
    FILE_OPTION(test_labels, "their labels"),
    OPTION(validation_fraction,
           .help = "the share of the images that validate in place of training", .fallback = "0.1",
           .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(size, .help = "pixels of the window on a side", .fallback = "8",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1000),
    OPTION(grid, .help = "places of the window on a side", .fallback = "7",
           .kind = HTH_KIND_INTEGER, .min = 2, .max = 100),
    OPTION(glimpses, .help = "steps of an episode; the last one names the class", .fallback = "6",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(side, .help = "pixels of a drawn image on a side", .fallback = "20",
           .kind = HTH_KIND_INTEGER, .min = 8, .max = 60),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

typedef struct glimpse {
    glimpse_options options; /* without its texts */
    hth_shelf images;        /* empty: they are drawn */
    size_t width, height, classes;
} glimpse;

enum { LINE = 5, LINES = 4 };                                  /* of drawn images */
enum { USE_IMAGE, USE_PLACE, USE_ROW, USE_COLUMN, USE_NOISE }; /* of an episode's draws */
enum { COLUMN, ROW, LAST, BESIDE };                            /* what is seen beside pixels */

static void glimpse_close(void *state) {
    glimpse *g = state;
    if (!g) return;
    hth_shelf_clear(&g->images);
    free(g);
}

/* ---- Opening ---------------------------------------------------------------------------------- */

static hth_status read_images(const glimpse_options *o, const hth_stream_context *context,
                              glimpse *g, hth_error *error) {
    char fraction[32];
    snprintf(fraction, sizeof fraction, "%.17g", o->validation_fraction);
    const hth_setting items[] = {{"data.file", o->file, NULL},
                                 {"data.labels", o->labels, NULL},
                                 {"data.test_file", o->test_file, NULL},
                                 {"data.test_labels", o->test_labels, NULL},
                                 {"data.validation_fraction", fraction, NULL},
                                 {"data.shuffle", "false", NULL}};
    const hth_settings of_data = {items, HTH_COUNT(items)};
    hth_stream_context reading = {&of_data, context->split, 1, context->seed};
    if (context->split == HTH_TEST && !*o->test_file) reading.split = HTH_VALIDATE;
    if (reading.split == HTH_VALIDATE && !(o->validation_fraction > 0)) reading.split = HTH_TRAIN;
    HTH_TRY(hth_shelf_fill("images", &reading, &g->images, error));
    g->width = g->images.shape.inputs;
    g->height = g->images.first[1];
    g->classes = g->images.shape.outputs;
    return HTH_OK;
}

static hth_status set_up(const hth_stream_context *context, glimpse *g, hth_error *error) {
    glimpse_options *o = &g->options;
    HTH_TRY(hth_options_read(&options, context->settings, o, error));
    g->width = g->height = (size_t)o->side;
    g->classes = LINES;
    if (*o->file) HTH_TRY(read_images(o, context, g, error));
    if ((size_t)o->size <= g->width && (size_t)o->size <= g->height) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "world.size is %lld, but must be at most the %zu x %zu pixels of an image",
                    (long long)o->size, g->width, g->height);
}

static hth_status glimpse_open(const hth_stream_context *context, void **state,
                               hth_world_shape *shape, hth_error *error) {
    glimpse *g = calloc(1, sizeof *g);
    if (!g) return hth_fail(error, HTH_NO_MEMORY, "world glimpse: not enough memory");
    const hth_status status = set_up(context, g, error);
    if (status != HTH_OK) {
        glimpse_close(g);
        return status;
    }
    const size_t size = (size_t)g->options.size,
                 places = (size_t)(g->options.grid * g->options.grid);
    *state = g;
    *shape = (hth_world_shape){.inputs = size * size + BESIDE,
                               .actions = places > g->classes ? places : g->classes,
                               .memory = 1, /* the place of the window */
                               .steps = (uint64_t)g->options.glimpses,
                               .knows_best = true};
    return HTH_OK;
}

/* ---- Images ----------------------------------------------------------------------------------- */

/* The image of the episode among those of the file. */
static size_t image_of(const glimpse *g, const hth_moment *at) {
    return (size_t)(hth_episode_draw(at, USE_IMAGE) * (double)g->images.count);
}

static size_t class_of(const glimpse *g, const hth_moment *at) {
    if (g->images.count) return (size_t)g->images.classes[g->images.first[image_of(g, at)]];
    return (size_t)(hth_episode_draw(at, USE_IMAGE) * LINES);
}

/* Whether a pixel is on the line of a drawn image, whose box of LINE x LINE pixels has a place of its own. */
static bool is_on_line(const glimpse *g, const hth_moment *at, size_t row, size_t column) {
    const double room = (double)(g->width - LINE + 1);
    const size_t i = row - (size_t)(hth_episode_draw(at, USE_ROW) * room);
    const size_t j = column - (size_t)(hth_episode_draw(at, USE_COLUMN) * room);
    const size_t kind = class_of(g, at);
    if (i >= LINE || j >= LINE) return false;
    return kind == 0   ? i == LINE / 2
           : kind == 1 ? j == LINE / 2
                       : i == (kind == 2 ? j : LINE - 1 - j);
}

static hth_real pixel_at(const glimpse *g, const hth_moment *at, size_t row, size_t column) {
    if (g->images.count)
        return g->images.x[(g->images.first[image_of(g, at)] + row) * g->width + column];
    if (is_on_line(g, at, row, column)) return 1;
    return (hth_real)(0.3 * hth_episode_draw(at, USE_NOISE + row * g->width + column));
}

/* ---- The verbs -------------------------------------------------------------------------------- */

static hth_status glimpse_begin(const hth_moment *at, double *memory, hth_error *error) {
    const glimpse *g = at->state;
    (void)error;
    *memory = (double)(size_t)(hth_episode_draw(at, USE_PLACE) *
                               (double)(g->options.grid * g->options.grid));
    return HTH_OK;
}

static bool is_last(const hth_moment *at) {
    const glimpse *g = at->state;
    return at->step + 1 == (uint64_t)g->options.glimpses;
}

static void glimpse_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const glimpse *g = at->state;
    const size_t size = (size_t)g->options.size, grid = (size_t)g->options.grid;
    const size_t place = hth_world_whole(*memory, grid * grid);
    /* The corner of the window: places are spread evenly from edge to edge. */
    const size_t top = place / grid * (g->height - size) / (grid - 1);
    const size_t left = place % grid * (g->width - size) / (grid - 1);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++) x[i * size + j] = pixel_at(g, at, top + i, left + j);
    /* Where it is, and whether the class is asked for. */
    hth_real *beside = x + size * size;
    beside[COLUMN] = (hth_real)(2 * (double)(place % grid) / (double)(grid - 1) - 1);
    beside[ROW] = (hth_real)(2 * (double)(place / grid) / (double)(grid - 1) - 1);
    beside[LAST] = is_last(at);
}

static hth_status glimpse_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                              hth_error *error) {
    const glimpse *g = at->state;
    (void)error;
    if (!is_last(at)) {
        if (action < (size_t)(g->options.grid * g->options.grid)) *memory = (double)action;
        return HTH_OK;
    }
    out->reward = action == class_of(g, at);
    out->missed = 1 - out->reward;
    return HTH_OK;
}

static const hth_world_kind glimpse_world = {.open = glimpse_open,
                                             .begin = glimpse_begin,
                                             .observe = glimpse_observe,
                                             .act = glimpse_act,
                                             .close = glimpse_close};

HTH_WORLD(glimpse, glimpse_world,
          .part = {.name = "glimpse",
                   .summary = "where to look in an image, a small window at a time, to name it?",
                   .source = "Mnih et al. 2014",
                   .options = {"world", table, HTH_COUNT(table)}});
