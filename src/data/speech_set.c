/*
 * Turns files into frames with classes. Each utterance gives its features, their first and second derivatives
 *
 *     d v_t = v_{t+1} - v_{t-1},  0 at the ends,  d d v likewise       (unscaled central differences, as
 *                                                                      in the code of Bellec et al. 2019)
 *
 * and the phone at each frame. Scale and phones come from the training utterances:
 *
 *     minmax: (v - min) / (max - min);  zscore: (v - mean) / deviation;  a constant channel becomes 0
 *
 * So reading a validation or test split reads the training files too, one at a time.
 */
#include "data/speech_set.h"

#include "data/file.h"
#include "data/speech_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The statistics of one channel over the training frames. */
typedef struct channel {
    double min, max, sum, squares;
    double shift, width; /* scaled = (v - shift) / width */
} channel;

typedef struct loader {
    const hth_speech_options *options;
    hth_speech_tree tree;
    hth_labels *labels;
    hth_feature_reader reader;
    size_t base;       /* channels of the files; 0: no file has been read */
    const char *first; /* the file that gave this number */
    channel *channels; /* [set.channels] */
    size_t measured;   /* number of frames in the statistics */
    bool *used;        /* [used_capacity]: whether a training utterance has the phone */
    size_t used_capacity;
    char **names; /* [set.outputs]: names of the classes */
    hth_speech_set set;
    size_t capacity; /* number of frames that set has room for */
    /* The current utterance: */
    hth_frames frames;
    int32_t *phones;
    size_t kept; /* number of frames up to the last label */
} loader;

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for the utterances");
}

void hth_speech_set_free(hth_speech_set *set) {
    free(set->utterances);
    free(set->x);
    free(set->classes);
    *set = (hth_speech_set){0};
}

/* ---- One utterance ------------------------------------------------------------------------ */

/* Refuses a file with another number of channels than the first file. */
static hth_status check_channels(loader *l, const char *path, hth_error *error) {
    if (l->base == l->frames.channels) return HTH_OK;
    if (l->base)
        return hth_fail(error, HTH_MISMATCH, "%.200s: %zu channels, but %.180s has %zu", path,
                        l->frames.channels, l->first, l->base);
    l->base = l->frames.channels;
    l->first = path;
    l->set.channels = l->base * (size_t)(l->options->derivatives + 1);
    l->channels = calloc(l->set.channels, sizeof *l->channels);
    if (!l->channels) return no_memory(error);
    for (size_t c = 0; c < l->set.channels; c++)
        l->channels[c] = (channel){.min = INFINITY, .max = -INFINITY, .width = 1};
    return HTH_OK;
}

/* Writes the differences of columns from.. to columns from + frames->channels... */
static void differentiate(const hth_frames *frames, double *wide, size_t from, size_t columns) {
    for (size_t t = 1; t + 1 < frames->count; t++)
        for (size_t c = 0; c < frames->channels; c++) {
            const double *before = wide + (t - 1) * columns + from + c;
            wide[t * columns + from + frames->channels + c] = before[2 * columns] - before[0];
        }
}

/* Adds the derivatives to the features. */
static hth_status widen(loader *l, hth_error *error) {
    hth_frames *frames = &l->frames;
    const size_t columns = l->set.channels, base = l->base;
    double *wide = calloc(frames->count * columns + 1, sizeof *wide);
    if (!wide) return no_memory(error);
    for (size_t t = 0; t < frames->count; t++)
        memcpy(wide + t * columns, frames->values + t * base, base * sizeof *wide);
    for (size_t d = 0; d + 1 < columns / base; d++) differentiate(frames, wide, d * base, columns);
    free(frames->values);
    frames->values = wide;
    return HTH_OK;
}

