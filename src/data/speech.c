/*
 * Reads speech, to name the phone of every frame (Bellec et al. 2019, section 1.3; Graves & Schmidhuber 2005):
 * utterances from feature files or sound, phones from label files, splits from lists of names.
 *
 * A batch of utterances is one sequence, as long as its longest utterance. After the end of a shorter one, and in
 * unused places of the last batch, inputs and weights are 0. Each frame is shown for `repeat` steps whose weights
 * sum to 1, so the loss is per frame. The decision on a frame's phone is the output with the largest mean over
 * those of its steps that have a weight.
 *
 * An epoch is every utterance once. Training draws the order anew for each epoch, keyed by seed and epoch.
 * Validation goes from the shortest to the longest, which needs the fewest steps without weight. The frames of a
 * split are held in memory.
 */
#include "base/random.h"
#include "data/speech_set.h"

#include <stdlib.h>
#include <string.h>

enum { ALL, LAST };
enum { SHUFFLED, SIMILAR, LISTED, BY_LENGTH }; /* BY_LENGTH: for validation and test */
static const char *const weights[] = {"all", "last", NULL};
static const char *const orders[] = {"shuffled", "similar", "list", NULL};
static const char *const scales[] = {"minmax", "zscore", "none", NULL};
static const char *const gaps[] = {"refuse", "skip", NULL};

/* An utterance at its place in the epoch's order. */
typedef struct place {
    size_t utterance, frames, position;
} place;

typedef struct speech_state {
    hth_speech_set set;
    size_t batch, batches, repeat;
    int weight, order;
    uint64_t seed;
    /* the position: epochs done, batches done, step in the sequence */
    uint64_t epoch, batch_index, step;
    place *places;          /* [count] */
    size_t *turn;           /* [batches]: the order of the batches */
    uint64_t ordered_epoch; /* the epoch that this order belongs to; UINT64_MAX: none */
    size_t capacity;        /* number of steps that the buffers hold */
    hth_real *x, *w;        /* [capacity][batch][channels], [capacity][batch] */
    int32_t *classes;       /* [capacity][batch] */
    uint8_t *decides;       /* [capacity][batch] if repeat > 1; otherwise NULL */
    uint32_t *lengths;      /* [batch]: number of steps of each utterance in the chunk */
} speech_state;

extern const hth_stream_kind hth_reader_speech;

#define PLACED(text, field, ...)                                                                   \
    { .name = text, .offset = offsetof(hth_speech_options, field), __VA_ARGS__ }
#define OPTION(field, ...) PLACED(#field, field, __VA_ARGS__)
#define MFCC(field, ...) PLACED(#field, mfcc.field, __VA_ARGS__)

