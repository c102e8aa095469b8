/* The walk: see walk.h. */
#include "session/walk.h"

static hth_status next_steps(hth_walk *w, hth_error *error) {
    size_t most = w->steps;
    if (!w->whole && w->limit && w->limit - w->tally->step < most)
        most = (size_t)(w->limit - w->tally->step);
    return w->source->kind->next(w->source->state, most, &w->chunk, &w->flags, error);
}

static void begin_sequence(hth_walk *w) {
    hth_tape_reset(w->tape);
    if (w->learner) hth_learner_reset(w->learner);
    if (w->guest) w->guest->kind->begin(w->guest->state);
}

static hth_status learn(hth_walk *w, hth_error *error) {
    const hth_guest *guest = w->guest;
    const uint64_t epoch = w->tally->epoch ? w->tally->epoch : 1;
    /* One tape is one update, and no guest asks for the gradient: then the two go together, which is faster. */
    if (w->optimiser && !w->update_sequence && !guest)
        return hth_learn_and_step(w->learner, w->tape, w->gradient, w->optimiser, w->network, epoch,
                                  error);
    HTH_TRY(hth_learn(w->learner, w->tape, w->gradient, error));
    if (guest)
        HTH_TRY(guest->kind->after_tape(guest->state, w->tape, w->tally->step + w->chunk.steps,
                                        guest->lines, error));
    if (!w->optimiser || (w->update_sequence && !w->flags.ends)) return HTH_OK;
    HTH_TRY(hth_optimiser_step(w->optimiser, w->network, w->gradient, epoch, error));
    hth_gradient_clear(w->gradient);
    return HTH_OK;
}

hth_status hth_walk_tape(hth_walk *w, hth_error *error) {
    const hth_stream_kind *stream = w->source->kind;
    hth_tally *tally = w->tally;
    HTH_TRY(next_steps(w, error));
    if (tally->epoch_over) tally->epoch++;
    tally->epoch_over = 0;
    if (tally->step == 0 || (w->flags.starts && !w->keep_state)) begin_sequence(w);
    w->chunk.ends = w->flags.ends && !w->keep_state;
    const double before = tally->sums.loss;
    HTH_TRY(hth_forward(w->tape, &w->chunk, &tally->sums, error));
    if (w->moments) hth_moments_add(w->moments, &w->chunk);
    if (w->learner) HTH_TRY(learn(w, error));
    if (w->optimiser && stream->judge) stream->judge(w->source->state, tally->sums.loss - before);
    tally->step += w->chunk.steps;
    tally->epoch_over = w->flags.epoch_end;
    return HTH_OK;
}

hth_status hth_walk_rewind(hth_walk *w, hth_error *error) {
    HTH_TRY(hth_source_rewind(w->source, error));
    if (w->moments) hth_moments_clear(w->moments);
    *w->tally = (hth_tally){0};
    return HTH_OK;
}
