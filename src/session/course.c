/*
 * The course of a run, from settings and data: the length of the tape (K), which is learner.steps or a default that
 * depends on the learner and the sequence; when the weights change; and the length of the run.
 */
#include "session/course.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "session/importance.h"
#include "session/reads.h"

#include <math.h>
#include <string.h>

/* ---- How long a tape is ------------------------------------------------------------------- */

/* Default K of tbptt: one tape for sequences of up to LONGEST_WHOLE steps; tapes of TRUNCATED steps for longer ones. */
enum { LONGEST_WHOLE = 1000, TRUNCATED = 20 };

/* K if learner.steps is 0. whole: steps of a sequence, 0: endless. whole_rates: the rate regulariser needs whole
 * sequences. */
static size_t default_steps(hth_default_steps kind, uint64_t whole, bool whole_rates) {
    const uint64_t tapes = (whole + LONGEST_WHOLE - 1) / LONGEST_WHOLE;
    /* Online learners, and endless sequences. */
    if (kind == HTH_ONE_STEP) return 1;
    if (kind == HTH_FOUR_STEPS) return whole > 0 && whole < 4 ? (size_t)whole : 4;
    if (whole == 0) return TRUNCATED;
    /* The whole sequence; or equal parts, each no longer than LONGEST_WHOLE; or tbptt. */
    if (kind == HTH_WHOLE_SEQUENCE || whole_rates) return (size_t)whole;
    if (kind == HTH_WHOLE_TRIALS) return (size_t)((whole + tapes - 1) / tapes);
    return whole <= LONGEST_WHOLE ? (size_t)whole : TRUNCATED;
}

/* K with network.direction = both: the whole sequence, for every learner. HTH_INVALID for other settings that
 * contradict this. */
static hth_status whole_steps(const hth_settings *settings, const hth_source *source, int64_t given,
                              size_t *steps, hth_error *error) {
    const uint64_t whole = source->sequence_steps;
    /* The state cannot be kept from sequence to sequence. */
    bool keeps = false;
    HTH_TRY(hth_common_option(&hth_train_section, "keep_state", settings, &keeps, error));
    if (keeps)
        return hth_fail(error, HTH_INVALID,
                        "train.keep_state is true, but with network.direction both a layer begins "
                        "at the end of each sequence, where no state comes from: leave it false");
    /* Sequences must have an end, and learner.steps must not cut them. */
    if (whole == 0)
        return hth_fail(error, HTH_INVALID,
                        "network.direction is both, but the sequences of '%s' have no end to begin "
                        "from: take network.direction=forward",
                        source->kind->part.name);
    if (given > 0 && (uint64_t)given < whole)
        return hth_fail(error, HTH_INVALID,
                        "learner.steps is %lld, but with network.direction both a tape is the "
                        "whole sequence, %llu steps of '%s': leave learner.steps out",
                        (long long)given, (unsigned long long)whole, source->kind->part.name);
    *steps = (size_t)whole;
    return HTH_OK;
}

hth_status hth_tape_steps(const hth_settings *settings, const hth_source *source, size_t *steps,
                          hth_error *error) {
    int64_t given;
    hth_stack stack;
    hth_learner_kind learner;
    bool whole_rates;
    /* Read what decides K. */
    HTH_TRY(hth_stack_read(settings, &stack, error));
    HTH_TRY(hth_common_option(&hth_learners, "steps", settings, &given, error));
    HTH_TRY(hth_wants_whole_rates(settings, &whole_rates, error));
    HTH_TRY(hth_learner_choose(settings, &learner, error));
    /* A layer that runs backward needs the whole sequence. */
    if (stack.backward) return whole_steps(settings, source, given, steps, error);
    const char *stream = source->kind->part.name;
    const uint64_t whole = source->sequence_steps;
    const bool wants_all = learner.steps == HTH_WHOLE_SEQUENCE;
    /* A learner of whole sequences refuses parts, and endless sequences unless learner.steps is set. */
    if (wants_all && given > 0 && (uint64_t)given < whole)
        return hth_fail(
            error, HTH_INVALID,
            "learner.steps is %lld, but learner '%s' looks at the whole sequence, %llu steps "
            "of '%s': take learner=tbptt, or leave learner.steps out",
            (long long)given, learner.name, (unsigned long long)whole, stream);
    if (wants_all && given == 0 && whole == 0)
        return hth_fail(error, HTH_INVALID,
                        "the sequences of '%s' have no end, and learner '%s' wants the whole of "
                        "them: take learner=tbptt or learner=rtrl, or say with learner.steps how "
                        "many steps it looks at together",
                        stream, learner.name);
    /* The setting, or the default; one step where each of a world's changes the weights. */
    const hth_answers *world = source->kind->answers;
    const bool by_step = world && !isnan(world->fading(source->state)) && !wants_all;
    if (by_step && given == 0) given = 1;
    *steps = given > 0 ? (size_t)given : default_steps(learner.steps, whole, whole_rates);
    return HTH_OK;
}

