/*
 * Reads text as a stream of tokens; each is to be predicted from those before it.
 *
 * The files have the layout of the Penn Treebank: one for each split, a sentence a line. Batches are cut as in the
 * TensorFlow PTB tutorial: the text of a split is cut into `batch` contiguous pieces of equal length (the rest is
 * dropped), item b of every chunk goes on in piece b, and the target of a token is the next token. One pass is one
 * epoch and one sequence: only its first chunk `starts`. Memory: 4 bytes a token of the split.
 */
#include "data/file.h"
#include "data/vocabulary.h"
#include "tasks/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text_options {
    const char *dir, *train, *validate, *test;
    int level;
    bool eos, drop_last;
} text_options;

typedef struct text_state {
    int32_t *text;        /* [batch][length] */
    size_t batch, length; /* length: tokens of one piece, one more than its steps */
    bool drop_last;       /* the option is set, and this is the training split */
    size_t kinds;         /* of the vocabulary */
    char **spelling;      /* [kinds]: tokens as they stand in a text; one block */
    size_t unroll;        /* longest chunk so far */
    uint64_t epoch, step; /* epochs done; steps done in this epoch */
    int32_t *in, *out;    /* [unroll][batch] */
} text_state;

extern const hth_stream_kind hth_reader_text;

static const char *const levels[] = {"word", "character", NULL};

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(text_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(dir, .help = "folder of the files", .fallback = NULL, .kind = HTH_KIND_TEXT),
    OPTION(train, .help = "training file, plain or (with .xz added) compressed",
           .fallback = "ptb.train.txt", .kind = HTH_KIND_TEXT),
    OPTION(validate, .help = "validation file; \"\" for none", .fallback = "ptb.valid.txt",
           .kind = HTH_KIND_TEXT),
    OPTION(test, .help = "test file; \"\" for none", .fallback = "ptb.test.txt",
           .kind = HTH_KIND_TEXT),
    OPTION(level, .help = "what a token is; a character is a UTF-8 character", .fallback = "word",
           .kind = HTH_KIND_CHOICE, .choices = levels),
    OPTION(eos, .help = "words: every newline is the word <eos>", .fallback = "true",
           .kind = HTH_KIND_BOOL),
    OPTION(drop_last,
           .help = "drop the training epoch's last chunk if it is short, as the PTB tutorial does",
           .fallback = "true", .kind = HTH_KIND_BOOL),
};

static const char *file_of(const text_options *options, hth_split split) {
    return split == HTH_TRAIN      ? options->train
           : split == HTH_VALIDATE ? options->validate
                                   : options->test;
}

/* ---- Opening ---------------------------------------------------------------------------- */

/* A file of the corpus. */
typedef struct corpus_file {
    char *path;
    hth_bytes bytes;
    hth_cutter cutter;
} corpus_file;

static void corpus_close(corpus_file *file) {
    free(file->path);
    free(file->bytes.data);
    *file = (corpus_file){0};
}

static hth_status corpus_open(const text_options *options, const char *name, corpus_file *file,
                              hth_error *error) {
    size_t folder = strlen(options->dir), length = strlen(name);
    char *path = malloc(folder + length + 2);
    if (!path) return hth_fail(error, HTH_NO_MEMORY, "text: not enough memory");
    memcpy(path, options->dir, folder);
    path[folder] = '/';
    memcpy(path + folder + 1, name, length + 1);
    hth_bytes bytes;
    hth_status status = hth_file_read(path, &bytes, error);
    if (status != HTH_OK) {
        free(path);
        return status;
    }
    hth_cutter cutter =
        hth_cut(bytes.data, bytes.length, (hth_text_level)options->level, options->eos);
    *file = (corpus_file){path, bytes, cutter};
    return HTH_OK;
}