static const hth_option table[] = {
    OPTION(features, .fallback = NULL, .kind = HTH_KIND_TEXT,
           .help = "folder below which the feature files (HTK, Sphinx) or the sound files lie"),
    OPTION(labels, .fallback = "", .kind = HTH_KIND_TEXT,
           .help = "label table (UTT FIRST END PHONE), HTK master label file, or folder of .phn "
                   "files; \"\": .phn files beside the sound"),
    OPTION(train, .fallback = NULL, .kind = HTH_KIND_TEXT,
           .help = "list of the training utterances, or of folders of them, a name a line"),
    OPTION(validate, .fallback = "", .kind = HTH_KIND_TEXT, .help = "validation; \"\" for none"),
    OPTION(test, .fallback = "", .kind = HTH_KIND_TEXT, .help = "test; \"\" for none"),
    OPTION(phones, .fallback = "", .kind = HTH_KIND_TEXT,
           .help = "file of the phones in the order of the classes, one a line; \"\": those of the "
                   "training utterances in the order of their letters"),
    OPTION(exclude, .fallback = "sa[12]", .kind = HTH_KIND_TEXT,
           .help = "file names, as a pattern, that are left out: TIMIT's SA sentences; \"\": none"),
    OPTION(extension, .fallback = "", .kind = HTH_KIND_TEXT,
           .help = "ending of the feature or sound files; \"\": mfc, mfcc, htk, fea, wav, sph, "
                   "nist or flac"),
    OPTION(derivatives, .fallback = "2", .kind = HTH_KIND_INTEGER, .min = 0, .max = 2,
           .help = "how many derivatives are added: differences of the next and the last frame"),
    OPTION(scale, .fallback = "minmax", .kind = HTH_KIND_CHOICE, .choices = scales,
           .help = "each channel to [0, 1] or to mean 0 and deviation 1, over the training frames"),
    OPTION(repeat, .fallback = "5", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1000,
           .help = "steps for which each frame is shown (Bellec et al. 2019: 5)"),
    OPTION(weight, .fallback = "all", .kind = HTH_KIND_CHOICE, .choices = weights,
           .help = "which of those steps count: all, 1/repeat each, or the last"),
    OPTION(order, .fallback = "shuffled", .kind = HTH_KIND_CHOICE, .choices = orders,
           .help = "training: batches of any utterances, or of similar length, in a new order in "
                   "every epoch; or as in the list"),
    OPTION(slack, .fallback = "2", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1000000,
           .help = "frames by which labels may end before or after the features; such frames are "
                   "dropped"),
    OPTION(gaps, .fallback = "refuse", .kind = HTH_KIND_CHOICE, .choices = gaps,
           .help = "frames without a label between others: refuse, or show with weight 0"),
    OPTION(channels, .fallback = "13", .kind = HTH_KIND_INTEGER, .min = 1, .max = 100000,
           .help = "numbers a frame in files that do not say (Sphinx)"),
    MFCC(step, .fallback = "10", .kind = HTH_KIND_REAL, .min = 0.01, .max = 10000,
         .help = "ms from frame to frame, for sound and files that do not say (Sphinx)"),
    MFCC(window, .fallback = "25", .kind = HTH_KIND_REAL, .min = 0.01, .max = 10000,
         .help = "sound: ms of a frame"),
    OPTION(rate, .fallback = "16000", .kind = HTH_KIND_INTEGER, .min = 1, .max = 10000000,
           .help = "samples a second that .phn files count in, where there is no sound"),
    MFCC(preemcoef, .fallback = "0.97", .kind = HTH_KIND_REAL, .min = 0, .max = 1,
         .help = "sound: pre-emphasis (HTK: PREEMCOEF)"),
    MFCC(numchans, .fallback = "26", .kind = HTH_KIND_INTEGER, .min = 2, .max = 1000,
         .help = "sound: mel filters (HTK: NUMCHANS)"),
    MFCC(numceps, .fallback = "12", .kind = HTH_KIND_INTEGER, .min = 1, .max = 999,
         .help = "sound: cepstra beside c0, which comes first (HTK: NUMCEPS)"),
    MFCC(ceplifter, .fallback = "22", .kind = HTH_KIND_REAL, .min = 0, .max = 10000,
         .help = "sound: liftering; 0: none (HTK: CEPLIFTER)"),
    MFCC(lofreq, .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1e7,
         .help = "sound: Hz, lower end of the filters (HTK: LOFREQ)"),
    MFCC(hifreq, .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1e7,
         .help = "sound: Hz, upper end; 0: half the rate (HTK: HIFREQ)"),
    MFCC(usepower, .fallback = "false", .kind = HTH_KIND_BOOL,
         .help = "sound: filter the power spectrum instead of its root (HTK: USEPOWER)"),
};

/* ---- The order of an epoch ------------------------------------------------------------------ */

static int by_length(const void *left, const void *right) {
    const place *a = left, *b = right;
    if (a->frames != b->frames) return a->frames < b->frames ? -1 : 1;
    return a->position < b->position ? -1 : 1;
}

/* Fisher & Yates, with the first draws of the epoch; shuffle_batches uses the draws after them. */
static void shuffle_places(speech_state *s, const hth_random *random) {
    for (size_t i = s->set.count - 1; i > 0; i--) {
        const size_t j = (size_t)hth_random_below(random, i, i + 1);
        const place kept = s->places[i];
        s->places[i] = s->places[j];
        s->places[j] = kept;
    }
}

static void shuffle_batches(speech_state *s, const hth_random *random) {
    for (size_t i = s->batches - 1; i > 0; i--) {
        const size_t j = (size_t)hth_random_below(random, s->set.count + i, i + 1);
        const size_t kept = s->turn[i];
        s->turn[i] = s->turn[j];
        s->turn[j] = kept;
    }
}

static void order_epoch(speech_state *s) {
    if (s->ordered_epoch == s->epoch) return;
    const bool random_order = s->order == SHUFFLED || s->order == SIMILAR;
    const hth_random random = {s->seed, HTH_RANDOM_SHUFFLE, (uint32_t)s->epoch};
    /* The order of the list, or a shuffle. */
    for (size_t b = 0; b < s->batches; b++) s->turn[b] = b;
    for (size_t i = 0; i < s->set.count; i++)
        s->places[i] = (place){i, s->set.utterances[i].frames, 0};
    if (random_order) shuffle_places(s, &random);
    for (size_t i = 0; i < s->set.count; i++) s->places[i].position = i;
    /* Sort by length, then shuffle the batches. */
    if (s->order == SIMILAR || s->order == BY_LENGTH)
        qsort(s->places, s->set.count, sizeof *s->places, by_length);
    if (s->order == SIMILAR) shuffle_batches(s, &random);
    s->ordered_epoch = s->epoch;
}