/* HTH_INVALID when the rate regulariser needs whole sequences but a tape holds only a part. */
static hth_status check_rates(const hth_settings *settings, const hth_session *s,
                              hth_error *error) {
    const uint64_t whole = s->train.sequence_steps;
    hth_learner_kind learner;
    bool whole_rates;
    HTH_TRY(hth_learner_choose(settings, &learner, error));
    HTH_TRY(hth_wants_whole_rates(settings, &whole_rates, error));
    if (!whole_rates || !learner.reaches_units || (whole > 0 && s->steps >= whole)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "regulariser.rate needs the firing rates of whole sequences, but learner.steps "
                    "is %zu and a sequence of '%s' has %s: take whole sequences, or "
                    "regulariser.rate_over=tape",
                    s->steps, s->train.kind->part.name, whole ? "more steps" : "no end");
}

hth_status hth_check_both_sides(const hth_network *network, const char *targets, const char *remedy,
                                hth_error *error) {
    const hth_network_facts of = hth_network_look(network);
    if (of.least >= of.most || of.shape.target != HTH_TARGET_VALUES) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "loss.name is %s, whose targets are %g to %g or classes, but %s lie on both "
                    "sides of 0: %s, or take loss=mse",
                    of.loss, of.least, of.most, targets, remedy);
}

/* HTH_INVALID for standardised targets with a loss that takes none below 0. */
static hth_status check_targets(const hth_session *s, hth_error *error) {
    const double *mean, *deviation;
    if (!hth_source_scale(&s->train, &mean, &deviation)) return HTH_OK;
    return hth_check_both_sides(s->parts.network, "standardised targets (data.standardise)",
                                "set data.standardise=false", error);
}

/* HTH_INVALID when loss.time divides by the steps of a sequence, but sequences have no end. */
static hth_status check_time(const hth_session *s, hth_error *error) {
    const bool keeps = s->options.keep_state;
    if (!hth_tape_divides(s->parts.tape) || (s->train.sequence_steps > 0 && !keeps)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "loss.time divides the loss of a sequence by its steps, but %s: take loss.time "
                    "= sum",
                    keeps ? "with train.keep_state = true sequences have no end"
                          : "the sequences of this task or data have none");
}

/* Whether updates come at the ends of sequences, by learner.update. auto: only for learners of whole trials.
 * HTH_INVALID when sequences have no end. */
static hth_status update_moment(const hth_settings *settings, const hth_source *source,
                                bool *sequence, hth_error *error) {
    int update = HTH_UPDATE_TAPE;
    hth_learner_kind learner;
    HTH_TRY(hth_common_option(&hth_learners, "update", settings, &update, error));
    HTH_TRY(hth_learner_choose(settings, &learner, error));
    /* Resolve auto. */
    if (update == HTH_UPDATE_AUTO)
        update = learner.steps == HTH_WHOLE_TRIALS && source->sequence_steps > 0
                     ? HTH_UPDATE_SEQUENCE
                     : HTH_UPDATE_TAPE;
    /* Check that sequences end. */
    *sequence = update == HTH_UPDATE_SEQUENCE;
    if (*sequence && source->sequence_steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "learner.update is 'sequence', but the sequences of '%s' have no end: it "
                        "must be 'tape'",
                        source->kind->part.name);
    return HTH_OK;
}

/* ---- Worlds ------------------------------------------------------------------------------- */

