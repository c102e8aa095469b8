/*
 * Cuts the text of label files into segments. There are three formats:
 *
 *     UTT FIRST END PHONE                           a table, in frames, one segment a line
 *     #!MLF!#, then "NAME", START END LABEL ..., .  HTK's master label file (The HTK Book, section 6.3)
 *     START END PHONE                               a .PHN file of TIMIT, in samples
 *
 * Only the phone of an HTK label is kept: f-eh+b becomes eh; eh_s2_1 and eh[2] are states of eh; s2 is a state of
 * the phone in the fifth column, on the same line or an earlier one.
 */
#include "data/speech_label_text.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 8 };

/* The part of a text that has not been read. */
typedef struct lines {
    const char *at, *end;
    size_t line; /* from 1 */
} lines;

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for the labels");
}

/* Makes room for one more item; false if memory ran out. */
static bool grow(void **items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return true;
    size_t more = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*items, more * size);
    if (!grown) return false;
    *items = grown;
    *capacity = more;
    return true;
}

bool hth_piece_is(hth_piece a, hth_piece b) {
    return a.length == b.length && !memcmp(a.text, b.text, a.length);
}

/* ---- Lines and fields --------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Reads the next line that is not empty and cuts it at white space. Fields after the eighth are ignored. */
static bool next_line(lines *l, hth_piece fields[MOST_FIELDS], size_t *count) {
    for (*count = 0; l->at < l->end && !*count;) {
        const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
        const char *at = l->at, *end = stop ? stop : l->end;
        l->at = stop ? stop + 1 : l->end;
        l->line++;
        while (at < end && *count < MOST_FIELDS) {
            const char *start = at;
            while (at < end && !is_space(*at)) at++;
            if (at > start) fields[(*count)++] = (hth_piece){start, (size_t)(at - start)};
            while (at < end && is_space(*at)) at++;
        }
    }
    return *count > 0;
}

static bool is_text(hth_piece p, const char *text) {
    return p.length == strlen(text) && !memcmp(p.text, text, p.length);
}

/* How many bytes of a piece a message shows. */
static int shown(hth_piece p) {
    return p.length > 60 ? 60 : (int)p.length;
}

