/* Views of a stream: see view.h. They change chunks as they come; view_whole.c changes whole sequences. */
#include "tasks/view_state.h"

#include <ctype.h>
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

hth_status hth_view_refuse(const hth_viewed *v, const char *setting, const char *reason,
                           hth_error *error) {
    return hth_fail(error, HTH_INVALID, "%s is set, but %s %s: leave it out", setting,
                    v->of->part.name, reason);
}

/* HTH_INVALID when the stream has nothing that the settings could change. */
static hth_status check(const hth_viewed *v, hth_error *error) {
    const hth_view_options *o = &v->options;
    const bool classes = v->inner.target == HTH_TARGET_CLASSES;
    if (v->of->answers)
        return hth_view_refuse(v, "view", "is a world, which answers the network", error);
    if (v->of->body) return hth_view_refuse(v, "view", "has outputs that move a body", error);
    if ((o->permute || o->rotate != 0 || o->cues) && v->inner.vocabulary)
        return hth_view_refuse(v, "view", "gives tokens, not numbers", error);
    if ((*o->classes || o->count) && !v->of->picks)
        return hth_view_refuse(v, *o->classes ? "view.classes" : "view.count",
                               "has no sequences of one class each", error);
    if ((o->relabel || o->modulo || v->heads > 1) && !classes)
        return hth_view_refuse(v, v->heads > 1 ? "loss.heads" : "view",
                               "has targets that are no classes", error);
    if (o->relabel && v->listed == 0)
        return hth_view_refuse(v, "view.relabel", "has no view.classes to number", error);
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

/* ---- Chunks ------------------------------------------------------------------------------- */

hth_status hth_view_reserve(hth_viewed *v, size_t items, hth_error *error) {
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
static int32_t seen(const hth_viewed *v, int32_t class) {
    for (size_t i = 0; v->options.relabel && i < v->listed; i++)
        if (v->list[i] == class) {
            class = (int32_t)i;
            break;
        }
    if (v->options.modulo) class = (int32_t)(class % v->options.modulo);
    return class + (int32_t)(v->options.head * (int64_t)(v->shape.outputs / v->heads));
}

void hth_view_change(hth_viewed *v, hth_chunk *chunk) {
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

static hth_status view_next(void *state, size_t most, hth_chunk *chunk, hth_position_flags *flags,
                            hth_error *error) {
    hth_viewed *v = state;
    if (v->whole) return hth_whole_next(v, most, chunk, flags, error);
    HTH_TRY(v->of->next(v->stream, most, chunk, flags, error));
    HTH_TRY(hth_view_reserve(v, chunk->steps * chunk->batch, error));
    hth_view_change(v, chunk);
    return HTH_OK;
}

/* ---- What the stream says of itself ------------------------------------------------------- */

static void view_judge(void *state, double loss) {
    const hth_viewed *v = state;
    v->of->judge(v->stream, loss);
}

static double view_reached(const void *state) {
    const hth_viewed *v = state;
    return v->of->reached(v->stream);
}

static void view_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const hth_viewed *v = state;
    v->of->extent(v->stream, sequence_steps, epoch_steps);
}

static void view_go_beyond(void *state) {
    const hth_viewed *v = state;
    v->of->go_beyond(v->stream);
}

static size_t view_given(const void *state, hth_given *out, size_t capacity) {
    const hth_viewed *v = state;
    return v->of->given(v->stream, out, capacity);
}

static void view_describe(const void *state, char *out, size_t size) {
    const hth_viewed *v = state;
    v->of->describe(v->stream, out, size);
}

static const char *view_strays(const void *state) {
    (void)state;
    return "view must be left out";
}

static void view_spell(const void *state, int32_t token, char *out, size_t size) {
    const hth_viewed *v = state;
    v->of->spell(v->stream, token, out, size);
}

static const char *view_doubt(const void *state) {
    const hth_viewed *v = state;
    return v->of->doubt(v->stream);
}

static const char *view_breaks(const void *state) {
    const hth_viewed *v = state;
    return v->of->breaks(v->stream);
}

/* Frees the view, not the stream. */
static void destroy(hth_viewed *v) {
    free(v->x);
    free(v->classes);
    free(v->order);
    free(v->turned);
    free(v->noted);
    free(v->held);
    free(v);
}

static void view_close(void *state) {
    hth_viewed *v = state;
    v->of->close(v->stream);
    destroy(v);
}

/* The stream's verbs, with those of the view in the place of each that it has. */
static hth_stream_kind verbs_of(const hth_stream_kind *of) {
    hth_stream_kind kind = *of;
    kind.next = view_next;
    kind.state = hth_whole_state;
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
static void shape_of(hth_viewed *v) {
    const hth_view_options *o = &v->options;
    v->shape = v->inner;
    v->shape.inputs += (size_t)o->cues;
    if (o->relabel) v->shape.outputs = v->listed;
    if (o->modulo) v->shape.outputs = (size_t)o->modulo;
    v->shape.outputs *= v->heads;
}

static hth_status fill(hth_viewed *v, hth_error *error) {
    uint64_t sequence_steps = 0, epoch_steps = 0;
    HTH_TRY(hth_view_classes(&v->options, v->list, &v->listed, error));
    HTH_TRY(check(v, error));
    shape_of(v);
    v->kind = verbs_of(v->of);
    if (!v->options.permute && v->options.rotate == 0) return HTH_OK;
    if (v->of->extent) v->of->extent(v->stream, &sequence_steps, &epoch_steps);
    HTH_TRY(hth_whole_open(v, sequence_steps, error));
    return hth_whole_note(v, error);
}

hth_status hth_view_open(const hth_settings *settings, const hth_stream_kind **kind, void **state,
                         hth_shape *shape, hth_error *error) {
    hth_view_options read;
    HTH_TRY(hth_options_read(&hth_view_section.common, settings, &read, error));
    const size_t heads = heads_of(settings);
    const bool is_given = *read.classes || read.count || read.cue || read.head;
    if (!is_wanted(&read, heads) && !is_given) return HTH_OK;
    hth_viewed *v = calloc(1, sizeof *v);
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
