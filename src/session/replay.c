/* Replay: see replay.h. */
#include "session/replay.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "optim/inspect.h"
#include "session/dreams.h"
#include "session/second.h"
#include "tasks/replay/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hth_replayer {
    hth_replay_memory *memory;
    hth_model_parts
        parts; /* tape, learner and gradient are its own; NULL: replay.batch is 0. The network is the run's */
    size_t steps; /* of the tape */
    /* Of a memory that draws by losses: outputs of a tape, [steps][batch][outputs]; sums over each sequence of losses
     * and of weights, [batch]. */
    hth_real *outputs;
    double *losses, *weights;
    size_t bytes; /* of tape, learner and gradient */
};

/* ---- Memory ------------------------------------------------------------------------------- */

/* An allocator that counts. */
static void *count_and_take(void *context, size_t bytes) {
    size_t *counted = context;
    *counted += bytes;
    return malloc(bytes);
}

static void release(void *context, void *memory) {
    (void)context; /* the replayer may no longer be there */
    free(memory);
}

hth_replay_sizes hth_replayer_sizes(const hth_replayer *r) {
    const hth_replay_memory *m = r->memory;
    return (hth_replay_sizes){m->slots.size, m->steps, hth_replay_memory_bytes(m), r->bytes};
}

/* ---- Opening ------------------------------------------------------------------------------ */

/* HTH_INVALID where there is nothing that could be replayed. */
static hth_status check(const hth_replayer *r, const hth_settings *settings, const hth_session *s,
                        hth_error *error) {
    const hth_replay_options *o = &r->memory->options;
    const char *name = r->memory->kind->part.name;
    if (s->train.kind->answers)
        return hth_fail(error, HTH_INVALID,
                        "replay.name is %s, but what world %s gives depends on what the network "
                        "does: it cannot be replayed",
                        name, s->train.kind->part.name);
    if (o->project && o->weight != 1)
        return hth_fail(error, HTH_INVALID,
                        "replay.weight is %g, but replay.project adds nothing that it could be a "
                        "factor of: leave it out",
                        o->weight);
    if (o->learner_steps && !*o->learner)
        return hth_fail(error, HTH_INVALID,
                        "replay.learner_steps is %lld, but replay.learner is not given, and the "
                        "run's own learner has learner.steps: leave it out",
                        (long long)o->learner_steps);
    if (o->from == HTH_FROM_DREAM) return hth_dreams_check(settings, s, error);
    if (o->prime != 1)
        return hth_fail(error, HTH_INVALID,
                        "replay.prime is %lld, but replay.from is stream, and nothing is dreamt: "
                        "leave it out",
                        (long long)o->prime);
    return HTH_OK;
}

static void close_parts(hth_replayer *r) {
    hth_gradient_destroy(r->parts.gradient);
    hth_learner_destroy(r->parts.learner);
    hth_tape_destroy(r->parts.tape);
    r->parts = (hth_model_parts){0};
    free(r->outputs);
    free(r->losses);
    free(r->weights);
    r->outputs = NULL;
    r->losses = r->weights = NULL;
}

void hth_replayer_close(hth_replayer *r) {
    if (!r) return;
    close_parts(r);
    hth_replay_memory_close(r->memory);
    free(r);
}

/* The source, as it looks to the learner: with sequences as long as the longest that the memory holds. */
static hth_source source_of(const hth_replayer *r, const hth_session *s) {
    hth_source source = s->train;
    source.sequence_steps = r->memory->steps;
    return source;
}

/* Makes room to find losses. */
static hth_status open_losses(hth_replayer *r, const hth_session *s, hth_error *error) {
    const size_t batch = (size_t)r->memory->options.batch;
    if (!r->memory->kind->of_losses) return HTH_OK;
    r->outputs = calloc(hth_times(r->steps, batch), s->train.shape.outputs * sizeof *r->outputs);
    r->losses = calloc(batch, sizeof *r->losses);
    r->weights = calloc(batch, sizeof *r->weights);
    if (r->outputs && r->losses && r->weights) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the losses of what is replayed");
}

