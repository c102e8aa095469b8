/*
 * Scoring: one forward pass over a split, with its own tape and stream. It only reads the network and does not change
 * the state of the training tape.
 */
#include "session/score.h"

#include "network/inspect.h"

/* 16 to 128 steps: long enough to be fast, short enough to save memory. The length does not change the result, but in
 * a world, whose targets look to the end of the tape: there it is the same whatever learned, and for `eval`. */
size_t hth_scoring_steps(size_t training_steps, bool is_whole, const hth_source *source) {
    enum { LEAST = 16, MOST = 128 };
    if (is_whole) return (size_t)source->sequence_steps;
    if (source->kind->answers)
        return source->sequence_steps < MOST ? (size_t)source->sequence_steps : MOST;
    if (training_steps < LEAST) return LEAST;
    return training_steps > MOST ? MOST : training_steps;
}

/* Sets up the walk and the moments; the stream is open already. */
static hth_status set_up(const hth_session *session, hth_scorer *scorer, hth_error *error) {
    enum { DEFAULT_STEPS = 1000, DEFAULT_EPISODES = 100 };
    /* The tape, and how far the pass goes: one epoch, one sequence, or DEFAULT_STEPS; of a world until so many episodes
     * have ended, whatever their length; unless train.validation_steps is set. */
    const hth_train_options *o = &session->options;
    const uint64_t sequence = scorer->source.sequence_steps;
    hth_walk *w = &scorer->walk;
    scorer->network = session->parts.network;
    w->whole = hth_network_look(session->parts.network).is_whole;
    w->keep_state = o->keep_state;
    w->steps = hth_scoring_steps(session->steps, w->whole, &scorer->source);
    w->batch = hth_scoring_batch(o);
    w->limit = (uint64_t)o->validation_steps;
    if (!w->limit && scorer->source.kind->answers)
        scorer->episodes = DEFAULT_EPISODES;
    else if (!w->limit && !scorer->source.epoch_steps)
        w->limit = sequence ? sequence : DEFAULT_STEPS;
    return hth_moments_create(&scorer->source.shape, &scorer->moments, error);
}

/* Makes the scorer's own tape, which leaves no unit out. */
static hth_status open_tape(const hth_session *session, hth_scorer *scorer, hth_error *error) {
    const size_t ahead = scorer->source.kind->answers ? 1 : 0;
    HTH_TRY(hth_tape_create(session->parts.network, scorer->walk.steps + ahead,
                            hth_scoring_batch(&session->options), session->parts.compute, NULL,
                            &scorer->tape, error));
    hth_tape_dropout(scorer->tape, false);
    scorer->walk.parts.tape = scorer->tape;
    return HTH_OK;
}

/* Moves a complete scorer to *out; closes an incomplete one. */
static hth_status keep_or_close(hth_status status, hth_scorer *scorer, hth_scorer *out) {
    if (status == HTH_OK)
        *out = *scorer;
    else
        hth_scorer_close(scorer);
    return status;
}

size_t hth_scoring_batch(const hth_train_options *options) {
    return (size_t)(options->validation_batch ? options->validation_batch : options->batch);
}

hth_status hth_scorer_open(const hth_settings *settings, const hth_session *session,
                           hth_split split, hth_scorer *out, hth_error *error) {
    hth_scorer scorer = {0};
    HTH_TRY(hth_source_open(settings, split, hth_scoring_batch(&session->options),
                            (uint64_t)session->options.seed, &scorer.source, error));
    hth_status status = scorer.source.kind ? set_up(session, &scorer, error) : HTH_OK;
    if (status == HTH_OK && scorer.source.kind) status = open_tape(session, &scorer, error);
    return keep_or_close(status, &scorer, out);
}

hth_status hth_scorer_take(hth_session *session, hth_scorer *out, hth_error *error) {
    hth_scorer scorer = {.source = session->train, .walk.parts.tape = session->parts.tape};
    session->train = (hth_source){0};
    return keep_or_close(set_up(session, &scorer, error), &scorer, out);
}

void hth_scorer_close(hth_scorer *scorer) {
    hth_tape_destroy(scorer->tape);
    hth_moments_destroy(&scorer->moments);
    hth_source_close(&scorer->source);
    *scorer = (hth_scorer){0};
}

/* Whether the pass has gone as far as it goes. Episodes of a batch that began together all count, or short ones would
 * count for more. */
static bool is_over(const hth_scorer *scorer) {
    const hth_walk *w = &scorer->walk;
    const bool enough = scorer->moments.outcomes.episodes >= (double)scorer->episodes;
    if (scorer->episodes) return enough && w->flags.ends;
    return scorer->tally.epoch_over || (w->limit && scorer->tally.step >= w->limit);
}

hth_status hth_scorer_run(hth_scorer *scorer, const hth_watch *watch, bool *stopped,
                          hth_error *error) {
    hth_walk *walk = &scorer->walk;
    const hth_tally *tally = walk->tally = &scorer->tally;
    /* Point the walk at this scorer, which may have moved since the last pass. */
    walk->source = &scorer->source;
    walk->moments = &scorer->moments;
    /* A loss whose weights change along the run (loss.entropy_end) is scored as at its start, so that scores can be
     * compared, and `eval` has the same. Training sets it anew at each tape. */
    hth_network_anneal(scorer->network, 0, false);
    /* From the start; at least one tape. */
    *stopped = false;
    HTH_TRY(hth_walk_rewind(walk, error));
    while (!is_over(scorer)) {
        if ((*stopped = tally->step > 0 && watch->stop && *watch->stop)) break;
        HTH_TRY(hth_walk_tape(walk, error));
        if (scorer->confusion) HTH_TRY(hth_confusion_add(scorer->confusion, walk, error));
        if (watch->tick) watch->tick(watch->context);
    }
    return HTH_OK;
}
