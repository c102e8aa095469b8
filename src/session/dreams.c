/* Sequences that a network makes up: see dreams.h. */
#include "session/dreams.h"

#include "network/inspect.h"
#include "session/say.h"
#include "settings/phases.h"

#include <stdlib.h>
#include <string.h>

hth_status hth_dreams_check(const hth_settings *settings, const hth_session *s, hth_error *error) {
    const hth_shape *shape = &s->train.shape;
    const hth_stream_kind *kind = s->train.kind;
    const char *strays = kind->strays ? kind->strays(s->train.state) : NULL;
    const hth_way way = hth_way_of(shape);
    if (!hth_in_phase(settings))
        return hth_fail(error, HTH_INVALID,
                        "replay.from is dream, but a network dreams for the memory at the end of a "
                        "phase, and the run has no phases: give it some, or leave it out");
    if (way == HTH_WAY_NONE)
        return hth_fail(error, HTH_INVALID,
                        "replay.from is dream, but what the network says cannot be its next input: "
                        "it has %zu outputs, but reads %zu %s; it takes a text, or a series whose "
                        "target is its own next step",
                        shape->outputs, shape->vocabulary ? shape->vocabulary : shape->inputs,
                        shape->vocabulary ? "kinds of token" : "numbers");
    if (way == HTH_WAY_VALUES && strays)
        return hth_fail(error, HTH_INVALID,
                        "replay.from is dream, but what the network says is not its next input: %s",
                        strays);
    if (!hth_network_look(s->parts.network).is_whole) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "replay.from is dream, but a layer of the network runs against time, and "
                    "cannot read what has not been said: leave it out");
}

typedef struct dreaming {
    hth_replay_memory *memory;
    hth_random random;
    hth_way way;
    hth_shape shape;
    hth_source source;
    hth_tape *tape;
    size_t batch, steps, prime; /* steps of a sequence, and how many of them are read */
    hth_real *said;             /* [batch][outputs] */
    hth_real *x;                /* [batch][inputs]: what is read next */
    int32_t *tokens, *next;     /* [batch]: what is read, and what is said */
} dreaming;

static void close_dreaming(dreaming *d) {
    free(d->next);
    free(d->tokens);
    free(d->x);
    free(d->said);
    hth_tape_destroy(d->tape);
    hth_source_close(&d->source);
}

static hth_status open_dreaming(const hth_settings *settings, const hth_session *s, dreaming *d,
                                hth_error *error) {
    HTH_TRY(hth_source_open(settings, HTH_TRAIN, d->batch, (uint64_t)s->options.seed, &d->source,
                            error));
    HTH_TRY(
        hth_tape_create(s->parts.network, 1, d->batch, s->parts.compute, NULL, &d->tape, error));
    hth_tape_dropout(d->tape, false);
    d->said = calloc(d->batch * d->shape.outputs, sizeof *d->said);
    d->x = calloc(d->batch * (d->shape.inputs + 1), sizeof *d->x);
    d->tokens = calloc(d->batch, sizeof *d->tokens);
    d->next = calloc(d->batch, sizeof *d->next);
    if (d->said && d->x && d->tokens && d->next) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for dreams");
}

/* The network reads a step and says what comes next. */
static hth_status say(dreaming *d, const hth_chunk *chunk, hth_error *error) {
    const hth_inputs inputs = {
        .steps = 1, .batch = d->batch, .x = chunk->x, .tokens = chunk->tokens};
    hth_tape_begin(d->tape);
    HTH_TRY(hth_tape_write(d->tape, &inputs, error));
    HTH_TRY(hth_tape_read(d->tape, 0, 1, d->said, error));
    for (size_t b = 0; b < d->batch && d->way == HTH_WAY_TOKENS; b++)
        d->next[b] = hth_draw_token(d->said + b * d->shape.outputs, d->shape.outputs, 1, &d->random,
                                    d->memory->slots.dreams++);
    return HTH_OK;
}

/* A batch of sequences. */
static hth_status dream(dreaming *d, hth_error *error) {
    hth_position_flags of_data = {0};
    hth_tape_reset(d->tape);
    for (size_t t = 0; t < d->steps; t++) {
        hth_chunk chunk = {.steps = 1, .batch = d->batch};
        const bool reads = t < d->prime && !of_data.ends;
        /* What it reads: the data, or what it said. */
        if (reads) {
            HTH_TRY(d->source.kind->next(d->source.state, 1, &chunk, &of_data, error));
        } else if (d->way == HTH_WAY_TOKENS) {
            memcpy(d->tokens, d->next, d->batch * sizeof *d->tokens);
            chunk.tokens = d->tokens;
        } else {
            memcpy(d->x, d->said, d->batch * d->shape.inputs * sizeof *d->x);
            chunk.x = d->x;
        }
        HTH_TRY(say(d, &chunk, error));
        /* What comes next is the target, of the data as long as they are read on. */
        if (!reads || t + 1 >= d->prime || of_data.ends) {
            chunk.classes = d->way == HTH_WAY_TOKENS ? d->next : NULL;
            chunk.targets = d->way == HTH_WAY_VALUES ? d->said : NULL;
            chunk.weights = NULL;
            chunk.lengths = NULL;
        }
        hth_replay_memory_take(d->memory, &chunk,
                               &(hth_position_flags){.starts = t == 0, .ends = t + 1 == d->steps});
    }
    /* The next dream begins with the next sequence of the data. */
    while (d->source.sequence_steps == d->steps && !of_data.ends) {
        hth_chunk rest;
        HTH_TRY(d->source.kind->next(d->source.state, d->steps, &rest, &of_data, error));
    }
    return HTH_OK;
}

hth_status hth_dream_sequences(const hth_settings *settings, const hth_session *s,
                               hth_replay_memory *memory, hth_error *error) {
    dreaming d = {.memory = memory,
                  .random = {(uint64_t)s->options.seed, HTH_RANDOM_REPLAY, HTH_REPLAY_DREAMS},
                  .way = hth_way_of(&s->train.shape),
                  .shape = s->train.shape,
                  .batch = s->batch,
                  .steps = hth_replay_stretch(memory, s->train.sequence_steps),
                  .prime = (size_t)memory->options.prime};
    hth_status status = open_dreaming(settings, s, &d, error);
    hth_replay_memory_begin(memory);
    memory->is_shut = false;
    for (size_t i = 0; status == HTH_OK && i < memory->slots.size; i += d.batch)
        status = dream(&d, error);
    memory->is_shut = true;
    hth_replay_memory_begin(memory);
    close_dreaming(&d);
    return status;
}
