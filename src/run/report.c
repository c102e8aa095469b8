/*
 * The files that a run writes: the lines of metrics.jsonl with their validations, and summary.json at the end, after a
 * pass over the test data.
 */
#include "credit/inspect.h"
#include "files/clock.h"
#include "files/lines.h"
#include "files/tensorboard.h"
#include "network/inspect.h"
#include "run/run.h"
#include "run/stop.h"
#include "session/outer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes the checkpoint of the best validation; a passing run holds it until its next checkpoint. An error is only
 * told: a disk that is full for a while must not end a run. */
static void keep_best(hth_run *r) {
    const uint64_t step = r->counters.walked.step;
    hth_error error;
    if (!hth_run_writes(r)) return;
    const hth_status status =
        r->passing ? hth_checkpoint_hold_best(&r->session, step, &r->best, &error)
                   : hth_checkpoint_save_best(r->dir.path, &r->session, step, &r->identity, &error);
    if (status != HTH_OK) hth_run_tell(r, error.message);
}

/* Notes the best metric so far; best_loss and best_step follow the loss, which may be best at another time. */
static void note_best_metric(hth_run *r) {
    hth_counters *c = &r->counters;
    const double now = c->validation_metric, best = c->best_metric;
    const bool is_better = r->session.metric.kind->rises ? now > best : now < best;
    if (is_better || !(best == best)) c->best_metric = now;
}

hth_status hth_run_score(hth_run *r, hth_scorer *scorer, const hth_run_metric *metric, double *loss,
                         double *value, bool *stopped, hth_error *error) {
    /* One of several ranks cannot stop alone: then a pass goes to its end. */
    const bool stops = r->ranks->count == 1;
    hth_watch watch = {hth_run_tick, r, stops ? r->observer->interrupted : NULL};
    hth_outer_result result;
    if (r->session.outer) {
        HTH_TRY(hth_outer_score(&r->session, &scorer->source, &watch, &result, stopped, error));
        if (!*stopped) *loss = result.loss;
        if (!*stopped) *value = result.place;
        return HTH_OK;
    }
    HTH_TRY(hth_scorer_run(scorer, &watch, stopped, error));
    if (*stopped) return HTH_OK;
    *loss = hth_mean_loss(&scorer->tally.sums);
    *value = hth_run_metric_value(metric, &scorer->tally.sums, &scorer->moments);
    return HTH_OK;
}

/* Warns once per run when a validation counts so few targets that the part of them that was right says little. */
static void warn_of_few(hth_run *r) {
    enum { FEW = 10 };
    const hth_scorer *scorer = &r->validation;
    const double count = scorer->tally.sums.weight;
    char sentence[300];
    if (r->counted || scorer->source.shape.target != HTH_TARGET_CLASSES) return;
    r->counted = true;
    if (count >= FEW) return;
    snprintf(sentence, sizeof sentence,
             "Validation rests on %g target%s (%llu steps of %zu sequence%s), which says little: "
             "train.validation_batch=100, or a larger train.validation_steps, takes more",
             count, count == 1 ? "" : "s", (unsigned long long)scorer->tally.step,
             scorer->walk.batch, scorer->walk.batch == 1 ? "" : "s");
    hth_run_tell(r, sentence);
}

/* Runs a validation and updates the counters. *stopped: it was interrupted; the counters are unchanged. */
static hth_status validate(hth_run *r, bool *stopped, hth_error *error) {
    hth_counters *c = &r->counters;
    /* Score the validation data; note loss and metric. */
    HTH_TRY(hth_run_score(r, &r->validation, &r->session.metric, &c->validation_loss,
                          &c->validation_metric, stopped, error));
    if (*stopped) return HTH_OK;
    if (!r->session.outer) warn_of_few(r);
    hth_stop_note(c, c->validation_metric);
    c->validations++;
    note_best_metric(r);
    /* Keep the parameters if the loss is the best so far; where no step counted there is none. */
    if (isnan(c->validation_loss) || (c->best_step && !(c->validation_loss < c->best_loss)))
        return HTH_OK;
    c->best_loss = c->validation_loss;
    c->best_step = c->walked.step;
    c->validations = 0;
    keep_best(r);
    return HTH_OK;
}