/* How a learner learns of a world; HTH_INVALID for what has no meaning there. */
static hth_status check_world(hth_session *s, hth_error *error) {
    const hth_answers *world = s->train.kind->answers;
    const char *name = s->train.kind->part.name;
    if (!world) return HTH_OK;
    const hth_wholeness wholeness = world->needs(s->train.state);
    const bool slides = hth_learner_slides(s->parts.learner);
    if (slides || hth_network_look(s->parts.network).is_whole)
        return hth_fail(error, HTH_INVALID, "world %s answers step by step, but %s: take another",
                        name,
                        slides ? "learner.window keeps steps that wait for later losses"
                               : "a layer of the network runs against time");
    if (hth_learner_fits(s->parts.learner))
        return hth_fail(error, HTH_INVALID,
                        "learner.readout = rls fits the outputs to targets, but world %s gives "
                        "rewards: take learner.readout = gradient, or learner=readout-only",
                        name);
    if (hth_tape_divides(s->parts.tape) && s->steps < s->train.sequence_steps)
        return hth_fail(error, HTH_INVALID,
                        "loss.time divides the loss of an episode by its steps, but how many there "
                        "will be in world %s is not known at the first tape: take loss.time = sum",
                        name);
    if (wholeness != HTH_ANY_TAPES && s->steps < s->train.sequence_steps)
        return hth_fail(error, HTH_INVALID,
                        "agent.return changes the rewards of whole episodes, up to %llu steps, but "
                        "a tape has %zu: take learner.steps = %llu or agent.return = discounted",
                        (unsigned long long)s->train.sequence_steps, s->steps,
                        (unsigned long long)s->train.sequence_steps);
    if (wholeness >= HTH_WHOLE_WITH_READS)
        HTH_TRY(hth_reads_exist(s->parts.network, wholeness, error));
    if (wholeness >= HTH_WHOLE_WITH_READS && s->options.keep_state)
        return hth_fail(error, HTH_INVALID,
                        "agent.return is transport, which looks for reads of one episode, but "
                        "train.keep_state keeps the rows of all before it: leave it false");
    /* Updates at each step. */
    s->fading = world->fading(s->train.state);
    s->by_step = !isnan(s->fading);
    if (!s->by_step) return HTH_OK;
    s->update_sequence = false;
    if (s->steps == 1) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "agent.name is ac-lambda, and each step changes the weights by its own "
                    "surprise, so a tape must be one step, but learner.steps is %zu: "
                    "set learner.steps = 1, or agent.name = a2c",
                    s->steps);
}

/* ---- How long a run is -------------------------------------------------------------------- */

/* Chooses the length of the run in steps and epochs. HTH_INVALID for a length that these data do not have. */
static hth_status run_length(hth_session *s, hth_error *error) {
    enum { DEFAULT_STEPS = 100000, DEFAULT_SEQUENCES = 2000, DEFAULT_EPOCHS = 10 };
    const uint64_t epoch = s->train.epoch_steps, sequence = s->train.sequence_steps;
    const uint64_t sequences = (uint64_t)s->options.sequences;
    /* The settings; train.sequences counts as steps, and the smaller number counts. */
    s->steps_total = (uint64_t)s->options.steps;
    s->epochs_total = (uint64_t)s->options.epochs;
    if (sequences && !sequence)
        return hth_fail(error, HTH_INVALID,
                        "train.sequences is %llu, but the sequences of '%s' have no end: give "
                        "train.steps instead",
                        (unsigned long long)sequences, s->train.kind->part.name);
    if (sequences && hth_source_grows(&s->train))
        return hth_fail(error, HTH_INVALID,
                        "train.sequences is %llu, but the sequences of '%s' grow as they are "
                        "learned, so that their number says little: give train.steps instead",
                        (unsigned long long)sequences, s->train.kind->part.name);
    if (sequences && (!s->steps_total || s->steps_total / sequence > sequences))
        s->steps_total = sequences * sequence;
    /* train.epochs needs data with epochs. */
    if (s->epochs_total && !epoch)
        return hth_fail(error, HTH_INVALID,
                        "train.epochs is %llu, but '%s' has no epochs: give train.steps instead",
                        (unsigned long long)s->epochs_total, s->train.kind->part.name);
    /* Nothing is set: the default. */
    if (!s->steps_total && !s->epochs_total) {
        if (epoch) s->epochs_total = DEFAULT_EPOCHS;
        /* long sequences: an update may take a whole one, so run many of them */
        else
            s->steps_total = sequence > DEFAULT_STEPS / DEFAULT_SEQUENCES
                                 ? DEFAULT_SEQUENCES * sequence
                                 : hth_whole_sequences(&s->train, DEFAULT_STEPS);
    }
    return HTH_OK;
}

