/*
 * A run: the walk (session/walk.h) takes one tape after the other, and between tapes the run writes reports, validates
 * and saves checkpoints.
 *
 * The course of a run depends only on the handles' states and the counters. Every checkpoint holds both, so a run that
 * was interrupted, or killed at any moment, continues exactly like one that was not. The clock decides only when
 * checkpoints are saved.
 *
 * Of several ranks all run this, with the same counters, and rank 0 writes (session/shares.h). What only one of them
 * can know (the clock, a signal, an error) they tell each other, at places that all come to.
 */
#include "credit/inspect.h"
#include "files/clock.h"
#include "files/lines.h"
#include "network/inspect.h"
#include "run/run.h"
#include "session/importance.h"
#include "session/outer.h"
#include "session/shares.h"

#include <stdio.h>
#include <stdlib.h>

bool hth_run_writes(const hth_run *r) {
    return r->ranks->rank == 0;
}

/* Whether it is so on any rank. */
static bool anywhere(const hth_run *r, bool here) {
    unsigned char flag = here;
    hth_ranks_any(r->ranks, &flag, 1);
    return flag != 0;
}

/* Whether the observer of any rank asks the run to stop. */
static bool interrupted(const hth_run *r) {
    return anywhere(r, r->observer->interrupted && *r->observer->interrupted);
}

/* ---- Checkpoints -------------------------------------------------------------------------- */

hth_status hth_run_catch_up(hth_run *r, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    if (r->unwritten) {
        HTH_TRY(hth_rundir_file(r->dir.path, "settings.yaml", path, error));
        HTH_TRY(hth_config_write(r->unwritten, path, error));
        r->unwritten = NULL;
    }
    if (!r->best) return HTH_OK;
    HTH_TRY(hth_checkpoint_save_held(r->dir.path, r->best, &r->identity, error));
    hth_held_best_free(r->best);
    r->best = NULL;
    return HTH_OK;
}

hth_status hth_run_save(hth_run *r, hth_error *error) {
    double now = hth_clock();
    r->counters.seconds = r->before + now - r->begun;
    if (r->metrics) hth_metrics_sync(r->metrics);
    if (r->session.guest.lines) hth_metrics_sync(r->session.guest.lines);
    if (r->board) hth_metrics_sync(r->board);
    HTH_TRY(hth_run_catch_up(r, error));
    HTH_TRY(hth_checkpoint_save(r->dir.path, &r->session, &r->counters, &r->identity, error));
    r->saved = hth_clock();
    return HTH_OK;
}

/* Saves a checkpoint every train.checkpoint_every seconds. An error is only told: a disk that is full for a while must
 * not end a run. */
static void save_now_and_then(hth_run *r) {
    hth_error error;
    const bool due = hth_clock() - r->saved >= r->session.options.checkpoint_every;
    if (!anywhere(r, due && hth_run_writes(r)) || hth_run_save(r, &error) == HTH_OK) return;
    r->saved = hth_clock();
    hth_run_tell(r, error.message);
}

/* ---- The loop ----------------------------------------------------------------------------- */

/* Writes advice for numbers that are no longer finite: the settings to reduce. The learner's own rate comes first if
 * the parameters that it trains have diverged. */
static void advise(const hth_run *r, char *out, size_t size) {
    char own[64] = "";
    bool sound;
    const hth_setting *clip = hth_settings_find(&r->settings, "optimiser.clip_norm");
    const bool has_own = r->session.parts.learner &&
                         hth_learner_rate(r->session.parts.learner, own, sizeof own, &sound);
    const char *const lr = "optimiser.lr", *first = has_own && !sound ? own : lr;
    /* Example: "optimiser.lr, or an optimiser.clip_norm". */
    snprintf(out, size, "%s%s%s, or %s optimiser.clip_norm", first, has_own ? " or " : "",
             has_own ? (first == lr ? own : lr) : "",
             clip && strtod(clip->value, NULL) > 0 ? "a smaller" : "an");
}