/* The positions of frames in the unit of the labels: a frame's centre, or its number. */
static hth_frame_clock clock_of(const loader *l, hth_label_unit unit) {
    const hth_frames *f = &l->frames;
    const double rate = (double)l->options->rate, window = l->options->mfcc.window;
    hth_frame_clock clock = {0, 1, f->count};
    if (unit == HTH_LABEL_TIMES) {
        clock.step = f->period;
        clock.offset = f->period / 2;
    } else if (unit == HTH_LABEL_SAMPLES && f->rate) {
        clock.step = (int64_t)f->step;
        clock.offset = (int64_t)f->window / 2;
    } else if (unit == HTH_LABEL_SAMPLES) {
        clock.step = (int64_t)floor((double)f->period * rate / 1e7 + 0.5);
        clock.offset = (int64_t)floor(window * rate / 2000 + 0.5);
    }
    if (clock.step < 1) clock.step = 1;
    return clock;
}

static hth_status read_labels(loader *l, const hth_speech_file *file, hth_error *error) {
    hth_labelling labelling;
    HTH_TRY(hth_labels_find(l->labels, file, &labelling, error));
    const hth_frame_clock clock = clock_of(l, labelling.unit);
    l->phones = malloc((l->frames.count + 1) * sizeof *l->phones);
    if (!l->phones) return no_memory(error);
    return hth_labelling_frames(&labelling, &clock, (size_t)l->options->slack,
                                l->options->gaps == HTH_SPEECH_SKIP, file->stem, l->phones,
                                &l->kept, error);
}

static void release_utterance(loader *l) {
    free(l->frames.values);
    free(l->phones);
    l->frames = (hth_frames){0};
    l->phones = NULL;
}

/* Reads an utterance into l->frames and l->phones. */
static hth_status read_utterance(loader *l, const hth_speech_file *file, hth_error *error) {
    HTH_TRY(hth_features_read(&l->reader, file->path, &l->frames, error));
    HTH_TRY(check_channels(l, file->path, error));
    HTH_TRY(read_labels(l, file, error));
    if (l->kept) return widen(l, error);
    return hth_fail(error, HTH_MISMATCH, "%.300s: no frame of this utterance has a label",
                    file->path);
}

/* ---- Statistics of training utterances ------------------------------------------------------ */

static hth_status note_phones(loader *l, hth_error *error) {
    const size_t known = hth_labels_phone_count(l->labels);
    if (known > l->used_capacity) {
        bool *used = realloc(l->used, known * sizeof *used);
        if (!used) return no_memory(error);
        memset(used + l->used_capacity, 0, known - l->used_capacity);
        l->used = used;
        l->used_capacity = known;
    }
    for (size_t t = 0; t < l->kept; t++)
        if (l->phones[t] >= 0) l->used[l->phones[t]] = true;
    return HTH_OK;
}

static void measure(loader *l) {
    for (size_t t = 0; t < l->kept; t++)
        for (size_t c = 0; c < l->set.channels; c++) {
            const hth_real kept = (hth_real)l->frames.values[t * l->set.channels + c];
            const double v = (double)kept;
            channel *to = &l->channels[c];
            to->min = v < to->min ? v : to->min;
            to->max = v > to->max ? v : to->max;
            to->sum += v;
            to->squares += v * v;
        }
    l->measured += l->kept;
}

/* ---- Keeping a split --------------------------------------------------------------------------- */

static hth_status reserve(loader *l, size_t frames, hth_error *error) {
    if (frames <= l->capacity) return HTH_OK;
    size_t capacity = l->capacity ? l->capacity * 2 : 1024;
    while (capacity < frames) capacity *= 2;
    const size_t row = l->set.channels * sizeof(hth_real);
    hth_real *x = realloc(l->set.x, hth_times(capacity, row));
    if (x) l->set.x = x;
    int32_t *classes = realloc(l->set.classes, capacity * sizeof *classes);
    if (classes) l->set.classes = classes;
    if (!x || !classes) return no_memory(error);
    l->capacity = capacity;
    return HTH_OK;
}

