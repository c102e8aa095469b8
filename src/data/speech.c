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
#include "data/sequences.h"
#include "data/speech_set.h"

#include <stdlib.h>
#include <string.h>

enum { ALL, LAST };
enum { SHUFFLED, SIMILAR, LISTED };
static const char *const weights[] = {"all", "last", NULL};
static const char *const orders[] = {"shuffled", "similar", "list", NULL};
static const char *const scales[] = {"minmax", "zscore", "none", NULL};
static const char *const gaps[] = {"refuse", "skip", NULL};

/* What a reader of sequences needs to know: the lists of the splits are its files. */
typedef struct speech_options {
    hth_sequence_options sequences;
    hth_speech_options speech;
    hth_split split;
} speech_options;

typedef struct speech_held {
    hth_speech_set set;
    size_t repeat;
    int weight;
} speech_held;

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

/* ---- One step ------------------------------------------------------------------------------- */

/* Whether the step is the last of its frame. */
static bool is_last(const speech_held *s, size_t step) {
    return step % s->repeat == s->repeat - 1;
}

/* The weight of a step whose frame has a phone. */
static hth_real weight_of(const speech_held *s, size_t step) {
    if (s->weight == ALL) return HTH_C(1.0) / (hth_real)s->repeat;
    return is_last(s, step) ? 1 : 0;
}

static void copy(const void *held, size_t sequence, size_t step, const hth_row *to) {
    const speech_held *s = held;
    const size_t frame = s->set.utterances[sequence].first + step / s->repeat;
    const int32_t class = s->set.classes[frame];
    memcpy(to->x, s->set.x + frame * s->set.channels, s->set.channels * sizeof *to->x);
    *to->class = class < 0 ? 0 : class;
    *to->weight = class < 0 ? 0 : weight_of(s, step);
    if (to->decides) *to->decides = class >= 0 && is_last(s, step);
}

/* ---- Opening ------------------------------------------------------------------------------ */

static void close_held(void *held) {
    speech_held *s = held;
    hth_speech_set_free(&s->set);
    free(s);
}

/* Loads the utterances of the split whose list `path` is. */
static hth_status load(const void *options, const char *train, const char *path,
                       hth_sequence_set *out, hth_error *error) {
    const speech_options *o = options;
    (void)train;
    (void)path;
    speech_held *held = calloc(1, sizeof *held);
    if (!held) return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory");
    *out = (hth_sequence_set){.held = held, .copy = copy, .close = close_held};
    held->repeat = (size_t)o->speech.repeat;
    held->weight = o->speech.weight;
    HTH_TRY(hth_speech_set_load(&o->speech, o->split, &held->set, error));
    /* A sequence is an utterance, each frame of which is shown `repeat` times. */
    out->count = held->set.count;
    out->lengths = calloc(out->count, sizeof *out->lengths);
    if (!out->lengths)
        return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for %zu utterances",
                        out->count);
    for (size_t i = 0; i < out->count; i++)
        out->lengths[i] = held->set.utterances[i].frames * held->repeat;
    out->shape = (hth_shape){.inputs = held->set.channels,
                             .outputs = held->set.outputs,
                             .target = HTH_TARGET_CLASSES,
                             .decides = held->repeat > 1};
    out->shuffled = "data.order draws the order of the utterances: set data.order=list";
    out->is_weighted = true;
    out->has_lengths = true;
    out->order = o->split != HTH_TRAIN        ? HTH_ORDER_LENGTH
                 : o->speech.order == SIMILAR ? HTH_ORDER_SIMILAR
                                              : HTH_ORDER_FILE;
    return HTH_OK;
}

static hth_status speech_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    speech_options o = {.split = context->split};
    HTH_TRY(hth_options_read(&hth_reader_speech.part.options, context->settings, &o.speech, error));
    o.sequences = (hth_sequence_options){.file = o.speech.train,
                                         .validate_file = o.speech.validate,
                                         .test_file = o.speech.test,
                                         .shuffle = o.speech.order != LISTED,
                                         .incomplete = HTH_INCOMPLETE_PAD};
    return hth_sequences_open(context, &o.sequences, load, state, shape, error);
}

const hth_stream_kind hth_reader_speech = {
    .part = {.name = "speech",
             .summary = "speech and its phones, frame by frame, from feature or sound files",
             .source = "Bellec et al. 2019, section 1.3; layouts of TIMIT, HTK and CMU Sphinx",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = speech_open,
    HTH_SEQUENCES_VERBS,
};