/* Adds the step, and advice if training diverged, to the error. The last checkpoint stays as it is. */
static hth_status explain(const hth_run *r, hth_status status, hth_error *error) {
    char reason[300], advice[240];
    if (!error) return status;
    /* Keep the bare reason. */
    r->outcome->cause = *error;
    snprintf(reason, sizeof reason, "%.299s", error->message);
    /* Only divergence gets advice. */
    if (status != HTH_NOT_FINITE)
        return hth_fail(error, status, "after step %llu: %s",
                        (unsigned long long)r->counters.walked.step, reason);
    advise(r, advice, sizeof advice);
    return hth_fail(error, status,
                    "after step %llu: %.200s; if the data are right, training diverged: try a "
                    "smaller %s (%.60s holds the last checkpoint)",
                    (unsigned long long)r->counters.walked.step, reason, advice, r->dir.path);
}

/* Takes one tape, or one step of the outer loop. */
static hth_status step(hth_run *r, hth_error *error) {
    hth_counters *c = &r->counters;
    const uint64_t before = c->walked.step, updates = c->walked.updates;
    hth_status status = r->session.outer
                            ? hth_outer_step(&r->session, &c->walked, &c->places, error)
                            : hth_walk_tape(&r->walk, error);
    if (status == HTH_OK && !r->session.outer)
        status = hth_session_keep(&r->settings, &r->session, c->walked.updates > updates, error);
    if (status != HTH_OK) return explain(r, status, error);
    hth_run_find_due(r, (size_t)(c->walked.step - before));
    return HTH_OK;
}

/* Trains until the run is finished or interrupted; *ending says which. Takes at least one tape even if interrupted at
 * once, so that repeated resumes make progress. */
static hth_status loop(hth_run *r, hth_ending *ending, hth_error *error) {
    hth_counters *c = &r->counters;
    for (bool first = true;; first = false) {
        bool stopped = false;
        /* Write the line that is due; it stays due if its validation is interrupted. */
        hth_status status = HTH_OK;
        if (c->line_due) status = hth_ranks_agree(r->ranks, hth_run_report(r, error), error);
        if (status != HTH_OK) return explain(r, status, error);
        *ending = HTH_INTERRUPTED;
        if (c->line_due) return HTH_OK;
        /* Before the first phase, and at the end of each. */
        if (r->phases && (c->rows == 0 || hth_run_finished(r)))
            status = hth_run_between(r, &stopped, error);
        if (status != HTH_OK) return explain(r, status, error);
        if (stopped) return HTH_OK;
        /* Finished, or interrupted? */
        if (hth_run_finished(r)) *ending = HTH_FINISHED;
        if (*ending == HTH_FINISHED || (!first && interrupted(r))) return HTH_OK;
        /* Learn from the next tape; find out whether a line is due. */
        HTH_TRY(step(r, error));
        hth_run_tick(r);
        if (!c->line_due) save_now_and_then(r);
    }
}

/* ---- The end ------------------------------------------------------------------------------ */

/* Saves the last checkpoint, sums up a finished run and reports progress once more. Nobody needs the last checkpoint of
 * a passing run, unless its test is interrupted. */
static hth_status finish(hth_run *r, hth_ending *ending, hth_error *error) {
    const bool finished = *ending == HTH_FINISHED;
    if (finished && r->passing)
        save_now_and_then(r);
    else
        HTH_TRY(hth_ranks_agree(r->ranks, hth_run_save(r, error), error));
    if (finished) HTH_TRY(hth_ranks_agree(r->ranks, hth_run_sum_up(r, ending, error), error));
    if (finished && r->passing && *ending == HTH_INTERRUPTED) HTH_TRY(hth_run_save(r, error));
    if (r->observer->progress) {
        hth_progress progress = hth_run_describe(r, hth_clock());
        r->observer->progress(r->observer->context, &progress);
    }
    return HTH_OK;
}

/* ---- The outcome --------------------------------------------------------------------------- */

/* Adds the parameters that exist, without weights of connections that there are not. HTH_NO_MEMORY. */
static hth_status add_parameters(const hth_network *network, uint64_t *count, hth_error *error) {
    const size_t all = hth_network_parameter_count(network);
    hth_real *mask = calloc(all + 1, sizeof *mask);
    if (!mask)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory to count %zu parameters", all);
    hth_parameter_mask(network, mask);
    for (size_t i = 0; i < all; i++) *count += mask[i] > 0;
    free(mask);
    return HTH_OK;
}