/* The number of steps of a batch: those of its longest utterance. */
static size_t batch_steps(const speech_state *s, size_t index) {
    size_t longest = 0;
    const size_t first = s->turn[index] * s->batch;
    for (size_t i = first; i < first + s->batch && i < s->set.count; i++)
        if (s->places[i].frames > longest) longest = s->places[i].frames;
    return longest * s->repeat;
}

/* ---- Opening ------------------------------------------------------------------------------ */

static void speech_close(void *state) {
    speech_state *s = state;
    if (!s) return;
    hth_speech_set_free(&s->set);
    free(s->places);
    free(s->turn);
    free(s->x);
    free(s->w);
    free(s->classes);
    free(s->decides);
    free(s->lengths);
    free(s);
}

static hth_status plan(speech_state *s, const hth_speech_options *options,
                       const hth_stream_context *context, hth_error *error) {
    s->batch = context->batch;
    s->batches = (s->set.count + s->batch - 1) / s->batch;
    s->repeat = (size_t)options->repeat;
    s->weight = options->weight;
    s->order = context->split == HTH_TRAIN ? options->order : BY_LENGTH;
    s->seed = context->seed;
    s->ordered_epoch = UINT64_MAX;
    s->places = calloc(s->set.count, sizeof *s->places);
    s->turn = calloc(s->batches, sizeof *s->turn);
    s->lengths = calloc(s->batch, sizeof *s->lengths);
    if (!s->places || !s->turn || !s->lengths)
        return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for %zu utterances",
                        s->set.count);
    order_epoch(s);
    return HTH_OK;
}

static hth_status speech_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    hth_speech_options options;
    HTH_TRY(hth_options_read(&hth_reader_speech.part.options, context->settings, &options, error));
    *state = NULL;
    /* Find the list of the split's utterances. */
    const char *list = context->split == HTH_VALIDATE ? options.validate : options.test;
    if (context->split != HTH_TRAIN && !*list) return HTH_OK; /* no such split: see stream.h */
    if (context->batch == 0) return hth_fail(error, HTH_INVALID, "speech: a batch of 0 utterances");
    /* Load the utterances and plan the batches. */
    speech_state *s = calloc(1, sizeof *s);
    if (!s) return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory");
    hth_status status = hth_speech_set_load(&options, context->split, &s->set, error);
    if (status == HTH_OK) status = plan(s, &options, context, error);
    if (status != HTH_OK) {
        speech_close(s);
        return status;
    }
    *shape = (hth_shape){.inputs = s->set.channels,
                         .outputs = s->set.outputs,
                         .target = HTH_TARGET_CLASSES,
                         .decides = s->repeat > 1};
    *state = s;
    return HTH_OK;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void *grow(void *buffer, size_t steps, size_t row, bool *failed) {
    void *grown = realloc(buffer, hth_times(steps, row));
    *failed |= !grown;
    return grown ? grown : buffer;
}

/* Grows the buffers to the longest chunk so far. */
static hth_status reserve(speech_state *s, size_t steps, hth_error *error) {
    if (steps <= s->capacity) return HTH_OK;
    bool failed = false;
    const size_t numbers = hth_times(s->batch, sizeof(hth_real));
    s->x = grow(s->x, steps, hth_times(numbers, s->set.channels), &failed);
    s->w = grow(s->w, steps, numbers, &failed);
    s->classes = grow(s->classes, steps, hth_times(s->batch, sizeof(int32_t)), &failed);
    if (s->repeat > 1) s->decides = grow(s->decides, steps, s->batch, &failed);
    if (failed)
        return hth_fail(error, HTH_NO_MEMORY,
                        "speech: not enough memory for a chunk of %zu steps x %zu utterances",
                        steps, s->batch);
    s->capacity = steps;
    return HTH_OK;
}

/* Whether the step is the last of its frame. */
static bool is_last(const speech_state *s, size_t step) {
    return step % s->repeat == s->repeat - 1;
}