static hth_status read_position(const hth_labels *labels, size_t line, hth_piece p, int64_t *out,
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

/* *out: the number of a phone. A new phone gets the next number. */
static hth_status phone_number(hth_labels *labels, hth_piece name, int32_t *out, hth_error *error) {
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

/* The phone of an HTK label: l-p+r is p; without a '+' a '-' belongs to the phone (ax-h). p[2], p_s2 and p_s2_1 are
 * states of p. */
static hth_piece phone_of(hth_piece p) {
    const char *plus = memchr(p.text, '+', p.length);
    if (plus && plus > p.text) {
        p.length = (size_t)(plus - p.text);
        const char *minus = memchr(p.text, '-', p.length);
        if (minus && minus + 1 < plus) p = (hth_piece){minus + 1, (size_t)(plus - minus - 1)};
    }
    for (size_t i = 1; i < p.length; i++) {
        bool state =
            p.text[i] == '_' && i + 2 < p.length && p.text[i + 1] == 's' && is_digit(p.text[i + 2]);
        if (state || p.text[i] == '[') p.length = i;
    }
    return p;
}

/* Whether the label is a state without its phone, such as s2. */
static bool is_bare_state(hth_piece p) {
    if (p.length < 2 || p.text[0] != 's') return false;
    for (size_t i = 1; i < p.length; i++)
        if (!is_digit(p.text[i])) return false;
    return true;
}

/* ---- Segments ----------------------------------------------------------------------------- */

static hth_status begin_utterance(hth_labels *labels, hth_piece name, size_t line,
                                  hth_error *error) {
    if (!grow((void **)&labels->utterances, labels->utterance_count, &labels->utterance_capacity,
              sizeof *labels->utterances))
        return no_memory(error);
    labels->utterances[labels->utterance_count++] =
        (hth_labelled){name, labels->segment_count, 0, line};
    return HTH_OK;
}

/* Adds a segment to the last utterance. Segments must be in order; empty ones are ignored. */
static hth_status add_segment(hth_labels *labels, const lines *l, hth_piece start, hth_piece end,
                              hth_piece phone, hth_error *error) {
    hth_labelled *utterance = &labels->utterances[labels->utterance_count - 1];
    hth_segment segment = {.line = l->line};
    /* Read the segment's start and end. */
    HTH_TRY(read_position(labels, l->line, start, &segment.start, error));
    HTH_TRY(read_position(labels, l->line, end, &segment.end, error));
    if (segment.end < segment.start)
        return hth_fail(error, HTH_INVALID,
                        "%.300s:%zu: a label that starts at %lld cannot end at %lld", labels->path,
                        l->line, (long long)segment.start, (long long)segment.end);
    if (segment.end == segment.start) return HTH_OK;
    /* It must not overlap the one before. */
    const int64_t before = utterance->count ? labels->segments[labels->segment_count - 1].end : 0;
    if (segment.start < before)
        return hth_fail(error, HTH_INVALID,
                        "%.300s:%zu: a label starts at %lld, but the one before ends at %lld",
                        labels->path, l->line, (long long)segment.start, (long long)before);
    /* Append the segment. */
    HTH_TRY(phone_number(labels, phone, &segment.phone, error));
    if (!grow((void **)&labels->segments, labels->segment_count, &labels->segment_capacity,
              sizeof *labels->segments))
        return no_memory(error);
    labels->segments[labels->segment_count++] = segment;
    utterance->count++;
    return HTH_OK;
}

static hth_status read_table(hth_labels *labels, lines l, hth_error *error) {
    hth_piece fields[MOST_FIELDS];
    size_t count;
    while (next_line(&l, fields, &count)) {
        if (fields[0].text[0] == '#') continue;
        if (count != 4)
            return hth_fail(error, HTH_INVALID,
                            "%.300s:%zu: a line of %s%zu fields; it must have 4: utterance, first "
                            "frame, end frame, phone",
                            labels->path, l.line, count == MOST_FIELDS ? "at least " : "", count);
        size_t n = labels->utterance_count;
        if (n == 0 || !hth_piece_is(labels->utterances[n - 1].name, fields[0]))
            HTH_TRY(begin_utterance(labels, fields[0], l.line, error));
        HTH_TRY(add_segment(labels, &l, fields[1], fields[2], fields[3], error));
    }
    return HTH_OK;
}

/* The name in "An4/71/cen5.lab", without quotes, pattern and ending. */
static hth_piece master_name(hth_piece p) {
    p = (hth_piece){p.text + 1, p.length - 1};
    if (p.length && p.text[p.length - 1] == '"') p.length--;
    while (p.length && (p.text[0] == '*' || p.text[0] == '/'))
        p = (hth_piece){p.text + 1, p.length - 1};
    for (size_t i = p.length; i > 1 && p.text[i - 1] != '/'; i--)
        if (p.text[i - 1] == '.') return (hth_piece){p.text, i - 1};
    return p;
}

static hth_status read_master(hth_labels *labels, lines l, hth_error *error) {
    hth_piece fields[MOST_FIELDS], phone = {0};
    size_t count;
    bool inside = false;
    next_line(&l, fields, &count); /* skip #!MLF!# */
    while (next_line(&l, fields, &count)) {
        /* A name begins an utterance, a dot ends it. */
        if (fields[0].text[0] == '"') {
            HTH_TRY(begin_utterance(labels, master_name(fields[0]), l.line, error));
            phone = (hth_piece){0};
            inside = true;
        } else if (is_text(fields[0], ".")) {
            inside = false;
        } else {
            /* Any other line is a label: find its phone and add a segment. */
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
    hth_piece fields[MOST_FIELDS];
    size_t count;
    HTH_TRY(begin_utterance(labels, (hth_piece){0}, 1, error));
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

hth_status hth_label_text_read(hth_labels *labels, hth_error *error) {
    const lines l = {labels->text.data, labels->text.data + labels->text.length, 0};
    switch (labels->unit) {
    case HTH_LABEL_FRAMES:
        return read_table(labels, l, error);
    case HTH_LABEL_TIMES:
        return read_master(labels, l, error);
    default:
        return read_timit(labels, l, error);
    }
}