/* HTH_INVALID for loss.report = mean with growing sequences: sequences grow by their reported loss, and loss.report
 * must not change the course of a run. */
static hth_status refuse_mean(const hth_settings *settings, const hth_source *source,
                              hth_error *error) {
    const hth_setting *report = hth_settings_find(settings, "loss.report");
    if (!hth_source_grows(source) || !report || strcmp(report->value, "mean") != 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "loss.report is 'mean', but the sequences of '%s' grow by their summed loss: "
                    "take loss.report = sum",
                    source->kind->part.name);
}

/* HTH_INVALID for train.keep_state when the next sequence does not continue the last one. */
static hth_status check_kept_state(const hth_session *s, hth_error *error) {
    const hth_source *source = &s->train;
    const bool may_break = s->options.keep_state && source->kind->breaks;
    const char *reason = may_break ? source->kind->breaks(source->state) : NULL;
    if (!reason) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "train.keep_state is true, but %s", reason);
}

/* ---- Opening: options, stream, lengths, metric ---------------------------------------------- */

hth_status hth_session_read_options(const hth_settings *settings, hth_train_options *options,
                                    hth_error *error) {
    static const char *const names[] = {"single", "double"};
    const int built = sizeof(hth_real) == sizeof(double);
    HTH_TRY(hth_options_read(&hth_train_section.common, settings, options, error));
    if (options->precision != built)
        return hth_fail(error, HTH_INVALID,
                        "train.precision is '%s', but this program computes in %s precision",
                        names[options->precision], names[built]);
    return HTH_OK;
}

hth_status hth_session_open_data(const hth_settings *settings, hth_split split, hth_session *s,
                                 hth_error *error) {
    HTH_TRY(
        hth_source_open(settings, split, s->batch, (uint64_t)s->options.seed, &s->train, error));
    return s->train.kind ? HTH_OK : hth_source_absent(settings, split, error);
}

hth_status hth_session_open_stream(const hth_settings *settings, hth_split split, size_t trials,
                                   hth_session *s, hth_error *error) {
    HTH_TRY(hth_session_read_options(settings, &s->options, error));
    s->batch = trials * (size_t)s->options.batch;
    HTH_TRY(hth_session_open_data(settings, split, s, error));
    s->batch = (size_t)s->options.batch;
    return run_length(s, error);
}

hth_status hth_session_open_metric(const hth_settings *settings, hth_session *s, hth_error *error) {
    HTH_TRY(hth_run_metric_choose(settings, &s->train, s->parts.network, &s->metric, error));
    HTH_TRY(refuse_mean(settings, &s->train, error));
    return hth_moments_create(&s->train.shape, &s->moments, error);
}

hth_status hth_session_open_course(const hth_settings *settings, hth_session *s, hth_error *error) {
    HTH_TRY(hth_session_read_options(settings, &s->options, error));
    s->batch = (size_t)s->options.batch;
    HTH_TRY(hth_session_open_data(settings, HTH_TRAIN, s, error));
    HTH_TRY(hth_given_check(&s->train, settings, error));
    HTH_TRY(check_kept_state(s, error));
    HTH_TRY(run_length(s, error));
    HTH_TRY(hth_tape_steps(settings, &s->train, &s->steps, error));
    return update_moment(settings, &s->train, &s->update_sequence, error);
}

hth_status hth_session_check_course(const hth_settings *settings, hth_session *s,
                                    hth_error *error) {
    HTH_TRY(hth_session_open_metric(settings, s, error));
    HTH_TRY(check_rates(settings, s, error));
    HTH_TRY(check_time(s, error));
    HTH_TRY(check_targets(s, error));
    HTH_TRY(check_world(s, error));
    return hth_importance_check(settings, s, error);
}
