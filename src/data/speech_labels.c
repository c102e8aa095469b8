/*
 * Reads label files. Three formats, told apart by what they hold:
 *
 *     UTT FIRST END PHONE                           a table, in frames, one segment a line
 *     #!MLF!#, then "NAME", START END LABEL ..., .  HTK's master label file (The HTK Book, section 6.3)
 *     START END PHONE                               a .PHN file of TIMIT, in samples
 *
 * Of an HTK label only the phone counts: f-eh+b is eh, eh_s2_1 and eh[2] are states of eh, and s2 is a
 * state of the phone in the fifth column, there or on a line before. A file is read once; finding an
 * utterance is a binary search.
 */
#include "data/speech_labels.h"

#include "data/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FIELDS = 8 };

/* Bytes of the text, not closed by a zero. */
typedef struct piece {
    const char *text;
    size_t length;
} piece;

typedef struct labelled {
    piece name; /* lower case, without an ending */
    size_t first, count, line;
} labelled;

struct hth_labels {
    char *path; /* the table, or the .phn file read last */
    hth_label_unit unit;
    hth_bytes text;       /* of that file */
    hth_speech_tree tree; /* .phn files; count 0: a table */
    labelled *utterances;
    size_t utterance_count, utterance_capacity;
    hth_segment *segments;
    size_t segment_count, segment_capacity;
    char **phones;
    size_t phone_count, phone_capacity;
};

const char *hth_labels_phone(const hth_labels *labels, int32_t phone) {
    return labels->phones[phone];
}

size_t hth_labels_phone_count(const hth_labels *labels) {
    return labels->phone_count;
}

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for the labels");
}

/* Room for one more item; false without memory. */
static bool grow(void **items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return true;
    size_t more = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*items, more * size);
    if (!grown) return false;
    *items = grown;
    *capacity = more;
    return true;
}

/* ---- Lines and fields --------------------------------------------------------------------- */

typedef struct lines {
    const char *at, *end;
    size_t line; /* from 1 */
} lines;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The next line that holds something, cut at white space; a ninth field and what follows is left. */
static bool next_line(lines *l, piece fields[MOST_FIELDS], size_t *count) {
    for (*count = 0; l->at < l->end && !*count;) {
        const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
        const char *at = l->at, *end = stop ? stop : l->end;
        l->at = stop ? stop + 1 : l->end;
        l->line++;
        while (at < end && *count < MOST_FIELDS) {
            const char *start = at;
            while (at < end && !is_space(*at)) at++;
            if (at > start) fields[(*count)++] = (piece){start, (size_t)(at - start)};
            while (at < end && is_space(*at)) at++;
        }
    }
    return *count > 0;
}

static bool is_text(piece p, const char *text) {
    return p.length == strlen(text) && !memcmp(p.text, text, p.length);
}

/* What is shown of a piece in a message. */
static int shown(piece p) {
    return p.length > 60 ? 60 : (int)p.length;
}

static hth_status read_position(const hth_labels *labels, size_t line, piece p, int64_t *out,
                                hth_error *error) {
    const int64_t most = INT64_MAX / 16;
    int64_t value = 0;
    for (size_t i = 0; i < p.length; i++) {
        if (p.text[i] < '0' || p.text[i] > '9' || value > most)
            return hth_fail(error, HTH_INVALID,
                            "%.250s:%zu: '%.*s' must be a whole number of at least 0: the start or "
                            "end of a label in %s",
                            labels->path, line, shown(p), p.text,
                            labels->unit == HTH_LABEL_FRAMES  ? "frames"
                            : labels->unit == HTH_LABEL_TIMES ? "units of 100 ns"
                                                              : "samples");
        value = value * 10 + (p.text[i] - '0');
    }
    *out = value;
    return HTH_OK;
}

/* ---- Phones ------------------------------------------------------------------------------- */

