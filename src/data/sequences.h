/*
 * Sequences with a beginning and an end, cut into batches. A reader loads a set of sequences and copies single
 * steps. The choice of training and validation sequences, their order in an epoch, batches and padding are the same
 * for all readers of sequences and are done here.
 *
 * An epoch is every sequence once, `batch` at a time, in the order of the file or, for training, shuffled: the
 * order is a permutation keyed by seed and epoch. A batch has as many steps as its longest sequence. Shorter ones
 * are followed by inputs 0 with weight 0, and the chunk's `lengths` say where they end. Each validation or test
 * sequence is given exactly once: the last batch is filled up with sequences of weight 0.
 *
 * With episode.trials = pairs a sequence at an even place and the one behind it stay together in all of this.
 */
#ifndef HTH_SEQUENCES_H
#define HTH_SEQUENCES_H

#include "tasks/stream.h"

/* Where to write one step. targets or class is NULL if the set does not have it; weight is NULL if all steps weigh
 * 1. `copy` is called with *weight 1. */
typedef struct hth_row {
    hth_real *x, *targets, *weight;
    int32_t *class;
    uint8_t *decides; /* NULL unless shape.decides */
} hth_row;

/* The order of an epoch. Ties of length stay in the order of the file, or of the shuffle. */
enum {
    HTH_ORDER_FILE,    /* that of the file, or shuffled */
    HTH_ORDER_LENGTH,  /* by length, which needs the fewest steps of padding */
    HTH_ORDER_SIMILAR, /* by length, then whole batches are shuffled */
};
enum { HTH_INCOMPLETE_DROP, HTH_INCOMPLETE_WRAP, HTH_INCOMPLETE_PAD };

enum { HTH_DOUBT_LENGTH = 400 };

/* The sequences that a reader has loaded. */
typedef struct hth_sequence_set {
    hth_shape shape;
    size_t count;
    size_t *lengths; /* [count], from malloc, each at least 1 */
    /* [count], from malloc: validation is drawn so that each class gives its share; NULL: sequences have no class */
    int32_t *classes;
    int order;            /* HTH_ORDER_... */
    bool is_weighted;     /* steps have weights */
    bool has_lengths;     /* chunks say their lengths, even if all are the same */
    bool has_resets;      /* the data say where the state starts anew */
    const char *shuffled; /* what breaks() says of a shuffle; NULL: that it is data.shuffle's */
    char doubt[HTH_DOUBT_LENGTH]; /* a warning about a probable mistake; "": none */
    void *held;                   /* the reader's own data */
    void (*copy)(const void *held, size_t sequence, size_t step, const hth_row *to);
    void (*close)(void *held);
    size_t (*given)(const void *held, hth_given *out,
                    size_t capacity); /* as in stream.h; NULL: the reader has none */
} hth_sequence_set;

/* Fills the set from a file. `train` is the training file, which decides the shape; if it is the split's own file,
 * path is the same pointer. After an error the caller closes the set. */
typedef hth_status (*hth_sequences_load)(const void *options, const char *train, const char *path,
                                         hth_sequence_set *out, hth_error *error);

/* Settings of all such readers; the first member of a reader's options. */
typedef struct hth_sequence_options {
    const char *file, *validate_file, *test_file;
    double validation_fraction;
    bool shuffle;
    int incomplete;
} hth_sequence_options;

extern const char *const hth_sequence_incomplete[];

/* The rows of a reader's option table. Its options are a `type` that begins with hth_sequence_options. */
#define HTH_SEQUENCE_OPTION(type, field, ...)                                                      \
    { .name = #field, .offset = offsetof(type, sequences.field), __VA_ARGS__ }
#define HTH_SEQUENCE_OPTIONS(type, what)                                                           \
    HTH_SEQUENCE_OPTION(type, file, .help = "training data: " what, .fallback = NULL,              \
                        .kind = HTH_KIND_TEXT),                                                    \
        HTH_SEQUENCE_OPTION(type, validate_file, .help = "validation data; \"\" for none",         \
                            .fallback = "", .kind = HTH_KIND_TEXT),                                \
        HTH_SEQUENCE_OPTION(type, test_file, .help = "test data; \"\" for none", .fallback = "",   \
                            .kind = HTH_KIND_TEXT),                                                \
        HTH_SEQUENCE_OPTION(                                                                       \
            type, validation_fraction,                                                             \
            .help = "without validation data: the share of the training sequences that validate "  \
                    "instead of train, drawn by train.seed, of each class its share",              \
            .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1),                           \
        HTH_SEQUENCE_OPTION(type, shuffle,                                                         \
                            .help = "training: a new order of the sequences in every epoch",       \
                            .fallback = "true", .kind = HTH_KIND_BOOL),                            \
        HTH_SEQUENCE_OPTION(                                                                       \
            type, incomplete,                                                                      \
            .help = "training, a last batch of an epoch that is not full: drop it, wrap around "   \
                    "to the epoch's first sequences, or pad with weight 0",                        \
            .fallback = "drop", .kind = HTH_KIND_CHOICE, .choices = hth_sequence_incomplete)

/* The verbs of hth_stream_kind. The reader has read `options`. */
hth_status hth_sequences_open(const hth_stream_context *context,
                              const hth_sequence_options *options, hth_sequences_load load,
                              void **state, hth_shape *shape, hth_error *error);
hth_status hth_sequences_next(void *state, size_t max_steps, hth_chunk *chunk,
                              hth_position_flags *flags, hth_error *error);
size_t hth_sequences_state(void *state, hth_field *fields, size_t capacity);
void hth_sequences_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps);
size_t hth_sequences_given(const void *state, hth_given *out, size_t capacity);
void hth_sequences_describe(const void *state, char *out, size_t size);
const char *hth_sequences_doubt(const void *state);
const char *hth_sequences_breaks(const void *state);
void hth_sequences_close(void *state);

/* The members of a reader's hth_stream_kind except part and open. */
#define HTH_SEQUENCES_VERBS                                                                        \
    .next = hth_sequences_next, .state = hth_sequences_state, .extent = hth_sequences_extent,      \
    .picks = true, .pairs = true, .given = hth_sequences_given,                                    \
    .describe = hth_sequences_describe, .doubt = hth_sequences_doubt,                              \
    .breaks = hth_sequences_breaks, .close = hth_sequences_close

/* split.c: marks `wanted` sequences for validation, drawn by the seed, so that each class gives its share. */
hth_status hth_split_draw(const int32_t *classes, size_t count, size_t wanted, uint64_t seed,
                          bool *validates, hth_error *error);

#endif