/* The weight of a step whose frame has a phone. */
static hth_real weight_of(const speech_state *s, size_t step) {
    if (s->weight == ALL) return HTH_C(1.0) / (hth_real)s->repeat;
    return is_last(s, step) ? 1 : 0;
}

static void gather_item(speech_state *s, size_t b, size_t steps) {
    /* The item's utterance, and how much of it is left. */
    const size_t at = s->turn[s->batch_index] * s->batch + b, channels = s->set.channels;
    const hth_utterance none = {0};
    const hth_utterance *u =
        at < s->set.count ? &s->set.utterances[s->places[at].utterance] : &none;
    const size_t all = u->frames * s->repeat, left = all > s->step ? all - (size_t)s->step : 0;
    s->lengths[b] = (uint32_t)(left < steps ? left : steps);
    /* Each step: its frame's features, class and weight. */
    for (size_t t = 0; t < steps; t++) {
        const size_t step = (size_t)s->step + t, frame = step / s->repeat;
        const size_t out = t * s->batch + b;
        const bool there = frame < u->frames;
        const int32_t class = there ? s->set.classes[u->first + frame] : -1;
        if (there)
            memcpy(s->x + out * channels, s->set.x + (u->first + frame) * channels,
                   channels * sizeof *s->x);
        else
            memset(s->x + out * channels, 0, channels * sizeof *s->x);
        s->classes[out] = class < 0 ? 0 : class;
        s->w[out] = class < 0 ? 0 : weight_of(s, step);
        if (s->decides) s->decides[out] = class >= 0 && is_last(s, step);
    }
}

static void advance(speech_state *s, size_t steps, size_t all, hth_position_flags *flags) {
    *flags = (hth_position_flags){.starts = s->step == 0};
    s->step += steps;
    flags->ends = s->step == all;
    if (!flags->ends) return;
    s->step = 0;
    flags->epoch_end = ++s->batch_index == s->batches;
    if (!flags->epoch_end) return;
    s->batch_index = 0;
    s->epoch++;
}

static hth_status speech_next(void *state, size_t max_steps, hth_chunk *chunk,
                              hth_position_flags *flags, hth_error *error) {
    speech_state *s = state;
    order_epoch(s);
    /* The position must lie in the data. */
    const size_t all = s->batch_index < s->batches ? batch_steps(s, (size_t)s->batch_index) : 0;
    if (s->step >= all)
        return hth_fail(error, HTH_MISMATCH,
                        "speech: position batch %llu, step %llu lies beyond the %zu batches and "
                        "their steps; have the files been changed?",
                        (unsigned long long)s->batch_index, (unsigned long long)s->step,
                        s->batches);
    /* Fill the chunk with the next steps and move the position. */
    const size_t left = all - (size_t)s->step, steps = left < max_steps ? left : max_steps;
    HTH_TRY(reserve(s, steps, error));
    for (size_t b = 0; b < s->batch; b++) gather_item(s, b, steps);
    *chunk = (hth_chunk){.steps = steps,
                         .batch = s->batch,
                         .x = s->x,
                         .classes = s->classes,
                         .weights = s->w,
                         .lengths = s->lengths,
                         .decides = s->decides};
    advance(s, steps, all, flags);
    return HTH_OK;
}

static size_t speech_fields(void *state, hth_field *fields, size_t capacity) {
    speech_state *s = state;
    const hth_field all[] = {{"epoch", HTH_DTYPE_U64, 1, &s->epoch, {0}},
                             {"batch", HTH_DTYPE_U64, 1, &s->batch_index, {0}},
                             {"step", HTH_DTYPE_U64, 1, &s->step, {0}}};
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

/* *sequence_steps: the longest sequence. *epoch_steps: those of this epoch; other epochs differ a little, depending
 * on which utterances meet in a batch. */
static void speech_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const speech_state *s = state;
    size_t longest = 0;
    for (size_t i = 0; i < s->set.count; i++)
        if (s->set.utterances[i].frames > longest) longest = s->set.utterances[i].frames;
    *sequence_steps = (uint64_t)longest * s->repeat;
    *epoch_steps = 0;
    for (size_t b = 0; b < s->batches; b++) *epoch_steps += batch_steps(s, b);
}

const hth_stream_kind hth_reader_speech = {
    .part = {.name = "speech",
             .summary = "speech and its phones, frame by frame, from feature or sound files",
             .source = "Bellec et al. 2019, section 1.3; layouts of TIMIT, HTK and CMU Sphinx",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = speech_open,
    .next = speech_next,
    .state = speech_fields,
    .extent = speech_extent,
    .given = NULL,
    .close = speech_close,
};
