/* All sequences of a reader, in memory: what a world shows that others have recorded. */
#ifndef HTH_SHELF_H
#define HTH_SHELF_H

#include "tasks/stream.h"

typedef struct hth_shelf {
    hth_shape shape;
    size_t count;  /* sequences */
    size_t *first; /* [count + 1]: the first step of each among all steps, and their number */
    hth_real *x, *targets, *weights; /* of all steps; NULL: the reader has none */
    int32_t *classes;
    const hth_stream_kind
        *kind; /* the reader, which stays open for the initial values that its files bring */
    void *stream;
} hth_shelf;

/* Reads all sequences that the reader of this name has for the context's split; the context's settings are the
 * reader's, data.*, with data.shuffle=false for the order of the files. Memory: a number of the library's precision for
 * each number of the files. Errors are the reader's, and HTH_INVALID where it has none for the split. */
hth_status hth_shelf_fill(const char *reader, const hth_stream_context *context, hth_shelf *out,
                          hth_error *error);
void hth_shelf_clear(hth_shelf *shelf);
/* Steps of the longest sequence. */
size_t hth_shelf_longest(const hth_shelf *shelf);

#endif