/* Tokens as they stand in a text: words with a space behind, or the end of a line; characters. NULL: no memory. */
static char **spell_all(const text_options *options, const hth_vocabulary *vocabulary) {
    const size_t kinds = hth_vocabulary_size(vocabulary);
    const bool words = options->level == HTH_LEVEL_WORD;
    size_t bytes = kinds * sizeof(char *);
    for (size_t i = 0; i < kinds; i++) bytes += hth_vocabulary_piece(vocabulary, i).length + 2;
    char **all = malloc(bytes), *at = all ? (char *)(all + kinds) : NULL;
    for (size_t i = 0; all && i < kinds; i++) {
        const hth_piece piece = hth_vocabulary_piece(vocabulary, i);
        const bool ends_line = words && piece.length == 5 && memcmp(piece.text, "<eos>", 5) == 0;
        all[i] = at;
        if (!ends_line) memcpy(at, piece.text, piece.length);
        if (!ends_line) at += piece.length;
        if (words) *at++ = ends_line ? '\n' : ' ';
        *at++ = '\0';
    }
    return all;
}

/* Turns the split's tokens into numbers, with the vocabulary of the training file. */
static hth_status encode(const text_options *options, hth_split split, int32_t **tokens,
                         size_t *count, size_t *kinds, char ***spelling, hth_error *error) {
    corpus_file train = {0}, other = {0};
    hth_vocabulary *vocabulary = NULL;
    /* Make the vocabulary from the training file. */
    hth_status status = corpus_open(options, options->train, &train, error);
    if (status == HTH_OK)
        status = hth_vocabulary_create(train.cutter, train.path, &vocabulary, error);
    /* Encode the split's file. */
    if (status == HTH_OK && split != HTH_TRAIN)
        status = corpus_open(options, file_of(options, split), &other, error);
    const corpus_file *file = split == HTH_TRAIN ? &train : &other;
    if (status == HTH_OK)
        status = hth_vocabulary_encode(vocabulary, file->cutter, file->path, tokens, count, error);
    if (status == HTH_OK) {
        *kinds = hth_vocabulary_size(vocabulary);
        *spelling = spell_all(options, vocabulary);
        if (!*spelling) status = hth_fail(error, HTH_NO_MEMORY, "text: not enough memory");
    }
    if (status != HTH_OK) {
        free(*tokens);
        *tokens = NULL;
    }
    hth_vocabulary_destroy(vocabulary);
    corpus_close(&train);
    corpus_close(&other);
    return status;
}

static void text_close(void *state) {
    text_state *text = state;
    if (!text) return;
    free(text->text);
    free(text->spelling);
    free(text->in);
    free(text->out);
    free(text);
}

static hth_status text_open(const hth_stream_context *context, void **state, hth_shape *shape,
                            hth_error *error) {
    text_options options;
    HTH_TRY(hth_options_read(&hth_reader_text.part.options, context->settings, &options, error));
    /* Find the file of the split. */
    const char *name = file_of(&options, context->split);
    *state = NULL;
    if (context->split != HTH_TRAIN && !*name) return HTH_OK; /* no such split: see stream.h */
    /* Read the file and encode its tokens. */
    int32_t *tokens = NULL;
    char **spelling = NULL;
    size_t count = 0, kinds = 0;
    HTH_TRY(encode(&options, context->split, &tokens, &count, &kinds, &spelling, error));
    /* Cut into pieces, which need at least two tokens. */
    size_t length = context->batch ? count / context->batch : 0;
    text_state *text = length < 2 ? NULL : calloc(1, sizeof *text);
    if (!text) {
        free(tokens);
        free(spelling);
        if (length >= 2) return hth_fail(error, HTH_NO_MEMORY, "text: not enough memory");
        return hth_fail(error, HTH_INVALID,
                        "%s/%s: %zu tokens are too few for a batch of %zu, which needs 2 an item",
                        options.dir, name, count, context->batch);
    }
    /* Make the stream. */
    *text = (text_state){.text = tokens,
                         .batch = context->batch,
                         .length = length,
                         .kinds = kinds,
                         .spelling = spelling,
                         .drop_last = options.drop_last && context->split == HTH_TRAIN};
    *shape = (hth_shape){.vocabulary = kinds, .outputs = kinds, .target = HTH_TARGET_CLASSES};
    *state = text;
    return HTH_OK;
}