/* Warns once per run when units fire at a rate at which few networks learn well. Silence is warned of at the first
 * report, any other rate by its mean over ten reports. rate: spikes per unit and step since the last line; NAN: no unit
 * spikes. */
static void warn_of_rate(hth_run *r, double rate) {
    enum { REPORTS = 10 };
    const hth_setting *dt = hth_settings_find(&r->settings, "cell.dt");
    const double hertz_of_one = 1000 / (dt ? strtod(dt->value, NULL) : 1);
    char sentence[256];
    /* Average over ten reports, unless the network is silent. */
    if (r->warned || isnan(rate)) return;
    r->rates += rate;
    if (rate > 0 && ++r->reports < REPORTS) return;
    const double hertz = r->rates / REPORTS * hertz_of_one;
    r->rates = 0;
    r->reports = 0;
    /* 1 to 100 Hz is well. */
    if (rate > 0 && hertz >= 1 && hertz <= 100) return;
    r->warned = true;
    /* Say which settings can help. */
    if (rate == 0)
        snprintf(sentence, sizeof sentence,
                 "No unit has spiked since the last report: a silent network learns nothing; a "
                 "lower cell.v_th or a larger init.w_in_scale may wake it.");
    else
        snprintf(
            sentence, sizeof sentence,
            "Units fire at %.3g Hz on average; spiking networks learn best at 1 to 100 Hz: %s, "
            "or a regulariser.rate, may help.",
            hertz,
            hertz < 1 ? "a lower cell.v_th or a larger init.w_in_scale"
                      : "a higher cell.v_th, a longer cell.refractory or a smaller "
                        "init.w_in_scale");
    hth_run_tell(r, sentence);
}

/* Writes a line of metrics.jsonl and clears the sums since the last. validated: a validation belongs to the line. */
static hth_status write_line(hth_run *r, bool validated, double now, hth_error *error) {
    hth_counters *c = &r->counters;
    /* The line tells of the steps since the last one alone. */
    hth_progress line = hth_run_describe(r, now);
    line.train_loss = hth_mean_loss(&c->walked.sums);
    line.train_metric =
        hth_run_metric_value(&r->session.metric, &c->walked.sums, &r->session.moments);
    if (!validated) line.validation_loss = line.validation_metric = NAN;
    if (c->walked.step > c->line_step && now - r->line_time > 1e-6)
        line.steps_per_second = (double)(c->walked.step - c->line_step) / (now - r->line_time);
    warn_of_rate(r, line.spike_rate);
    /* Write it, and keep its numbers for progress reports. */
    if (r->metrics) HTH_TRY(hth_metrics_append(r->metrics, &line, error));
    if (r->board) HTH_TRY(hth_tensorboard_append(r->board, &line, error));
    if (c->walked.sums.weight > 0) {
        c->train_loss = line.train_loss;
        c->train_metric = line.train_metric;
    }
    /* The next line starts from 0. */
    c->walked.sums = (hth_report){0};
    c->places = 0;
    hth_moments_clear(&r->session.moments);
    c->line_step = c->walked.step;
    c->line_due = 0;
    return HTH_OK;
}

hth_status hth_run_report(hth_run *r, hth_error *error) {
    const bool validates = r->counters.line_due == HTH_LINE_VALIDATION && r->validation.source.kind;
    const double now = hth_clock();
    bool stopped = false;
    if (validates) HTH_TRY(validate(r, &stopped, error));
    if (stopped) return HTH_OK;
    HTH_TRY(write_line(r, validates, now, error));
    r->line_time = hth_clock();
    return HTH_OK;
}

/* Scores the test data into *summary; leaves it as it is if there are none. *stopped: the pass was interrupted. */
static hth_status score_test(hth_run *r, hth_summary *summary, bool *stopped, hth_error *error) {
    hth_scorer test = {0};
    *stopped = false;
    /* Open the test data. */
    hth_run_tell_reading(r, true);
    hth_status status =
        r->session.outer
            ? hth_outer_source(&r->settings, &r->session, HTH_TEST, &test.source, error)
            : hth_scorer_open(&r->settings, &r->session, HTH_TEST, &test, error);
    hth_run_tell_reading(r, false);
    if (status != HTH_OK || !test.source.kind) return status;
    /* Score them. */
    if (*hth_source_doubt(&test.source)) hth_run_tell(r, hth_source_doubt(&test.source));
    status = hth_run_score(r, &test, &r->session.metric, &summary->test_loss, &summary->test_metric,
                           stopped, error);
    hth_scorer_close(&test);
    return status;
}

