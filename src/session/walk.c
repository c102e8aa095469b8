/* The walk: see walk.h. */
#include "session/along.h"
#include "session/replay.h"
#include "session/rollout.h"
#include "session/shares.h"

#include <stdlib.h>

/* ---- The next steps ---- */

/* Gets up to `most` steps from the stream. */
static hth_status next_of(hth_walk *w, size_t most, hth_error *error) {
    return w->source->kind->next(w->source->state, most, &w->chunk, &w->flags, error);
}

/* Gets the steps of the next tape, within the limit unless a tape must be a whole sequence. */
static hth_status next_steps(hth_walk *w, hth_error *error) {
    size_t most = w->steps;
    if (!w->whole && w->limit && w->limit - w->tally->step < most)
        most = (size_t)(w->limit - w->tally->step);
    return next_of(w, most, error);
}

void hth_walk_begin(hth_walk *w) {
    if (w->shares)
        hth_shares_reset(w->shares);
    else
        hth_tape_reset(w->parts.tape);
    if (w->guest) w->guest->kind->begin(w->guest->state);
}

/* ---- The divisor of loss.time ---- */

/* Whether the next tape may begin a sequence that needs several tapes, so that it must be announced to the tape
 * (hth_tape_expect). */
static bool may_begin(const hth_walk *w) {
    return w->parts.learner && hth_tape_divides(w->parts.tape) &&
           (w->chunk.steps == 0 || w->flags.ends);
}

static hth_status expect(hth_walk *w, hth_error *error) {
    if (w->shares) return hth_shares_expect(w->shares, &w->chunk, error);
    return hth_tape_expect(w->parts.tape, &w->chunk, error);
}

/* The walk has the first tape of a sequence. Reads the stream to the end of the sequence, announces each piece to the
 * tape, and returns the stream to `noted`, the position before the sequence. */
static hth_status foresee(hth_walk *w, const void *noted, hth_error *error) {
    if (!w->flags.starts || w->flags.ends) return HTH_OK;
    HTH_TRY(expect(w, error));
    while (!w->flags.ends) {
        HTH_TRY(next_of(w, w->steps, error));
        HTH_TRY(expect(w, error));
    }
    /* Go back and get the first tape again. */
    HTH_TRY(hth_source_return(w->source, noted, error));
    return next_steps(w, error);
}

/* Learns from the tape, shows it to the guest and updates. */
static hth_status learn(hth_walk *w, hth_error *error) {
    const hth_guest *guest = w->guest;
    const uint64_t epoch = w->tally->epoch ? w->tally->epoch : 1;
    const bool updates = w->parts.optimiser && (!w->update_sequence || w->flags.ends);
    const bool replays =
        updates && hth_replayer_is_due(w->replayer, w->tally->updates + 1, &w->chunk, &w->flags);
    if (w->parts.optimiser) HTH_TRY(hth_along_note(w->along, w, error));
    /* One tape is one update and nobody else sees the gradient: the fused call is faster. */
    if (updates && !w->update_sequence && !guest && !replays)
        return hth_learn_and_step(w->parts.learner, w->parts.tape, w->parts.gradient,
                                  w->parts.optimiser, w->parts.network, epoch, error);
    /* Learn; then the guest sees the tape. Between updates the fused call leaves numbers without a meaning. */
    if (replays && !w->update_sequence) hth_gradient_clear(w->parts.gradient);
    HTH_TRY(hth_learn(w->parts.learner, w->parts.tape, w->parts.gradient, error));
    if (guest)
        HTH_TRY(guest->kind->after_tape(guest->state, w->parts.tape,
                                        w->tally->step + w->chunk.steps, guest->lines, error));
    /* Update, if it is time. */
    if (!updates) return HTH_OK;
    if (replays) HTH_TRY(hth_replayer_learn(w->replayer, w->parts.gradient, error));
    HTH_TRY(
        hth_optimiser_step(w->parts.optimiser, w->parts.network, w->parts.gradient, epoch, error));
    hth_gradient_clear(w->parts.gradient);
    return HTH_OK;
}

/* The same of a batch in shares: writes the tapes and learns from them; where it is time, one update follows from the
 * sum of their gradients. before: how this rank fared so far; the others hear of it here. */
static hth_status learn_shares(hth_walk *w, hth_status before, hth_error *error) {
    const uint64_t epoch = w->tally->epoch ? w->tally->epoch : 1;
    HTH_TRY(hth_shares_take(w->shares, before, &w->chunk, &w->tally->sums, error));
    if (!w->parts.optimiser || (w->update_sequence && !w->flags.ends)) return HTH_OK;
    hth_shares_join(w->shares);
    HTH_TRY(
        hth_optimiser_step(w->parts.optimiser, w->parts.network, w->parts.gradient, epoch, error));
    hth_shares_clear(w->shares);
    return HTH_OK;
}

/* Gets the steps of the next tape. If they begin a sequence, resets tape and guest and announces the sequence. */
static hth_status bring_steps(hth_walk *w, hth_error *error) {
    void *noted = NULL;
    const bool divides = may_begin(w);
    if (divides) HTH_TRY(hth_source_note(w->source, &noted, error));
    hth_status status = next_steps(w, error);
    const bool begins = w->tally->step == 0 || (w->flags.starts && !w->keep_state);
    if (status == HTH_OK && begins) {
        hth_walk_begin(w);
        if (divides) status = foresee(w, noted, error);
    }
    free(noted);
    return status;
}

/* ---- A tape ---- */

/* The same of a stream that answers. */
static hth_status walk_world(hth_walk *w, hth_error *error) {
    hth_tally *tally = w->tally;
    hth_lookback back;
    HTH_TRY(hth_rollout(w, &back, error));
    if (w->parts.learner)
        HTH_TRY(w->by_step ? hth_rollout_learn(w, &back, error) : learn(w, error));
    tally->updates += w->parts.optimiser && (!w->update_sequence || w->flags.ends);
    tally->step += w->chunk.steps;
    return HTH_OK;
}

hth_status hth_walk_tape(hth_walk *w, hth_error *error) {
    const hth_stream_kind *stream = w->source->kind;
    hth_tally *tally = w->tally;
    if (stream->answers) return walk_world(w, error);
    /* Get the steps and count the epoch. */
    const hth_status status = bring_steps(w, error);
    if (!w->shares) HTH_TRY(status);
    if (tally->epoch_over) tally->epoch++;
    tally->epoch_over = 0;
    w->chunk.ends = w->flags.ends && !w->keep_state;
    /* Write the tape and learn from it. */
    const double before = tally->sums.loss;
    HTH_TRY(w->shares ? learn_shares(w, status, error)
                      : hth_forward(w->parts.tape, &w->chunk, &tally->sums, error));
    if (w->moments) hth_moments_add(w->moments, &w->chunk);
    if (w->parts.learner && !w->shares) HTH_TRY(learn(w, error));
    hth_replayer_take(w->replayer, &w->chunk, &w->flags);
    /* Count the update, tell the stream its loss and count the steps. */
    tally->updates += w->parts.optimiser && (!w->update_sequence || w->flags.ends);
    if (w->parts.optimiser && stream->judge)
        stream->judge(w->source->state, tally->sums.loss - before);
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
