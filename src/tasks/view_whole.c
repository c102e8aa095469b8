/*
 * Views that change whole sequences: their inputs in another order, or turned as an image. A sequence is taken from the
 * stream at a stretch, and its steps are given piece by piece.
 */
#include "tasks/view_state.h"

#include "base/functions64.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The order of a sequence's inputs ----------------------------------------------------- */

/* A shuffle of Fisher & Yates. */
static void draw_order(size_t *order, size_t count, uint64_t seed) {
    const hth_random random = {seed, HTH_RANDOM_PHASE, 1};
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count - 1; i > 0; i--) {
        const size_t j = (size_t)hth_random_below(&random, i, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* The number at a row and column of a square image; 0 outside. */
static double pixel(const hth_viewed *v, size_t side, size_t item, double row, double column) {
    const double last = (double)side - 1;
    if (row < 0 || column < 0 || row > last || column > last) return 0;
    const size_t n = v->inner.inputs, place = (size_t)row * side + (size_t)column;
    return (double)v->chunk.x[(place / n * v->chunk.batch + item) * n + place % n];
}

/* Turns the image of an item about its centre: each place takes what lies where it came from, between four pixels. */
static void rotate(hth_viewed *v, size_t item) {
    const size_t side = (size_t)lrint(sqrt((double)(v->steps * v->inner.inputs)));
    const double middle = ((double)side - 1) / 2;
    for (size_t p = 0; p < side * side; p++) {
        const double y = (double)(p / side) - middle, x = (double)(p % side) - middle;
        const double row = hth_fma64(v->cosine, y, -v->sine * x) + middle;
        const double column = hth_fma64(v->sine, y, v->cosine * x) + middle;
        const double r = floor(row), c = floor(column), down = row - r, right = column - c;
        const double above =
            pixel(v, side, item, r, c) * (1 - right) + pixel(v, side, item, r, c + 1) * right;
        const double below = pixel(v, side, item, r + 1, c) * (1 - right) +
                             pixel(v, side, item, r + 1, c + 1) * right;
        v->turned[p] = (hth_real)(above * (1 - down) + below * down);
    }
}

hth_status hth_whole_open(hth_viewed *v, uint64_t sequence_steps, hth_error *error) {
    const hth_view_options *o = &v->options;
    const size_t numbers = (size_t)sequence_steps * v->inner.inputs;
    const size_t side = (size_t)lrint(sqrt((double)numbers));
    v->whole = true;
    v->steps = (size_t)sequence_steps;
    if (numbers == 0)
        return hth_view_refuse(v, o->permute ? "view.permute" : "view.rotate",
                               "has sequences without an end", error);
    if (o->rotate != 0 && side * side != numbers)
        return hth_view_refuse(v, "view.rotate", "has sequences that are no square images", error);
    v->turned = malloc(numbers * sizeof *v->turned);
    v->order = o->permute ? malloc(numbers * sizeof *v->order) : NULL;
    if (!v->turned || (o->permute && !v->order))
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a view");
    if (v->order) draw_order(v->order, numbers, (uint64_t)o->permute);
    v->cosine = hth_cos_turns64(o->rotate / 360);
    v->sine = hth_sin_turns64(o->rotate / 360);
    return HTH_OK;
}

/* ---- Positions ---------------------------------------------------------------------------- */

/* Copies the stream's position to or from `text`, or only counts its bytes (text NULL). */
static size_t position(const hth_viewed *v, char *text, bool restore) {
    enum { MOST = 64 };
    hth_field fields[MOST];
    const size_t count = v->of->state ? v->of->state(v->stream, fields, MOST) : 0;
    size_t used = 0;
    for (size_t i = 0; i < count && i < MOST; i++) {
        const size_t bytes = hth_field_bytes(&fields[i]);
        if (text && restore) memcpy(fields[i].data, text + used, bytes);
        if (text && !restore) memcpy(text + used, fields[i].data, bytes);
        used += bytes;
    }
    return used;
}

hth_status hth_whole_note(hth_viewed *v, hth_error *error) {
    v->bytes = position(v, NULL, false);
    v->noted = calloc(1, v->bytes + 1);
    v->held = calloc(1, v->bytes + 1);
    if (!v->noted || !v->held)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a view");
    position(v, v->noted, false);
    return HTH_OK;
}

size_t hth_whole_state(void *state, hth_field *fields, size_t capacity) {
    hth_viewed *v = state;
    const size_t count = v->of->state ? v->of->state(v->stream, fields, capacity) : 0;
    size_t used = 0;
    if (!v->whole) return count;
    for (size_t i = 0; fields && i < count && i < capacity; i++) {
        fields[i].data = v->noted + used;
        used += hth_field_bytes(&fields[i]);
    }
    if (count < capacity)
        fields[count] =
            (hth_field){.name = "at", .dtype = HTH_DTYPE_U64, .count = 1, .data = &v->at};
    return count + 1;
}

/* ---- Whole sequences ---------------------------------------------------------------------- */

/* Puts the inputs of each item of a whole sequence in their order. */
static void arrange(hth_viewed *v, const hth_chunk *chunk) {
    const size_t n = v->inner.inputs, wide = v->shape.inputs, batch = chunk->batch;
    for (size_t b = 0; b < batch; b++) {
        if (v->options.rotate != 0)
            rotate(v, b);
        else
            for (size_t p = 0; p < v->steps * n; p++)
                v->turned[p] = chunk->x[(p / n * batch + b) * n + p % n];
        for (size_t p = 0; p < v->steps * n; p++)
            v->x[(p / n * batch + b) * wide + p % n] = v->turned[v->order ? v->order[p] : p];
    }
}

/* Takes the sequence at the noted position from the stream. */
static hth_status take(hth_viewed *v, hth_error *error) {
    position(v, v->noted, true);
    HTH_TRY(v->of->next(v->stream, v->steps, &v->chunk, &v->flags, error));
    bool all = v->chunk.steps == v->steps && v->flags.starts && v->flags.ends;
    for (size_t b = 0; v->chunk.lengths && b < v->chunk.batch; b++)
        all = all && (v->chunk.lengths[b] == v->steps || v->chunk.lengths[b] == 0);
    if (!all)
        return hth_fail(error, HTH_INVALID,
                        "%s is set, but the sequences of %s differ in length: leave it out",
                        v->options.permute ? "view.permute" : "view.rotate", v->of->part.name);
    HTH_TRY(hth_view_reserve(v, v->chunk.steps * v->chunk.batch, error));
    arrange(v, &v->chunk);
    hth_view_change(v, &v->chunk);
    memcpy(v->held, v->noted, v->bytes);
    v->filled = true;
    return HTH_OK;
}

hth_status hth_whole_next(hth_viewed *v, size_t most, hth_chunk *chunk, hth_position_flags *flags,
                          hth_error *error) {
    if (!v->filled || memcmp(v->noted, v->held, v->bytes) != 0) HTH_TRY(take(v, error));
    if (v->at >= v->steps)
        return hth_fail(error, HTH_MISMATCH, "view: step %llu lies beyond a sequence of %zu",
                        (unsigned long long)v->at, v->steps);
    const hth_chunk *all = &v->chunk;
    const size_t at = (size_t)v->at, left = v->steps - at, steps = left < most ? left : most;
    const size_t first = at * all->batch;
    *chunk = *all;
    chunk->steps = steps;
    chunk->x = v->x + first * v->shape.inputs;
    if (all->classes) chunk->classes += first;
    if (all->targets) chunk->targets += first * v->inner.outputs;
    if (all->weights) chunk->weights += first;
    if (all->decides) chunk->decides += first;
    chunk->lengths = NULL;
    *flags = (hth_position_flags){.starts = at == 0, .ends = steps == left};
    v->at += steps;
    if (!flags->ends) return HTH_OK;
    /* The next sequence comes from where the stream stands now. */
    flags->epoch_end = v->flags.epoch_end;
    position(v, v->noted, false);
    v->at = 0;
    v->filled = false;
    return HTH_OK;
}