/* Makes tape, learner and gradient for the sequences of the memory. */
static hth_status open_parts(hth_replayer *r, const hth_settings *settings, const hth_session *s,
                             hth_error *error) {
    const size_t batch = (size_t)r->memory->options.batch;
    const uint64_t seed = (uint64_t)s->options.seed;
    hth_compute *compute = s->parts.compute;
    const hth_source source = source_of(r, s);
    const hth_allocator counting = {count_and_take, release, &r->bytes};
    char who[80];
    close_parts(r);
    r->bytes = 0;
    r->parts.network = s->parts.network;
    if (batch == 0) return HTH_OK;
    snprintf(who, sizeof who, "replay.name = %.40s learns from", r->memory->kind->part.name);
    HTH_TRY(hth_second_check(settings, s, &source, who, "replay.learner", error));
    HTH_TRY(hth_tape_steps(settings, &source, &r->steps, error));
    if (r->steps > r->memory->steps) r->steps = r->memory->steps;
    HTH_TRY(open_losses(r, s, error));
    HTH_TRY(hth_learner_create(settings, s->parts.network, r->steps, batch, seed, compute,
                               &counting, &r->parts.learner, error));
    hth_learner_freeze(r->parts.learner, hth_optimiser_frozen(s->parts.optimiser));
    HTH_TRY(hth_given_feedback(&s->train, r->parts.learner, error));
    HTH_TRY(hth_learner_tape(r->parts.learner, compute, &counting, &r->parts.tape, error));
    return hth_gradient_create(s->parts.network, &counting, &r->parts.gradient, error);
}

hth_status hth_replayer_fit(hth_replayer *r, const hth_settings *settings, const hth_session *next,
                            hth_error *error) {
    if (!r) return HTH_OK;
    hth_replay_memory *m = r->memory;
    const size_t steps = hth_replay_stretch(m, next->train.sequence_steps);
    HTH_TRY(check(r, settings, next, error));
    if (steps <= m->steps) return HTH_OK;
    hth_second with;
    HTH_TRY(hth_replay_memory_reserve(m, steps, error));
    HTH_TRY(
        hth_second_settings(settings, m->options.learner, m->options.learner_steps, &with, error));
    const hth_status status = open_parts(r, &with.settings, next, error);
    hth_second_free(&with);
    return status;
}

hth_status hth_replayer_open(const hth_settings *settings, const hth_session *s, hth_replayer **out,
                             hth_error *error) {
    hth_replay_memory *memory;
    *out = NULL;
    HTH_TRY(hth_replay_memory_open(settings, (uint64_t)s->options.seed, &s->train.shape, s->batch,
                                   &memory, error));
    if (!memory) return HTH_OK;
    hth_replayer *r = calloc(1, sizeof *r);
    if (!r) {
        hth_replay_memory_close(memory);
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for replay");
    }
    r->memory = memory;
    const hth_status status = hth_replayer_fit(r, settings, s, error);
    if (status == HTH_OK)
        *out = r;
    else
        hth_replayer_close(r);
    return status;
}

/* ---- Along the walk ----------------------------------------------------------------------- */

void hth_replayer_begin(hth_replayer *r) {
    if (r) hth_replay_memory_begin(r->memory);
}

hth_status hth_replayer_dream(hth_replayer *r, const hth_settings *settings, const hth_session *s,
                              hth_error *error) {
    if (!r || r->memory->options.from != HTH_FROM_DREAM) return HTH_OK;
    return hth_dream_sequences(settings, s, r->memory, error);
}

bool hth_replayer_is_due(const hth_replayer *r, uint64_t update, const hth_chunk *chunk,
                         const hth_position_flags *flags) {
    if (!r || !r->parts.learner || r->memory->slots.held == 0) return false;
    const uint64_t every = (uint64_t)r->memory->options.every;
    return every ? update % every == 0 : hth_replay_memory_completes(r->memory, chunk, flags);
}

void hth_replayer_take(hth_replayer *r, const hth_chunk *chunk, const hth_position_flags *flags) {
    if (r) hth_replay_memory_take(r->memory, chunk, flags);
}