/* Notes how many parameters learn: of episodes, those of both networks. */
static hth_status count_parameters(const hth_run *r, hth_error *error) {
    r->outcome->parameters = 0;
    HTH_TRY(add_parameters(r->session.parts.network, &r->outcome->parameters, error));
    if (!r->session.outer) return HTH_OK;
    return add_parameters(r->session.outer->module, &r->outcome->parameters, error);
}

/* Notes the bytes of the learner's state. */
static hth_status count_learner(const hth_run *r, hth_error *error) {
    hth_kept kept;
    if (!r->session.parts.learner) return HTH_OK;
    const hth_shares *shares = r->session.shares;
    if (shares) r->outcome->learner_bytes = hth_ranks_total(r->ranks, shares->learner_bytes);
    if (shares) return HTH_OK;
    HTH_TRY(hth_learner_kept(r->session.parts.learner, &kept, error));
    r->outcome->learner_bytes = kept.bytes;
    return HTH_OK;
}

/* Fills in what is known of the outcome, however the run ended. */
static void tell_outcome(hth_run *r, hth_status status, const hth_error *error) {
    hth_outcome *outcome = r->outcome;
    outcome->step = r->counters.walked.step;
    outcome->steps_total = r->session.steps_total;
    outcome->memory_bytes = hth_peak_memory(0);
    outcome->transfer = hth_run_transfer(r);
    if (r->begun > 0) outcome->seconds = r->before + hth_clock() - r->begun;
    if (status != HTH_OK && !outcome->cause.message[0] && error) outcome->cause = *error;
}

/* A passing run, or one whose folder stays. */
static hth_status train(const hth_config *config, const char *out, bool resume, bool passing,
                        const hth_guest_kind *guest, const hth_ranks *ranks,
                        const hth_observer *observer, hth_outcome *outcome, hth_error *error) {
    hth_run *r = hth_run_make(config, ranks, observer, outcome, error);
    if (!r) return HTH_NO_MEMORY;
    r->passing = passing;
    /* Open, train, finish; the first error skips the rest. */
    hth_status status = hth_run_open_all(r, config, out, resume, guest, error);
    if (status == HTH_OK) status = hth_ranks_agree(ranks, count_parameters(r, error), error);
    if (status == HTH_OK) status = count_learner(r, error);
    if (status == HTH_OK) status = loop(r, &outcome->ending, error);
    if (status == HTH_OK) status = finish(r, &outcome->ending, error);
    /* The outcome is told in any case. */
    tell_outcome(r, status, error);
    hth_run_close(r);
    return status;
}

hth_status hth_train(const hth_config *config, const char *out, bool resume,
                     const hth_guest_kind *guest, const hth_observer *observer,
                     hth_outcome *outcome, hth_error *error) {
    return hth_train_among(config, out, resume, guest, &hth_ranks_alone, observer, outcome, error);
}

hth_status hth_train_among(const hth_config *config, const char *out, bool resume,
                           const hth_guest_kind *guest, const hth_ranks *ranks,
                           const hth_observer *observer, hth_outcome *outcome, hth_error *error) {
    return train(config, out, resume, false, guest, ranks, observer, outcome, error);
}

hth_status hth_train_passing(const hth_config *config, const char *out, bool resume,
                             const hth_guest_kind *guest, const hth_observer *observer,
                             hth_outcome *outcome, hth_error *error) {
    return train(config, out, resume, true, guest, &hth_ranks_alone, observer, outcome, error);
}

hth_status hth_train_check(const hth_config *config, const hth_guest_kind *guest,
                           hth_prospect *prospect, hth_error *error) {
    hth_outcome outcome;
    hth_run *r = hth_run_make(config, &hth_ranks_alone, NULL, &outcome, error);
    if (!r) return HTH_NO_MEMORY;
    /* Open all handles and describe them. */
    hth_status status = hth_config_validate(config, error);
    if (status == HTH_OK) status = hth_run_open_handles(r, guest, error);
    if (status == HTH_OK)
        *prospect = (hth_prospect){r->session.metric.kind,
                                   hth_network_look(r->session.parts.network).loss,
                                   hth_network_loss(r->session.parts.network).unit,
                                   r->validation.source.kind != NULL,
                                   r->session.update_sequence ? 0 : r->session.steps,
                                   r->session.train.sequence_steps};
    hth_run_close(r);
    return status;
}
