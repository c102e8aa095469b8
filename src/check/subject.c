/*
 * What a check works on: a sample of the data that can be run through any number of times, and a network with fixed
 * parameters, whose gradient any learner can compute with tapes of any length.
 */
#include "check/subject.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "session/checkpoint.h"
#include "session/walk.h"
#include "settings/config.h"

#include <stdlib.h>
#include <string.h>

/* ---- The sample --------------------------------------------------------------------------- */

/* An array of the chunk: its bytes for one step, and the sample's copy of it. */
typedef struct part {
    const void *from;
    void **to;
    size_t bytes;
} part;

enum { PARTS = 5 };

static void list_parts(hth_sample *s, const hth_chunk *chunk, part parts[PARTS]) {
    const size_t b = s->batch, real = b * sizeof(hth_real), code = b * sizeof(int32_t);
    parts[0] = (part){chunk->x, (void **)&s->x, s->shape.inputs * real};
    parts[1] = (part){chunk->tokens, (void **)&s->tokens, code};
    parts[2] = (part){chunk->targets, (void **)&s->targets, s->shape.outputs * real};
    parts[3] = (part){chunk->classes, (void **)&s->classes, code};
    parts[4] = (part){chunk->weights, (void **)&s->weights, real};
}

/* Adds up the lengths of items over chunks. */
static hth_status append_lengths(hth_sample *s, const hth_chunk *chunk, hth_error *error) {
    if (!chunk->lengths) return HTH_OK;
    if (!s->lengths) s->lengths = calloc(s->batch, sizeof *s->lengths);
    if (!s->lengths)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the data of the check");
    for (size_t b = 0; b < s->batch; b++) s->lengths[b] += chunk->lengths[b];
    return HTH_OK;
}

static hth_status append_chunk(hth_sample *s, const hth_chunk *chunk, size_t most,
                               hth_error *error) {
    part parts[PARTS];
    list_parts(s, chunk, parts);
    for (size_t i = 0; i < PARTS; i++) {
        const part *p = &parts[i];
        if (!p->from) continue;
        if (!*p->to) *p->to = calloc(most, p->bytes);
        if (!*p->to)
            return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the data of the check");
        memcpy((char *)*p->to + s->steps * p->bytes, p->from, chunk->steps * p->bytes);
    }
    HTH_TRY(append_lengths(s, chunk, error));
    s->steps += chunk->steps;
    return HTH_OK;
}

hth_status hth_sample_take(hth_source *source, size_t steps, size_t batch, hth_sample *out,
                           hth_error *error) {
    hth_sample sample = {.batch = batch, .shape = source->shape};
    hth_position_flags flags = {0};
    hth_status status = HTH_OK;
    while (status == HTH_OK && sample.steps < steps && !flags.ends && !flags.epoch_end) {
        hth_chunk chunk;
        status = source->kind->next(source->state, steps - sample.steps, &chunk, &flags, error);
        /* skip the rest of a sequence that began earlier */
        if (source->sequence_steps && sample.steps == 0 && !flags.starts)
            flags.ends = flags.epoch_end = false;
        else if (status == HTH_OK)
            status = append_chunk(&sample, &chunk, steps, error);
    }
    if (status == HTH_OK)
        *out = sample;
    else
        hth_sample_free(&sample);
    return status;
}

hth_status hth_sample_play(const hth_source *source, hth_network *network, hth_compute *compute,
                           size_t steps, size_t batch, hth_sample *out, hth_error *error) {
    hth_sample sample = {.batch = batch, .shape = source->shape};
    hth_tally tally = {0};
    hth_walk walk = {.source = source, .tally = &tally, .steps = steps, .batch = batch};
    /* Room for one step more: where an episode goes on, the network looks ahead for the value. */
    HTH_TRY(hth_tape_create(network, steps + 1, batch, compute, NULL, &walk.parts.tape, error));
    walk.parts.network = network;
    hth_tape_dropout(walk.parts.tape, false);
    /* Of an episode that began earlier the rest is left out. */
    hth_status status = HTH_OK;
    while (status == HTH_OK && !walk.flags.starts) status = hth_walk_tape(&walk, error);
    if (status == HTH_OK) status = append_chunk(&sample, &walk.chunk, steps, error);
    hth_tape_destroy(walk.parts.tape);
    if (status == HTH_OK)
        *out = sample;
    else
        hth_sample_free(&sample);
    return status;
}

void hth_sample_free(hth_sample *s) {
    free(s->x);
    free(s->tokens);
    free(s->targets);
    free(s->classes);
    free(s->weights);
    free(s->lengths);
    *s = (hth_sample){0};
}

hth_chunk hth_sample_chunk(const hth_sample *s, size_t from, size_t steps) {
    const size_t at = from * s->batch;
    return (hth_chunk){
        .steps = steps,
        .batch = s->batch,
        .x = s->x ? s->x + at * s->shape.inputs : NULL,
        .tokens = s->tokens ? s->tokens + at : NULL,
        .targets = s->targets ? s->targets + at * s->shape.outputs : NULL,
        .classes = s->classes ? s->classes + at : NULL,
        .weights = s->weights ? s->weights + at : NULL,
    };
}

/* ---- The sample as a stream: one sequence, again and again ---------------------------------- */

typedef struct sample_stream {
    const hth_sample *sample;
    size_t at;
    /* the chunk has the lengths of items; only for tapes that hold the whole sample */
    bool tells_lengths;
} sample_stream;