/* Adds the losses of the steps on the tape to those of their sequences. */
static hth_status add_losses(hth_replayer *r, const hth_chunk *piece, hth_error *error) {
    const size_t outputs = hth_network_look(r->parts.network).shape.outputs;
    if (!r->losses) return HTH_OK;
    HTH_TRY(hth_tape_read(r->parts.tape, 0, piece->steps, r->outputs, error));
    for (size_t i = 0; i < piece->steps * piece->batch; i++) {
        const hth_chunk item = {.steps = 1,
                                .batch = 1,
                                .targets = piece->targets ? piece->targets + i * outputs : NULL,
                                .classes = piece->classes ? piece->classes + i : NULL,
                                .weights = piece->weights + i};
        if (!(piece->weights[i] > 0)) continue;
        r->losses[i % piece->batch] +=
            hth_network_loss_of(r->parts.network, &item, r->outputs + i * outputs);
        r->weights[i % piece->batch] += (double)piece->weights[i];
    }
    return HTH_OK;
}

/* Tells the memory the mean losses that were found. */
static void tell_losses(hth_replayer *r) {
    if (!r->losses) return;
    for (size_t b = 0; b < (size_t)r->memory->options.batch; b++) {
        const double loss = r->weights[b] > 0 ? r->losses[b] / r->weights[b] : 0;
        r->losses[b] = loss > 0 ? loss : 0;
    }
    hth_replay_memory_tell(r->memory, r->losses);
}

/* Learns from whole sequences, in as many tapes as they take. */
static hth_status run_through(hth_replayer *r, const hth_chunk *all, hth_error *error) {
    const hth_model_parts *p = &r->parts;
    hth_report report = {0};
    hth_tape_reset(p->tape);
    for (size_t b = 0; r->losses && b < all->batch; b++) r->losses[b] = r->weights[b] = 0;
    /* A loss that is divided by the length of the sequence must know it. */
    for (size_t at = 0; hth_tape_divides(p->tape) && at < all->steps; at += r->steps) {
        const hth_chunk piece = hth_replay_memory_piece(r->memory, all, at, r->steps);
        HTH_TRY(hth_tape_expect(p->tape, &piece, error));
    }
    for (size_t at = 0; at < all->steps; at += r->steps) {
        const hth_chunk piece = hth_replay_memory_piece(r->memory, all, at, r->steps);
        HTH_TRY(hth_forward(p->tape, &piece, &report, error));
        HTH_TRY(add_losses(r, &piece, error));
        HTH_TRY(hth_learn(p->learner, p->tape, p->gradient, error));
    }
    tell_losses(r);
    return HTH_OK;
}

hth_status hth_replayer_learn(hth_replayer *r, hth_gradient *gradient, hth_error *error) {
    const hth_replay_options *o = &r->memory->options;
    hth_chunk all;
    if (!hth_replay_memory_draw(r->memory, &all)) return HTH_OK;
    hth_gradient_clear(r->parts.gradient);
    HTH_TRY(run_through(r, &all, error));
    if (o->project)
        hth_gradient_turn(gradient, r->parts.gradient);
    else
        hth_gradient_add(gradient, r->parts.gradient, o->weight);
    return HTH_OK;
}

/* ---- State -------------------------------------------------------------------------------- */

/* The learner's fields, by names of their own. */
static size_t list_learner(hth_learner *learner, hth_field *fields, size_t capacity) {
    const size_t count = hth_learner_state(learner, fields, capacity);
    for (size_t i = 0; i < count && i < capacity; i++) {
        char name[sizeof fields->name];
        snprintf(name, sizeof name, "learner.%.31s", fields[i].name);
        memcpy(fields[i].name, name, sizeof name);
    }
    return count;
}

size_t hth_replayer_state(hth_replayer *r, hth_field *fields, size_t capacity) {
    if (!r) return 0;
    size_t count = hth_replay_memory_state(r->memory, fields, capacity);
    if (!r->parts.learner) return count;
    size_t used = count < capacity ? count : capacity;
    count += hth_tape_state(r->parts.tape, fields ? fields + used : NULL, capacity - used);
    used = count < capacity ? count : capacity;
    return count + list_learner(r->parts.learner, fields ? fields + used : NULL, capacity - used);
}

bool hth_replayer_is_sound(const hth_replayer *r) {
    return !r || hth_replay_memory_is_sound(r->memory);
}
