/*
 * Finds the phones of an utterance and assigns them to its frames. A table or master label file is read once and
 * sorted by the utterances' own names, so that a search is a binary one. A .PHN file is read when its utterance is
 * needed.
 */
#include "data/speech_label_text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *hth_labels_phone(const hth_labels *labels, int32_t phone) {
    return labels->phones[phone];
}

size_t hth_labels_phone_count(const hth_labels *labels) {
    return labels->phone_count;
}

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for the labels");
}

/* ---- Tables: order and search ------------------------------------------------------------- */

static hth_piece base_of(hth_piece p) {
    for (size_t i = p.length; i > 0; i--)
        if (p.text[i - 1] == '/') return (hth_piece){p.text + i, p.length - i};
    return p;
}

static int compare(hth_piece a, hth_piece b) {
    int order = memcmp(a.text, b.text, a.length < b.length ? a.length : b.length);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int by_base(const void *left, const void *right) {
    const hth_labelled *a = left, *b = right;
    int order = compare(base_of(a->name), base_of(b->name));
    return order ? order : compare(a->name, b->name);
}

/* Makes names lower case in the text itself, because case is ignored. */
static void lower_names(hth_labels *labels) {
    for (size_t i = 0; i < labels->utterance_count; i++) {
        char *at = labels->text.data + (labels->utterances[i].name.text - labels->text.data);
        for (size_t k = 0; k < labels->utterances[i].name.length; k++)
            if (at[k] >= 'A' && at[k] <= 'Z') at[k] = (char)(at[k] - 'A' + 'a');
    }
}

static hth_status order_table(hth_labels *labels, hth_error *error) {
    if (labels->segment_count == 0)
        return hth_fail(error, HTH_INVALID, "%.300s: the file has no label", labels->path);
    lower_names(labels);
    hth_labelled *u = labels->utterances;
    qsort(u, labels->utterance_count, sizeof *u, by_base);
    for (size_t i = 1; i < labels->utterance_count; i++)
        if (hth_piece_is(u[i - 1].name, u[i].name))
            return hth_fail(error, HTH_INVALID,
                            "%.250s: the utterance %.*s is labelled twice, at lines %zu and %zu",
                            labels->path, (int)u[i].name.length, u[i].name.text,
                            u[i - 1].line < u[i].line ? u[i - 1].line : u[i].line,
                            u[i - 1].line < u[i].line ? u[i].line : u[i - 1].line);
    return HTH_OK;
}

/* The number of whole path components, counted from the end, that both have in common. */
static size_t common_ending(hth_piece a, hth_piece b) {
    size_t parts = 0;
    while (a.length && b.length) {
        hth_piece last_a = base_of(a), last_b = base_of(b);
        if (!hth_piece_is(last_a, last_b)) return parts;
        parts++;
        a.length -= last_a.length + (a.length > last_a.length);
        b.length -= last_b.length + (b.length > last_b.length);
    }
    return parts;
}

/* Finds the first utterance whose base is not before that of `name`, by bisection. */
static size_t lower_bound(const hth_labels *labels, hth_piece name) {
    size_t from = 0, to = labels->utterance_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare(base_of(labels->utterances[middle].name), base_of(name)) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static hth_status find_in_table(const hth_labels *labels, const char *stem, size_t *out,
                                hth_error *error) {
    hth_piece name = {stem, strlen(stem)};
    /* The utterance with the longest common ending. */
    size_t best = 0, most = 0, ties = 0;
    for (size_t i = lower_bound(labels, name); i < labels->utterance_count; i++) {
        size_t parts = common_ending(labels->utterances[i].name, name);
        if (!parts) break;
        ties = parts > most ? 1 : parts == most ? ties + 1 : ties;
        if (parts > most) best = i;
        if (parts > most) most = parts;
    }
    /* There must be one, only one, and with labels. */
    if (!most)
        return hth_fail(error, HTH_INVALID, "%.250s: no label of the utterance %.180s",
                        labels->path, stem);
    if (ties > 1)
        return hth_fail(error, HTH_INVALID,
                        "%.200s: %zu utterances there have a name like %.150s; their folders must "
                        "tell them apart",
                        labels->path, ties, stem);
    if (!labels->utterances[best].count)
        return hth_fail(error, HTH_INVALID, "%.250s:%zu: the utterance %.180s has no label",
                        labels->path, labels->utterances[best].line, stem);
    *out = best;
    return HTH_OK;
}

/* ---- Opening ------------------------------------------------------------------------------ */

void hth_labels_close(hth_labels *labels) {
    if (!labels) return;
    for (size_t i = 0; i < labels->phone_count; i++) free(labels->phones[i]);
    free(labels->phones);
    free(labels->segments);
    free(labels->utterances);
    free(labels->text.data);
    free(labels->path);
    hth_speech_tree_free(&labels->tree);
    free(labels);
}

/* Loads a file in place of the one before, whose segments are dropped. */
static hth_status load(hth_labels *labels, const char *path, hth_error *error) {
    char *copy = malloc(strlen(path) + 1);
    if (!copy) return no_memory(error);
    memcpy(copy, path, strlen(path) + 1);
    free(labels->path);
    labels->path = copy;
    free(labels->text.data);
    labels->text = (hth_bytes){NULL, 0};
    labels->utterance_count = labels->segment_count = 0;
    return hth_file_read(path, &labels->text, error);
}

static hth_status open_table(hth_labels *labels, const char *path, hth_error *error) {
    static const char magic[] = "#!MLF!#";
    HTH_TRY(load(labels, path, error));
    const hth_bytes *text = &labels->text;
    bool master = text->length >= strlen(magic) && !memcmp(text->data, magic, strlen(magic));
    labels->unit = master ? HTH_LABEL_TIMES : HTH_LABEL_FRAMES;
    HTH_TRY(hth_label_text_read(labels, error));
    return order_table(labels, error);
}

static hth_status open_any(hth_labels *labels, const char *place, const char *beside,
                           hth_error *error) {
    static const char *const endings[] = {"phn", NULL};
    struct stat status;
    bool folder = !*place || (!stat(place, &status) && S_ISDIR(status.st_mode));
    if (!folder) return open_table(labels, place, error);
    labels->unit = HTH_LABEL_SAMPLES;
    return hth_speech_tree_scan(*place ? place : beside, endings, &labels->tree, error);
}

hth_status hth_labels_open(const char *place, const char *beside, hth_labels **out,
                           hth_error *error) {
    hth_labels *labels = calloc(1, sizeof *labels);
    if (!labels) return no_memory(error);
    hth_status status = open_any(labels, place, beside, error);
    if (status == HTH_OK)
        *out = labels;
    else
        hth_labels_close(labels);
    return status;
}

static hth_status find_beside(hth_labels *labels, const hth_speech_file *file, hth_error *error) {
    const hth_speech_file *found = hth_speech_tree_find(&labels->tree, file->stem);
    if (!found)
        return hth_fail(error, HTH_FILE,
                        "%.200s: there is no label file %.150s.phn for it in %.80s", file->path,
                        file->stem, labels->tree.folder);
    HTH_TRY(load(labels, found->path, error));
    HTH_TRY(hth_label_text_read(labels, error));
    if (labels->segment_count) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%.300s: the file has no label", labels->path);
}

hth_status hth_labels_find(hth_labels *labels, const hth_speech_file *file, hth_labelling *out,
                           hth_error *error) {
    size_t at = 0;
    if (labels->tree.count)
        HTH_TRY(find_beside(labels, file, error));
    else
        HTH_TRY(find_in_table(labels, file->stem, &at, error));
    const hth_labelled *utterance = &labels->utterances[at];
    *out = (hth_labelling){labels->path, labels->unit, labels->segments + utterance->first,
                           utterance->count};
    return HTH_OK;
}

/* ---- From segments to frames -------------------------------------------------------------- */

/* The number of frames that begin before `end`, if there are that many. */
static size_t frames_before(const hth_frame_clock *clock, int64_t end) {
    if (end <= clock->offset) return 0;
    return (size_t)((end - clock->offset + clock->step - 1) / clock->step);
}

hth_status hth_labelling_frames(const hth_labelling *labelling, const hth_frame_clock *clock,
                                size_t slack, bool gaps, const char *utterance, int32_t *phones,
                                size_t *labelled_frames, hth_error *error) {
    /* The labels and the frames must end at about the same time. */
    const hth_segment *last = &labelling->segments[labelling->count - 1];
    const size_t told = frames_before(clock, last->end), there = clock->frames;
    if (told > there + slack || told + slack < there)
        return hth_fail(
            error, HTH_MISMATCH,
            "%.150s:%zu: the labels of %.150s last %zu frames, but it has %zu; they may "
            "differ by %zu (data.slack)",
            labelling->path, last->line, utterance, told, there, slack);
    /* Find the phone of each frame. */
    const size_t count = told < there ? told : there;
    const hth_segment *segment = labelling->segments;
    for (size_t t = 0; t < count; t++) {
        const int64_t at = clock->offset + (int64_t)t * clock->step;
        while (segment < last && at >= segment->end) segment++;
        phones[t] = at >= segment->start ? segment->phone : -1;
        if (phones[t] < 0 && !gaps)
            return hth_fail(error, HTH_MISMATCH,
                            "%.150s:%zu: frame %zu of %.150s has no label, the next one begins "
                            "after it; data.gaps=skip would leave such frames out",
                            labelling->path, segment->line, t, utterance);
    }
    *labelled_frames = count;
    return HTH_OK;
}
