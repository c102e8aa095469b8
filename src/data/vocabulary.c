/*
 * A vocabulary: a hash table from pieces of text to numbers (open addressing, at most half full), numbered by
 * descending frequency. Time is linear in the text, memory in the number of different pieces.
 */
#include "data/vocabulary.h"

#include <stdlib.h>
#include <string.h>

typedef struct entry {
    hth_piece piece;
    uint64_t count;
} entry;

struct hth_vocabulary {
    entry *entries; /* [size]; sorted by number after creation */
    size_t size, capacity;
    int32_t *slots; /* [slot_count]: number + 1; 0: empty */
    size_t slot_count;
    char *texts; /* the bytes of all pieces */
};

/* ---- Cutting ---------------------------------------------------------------------------- */

hth_cutter hth_cut(const char *text, size_t length, hth_text_level level, bool eos) {
    return (hth_cutter){text, text + length, level, eos, 1, 1};
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

static bool next_character(hth_cutter *cutter, hth_piece *piece) {
    if (cutter->at == cutter->end) return false;
    const char *start = cutter->at++;
    while (cutter->at < cutter->end && is_continuation(*cutter->at) && cutter->at - start < 4)
        cutter->at++;
    if (*start == '\n') cutter->next_line++;
    *piece = (hth_piece){start, (size_t)(cutter->at - start)};
    return true;
}

static bool next_word(hth_cutter *cutter, hth_piece *piece) {
    while (cutter->at < cutter->end && is_space(*cutter->at)) {
        if (*cutter->at++ != '\n') continue;
        cutter->next_line++;
        if (cutter->eos) {
            *piece = (hth_piece){"<eos>", 5};
            return true;
        }
        cutter->line = cutter->next_line;
    }
    if (cutter->at == cutter->end) return false;
    const char *start = cutter->at;
    while (cutter->at < cutter->end && !is_space(*cutter->at)) cutter->at++;
    *piece = (hth_piece){start, (size_t)(cutter->at - start)};
    return true;
}

bool hth_cut_next(hth_cutter *cutter, hth_piece *piece) {
    cutter->line = cutter->next_line;
    return cutter->level == HTH_LEVEL_WORD ? next_word(cutter, piece)
                                           : next_character(cutter, piece);
}

/* ---- The table -------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash(hth_piece piece) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < piece.length; i++)
        h = (h ^ (unsigned char)piece.text[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool equal(hth_piece a, hth_piece b) {
    return a.length == b.length && !memcmp(a.text, b.text, a.length);
}

/* The slot that holds the piece, or the free slot where it belongs. */
static int32_t *slot_of(const hth_vocabulary *v, hth_piece piece) {
    size_t at = (size_t)hash(piece) & (v->slot_count - 1);
    while (v->slots[at] && !equal(v->entries[v->slots[at] - 1].piece, piece))
        at = (at + 1) & (v->slot_count - 1);
    return &v->slots[at];
}

static void fill_slots(hth_vocabulary *v) {
    memset(v->slots, 0, v->slot_count * sizeof *v->slots);
    for (size_t i = 0; i < v->size; i++) *slot_of(v, v->entries[i].piece) = (int32_t)i + 1;
}

/* Doubles the table; false if memory ran out. */
static bool enlarge(hth_vocabulary *v) {
    size_t capacity = v->capacity ? v->capacity * 2 : 1024;
    if (capacity > INT32_MAX / 2) return false;
    entry *entries = realloc(v->entries, capacity * sizeof *entries);
    if (!entries) return false;
    v->entries = entries;
    int32_t *slots = realloc(v->slots, capacity * 2 * sizeof *slots);
    if (!slots) return false;
    v->slots = slots;
    v->capacity = capacity;
    v->slot_count = capacity * 2;
    fill_slots(v);
    return true;
}

static bool count_pieces(hth_vocabulary *v, hth_cutter cutter) {
    hth_piece piece;
    while (hth_cut_next(&cutter, &piece)) {
        if (v->size == v->capacity && !enlarge(v)) return false;
        int32_t *slot = slot_of(v, piece);
        if (!*slot) {
            v->entries[v->size] = (entry){piece, 0};
            *slot = (int32_t)++v->size;
        }
        v->entries[*slot - 1].count++;
    }
    return true;
}

static int by_count_then_bytes(const void *left, const void *right) {
    const entry *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    size_t shorter = a->piece.length < b->piece.length ? a->piece.length : b->piece.length;
    int order = memcmp(a->piece.text, b->piece.text, shorter);
    if (order) return order;
    return (a->piece.length > b->piece.length) - (a->piece.length < b->piece.length);
}

/* Copies the bytes of all pieces into the vocabulary, so that the text can be freed. */
static bool own_texts(hth_vocabulary *v) {
    size_t total = 0;
    for (size_t i = 0; i < v->size; i++) total += v->entries[i].piece.length;
    char *at = v->texts = malloc(total ? total : 1);
    if (!at) return false;
    for (size_t i = 0; i < v->size; i++) {
        hth_piece *piece = &v->entries[i].piece;
        memcpy(at, piece->text, piece->length);
        piece->text = at;
        at += piece->length;
    }
    return true;
}

hth_status hth_vocabulary_create(hth_cutter cutter, const char *path, hth_vocabulary **out,
                                 hth_error *error) {
    hth_vocabulary *v = calloc(1, sizeof *v);
    if (!v || !count_pieces(v, cutter) || !own_texts(v)) {
        hth_vocabulary_destroy(v);
        return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for the vocabulary", path);
    }
    if (v->size == 0) {
        hth_vocabulary_destroy(v);
        return hth_fail(error, HTH_INVALID, "%s: the file holds no text", path);
    }
    qsort(v->entries, v->size, sizeof *v->entries, by_count_then_bytes);
    fill_slots(v);
    *out = v;
    return HTH_OK;
}

void hth_vocabulary_destroy(hth_vocabulary *v) {
    if (!v) return;
    free(v->entries);
    free(v->slots);
    free(v->texts);
    free(v);
}

size_t hth_vocabulary_size(const hth_vocabulary *v) {
    return v->size;
}

hth_piece hth_vocabulary_piece(const hth_vocabulary *v, size_t number) {
    return v->entries[number].piece;
}

int32_t hth_vocabulary_find(const hth_vocabulary *v, hth_piece piece) {
    return *slot_of(v, piece) - 1;
}

/* ---- Encoding --------------------------------------------------------------------------- */

static hth_status fail_unknown(const char *path, const hth_cutter *cutter, hth_piece piece,
                               hth_error *error) {
    int shown = piece.length > 60 ? 60 : (int)piece.length;
    return hth_fail(error, HTH_INVALID,
                    "%s:%zu: \"%.*s\" does not occur in the training file, which has no <unk> to "
                    "stand for it",
                    path, cutter->line, shown, piece.text);
}

hth_status hth_vocabulary_encode(const hth_vocabulary *v, hth_cutter cutter, const char *path,
                                 int32_t **out, size_t *count, hth_error *error) {
    hth_piece piece;
    size_t total = 0;
    for (hth_cutter counter = cutter; hth_cut_next(&counter, &piece);) total++;
    int32_t unknown = hth_vocabulary_find(v, (hth_piece){"<unk>", 5});
    int32_t *numbers = malloc((total ? total : 1) * sizeof *numbers);
    if (!numbers)
        return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory for %zu tokens", path, total);
    for (size_t i = 0; hth_cut_next(&cutter, &piece); i++) {
        int32_t number = hth_vocabulary_find(v, piece);
        numbers[i] = number < 0 ? unknown : number;
        if (numbers[i] >= 0) continue;
        free(numbers);
        return fail_unknown(path, &cutter, piece, error);
    }
    *out = numbers;
    *count = total;
    return HTH_OK;
}