/* Appends the utterance to the set. It is not scaled yet, and has phones in place of classes. */
static hth_status keep(loader *l, size_t file, hth_error *error) {
    hth_speech_set *set = &l->set;
    HTH_TRY(reserve(l, set->frames + l->kept, error));
    hth_real *to = set->x + set->frames * set->channels;
    for (size_t i = 0; i < l->kept * set->channels; i++) to[i] = (hth_real)l->frames.values[i];
    memcpy(set->classes + set->frames, l->phones, l->kept * sizeof *l->phones);
    set->utterances[set->count++] = (hth_utterance){file, set->frames, l->kept};
    set->frames += l->kept;
    return HTH_OK;
}

/* ---- Scale and classes ----------------------------------------------------------------------- */

static void find_scale(loader *l) {
    const double n = (double)l->measured;
    for (size_t c = 0; c < l->set.channels && l->options->scale != HTH_SPEECH_NONE; c++) {
        channel *ch = &l->channels[c];
        const double mean = ch->sum / n, variance = ch->squares / n - mean * mean;
        const bool minmax = l->options->scale == HTH_SPEECH_MINMAX;
        ch->shift = minmax ? ch->min : mean;
        ch->width = minmax ? ch->max - ch->min : sqrt(variance > 0 ? variance : 0);
        if (!(ch->max > ch->min) || !(ch->width > 0)) ch->width = INFINITY;
    }
}