static hth_status next_of_sample(void *state, size_t most, hth_chunk *chunk,
                                 hth_position_flags *flags, hth_error *error) {
    sample_stream *stream = state;
    const size_t from = stream->at, left = stream->sample->steps - from;
    (void)error;
    *chunk = hth_sample_chunk(stream->sample, from, left < most ? left : most);
    if (stream->tells_lengths) chunk->lengths = stream->sample->lengths;
    *flags = (hth_position_flags){
        .starts = from == 0, .ends = chunk->steps == left, .epoch_end = chunk->steps == left};
    stream->at = flags->ends ? 0 : from + chunk->steps;
    return HTH_OK;
}

/* Walks through the sample once; the sample ends with its sequence. r NULL: nothing learns. */
static hth_status walk_sample(const hth_subject *s, hth_tape *tape, const hth_rehearsal *r,
                              hth_report *report, hth_error *error) {
    static const hth_stream_kind kind = {.part = {.name = "sample"}, .next = next_of_sample};
    sample_stream stream = {.sample = s->sample,
                            .tells_lengths = hth_network_look(s->network).is_whole};
    const hth_source source = {.kind = &kind, .state = &stream};
    hth_tally tally = {.sums = *report};
    hth_walk walk = {.source = &source,
                     .parts = {.tape = tape,
                               .learner = r ? r->learner : NULL,
                               .gradient = r ? r->gradient : NULL},
                     .tally = &tally,
                     .steps = r ? r->steps : s->sample->steps};
    while (!tally.epoch_over) HTH_TRY(hth_walk_tape(&walk, error));
    *report = tally.sums;
    return HTH_OK;
}

/* ---- The gradient ------------------------------------------------------------------------- */

static hth_status open_learner(const hth_rehearsal *r, hth_learner **out, hth_error *error) {
    const hth_subject *s = r->subject;
    HTH_TRY(hth_learner_create(&r->settings, s->network, r->steps, s->sample->batch, s->seed,
                               s->compute, NULL, out, error));
    hth_status status = HTH_OK;
    if (s->source && hth_learner_look(*out).takes_feedback)
        status = hth_given_feedback(s->source, *out, error);
    if (status == HTH_OK && s->run)
        status =
            hth_run_restore(s->run, &s->settings, &(hth_handles){.parts.learner = *out}, error);
    /* forget the sequence that the run was in the middle of */
    if (status == HTH_OK && s->run) hth_learner_abandon(*out);
    if (status == HTH_OK) return HTH_OK;
    hth_learner_destroy(*out);
    *out = NULL;
    return status;
}

static hth_status open_handles(hth_rehearsal *r, hth_error *error) {
    const hth_subject *s = r->subject;
    HTH_TRY(hth_gradient_create(s->network, NULL, &r->gradient, error));
    HTH_TRY(open_learner(r, &r->learner, error));
    HTH_TRY(hth_learner_tape(r->learner, s->compute, NULL, &r->tape, error));
    hth_tape_dropout(r->tape, false); /* otherwise each pass would drop other units */
    return HTH_OK;
}

hth_status hth_rehearsal_open(const hth_subject *subject, const hth_settings *overrides,
                              size_t steps, hth_rehearsal *out, hth_error *error) {
    hth_rehearsal rehearsal = {.subject = subject, .steps = steps};
    HTH_TRY(hth_settings_join(&subject->settings, overrides, &rehearsal.settings, error));
    hth_status status = open_handles(&rehearsal, error);
    if (status == HTH_OK)
        *out = rehearsal;
    else
        hth_rehearsal_close(&rehearsal);
    return status;
}

hth_status hth_rehearsal_renew(hth_rehearsal *r, hth_error *error) {
    hth_learner *learner;
    HTH_TRY(open_learner(r, &learner, error));
    hth_learner_draw_on(learner, r->learner);
    hth_learner_destroy(r->learner);
    r->learner = learner;
    return HTH_OK;
}

hth_status hth_rehearsal_run(const hth_rehearsal *r, hth_report *report, hth_error *error) {
    hth_gradient_clear(r->gradient);
    return walk_sample(r->subject, r->tape, r, report, error);
}

void hth_rehearsal_close(hth_rehearsal *r) {
    hth_learner_destroy(r->learner);
    hth_tape_destroy(r->tape);
    hth_gradient_destroy(r->gradient);
    free((void *)(uintptr_t)r->settings.items);
    *r = (hth_rehearsal){0};
}

hth_status hth_subject_gradient(const hth_subject *s, const hth_settings *overrides, size_t steps,
                                hth_real *out, hth_report *report, hth_error *error) {
    hth_rehearsal r;
    *report = (hth_report){0};
    HTH_TRY(hth_rehearsal_open(s, overrides, steps, &r, error));
    hth_status status = hth_rehearsal_run(&r, report, error);
    if (status == HTH_OK)
        memcpy(out, hth_gradient_values(r.gradient),
               hth_network_parameter_count(s->network) * sizeof *out);
    hth_rehearsal_close(&r);
    return status;
}

hth_status hth_subject_loss(const hth_subject *s, hth_tape *tape, double *loss, hth_error *error) {
    hth_report report = {0};
    HTH_TRY(walk_sample(s, tape, NULL, &report, error));
    /* The report is a plain sum over time, as the check wants it (loss.time = sum); only the mean over the batch is
     * left. */
    *loss = report.loss;
    if (hth_network_look(s->network).mean_over_batch) *loss /= (double)s->sample->batch;
    *loss += report.regulariser;
    return HTH_OK;
}
