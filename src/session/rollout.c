/*
 * A tape of a stream that answers. For each step the network writes, its outputs are read, and the stream takes them as
 * an action. Where the tape is full before the sequence ends, the step that comes next is written too, only for its
 * value, and taken off the tape again: the tape has room for one step more.
 */
#include "session/rollout.h"

#include "network/inspect.h"
#include "session/reads.h"

#include <stdlib.h>

/* Writes the next step and reads its outputs. */
static hth_status write_step(hth_walk *w, hth_real *outputs, bool *starts, hth_error *error) {
    const hth_answers *world = w->source->kind->answers;
    const hth_real *x;
    hth_tape *tape = w->parts.tape;
    HTH_TRY(world->observe(w->source->state, &x, starts, error));
    if ((*starts && !w->keep_state) || (w->tally->step == 0 && w->chunk.steps == 0))
        hth_walk_begin(w);
    const hth_inputs in = {.steps = 1, .batch = w->chunk.batch, .x = x};
    HTH_TRY(hth_tape_write(tape, &in, error));
    return hth_tape_read(tape, hth_tape_length(tape) - 1, 1, outputs, error);
}

/* The steps of a tape, until it is full or the sequence has ended. */
static hth_status write_tape(hth_walk *w, size_t most, hth_real *outputs, hth_error *error) {
    const hth_answers *world = w->source->kind->answers;
    hth_tape_begin(w->parts.tape);
    while (w->chunk.steps < most && !w->flags.ends) {
        bool starts;
        HTH_TRY(write_step(w, outputs, &starts, error));
        w->flags.starts = w->flags.starts || starts;
        HTH_TRY(world->act(w->source->state, outputs, &w->flags.ends, error));
        w->chunk.steps++;
    }
    return HTH_OK;
}

/* The outputs of the step that comes next; the tape is as before. */
static hth_status look_ahead(hth_walk *w, hth_real *outputs, hth_error *error) {
    bool starts;
    HTH_TRY(write_step(w, outputs, &starts, error));
    hth_tape_unwrite(w->parts.tape, w->chunk.steps);
    return HTH_OK;
}

/* The weight of the entropy, which may change along the run, at this point of a walk that learns. */
static double entropy_now(const hth_walk *w) {
    const double whole = w->limit ? (double)(w->limit - w->first) : 0;
    const double done = (double)(w->tally->step - w->first);
    if (!w->parts.network) return 0;
    return hth_network_anneal(w->parts.network, whole > 0 ? done / whole : 0, w->by_step);
}

/* Lets the stream find the targets; with the reads of the tape if it asks, of a whole sequence. */
static hth_status look_back(hth_walk *w, const hth_real *after, double entropy, hth_lookback *back,
                            hth_error *error) {
    const hth_answers *world = w->source->kind->answers;
    void *state = w->source->state;
    hth_read_list list = {0};
    const bool whole = w->flags.starts && w->flags.ends && w->parts.network;
    hth_status status = HTH_OK;
    if (whole && world->needs(state) >= HTH_WHOLE_WITH_READS)
        status = hth_read_list_make(w->parts.network, w->parts.tape, w->chunk.batch, &list, error);
    if (status == HTH_OK)
        world->look_back(state, after, entropy, list.first ? &list.reads : NULL, back);
    hth_read_list_free(&list);
    return status;
}

static hth_status run(hth_walk *w, size_t most, hth_real *outputs, hth_lookback *back,
                      hth_error *error) {
    const hth_answers *world = w->source->kind->answers;
    const double entropy = entropy_now(w);
    HTH_TRY(write_tape(w, most, outputs, error));
    const bool state_ends = w->flags.ends && !w->keep_state;
    if (state_ends) hth_tape_end(w->parts.tape);
    if (!w->flags.ends) HTH_TRY(look_ahead(w, outputs, error));
    /* The targets, and what is said of the steps by them. */
    HTH_TRY(look_back(w, w->flags.ends ? NULL : outputs, entropy, back, error));
    w->chunk = back->chunk;
    w->chunk.ends = state_ends;
    const hth_verdict verdict = {
        .steps = w->chunk.steps, .targets = w->chunk.targets, .weights = w->chunk.weights};
    const double before = w->tally->sums.loss;
    HTH_TRY(hth_tape_judge(w->parts.tape, &verdict, &w->tally->sums, error));
    if (back->by_step) w->tally->sums.loss = before + back->loss;
    if (w->moments) world->tell(w->source->state, &w->moments->outcomes);
    return HTH_OK;
}

hth_status hth_rollout(hth_walk *w, hth_lookback *back, hth_error *error) {
    size_t most = w->steps;
    if (w->limit && w->limit - w->tally->step < most) most = (size_t)(w->limit - w->tally->step);
    w->chunk = (hth_chunk){.batch = w->batch};
    w->flags = (hth_position_flags){0};
    hth_real *outputs = malloc(hth_times(w->batch, w->source->shape.outputs * sizeof *outputs));
    if (!outputs) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for outputs");
    const hth_status status = run(w, most, outputs, back, error);
    free(outputs);
    return status;
}

hth_status hth_rollout_learn(hth_walk *w, const hth_lookback *back, hth_error *error) {
    const hth_model_parts *p = &w->parts;
    const hth_guest *guest = w->guest;
    /* The traces of one episode are not those of the next. */
    hth_gradient_fade(p->gradient, w->flags.starts ? 0 : w->fading);
    HTH_TRY(hth_learn(p->learner, p->tape, p->gradient, error));
    if (guest)
        HTH_TRY(guest->kind->after_tape(guest->state, p->tape, w->tally->step + w->chunk.steps,
                                        guest->lines, error));
    return hth_optimiser_step_scaled(p->optimiser, p->network, p->gradient, back->delta, 1, error);
}
