/* Cuts text into words or characters and numbers them. */
#ifndef HTH_VOCABULARY_H
#define HTH_VOCABULARY_H

#include "base/base.h"

typedef enum hth_text_level { HTH_LEVEL_WORD, HTH_LEVEL_CHARACTER } hth_text_level;

/* A word or character: bytes inside the text. */
typedef struct hth_piece {
    const char *text;
    size_t length;
} hth_piece;

/* Cuts a text into pieces. Words are separated by white space, and with `eos` each newline is the word <eos>. A
 * character is a byte with the UTF-8 continuation bytes after it. */
typedef struct hth_cutter {
    const char *at, *end;
    hth_text_level level;
    bool eos;
    size_t line;      /* line of the last piece, from 1 */
    size_t next_line; /* line of the text after it */
} hth_cutter;

hth_cutter hth_cut(const char *text, size_t length, hth_text_level level, bool eos);
bool hth_cut_next(hth_cutter *cutter, hth_piece *piece); /* false at the end */

typedef struct hth_vocabulary hth_vocabulary;

/* Numbers all different pieces: the most frequent first and, among equals, in the order of their bytes, as the
 * TensorFlow PTB tutorial does. HTH_INVALID if the text is empty. */
hth_status hth_vocabulary_create(hth_cutter cutter, const char *path, hth_vocabulary **out,
                                 hth_error *error);
void hth_vocabulary_destroy(hth_vocabulary *vocabulary);
size_t hth_vocabulary_size(const hth_vocabulary *vocabulary);
hth_piece hth_vocabulary_piece(const hth_vocabulary *vocabulary, size_t number);
int32_t hth_vocabulary_find(const hth_vocabulary *vocabulary, hth_piece piece); /* -1: unknown */

/* *out: the numbers of all pieces, from malloc; the caller frees it. An unknown piece becomes <unk> if the
 * vocabulary has that word; otherwise HTH_INVALID with path, line and piece. */
hth_status hth_vocabulary_encode(const hth_vocabulary *vocabulary, hth_cutter cutter,
                                 const char *path, int32_t **out, size_t *count, hth_error *error);

#endif