/* Tells what the units of a layer have learned of their own: "Units of layer 0 have learned tau_m 4.1 to 61 (mean
 * 22)". */
static void tell_own(const hth_run *r, size_t l, hth_real *values) {
    const hth_network *network = r->session.parts.network;
    const size_t units = hth_layer_look(network, l).units;
    char sentence[400];
    int used = snprintf(sentence, sizeof sentence, "Units of layer %zu have learned", l);
    for (size_t k = 0; k < hth_layer_own_count(network, l); k++) {
        const char *name = hth_layer_own(network, l, k, values);
        double least = (double)values[0], most = least, sum = 0;
        for (size_t j = 0; j < units; j++) {
            least = fmin(least, (double)values[j]);
            most = fmax(most, (double)values[j]);
            sum += (double)values[j];
        }
        used += snprintf(sentence + used, sizeof sentence - (size_t)used,
                         "%s %s %.3g to %.3g (mean %.3g)", k ? "," : "", name, least, most,
                         sum / (double)units);
    }
    snprintf(sentence + used, sizeof sentence - (size_t)used, ".");
    hth_run_tell(r, sentence);
}

/* The same of all layers that learn such. */
static hth_status tell_all_own(const hth_run *r, hth_error *error) {
    const hth_network *network = r->session.parts.network;
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        if (hth_layer_own_count(network, l) == 0) continue;
        hth_real *values = malloc(hth_layer_look(network, l).units * sizeof *values);
        if (!values)
            return hth_fail(error, HTH_NO_MEMORY, "no memory to tell what layer %zu has learned",
                            l);
        tell_own(r, l, values);
        free(values);
    }
    return HTH_OK;
}

hth_status hth_run_sum_up(hth_run *r, hth_ending *ending, hth_error *error) {
    const hth_counters *c = &r->counters;
    char path[HTH_PATH_LENGTH];
    char cells[HTH_CELLS_LENGTH];
    bool stopped;
    /* Collect all that is known of the run. */
    hth_network_cells(r->session.parts.network, cells, sizeof cells);
    hth_summary summary = {
        .metric = r->session.metric.kind->part.name,
        .task = r->session.train.kind->part.name,
        .cell = cells,
        .learner =
            r->session.parts.learner ? hth_learner_look(r->session.parts.learner).name : "e-prop 2",
        .learner_bytes = r->outcome->learner_bytes,
        .steps = c->walked.step,
        .epochs = c->walked.epoch,
        .updates = c->walked.updates,
        .parameters = r->outcome->parameters,
        .seed = (uint64_t)r->session.options.seed,
        .best_step = c->best_step,
        .stop_step = hth_stop_reached(&r->session, c) ? (double)c->walked.step : (double)NAN,
        .patience = hth_stop_waited(&r->session, c) ? c->validations : 0,
        .sequence_steps = r->session.train.sequence_steps,
        .train_loss = c->train_loss,
        .train_metric = c->train_metric,
        .validation_loss = c->validation_loss,
        .validation_metric = c->validation_metric,
        .best_validation_loss = c->best_loss,
        .best_validation_metric = c->best_metric,
        .test_loss = NAN,
        .test_metric = NAN,
        .seconds = c->seconds,
    };
    /* Add the test; without it no summary is written. */
    HTH_TRY(score_test(r, &summary, &stopped, error));
    if (stopped) {
        *ending = HTH_INTERRUPTED;
        return HTH_OK;
    }
    HTH_TRY(tell_all_own(r, error));
    /* Write the file, if anybody is to read it. */
    r->outcome->test_loss = summary.test_loss;
    r->outcome->test_metric = summary.test_metric;
    if (r->passing) return HTH_OK;
    HTH_TRY(hth_rundir_file(r->dir.path, "summary.json", path, error));
    char *phases = r->phases ? hth_run_phases_text(r) : NULL;
    if (r->phases && !phases)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the results of the phases");
    summary.phases = phases;
    const hth_status status = hth_run_writes(r) ? hth_summary_write(path, &summary, error) : HTH_OK;
    free(phases);
    return status;
}
