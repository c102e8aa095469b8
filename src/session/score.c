/*
 * Scoring: one forward pass over a split, on a tape and a stream of its own. The network is only
 * read, and the carried state of training is not touched.
 */
#include "session/score.h"

#include "network/network.h"

/* A tape that is long enough for speed and short enough for memory; its length does not change the
 * result. */
static size_t scoring_steps(size_t training_steps) {
    enum { LEAST = 16, MOST = 128 };
    if (training_steps < LEAST) return LEAST;
    return training_steps > MOST ? MOST : training_steps;
}

/* Everything but the stream, which is open. */
static hth_status set_up(const hth_session *session, hth_scorer *scorer, hth_error *error) {
    enum { DEFAULT_STEPS = 1000 };
    const hth_train_options *o = &session->options;
    scorer->whole = session->network->both_ways;
    scorer->steps =
        scorer->whole ? (size_t)scorer->source.sequence_steps : scoring_steps(session->steps);
    scorer->limit = (uint64_t)o->validation_steps;
    if (!scorer->limit && !scorer->source.epoch_steps)
        scorer->limit =
            scorer->source.sequence_steps ? scorer->source.sequence_steps : DEFAULT_STEPS;
    scorer->keep_state = o->keep_state;
    HTH_TRY(hth_moments_create(&scorer->source.shape, &scorer->moments, error));
    return hth_tape_create(session->network, scorer->steps, hth_scoring_batch(o), session->compute,
                           NULL, &scorer->tape, error);
}

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
    if (!scorer.source.kind) {
        *out = scorer;
        return HTH_OK;
    }
    return keep_or_close(set_up(session, &scorer, error), &scorer, out);
}

hth_status hth_scorer_take(hth_session *session, hth_scorer *out, hth_error *error) {
    hth_scorer scorer = {.source = session->train};
    session->train = (hth_source){0};
    return keep_or_close(set_up(session, &scorer, error), &scorer, out);
}

void hth_scorer_close(hth_scorer *scorer) {
    hth_tape_destroy(scorer->tape);
    hth_moments_destroy(&scorer->moments);
    hth_source_close(&scorer->source);
    *scorer = (hth_scorer){0};
}

static hth_status next_chunk(hth_scorer *scorer, uint64_t done, hth_chunk *chunk,
                             hth_position_flags *flags, hth_error *error) {
    size_t most = scorer->steps;
    if (!scorer->whole && scorer->limit && scorer->limit - done < most)
        most = (size_t)(scorer->limit - done);
    return scorer->source.kind->next(scorer->source.state, most, chunk, flags, error);
}

hth_status hth_scorer_run(hth_scorer *scorer, const hth_watch *watch, hth_report *report,
                          uint64_t *steps, bool *stopped, hth_error *error) {
    *report = (hth_report){0};
    *steps = 0;
    *stopped = false;
    HTH_TRY(hth_source_rewind(&scorer->source, error));
    hth_tape_reset(scorer->tape);
    hth_moments_clear(&scorer->moments);
    hth_position_flags flags = {0};
    while (!flags.epoch_end && !(scorer->limit && *steps >= scorer->limit)) {
        hth_chunk chunk;
        if ((*stopped = *steps > 0 && watch->stop && *watch->stop)) break;
        HTH_TRY(next_chunk(scorer, *steps, &chunk, &flags, error));
        chunk.ends = flags.ends && !scorer->keep_state;
        if (flags.starts && !scorer->keep_state) hth_tape_reset(scorer->tape);
        HTH_TRY(hth_forward(scorer->tape, &chunk, report, error));
        hth_moments_add(&scorer->moments, &chunk);
        *steps += chunk.steps;
        if (watch->tick) watch->tick(watch->context);
    }
    return HTH_OK;
}