/* The number of a phone, given it when it is met first. */
static hth_status phone_number(hth_labels *labels, piece name, int32_t *out, hth_error *error) {
    for (size_t i = 0; i < labels->phone_count; i++)
        if (is_text(name, labels->phones[i])) {
            *out = (int32_t)i;
            return HTH_OK;
        }
    char *copy = malloc(name.length + 1);
    if (!copy || !grow((void **)&labels->phones, labels->phone_count, &labels->phone_capacity,
                       sizeof *labels->phones)) {
        free(copy);
        return no_memory(error);
    }
    memcpy(copy, name.text, name.length);
    copy[name.length] = '\0';
    *out = (int32_t)labels->phone_count;
    labels->phones[labels->phone_count++] = copy;
    return HTH_OK;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* l-p+r is p; without + a - belongs to the phone (ax-h). p[2], p_s2 and p_s2_1 are states of p. */
static piece phone_of(piece p) {
    const char *plus = memchr(p.text, '+', p.length);
    if (plus && plus > p.text) {
        p.length = (size_t)(plus - p.text);
        const char *minus = memchr(p.text, '-', p.length);
        if (minus && minus + 1 < plus) p = (piece){minus + 1, (size_t)(plus - minus - 1)};
    }
    for (size_t i = 1; i < p.length; i++) {
        bool state =
            p.text[i] == '_' && i + 2 < p.length && p.text[i + 1] == 's' && is_digit(p.text[i + 2]);
        if (state || p.text[i] == '[') p.length = i;
    }
    return p;
}

/* s2: a state, whose phone stands elsewhere. */
static bool is_bare_state(piece p) {
    if (p.length < 2 || p.text[0] != 's') return false;
    for (size_t i = 1; i < p.length; i++)
        if (!is_digit(p.text[i])) return false;
    return true;
}

/* ---- Segments ----------------------------------------------------------------------------- */

static hth_status begin_utterance(hth_labels *labels, piece name, size_t line, hth_error *error) {
    if (!grow((void **)&labels->utterances, labels->utterance_count, &labels->utterance_capacity,
              sizeof *labels->utterances))
        return no_memory(error);
    labels->utterances[labels->utterance_count++] =
        (labelled){name, labels->segment_count, 0, line};
    return HTH_OK;
}

/* One more segment of the utterance begun last. */
static hth_status add_segment(hth_labels *labels, const lines *l, piece start, piece end,
                              piece phone, hth_error *error) {
    labelled *utterance = &labels->utterances[labels->utterance_count - 1];
    hth_segment segment = {.line = l->line};
    HTH_TRY(read_position(labels, l->line, start, &segment.start, error));
    HTH_TRY(read_position(labels, l->line, end, &segment.end, error));
    if (segment.end < segment.start)
        return hth_fail(error, HTH_INVALID,
                        "%.300s:%zu: a label that starts at %lld cannot end at %lld", labels->path,
                        l->line, (long long)segment.start, (long long)segment.end);
    if (segment.end == segment.start) return HTH_OK;
    const hth_segment *last = labels->segments + labels->segment_count - 1;
    if (utterance->count && segment.start < last->end)
        return hth_fail(error, HTH_INVALID,
                        "%.300s:%zu: a label starts at %lld, but the one before ends at %lld",
                        labels->path, l->line, (long long)segment.start, (long long)last->end);
    HTH_TRY(phone_number(labels, phone, &segment.phone, error));
    if (!grow((void **)&labels->segments, labels->segment_count, &labels->segment_capacity,
              sizeof *labels->segments))
        return no_memory(error);
    labels->segments[labels->segment_count++] = segment;
    utterance->count++;
    return HTH_OK;
}

static bool same(piece a, piece b) {
    return a.length == b.length && !memcmp(a.text, b.text, a.length);
}

static hth_status read_table(hth_labels *labels, lines l, hth_error *error) {
    piece fields[MOST_FIELDS];
    size_t count;
    while (next_line(&l, fields, &count)) {
        if (fields[0].text[0] == '#') continue;
        if (count != 4)
            return hth_fail(error, HTH_INVALID,
                            "%.300s:%zu: a line of %s%zu fields; it must have 4: utterance, first "
                            "frame, end frame, phone",
                            labels->path, l.line, count == MOST_FIELDS ? "at least " : "", count);
        size_t n = labels->utterance_count;
        if (n == 0 || !same(labels->utterances[n - 1].name, fields[0]))
            HTH_TRY(begin_utterance(labels, fields[0], l.line, error));
        HTH_TRY(add_segment(labels, &l, fields[1], fields[2], fields[3], error));
    }
    return HTH_OK;
}

/* "An4/71/cen5.lab" without quotes, pattern and ending. */
static piece master_name(piece p) {
    p = (piece){p.text + 1, p.length - 1};
    if (p.length && p.text[p.length - 1] == '"') p.length--;
    while (p.length && (p.text[0] == '*' || p.text[0] == '/'))
        p = (piece){p.text + 1, p.length - 1};
    for (size_t i = p.length; i > 1 && p.text[i - 1] != '/'; i--)
        if (p.text[i - 1] == '.') return (piece){p.text, i - 1};
    return p;
}

static hth_status read_master(hth_labels *labels, lines l, hth_error *error) {
    piece fields[MOST_FIELDS], phone = {0};
    size_t count;
    bool inside = false;
    next_line(&l, fields, &count); /* #!MLF!# */
    while (next_line(&l, fields, &count)) {
        if (fields[0].text[0] == '"') {
            HTH_TRY(begin_utterance(labels, master_name(fields[0]), l.line, error));
            phone = (piece){0};
            inside = true;
        } else if (is_text(fields[0], ".")) {
            inside = false;
        } else {
            if (!inside || count < 3)
                return hth_fail(error, HTH_INVALID,
                                "%.300s:%zu: '%.*s' is neither the \"name\" of an utterance nor a "
                                "label of one: start, end, phone",
                                labels->path, l.line, shown(fields[0]), fields[0].text);
            if (!is_bare_state(fields[2]))
                phone = fields[2];
            else if (count >= 5)
                phone = fields[4];
            if (!phone.length) phone = fields[2];
            HTH_TRY(add_segment(labels, &l, fields[0], fields[1], phone_of(phone), error));
        }
    }
    return HTH_OK;
}

static hth_status read_timit(hth_labels *labels, lines l, hth_error *error) {
    piece fields[MOST_FIELDS];
    size_t count;
    HTH_TRY(begin_utterance(labels, (piece){0}, 1, error));
    while (next_line(&l, fields, &count)) {
        if (count != 3)
            return hth_fail(error, HTH_INVALID,
                            "%.300s:%zu: a line of %s%zu fields; it must have 3: first sample, end "
                            "sample, phone",
                            labels->path, l.line, count == MOST_FIELDS ? "at least " : "", count);
        HTH_TRY(add_segment(labels, &l, fields[0], fields[1], fields[2], error));
    }
    return HTH_OK;
}

/* ---- Tables: order and search ------------------------------------------------------------- */

static piece base_of(piece p) {
    for (size_t i = p.length; i > 0; i--)
        if (p.text[i - 1] == '/') return (piece){p.text + i, p.length - i};
    return p;
}

static int compare(piece a, piece b) {
    int order = memcmp(a.text, b.text, a.length < b.length ? a.length : b.length);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int by_base(const void *left, const void *right) {
    const labelled *a = left, *b = right;
    int order = compare(base_of(a->name), base_of(b->name));
    return order ? order : compare(a->name, b->name);
}

/* Names are compared without regard to case: the text is ours to change. */
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
    labelled *u = labels->utterances;
    qsort(u, labels->utterance_count, sizeof *u, by_base);
    for (size_t i = 1; i < labels->utterance_count; i++)
        if (same(u[i - 1].name, u[i].name))
            return hth_fail(error, HTH_INVALID,
                            "%.250s: the utterance %.*s is labelled twice, at lines %zu and %zu",
                            labels->path, shown(u[i].name), u[i].name.text,
                            u[i - 1].line < u[i].line ? u[i - 1].line : u[i].line,
                            u[i - 1].line < u[i].line ? u[i].line : u[i - 1].line);
    return HTH_OK;
}

/* Whole components that the ends of both have in common. */
static size_t common_ending(piece a, piece b) {
    size_t parts = 0;
    while (a.length && b.length) {
        piece last_a = base_of(a), last_b = base_of(b);
        if (!same(last_a, last_b)) return parts;
        parts++;
        a.length -= last_a.length + (a.length > last_a.length);
        b.length -= last_b.length + (b.length > last_b.length);
    }
    return parts;
}

/* The first utterance whose base is not before that of `name`. */
static size_t lower_bound(const hth_labels *labels, piece name) {
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
    piece name = {stem, strlen(stem)};
    size_t best = 0, most = 0, ties = 0;
    for (size_t i = lower_bound(labels, name); i < labels->utterance_count; i++) {
        size_t parts = common_ending(labels->utterances[i].name, name);
        if (!parts) break;
        ties = parts > most ? 1 : parts == most ? ties + 1 : ties;
        if (parts > most) best = i;
        if (parts > most) most = parts;
    }
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

/* In place of the file before; its segments too. */
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
    lines l = {text->data, text->data + text->length, 0};
    bool master = text->length >= strlen(magic) && !memcmp(text->data, magic, strlen(magic));
    labels->unit = master ? HTH_LABEL_TIMES : HTH_LABEL_FRAMES;
    HTH_TRY(master ? read_master(labels, l, error) : read_table(labels, l, error));
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
    lines l = {labels->text.data, labels->text.data + labels->text.length, 0};
    HTH_TRY(read_timit(labels, l, error));
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
    const labelled *utterance = &labels->utterances[at];
    *out = (hth_labelling){labels->path, labels->unit, labels->segments + utterance->first,
                           utterance->count};
    return HTH_OK;
}

/* ---- From segments to frames -------------------------------------------------------------- */

/* Frames that lie before `end`, were there enough of them. */
static size_t frames_before(const hth_frame_clock *clock, int64_t end) {
    if (end <= clock->offset) return 0;
    return (size_t)((end - clock->offset + clock->step - 1) / clock->step);
}

hth_status hth_labelling_frames(const hth_labelling *labelling, const hth_frame_clock *clock,
                                size_t slack, bool gaps, const char *utterance, int32_t *phones,
                                size_t *labelled_frames, hth_error *error) {
    const hth_segment *last = &labelling->segments[labelling->count - 1];
    const size_t told = frames_before(clock, last->end), there = clock->frames;
    if (told > there + slack || told + slack < there)
        return hth_fail(
            error, HTH_MISMATCH,
            "%.150s:%zu: the labels of %.150s last %zu frames, but it has %zu; they may "
            "differ by %zu (data.slack)",
            labelling->path, last->line, utterance, told, there, slack);
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
