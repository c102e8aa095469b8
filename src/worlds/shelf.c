/* Reads a whole stream, a sequence at a time: see shelf.h. */
#include "worlds/shelf.h"

#include <stdlib.h>
#include <string.h>

static const hth_stream_kind *reader_of(const char *name) {
    size_t i = 0;
    while (strcmp(hth_readers.at(i)->name, name) != 0) i++;
    return hth_reader_at(i);
}

/* ---- Room ------------------------------------------------------------------------------------- */

/* Room for all steps, in arrays such as the first chunk has. */
static hth_status make_room(hth_shelf *s, const hth_chunk *like, size_t steps, hth_error *error) {
    const size_t real = sizeof(hth_real);
    s->first = calloc(steps + 2, sizeof *s->first);
    s->x = calloc(steps, hth_times(s->shape.inputs, real));
    if (like->targets) s->targets = calloc(steps, hth_times(s->shape.outputs, real));
    if (like->weights) s->weights = calloc(steps, real);
    if (like->classes) s->classes = calloc(steps, sizeof *s->classes);
    if (s->first && s->x && (s->targets || !like->targets) && (s->weights || !like->weights) &&
        (s->classes || !like->classes))
        return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %zu recorded steps", steps);
}

/* Appends the steps of a chunk to the sequence that is being read, whose end so far is first[count + 1]. */
static void append(hth_shelf *s, const hth_chunk *chunk) {
    const size_t at = s->first[s->count + 1], n = chunk->steps;
    const size_t inputs = s->shape.inputs, outputs = s->shape.outputs, real = sizeof(hth_real);
    memcpy(s->x + at * inputs, chunk->x, n * inputs * real);
    if (s->targets) memcpy(s->targets + at * outputs, chunk->targets, n * outputs * real);
    if (s->weights) memcpy(s->weights + at, chunk->weights, n * real);
    if (s->classes) memcpy(s->classes + at, chunk->classes, n * sizeof *s->classes);
    s->first[s->count + 1] = at + n;
}

/* ---- Reading ---------------------------------------------------------------------------------- */

/* Reads one epoch. */
static hth_status read_all(hth_shelf *s, hth_error *error) {
    uint64_t longest, steps;
    hth_position_flags flags = {0};
    s->kind->extent(s->stream, &longest, &steps);
    while (!flags.epoch_end) {
        hth_chunk chunk;
        HTH_TRY(s->kind->next(s->stream, (size_t)longest, &chunk, &flags, error));
        if (!s->first) HTH_TRY(make_room(s, &chunk, (size_t)steps, error));
        append(s, &chunk);
        if (!flags.ends) continue;
        /* The next sequence begins where this one ends. */
        s->count++;
        s->first[s->count + 1] = s->first[s->count];
    }
    return HTH_OK;
}

hth_status hth_shelf_fill(const char *reader, const hth_stream_context *context, hth_shelf *out,
                          hth_error *error) {
    hth_shelf shelf = {.kind = reader_of(reader)};
    hth_stream_context one = *context;
    one.batch = 1;
    /* Open the reader; without a stream it has nothing for the split. */
    hth_status status = shelf.kind->open(&one, &shelf.stream, &shelf.shape, error);
    if (status == HTH_OK && !shelf.stream)
        status = hth_fail(error, HTH_INVALID, "the world's settings name no file for this split");
    if (status == HTH_OK) status = read_all(&shelf, error);
    if (status == HTH_OK)
        *out = shelf;
    else
        hth_shelf_clear(&shelf);
    return status;
}

void hth_shelf_clear(hth_shelf *s) {
    free(s->first);
    free(s->x);
    free(s->targets);
    free(s->weights);
    free(s->classes);
    if (s->stream) s->kind->close(s->stream);
    *s = (hth_shelf){0};
}

size_t hth_shelf_longest(const hth_shelf *s) {
    size_t longest = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->first[i + 1] - s->first[i] > longest) longest = s->first[i + 1] - s->first[i];
    return longest;
}
