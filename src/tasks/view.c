/*
 * Views of a stream: see view.h. What changes whole sequences (permute, rotate) takes them from the stream at a
 * stretch, and gives their steps piece by piece; all else changes chunks as they come.
 */
#include "tasks/view.h"

#include "base/functions64.h"
#include "base/random.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEW(field, ...)                                                                           \
    { .name = #field, .offset = offsetof(hth_view_options, field), __VA_ARGS__ }

static const hth_option options[] = {
    VIEW(permute,
         .help = "seed of an order in which the inputs of a whole sequence stand, all its steps "
                 "together (pixels of an image that is read by rows); 0: as they are",
         .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 9e15),
    VIEW(rotate,
         .help = "degrees by which the inputs of a whole sequence, taken as a square image, are "
                 "turned to the right, before view.permute; between four pixels",
         .fallback = "0", .kind = HTH_KIND_REAL, .min = -360, .max = 360),
    VIEW(classes,
         .help = "of data with a class for each sequence: the classes that are left; empty: all",
         .fallback = "", .kind = HTH_KIND_TEXT),
    VIEW(count,
         .help = "of such data: training sees the first so many of the sequences that are left; "
                 "0: all",
         .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e15),
    VIEW(relabel,
         .help = "whether the classes are numbered anew: 0 for the first of view.classes, 1 for "
                 "the next",
         .fallback = "false", .kind = HTH_KIND_BOOL),
    VIEW(modulo, .help = "classes become their remainder after division by this; 0: as they are",
         .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
    VIEW(cues,
         .help = "so many inputs more: each step says with a 1 which of so many tasks it is of; 0: "
                 "none",
         .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
    VIEW(cue, .help = "which of the cues is 1, from 0", .fallback = "0", .kind = HTH_KIND_INTEGER,
         .min = 0, .max = 1e6),
    VIEW(head, .help = "with loss.heads: which of the heads learns the classes, from 0",
         .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
};

const hth_catalogue hth_view_section = {
    .kind = "view",
    .summary = "What is made of a task or of data before the network sees it, so that one file is "
               "many tasks (docs/lifelong.md).",
    .common = {"view", options, HTH_COUNT(options)},
};

typedef struct view {
    hth_stream_kind kind; /* the stream's, with verbs of the view */
    const hth_stream_kind *of;
    void *stream;
    hth_view_options options;
    hth_shape shape, inner; /* what the network sees, and what the stream gives */
    int32_t list[HTH_MOST_VIEWED];
    size_t listed, heads;
    hth_real *x; /* [steps][batch][inputs] */
    int32_t *classes;
    size_t room; /* steps times batch of both */
    /* Of whole sequences: */
    bool whole;
    size_t steps;        /* of a sequence */
    size_t *order;       /* [steps * inputs]: where the number at a place comes from; NULL: there */
    double cosine, sine; /* of the rotation */
    hth_real *turned;    /* [steps * inputs]: one sequence after the rotation */
    char *noted, *held;  /* the stream's position before the sequence; that of the one in x */
    size_t bytes;        /* of a position */
    bool filled;         /* x has the sequence of `held` */
    hth_chunk chunk;     /* the whole sequence */
    hth_position_flags flags;
    uint64_t at; /* steps given of it */
} view;

/* ---- Options ------------------------------------------------------------------------------- */

hth_status hth_view_classes(const hth_view_options *o, int32_t list[HTH_MOST_VIEWED], size_t *count,
                            hth_error *error) {
    const char *at = o->classes;
    *count = 0;
    for (;;) {
        char *end;
        while (isspace((unsigned char)*at) || *at == ',') at++;
        if (!*at) return HTH_OK;
        const long number = strtol(at, &end, 10);
        if (end == at || number < 0 || number > 1000000 || *count == HTH_MOST_VIEWED) break;
        list[(*count)++] = (int32_t)number;
        at = end;
    }
    return hth_fail(error, HTH_INVALID,
                    "view.classes is '%.60s', but must be a list of at most %d classes, such as 0, "
                    "1",
                    o->classes, HTH_MOST_VIEWED);
}

/* Whether the view changes anything. Which sequences are left the stream itself sees to. */
static bool is_wanted(const hth_view_options *o, size_t heads) {
    return o->permute || o->rotate != 0 || o->relabel || o->modulo || o->cues || heads > 1;
}

/* loss.heads: a setting of the network that the view must know. */
static size_t heads_of(const hth_settings *settings) {
    const hth_setting *heads = hth_settings_find(settings, "loss.heads");
    const long long count = heads ? strtoll(heads->value, NULL, 10) : 1;
    return count > 1 ? (size_t)count : 1;
}

static hth_status refuse(const view *v, const char *setting, const char *reason, hth_error *error) {
    return hth_fail(error, HTH_INVALID, "%s is set, but %s %s: leave it out", setting,
                    v->of->part.name, reason);
}

/* HTH_INVALID when the stream has nothing that the settings could change. */
static hth_status check(const view *v, hth_error *error) {
    const hth_view_options *o = &v->options;
    const bool classes = v->inner.target == HTH_TARGET_CLASSES;
    if (v->of->answers) return refuse(v, "view", "is a world, which answers the network", error);
    if (v->of->body) return refuse(v, "view", "has outputs that move a body", error);
    if ((o->permute || o->rotate != 0 || o->cues) && v->inner.vocabulary)
        return refuse(v, "view", "gives tokens, not numbers", error);
    if ((*o->classes || o->count) && !v->of->picks)
        return refuse(v, *o->classes ? "view.classes" : "view.count",
                      "has no sequences of one class each", error);
    if ((o->relabel || o->modulo || v->heads > 1) && !classes)
        return refuse(v, v->heads > 1 ? "loss.heads" : "view", "has targets that are no classes",
                      error);
    if (o->relabel && v->listed == 0)
        return refuse(v, "view.relabel", "has no view.classes to number", error);
    if (o->cue && o->cue >= o->cues)
        return hth_fail(error, HTH_INVALID,
                        "view.cue is %lld, but view.cues is %lld, and the first cue is 0",
                        (long long)o->cue, (long long)o->cues);
    if (o->head && (size_t)o->head >= v->heads)
        return hth_fail(error, HTH_INVALID,
                        "view.head is %lld, but loss.heads is %zu, and the first head is 0",
                        (long long)o->head, v->heads);
    return HTH_OK;
}

/* ---- The order of a sequence's inputs ----------------------------------------------------- */

/* A shuffle of Fisher & Yates. */
static void draw_order(size_t *order, size_t count, uint64_t seed) {
    const hth_random random = {seed, HTH_RANDOM_PHASE, 1};
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count - 1; i > 0; i--) {
        const size_t j = (size_t)hth_random_below(&random, i, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* The number at a row and column of a square image; 0 outside. */
static double pixel(const view *v, size_t side, size_t item, double row, double column) {
    const double last = (double)side - 1;
    if (row < 0 || column < 0 || row > last || column > last) return 0;
    const size_t n = v->inner.inputs, place = (size_t)row * side + (size_t)column;
    return (double)v->chunk.x[(place / n * v->chunk.batch + item) * n + place % n];
}

/* Turns the image of an item about its centre: each place takes what lies where it came from, between four pixels. */
static void rotate(view *v, size_t item) {
    const size_t side = (size_t)lrint(sqrt((double)(v->steps * v->inner.inputs)));
    const double middle = ((double)side - 1) / 2;
    for (size_t p = 0; p < side * side; p++) {
        const double y = (double)(p / side) - middle, x = (double)(p % side) - middle;
        const double row = hth_fma64(v->cosine, y, -v->sine * x) + middle;
        const double column = hth_fma64(v->sine, y, v->cosine * x) + middle;
        const double r = floor(row), c = floor(column), down = row - r, right = column - c;
        const double above =
            pixel(v, side, item, r, c) * (1 - right) + pixel(v, side, item, r, c + 1) * right;
        const double below = pixel(v, side, item, r + 1, c) * (1 - right) +
                             pixel(v, side, item, r + 1, c + 1) * right;
        v->turned[p] = (hth_real)(above * (1 - down) + below * down);
    }
}

/* Makes what whole sequences need. */
static hth_status open_whole(view *v, uint64_t sequence_steps, hth_error *error) {
    const hth_view_options *o = &v->options;
    const size_t numbers = (size_t)sequence_steps * v->inner.inputs;
    const size_t side = (size_t)lrint(sqrt((double)numbers));
    v->whole = true;
    v->steps = (size_t)sequence_steps;
    if (numbers == 0)
        return refuse(v, o->permute ? "view.permute" : "view.rotate",
                      "has sequences without an end", error);
    if (o->rotate != 0 && side * side != numbers)
        return refuse(v, "view.rotate", "has sequences that are no square images", error);
    v->turned = malloc(numbers * sizeof *v->turned);
    v->order = o->permute ? malloc(numbers * sizeof *v->order) : NULL;
    if (!v->turned || (o->permute && !v->order))
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a view");
    if (v->order) draw_order(v->order, numbers, (uint64_t)o->permute);
    v->cosine = hth_cos_turns64(o->rotate / 360);
    v->sine = hth_sin_turns64(o->rotate / 360);
    return HTH_OK;
}

/* ---- Positions ---------------------------------------------------------------------------- */

/* Copies the stream's position to or from `text`, or only counts its bytes (text NULL). */
static size_t position(const view *v, char *text, bool restore) {
    enum { MOST = 64 };
    hth_field fields[MOST];
    const size_t count = v->of->state ? v->of->state(v->stream, fields, MOST) : 0;
    size_t used = 0;
    for (size_t i = 0; i < count && i < MOST; i++) {
        const size_t bytes = hth_field_bytes(&fields[i]);
        if (text && restore) memcpy(fields[i].data, text + used, bytes);
        if (text && !restore) memcpy(text + used, fields[i].data, bytes);
        used += bytes;
    }
    return used;
}

static hth_status open_position(view *v, hth_error *error) {
    v->bytes = position(v, NULL, false);
    v->noted = calloc(1, v->bytes + 1);
    v->held = calloc(1, v->bytes + 1);
    if (!v->noted || !v->held)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a view");
    position(v, v->noted, false);
    return HTH_OK;
}

/* The position: of whole sequences that before the one that is given, and how much of it was. */
static size_t view_state(void *state, hth_field *fields, size_t capacity) {
    view *v = state;
    const size_t count = v->of->state ? v->of->state(v->stream, fields, capacity) : 0;
    size_t used = 0;
    if (!v->whole) return count;
    for (size_t i = 0; fields && i < count && i < capacity; i++) {
        fields[i].data = v->noted + used;
        used += hth_field_bytes(&fields[i]);
    }
    if (count < capacity)
        fields[count] =
            (hth_field){.name = "at", .dtype = HTH_DTYPE_U64, .count = 1, .data = &v->at};
    return count + 1;
}

/* ---- Chunks ------------------------------------------------------------------------------- */

/* Grows the buffers to `items` steps of sequences. */
static hth_status reserve(view *v, size_t items, hth_error *error) {
    if (items <= v->room) return HTH_OK;
    const size_t row = v->shape.inputs * sizeof *v->x; /* 0: tokens */
    hth_real *x = row ? realloc(v->x, hth_times(items, row)) : NULL;
    if (x) v->x = x;
    int32_t *classes = realloc(v->classes, hth_times(items, sizeof *classes));
    if (classes) v->classes = classes;
    if ((row && !x) || !classes)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a view of %zu steps", items);
    v->room = items;
    return HTH_OK;
}

/* A class as the network sees it. */
static int32_t seen(const view *v, int32_t class) {
    for (size_t i = 0; v->options.relabel && i < v->listed; i++)
        if (v->list[i] == class) {
            class = (int32_t)i;
            break;
        }
    if (v->options.modulo) class = (int32_t)(class % v->options.modulo);
    return class + (int32_t)(v->options.head * (int64_t)(v->shape.outputs / v->heads));
}

/* Classes and cues of the chunk. */
static void change(view *v, hth_chunk *chunk) {
    const size_t items = chunk->steps * chunk->batch, n = v->inner.inputs, wide = v->shape.inputs;
    if (chunk->classes) {
        for (size_t i = 0; i < items; i++) v->classes[i] = seen(v, chunk->classes[i]);
        chunk->classes = v->classes;
    }
    /* Inputs of whole sequences are there already. */
    if (!v->options.cues && !v->whole) return;
    for (size_t i = 0; i < items; i++) {
        hth_real *to = v->x + i * wide;
        if (!v->whole) memcpy(to, chunk->x + i * n, n * sizeof *to);
        memset(to + n, 0, (wide - n) * sizeof *to);
        if (v->options.cues) to[n + (size_t)v->options.cue] = 1;
    }
    chunk->x = v->x;
}

/* Puts the inputs of each item of a whole sequence in their order. */
static void arrange(view *v, const hth_chunk *chunk) {
    const size_t n = v->inner.inputs, wide = v->shape.inputs, batch = chunk->batch;
    for (size_t b = 0; b < batch; b++) {
        if (v->options.rotate != 0)
            rotate(v, b);
        else
            for (size_t p = 0; p < v->steps * n; p++)
                v->turned[p] = chunk->x[(p / n * batch + b) * n + p % n];
        for (size_t p = 0; p < v->steps * n; p++)
            v->x[(p / n * batch + b) * wide + p % n] = v->turned[v->order ? v->order[p] : p];
    }
}

/* Takes the sequence at the noted position from the stream. */
static hth_status take(view *v, hth_error *error) {
    position(v, v->noted, true);
    HTH_TRY(v->of->next(v->stream, v->steps, &v->chunk, &v->flags, error));
    bool all = v->chunk.steps == v->steps && v->flags.starts && v->flags.ends;
    for (size_t b = 0; v->chunk.lengths && b < v->chunk.batch; b++)
        all = all && (v->chunk.lengths[b] == v->steps || v->chunk.lengths[b] == 0);
    if (!all)
        return hth_fail(error, HTH_INVALID,
                        "%s is set, but the sequences of %s differ in length: leave it out",
                        v->options.permute ? "view.permute" : "view.rotate", v->of->part.name);
    HTH_TRY(reserve(v, v->chunk.steps * v->chunk.batch, error));
    arrange(v, &v->chunk);
    change(v, &v->chunk);
    memcpy(v->held, v->noted, v->bytes);
    v->filled = true;
    return HTH_OK;
}

/* The next steps of whole sequences. */
static hth_status next_of_whole(view *v, size_t most, hth_chunk *chunk, hth_position_flags *flags,
                                hth_error *error) {
    if (!v->filled || memcmp(v->noted, v->held, v->bytes) != 0) HTH_TRY(take(v, error));
    if (v->at >= v->steps)
        return hth_fail(error, HTH_MISMATCH, "view: step %llu lies beyond a sequence of %zu",
                        (unsigned long long)v->at, v->steps);
    const hth_chunk *all = &v->chunk;
    const size_t at = (size_t)v->at, left = v->steps - at, steps = left < most ? left : most;
    const size_t first = at * all->batch;
    *chunk = *all;
    chunk->steps = steps;
    chunk->x = v->x + first * v->shape.inputs;
    if (all->classes) chunk->classes += first;
    if (all->targets) chunk->targets += first * v->inner.outputs;
    if (all->weights) chunk->weights += first;
    if (all->decides) chunk->decides += first;
    chunk->lengths = NULL;
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    v->at += steps;
    if (!flags->ends) return HTH_OK;
    /* The next sequence comes from where the stream stands now. */
    flags->epoch_end = v->flags.epoch_end;
    position(v, v->noted, false);
    v->at = 0;
    v->filled = false;
    return HTH_OK;
}

static hth_status view_next(void *state, size_t most, hth_chunk *chunk, hth_position_flags *flags,
                            hth_error *error) {
    view *v = state;
    if (v->whole) return next_of_whole(v, most, chunk, flags, error);
    HTH_TRY(v->of->next(v->stream, most, chunk, flags, error));
    HTH_TRY(reserve(v, chunk->steps * chunk->batch, error));
    change(v, chunk);
    return HTH_OK;
}

/* ---- What the stream says of itself ------------------------------------------------------- */

static void view_judge(void *state, double loss) {
    const view *v = state;
    v->of->judge(v->stream, loss);
}

static double view_reached(const void *state) {
    const view *v = state;
    return v->of->reached(v->stream);
}

static void view_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const view *v = state;
    v->of->extent(v->stream, sequence_steps, epoch_steps);
}

static void view_go_beyond(void *state) {
    const view *v = state;
    v->of->go_beyond(v->stream);
}

static size_t view_given(const void *state, hth_given *out, size_t capacity) {
    const view *v = state;
    return v->of->given(v->stream, out, capacity);
}

static void view_describe(const void *state, char *out, size_t size) {
    const view *v = state;
    v->of->describe(v->stream, out, size);
}

static const char *view_strays(const void *state) {
    (void)state;
    return "view must be left out";
}

static void view_spell(const void *state, int32_t token, char *out, size_t size) {
    const view *v = state;
    v->of->spell(v->stream, token, out, size);
}

static const char *view_doubt(const void *state) {
    const view *v = state;
    return v->of->doubt(v->stream);
}

static const char *view_breaks(const void *state) {
    const view *v = state;
    return v->of->breaks(v->stream);
}

/* Frees the view, not the stream. */
static void destroy(view *v) {
    free(v->x);
    free(v->classes);
    free(v->order);
    free(v->turned);
    free(v->noted);
    free(v->held);
    free(v);
}

static void view_close(void *state) {
    view *v = state;
    v->of->close(v->stream);
    destroy(v);
}

/* The stream's verbs, with those of the view in the place of each that it has. */
static hth_stream_kind verbs_of(const hth_stream_kind *of) {
    hth_stream_kind kind = *of;
    kind.next = view_next;
    kind.state = view_state;
    kind.judge = of->judge ? view_judge : NULL;
    kind.reached = of->reached ? view_reached : NULL;
    kind.extent = of->extent ? view_extent : NULL;
    kind.go_beyond = of->go_beyond ? view_go_beyond : NULL;
    kind.given = of->given ? view_given : NULL;
    kind.describe = of->describe ? view_describe : NULL;
    kind.strays = view_strays;
    kind.spell = of->spell ? view_spell : NULL;
    kind.doubt = of->doubt ? view_doubt : NULL;
    kind.breaks = of->breaks ? view_breaks : NULL;
    kind.close = view_close;
    return kind;
}

/* ---- Opening ------------------------------------------------------------------------------- */

/* What the network sees. */
static void shape_of(view *v) {
    const hth_view_options *o = &v->options;
    v->shape = v->inner;
    v->shape.inputs += (size_t)o->cues;
    if (o->relabel) v->shape.outputs = v->listed;
    if (o->modulo) v->shape.outputs = (size_t)o->modulo;
    v->shape.outputs *= v->heads;
}

static hth_status fill(view *v, hth_error *error) {
    uint64_t sequence_steps = 0, epoch_steps = 0;
    HTH_TRY(hth_view_classes(&v->options, v->list, &v->listed, error));
    HTH_TRY(check(v, error));
    shape_of(v);
    v->kind = verbs_of(v->of);
    if (!v->options.permute && v->options.rotate == 0) return HTH_OK;
    if (v->of->extent) v->of->extent(v->stream, &sequence_steps, &epoch_steps);
    HTH_TRY(open_whole(v, sequence_steps, error));
    return open_position(v, error);
}

hth_status hth_view_open(const hth_settings *settings, const hth_stream_kind **kind, void **state,
                         hth_shape *shape, hth_error *error) {
    hth_view_options read;
    HTH_TRY(hth_options_read(&hth_view_section.common, settings, &read, error));
    const size_t heads = heads_of(settings);
    const bool is_given = *read.classes || read.count || read.cue || read.head;
    if (!is_wanted(&read, heads) && !is_given) return HTH_OK;
    view *v = calloc(1, sizeof *v);
    if (!v) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a view");
    v->of = *kind;
    v->stream = *state;
    v->options = read;
    v->heads = heads;
    v->inner = *shape;
    const hth_status status = fill(v, error);
    if (status != HTH_OK || !is_wanted(&read, heads)) {
        destroy(v);
        return status;
    }
    *kind = &v->kind;
    *state = v;
    *shape = v->shape;
    return HTH_OK;
}