static void scale(loader *l) {
    hth_speech_set *set = &l->set;
    for (size_t i = 0; i < set->frames * set->channels; i++) {
        const channel *c = &l->channels[i % set->channels];
        set->x[i] = (hth_real)(((double)set->x[i] - c->shift) / c->width);
    }
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static hth_status add_name(loader *l, const char *text, size_t length, hth_error *error) {
    char *copy = malloc(length + 1);
    char **names = realloc(l->names, (l->set.outputs + 1) * sizeof *names);
    if (names) l->names = names;
    if (!copy || !names) {
        free(copy);
        return no_memory(error);
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    names[l->set.outputs++] = copy;
    return HTH_OK;
}

/* Reads the phones from a file, one a line. */
static hth_status name_lines(loader *l, const hth_bytes *text, hth_error *error) {
    const char *at = text->data, *end = at + text->length;
    for (size_t line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        while (length && strchr(" \t\r", at[length - 1])) length--;
        if (length) HTH_TRY(add_name(l, at, length, error));
        for (size_t i = 0; length && i + 1 < l->set.outputs; i++)
            if (!strcmp(l->names[i], l->names[l->set.outputs - 1]))
                return hth_fail(error, HTH_INVALID, "%.300s:%zu: the phone '%.60s' is named twice",
                                l->options->phones, line, l->names[i]);
        at = stop ? stop + 1 : end;
    }
    if (l->set.outputs) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%.300s: the file names no phone", l->options->phones);
}

static hth_status name_classes(loader *l, hth_error *error) {
    /* Read the names from the file of phones, if there is one. */
    if (*l->options->phones) {
        hth_bytes text;
        HTH_TRY(hth_file_read(l->options->phones, &text, error));
        hth_status status = name_lines(l, &text, error);
        free(text.data);
        return status;
    }
    /* Or from the training utterances, sorted. */
    for (size_t p = 0; p < l->used_capacity; p++) {
        const char *name = hth_labels_phone(l->labels, (int32_t)p);
        if (l->used[p]) HTH_TRY(add_name(l, name, strlen(name), error));
    }
    if (!l->set.outputs)
        return hth_fail(error, HTH_INVALID,
                        "%.300s: no frame of the training utterances has a label",
                        l->options->train);
    qsort(l->names, l->set.outputs, sizeof *l->names, by_name);
    return HTH_OK;
}

static int32_t class_of(const loader *l, const char *phone) {
    for (size_t i = 0; i < l->set.outputs; i++)
        if (!strcmp(l->names[i], phone)) return (int32_t)i;
    return -1;
}

static hth_status fail_phone(const loader *l, size_t frame, const char *phone, hth_error *error) {
    const hth_utterance *u = l->set.utterances;
    while (frame >= u->first + u->frames) u++;
    const char *path = l->tree.files[u->file].path, *named = l->options->phones;
    if (*named)
        return hth_fail(error, HTH_INVALID,
                        "%.200s: frame %zu is the phone '%.40s', which %.150s does not name", path,
                        frame - u->first, phone, named);
    return hth_fail(
        error, HTH_INVALID,
        "%.200s: frame %zu is the phone '%.40s', which no utterance of %.120s has: name "
        "all phones in a file (data.phones)",
        path, frame - u->first, phone, l->options->train);
}

/* Replaces phones by classes. */
static hth_status classify(loader *l, hth_error *error) {
    int32_t phone = -1, class = -1; /* phone and class of the frame before */
    for (size_t t = 0; t < l->set.frames; t++) {
        int32_t *at = &l->set.classes[t];
        if (*at < 0) continue;
        if (*at != phone) {
            phone = *at;
            class = class_of(l, hth_labels_phone(l->labels, phone));
        }
        if (class < 0) return fail_phone(l, t, hth_labels_phone(l->labels, phone), error);
        *at = class;
    }
    return HTH_OK;
}

/* ---- All of it -------------------------------------------------------------------------------- */

/* Reads the utterances of a list. train: adds them to the statistics. kept: appends them to the set. */
static hth_status go_through(loader *l, const char *list, bool train, bool kept, hth_error *error) {
    size_t *files, count;
    HTH_TRY(hth_speech_list_read(list, &l->tree, l->options->exclude, &files, &count, error));
    hth_status status = HTH_OK;
    if (kept) l->set.utterances = calloc(count, sizeof *l->set.utterances);
    if (kept && !l->set.utterances) status = no_memory(error);
    for (size_t i = 0; status == HTH_OK && i < count; i++) {
        status = read_utterance(l, &l->tree.files[files[i]], error);
        if (status == HTH_OK && train) status = note_phones(l, error);
        if (status == HTH_OK && train) measure(l);
        if (status == HTH_OK && kept) status = keep(l, files[i], error);
        release_utterance(l);
    }
    free(files);
    return status;
}

static hth_status open_files(loader *l, hth_error *error) {
    static const char *const known[] = {"mfc", "mfcc", "htk",  "fea", "wav",
                                        "sph", "nist", "flac", NULL};
    const char *const given[] = {l->options->extension, NULL};
    const bool any = !*l->options->extension;
    HTH_TRY(hth_speech_tree_scan(l->options->features, any ? known : given, &l->tree, error));
    return hth_labels_open(l->options->labels, l->options->features, &l->labels, error);
}

static hth_status load(loader *l, hth_split split, hth_error *error) {
    const hth_speech_options *o = l->options;
    HTH_TRY(open_files(l, error));
    HTH_TRY(go_through(l, o->train, true, split == HTH_TRAIN, error));
    if (split != HTH_TRAIN)
        HTH_TRY(go_through(l, split == HTH_VALIDATE ? o->validate : o->test, false, true, error));
    HTH_TRY(name_classes(l, error));
    HTH_TRY(classify(l, error));
    find_scale(l);
    scale(l);
    return HTH_OK;
}

static void close_loader(loader *l) {
    hth_speech_tree_free(&l->tree);
    hth_labels_close(l->labels);
    hth_feature_reader_free(&l->reader);
    for (size_t i = 0; i < l->set.outputs && l->names; i++) free(l->names[i]);
    free(l->names);
    free(l->channels);
    free(l->used);
}

hth_status hth_speech_set_load(const hth_speech_options *options, hth_split split,
                               hth_speech_set *out, hth_error *error) {
    loader l = {
        .options = options,
        .reader = {.options = {.mfcc = options->mfcc, .channels = (size_t)options->channels}}};
    hth_status status = load(&l, split, error);
    close_loader(&l);
    if (status == HTH_OK)
        *out = l.set;
    else
        hth_speech_set_free(&l.set);
    return status;
}