/* ---- Reading ---------------------------------------------------------------------------- */

/* Grows the buffers to the longest chunk so far; in practice this happens once. */
static hth_status reserve(text_state *text, size_t steps, hth_error *error) {
    if (steps <= text->unroll) return HTH_OK;
    size_t row = text->batch * sizeof(int32_t);
    int32_t *in = calloc(steps, row), *out = calloc(steps, row);
    if (!in || !out) {
        free(in);
        free(out);
        return hth_fail(error, HTH_NO_MEMORY, "text: not enough memory for %zu steps x %zu items",
                        steps, text->batch);
    }
    free(text->in);
    free(text->out);
    text->in = in;
    text->out = out;
    text->unroll = steps;
    return HTH_OK;
}

static hth_status text_next(void *state, size_t max_steps, hth_chunk *chunk,
                            hth_position_flags *flags, hth_error *error) {
    text_state *text = state;
    /* The position must lie in the data. */
    size_t all = text->length - 1;
    if (text->step >= all)
        return hth_fail(error, HTH_MISMATCH,
                        "text: position %llu lies beyond the %zu steps of an epoch; has the file "
                        "been changed?",
                        (unsigned long long)text->step, all);
    /* Copy the next tokens of every piece into the chunk. */
    HTH_TRY(reserve(text, max_steps, error));
    size_t from = (size_t)text->step, left = all - from;
    size_t steps = left < max_steps ? left : max_steps;
    for (size_t t = 0; t < steps; t++)
        for (size_t b = 0; b < text->batch; b++) {
            const int32_t *token = text->text + b * text->length + from + t;
            text->in[t * text->batch + b] = token[0];
            text->out[t * text->batch + b] = token[1];
        }
    /* Go on. A short last chunk may be dropped. */
    left -= steps;
    bool end = left == 0 || (text->drop_last && left < max_steps);
    *chunk =
        (hth_chunk){.steps = steps, .batch = text->batch, .tokens = text->in, .classes = text->out};
    *flags = (hth_position_flags){.starts = from == 0, .ends = end, .epoch_end = end};
    text->step = end ? 0 : from + steps;
    text->epoch += end;
    return HTH_OK;
}

static size_t text_fields(void *state, hth_field *fields, size_t capacity) {
    text_state *text = state;
    if (capacity >= 1) fields[0] = (hth_field){"epoch", HTH_DTYPE_U64, 1, &text->epoch, {0}};
    if (capacity >= 2) fields[1] = (hth_field){"step", HTH_DTYPE_U64, 1, &text->step, {0}};
    return 2;
}

/* Before the first chunk it is not known how many steps drop_last will drop. */
static void text_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const text_state *text = state;
    uint64_t steps = text->length - 1;
    if (text->drop_last && text->unroll && steps >= text->unroll) steps -= steps % text->unroll;
    *sequence_steps = *epoch_steps = steps;
}

static void text_spell(const void *state, int32_t token, char *out, size_t size) {
    const text_state *text = state;
    const bool is_one = token >= 0 && (size_t)token < text->kinds;
    snprintf(out, size, "%s", is_one ? text->spelling[token] : "");
}

static void text_describe(const void *state, char *out, size_t size) {
    const text_state *text = state;
    const size_t count = text->batch * text->length;
    char bytes[16];
    hth_bytes_text((double)count * sizeof *text->text, bytes);
    snprintf(out, size, "%zu tokens of %zu kinds (%s)", count, text->kinds, bytes);
}

const hth_stream_kind hth_reader_text = {
    .part = {.name = "text",
             .summary = "text, by words or characters, to predict the next one",
             .source = "Penn Treebank's layout; batches as in the TensorFlow PTB tutorial",
             .options = {"data", table, HTH_COUNT(table)}},
    .open = text_open,
    .next = text_next,
    .state = text_fields,
    .extent = text_extent,
    .given = NULL,
    .describe = text_describe,
    .spell = text_spell,
    .close = text_close,
};
