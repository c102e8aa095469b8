/*
 * The training loop: stream -> tape -> learner -> optimiser, with reports, validations and
 * checkpoints in between.
 *
 * Everything that the course of a run depends on stands in the handles' states and in the counters,
 * and both are in every checkpoint; so a run that was interrupted, or killed at any moment, takes the
 * same way as one that was not. Time is measured, but nothing but the moment of a checkpoint depends
 * on it.
 */
#include "experiment/train.h"
#include "credit/learner.h"
#include "experiment/align.h"
#include "experiment/checkpoint.h"
#include "experiment/metrics.h"
#include "experiment/stop.h"
#include "network/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { LINE_TRAINING = 1, LINE_VALIDATION = 2 };

typedef struct run {
    const hth_observer *observer;
    hth_outcome *outcome;
    hth_settings settings;
    hth_session session;
    hth_scorer validation; /* tape NULL: none */
    hth_rundir dir;
    hth_identity identity;
    hth_counters counters;
    FILE *metrics, *alignment;             /* metrics.jsonl; align.jsonl, with train.align */
    uint64_t report_every, validate_every; /* steps; 0: at the ends of epochs, or never */
    uint64_t validate_epochs;              /* 0: not by epochs */
    double begun, before;                  /* clock at the start; seconds before it */
    double line_time, saved, told;         /* clock of the last line, checkpoint, progress */
    uint64_t begun_step;
    bool warned; /* that the network is silent */
} run;

static double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Peak of the resident set. Where /proc tells it, from there: what getrusage says includes the program
 * that started this one. */
static size_t peak_memory(void) {
    struct rusage usage;
    unsigned long kilobytes = 0;
    char line[128];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) &&
           sscanf(line, "VmHWM: %lu", &kilobytes) != 1)
        continue;
    if (status) fclose(status);
    if (kilobytes) return kilobytes * 1024;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

static void tell(const run *r, const char *sentence) {
    if (r->observer->message) r->observer->message(r->observer->context, sentence);
}

static bool interrupted(const run *r) {
    return r->observer->interrupted && *r->observer->interrupted;
}

static double mean_loss(const hth_report *report) {
    return report->weight > 0 ? report->loss / report->weight : NAN;
}

/* ---- Progress ----------------------------------------------------------------------------- */

static double eta(const run *r, double rate) {
    const hth_session *s = &r->session;
    uint64_t total = s->epochs_total * s->train.epoch_steps;
    if (!total || (s->steps_total && s->steps_total < total)) total = s->steps_total;
    if (!(rate > 0) || total <= r->counters.step) return 0;
    return (double)(total - r->counters.step) / rate;
}

/* Spikes per unit and step since the last line. */
static double spike_rate(const run *r) {
    const hth_counters *c = &r->counters;
    const hth_network *network = r->session.network;
    double units = 0;
    for (size_t l = 0; l < network->layer_count; l++)
        if (network->layers[l].cell->spikes) units += (double)network->layers[l].n;
    const double steps = (double)(c->step - c->line_step) * (double)r->session.batch;
    return units * steps > 0 ? c->sums.spikes / (units * steps) : (double)NAN;
}

/* Mean of the tapes since the last line. */
static double regulariser(const run *r) {
    const hth_counters *c = &r->counters;
    const double steps = (double)(c->step - c->line_step);
    const bool has = r->session.network->regulariser.rate > 0 && steps > 0;
    return has ? c->sums.regulariser * (double)r->session.steps / steps : (double)NAN;
}

/* Since the last line. */
static double train_metric(const run *r) {
    return hth_metric_value(&r->session.metric, &r->counters.sums, &r->session.moments);
}

static hth_progress describe(const run *r, double now) {
    const hth_counters *c = &r->counters;
    const bool fresh = c->sums.weight > 0;
    double rate = (double)(c->step - r->begun_step) / (now - r->begun);
    return (hth_progress){
        .step = c->step,
        .steps_total = r->session.steps_total,
        .epoch = c->epoch,
        .epochs_total = r->session.epochs_total,
        .train_loss = fresh ? mean_loss(&c->sums) : c->train_loss,
        .train_metric = fresh ? train_metric(r) : c->train_metric,
        .validation_loss = c->validation_loss,
        .validation_metric = c->validation_metric,
        .metric = r->session.metric.name,
        .spike_rate = spike_rate(r),
        .regulariser = regulariser(r),
        .learning_rate = hth_optimiser_rate(r->session.optimiser, c->epoch ? c->epoch : 1),
        .seconds = r->before + now - r->begun,
        .steps_per_second = rate,
        .eta_seconds = eta(r, rate),
        .memory_bytes = peak_memory(),
    };
}

/* Called after every tape; cheap unless it is time to tell. */
static void tick(void *context) {
    const double often = 0.25;
    run *r = context;
    double now = clock_seconds();
    if (!r->observer->progress || now - r->told < often) return;
    r->told = now;
    hth_progress progress = describe(r, now);
    r->observer->progress(r->observer->context, &progress);
}

/* ---- Checkpoints -------------------------------------------------------------------------- */

static hth_status save(run *r, hth_error *error) {
    double now = clock_seconds();
    r->counters.seconds = r->before + now - r->begun;
    hth_metrics_sync(r->metrics);
    if (r->alignment) hth_metrics_sync(r->alignment);
    HTH_TRY(hth_checkpoint_save(r->dir.path, &r->session, &r->counters, &r->identity, error));
    r->saved = clock_seconds();
    return HTH_OK;
}

/* A disk that is full for a while is no reason to lose a run. */
static void save_now_and_then(run *r) {
    hth_error error;
    double every = r->session.options.checkpoint_every;
    if (clock_seconds() - r->saved < every || save(r, &error) == HTH_OK) return;
    r->saved = clock_seconds();
    tell(r, error.message);
}

/* ---- Lines of metrics.jsonl --------------------------------------------------------------- */

static hth_status validate(run *r, bool *stopped, hth_error *error) {
    hth_counters *c = &r->counters;
    hth_watch watch = {tick, r, r->observer->interrupted};
    hth_report report;
    uint64_t steps;
    HTH_TRY(hth_scorer_run(&r->validation, &watch, &report, &steps, stopped, error));
    if (*stopped) return HTH_OK;
    c->validation_loss = mean_loss(&report);
    c->validation_metric = hth_metric_value(&r->session.metric, &report, &r->validation.moments);
    hth_stop_note(c, c->validation_metric);
    if (c->best_step && !(c->validation_loss < c->best_loss)) return HTH_OK;
    c->best_loss = c->validation_loss;
    c->best_metric = c->validation_metric;
    c->best_step = c->step;
    return HTH_OK;
}

static hth_status write_line(run *r, bool validated, double now, hth_error *error) {
    hth_counters *c = &r->counters;
    hth_progress line = describe(r, now);
    line.train_loss = mean_loss(&c->sums);
    line.train_metric = train_metric(r);
    if (!validated) line.validation_loss = line.validation_metric = NAN;
    if (c->step > c->line_step && now - r->line_time > 1e-6)
        line.steps_per_second = (double)(c->step - c->line_step) / (now - r->line_time);
    if (line.spike_rate == 0 && !r->warned)
        tell(r,
             "No unit has spiked since the last report: a silent network learns nothing; a lower "
             "cell.v_th or a larger init.w_in_scale may wake it.");
    r->warned = r->warned || line.spike_rate == 0;
    HTH_TRY(hth_metrics_append(r->metrics, &line, error));
    if (c->sums.weight > 0) {
        c->train_loss = line.train_loss;
        c->train_metric = line.train_metric;
    }
    c->sums = (hth_report){0};
    hth_moments_clear(&r->session.moments);
    c->line_step = c->step;
    c->line_due = 0;
    return HTH_OK;
}

/* Writes the line that is due. When the validation is interrupted, it stays due. */
static hth_status report(run *r, hth_error *error) {
    const bool validates = r->counters.line_due == LINE_VALIDATION && r->validation.tape;
    const double now = clock_seconds();
    bool stopped = false;
    if (validates) HTH_TRY(validate(r, &stopped, error));
    if (stopped) return HTH_OK;
    HTH_TRY(write_line(r, validates, now, error));
    r->line_time = clock_seconds();
    return HTH_OK;
}

static bool finished(const run *r) {
    const hth_session *s = &r->session;
    const hth_counters *c = &r->counters;
    if (s->steps_total && c->step >= s->steps_total) return true;
    if (hth_stop_reached(s, c)) return true;
    return s->epochs_total &&
           (c->epoch > s->epochs_total || (c->epoch == s->epochs_total && c->epoch_over));
}

/* Whether a multiple of `every` lies in (before, now]. */
static bool passed(uint64_t every, uint64_t before, uint64_t now) {
    return every && now / every > before / every;
}

/* The last step always has a line, with validation. */
static void find_due(run *r, uint64_t before, bool epoch_end) {
    hth_counters *c = &r->counters;
    bool line = passed(r->report_every, before, c->step) || (epoch_end && !r->report_every);
    bool validation = passed(r->validate_every, before, c->step);
    if (epoch_end && r->validate_epochs) validation = c->epoch % r->validate_epochs == 0;
    if (validation || finished(r))
        c->line_due = LINE_VALIDATION;
    else if (line)
        c->line_due = LINE_TRAINING;
}

/* ---- The loop ----------------------------------------------------------------------------- */

static hth_status learn(run *r, const hth_chunk *chunk, bool update, hth_error *error) {
    hth_session *s = &r->session;
    const hth_counters *c = &r->counters;
    HTH_TRY(hth_forward(s->tape, chunk, &r->counters.sums, error));
    hth_moments_add(&s->moments, chunk);
    HTH_TRY(hth_learn(s->learner, s->tape, s->gradient, error));
    if (s->align)
        HTH_TRY(hth_align_tape(s->align, s->tape, c->step + chunk->steps, r->alignment, error));
    if (!update) return HTH_OK;
    HTH_TRY(
        hth_optimiser_step(s->optimiser, s->network, s->gradient, c->epoch ? c->epoch : 1, error));
    hth_gradient_clear(s->gradient);
    return HTH_OK;
}

static void begin_epoch(hth_counters *c) {
    if (!c->epoch_over) return;
    c->epoch++;
    c->epoch_over = 0;
}

static hth_status train_tape(run *r, hth_error *error) {
    hth_session *s = &r->session;
    hth_counters *c = &r->counters;
    hth_position_flags flags = {0};
    hth_chunk chunk;
    size_t most = s->steps;
    if (!s->network->both_ways && s->steps_total && s->steps_total - c->step < most)
        most = (size_t)(s->steps_total - c->step);
    HTH_TRY(s->train.kind->next(s->train.state, most, &chunk, &flags, error));
    begin_epoch(c);
    if (c->step == 0 || (flags.starts && !s->options.keep_state)) {
        hth_tape_reset(s->tape);
        hth_learner_reset(s->learner);
        if (s->align) hth_align_reset(s->align);
    }
    const bool update = !s->update_sequence || flags.ends;
    chunk.ends = flags.ends && !s->options.keep_state;
    HTH_TRY(learn(r, &chunk, update, error));
    c->step += chunk.steps;
    c->epoch_over = flags.epoch_end;
    find_due(r, c->step - chunk.steps, flags.epoch_end);
    return HTH_OK;
}

/* Names the step and what to try; the last checkpoint stays as it is. */
static hth_status explain(const run *r, hth_status status, hth_error *error) {
    char reason[300];
    if (!error) return status;
    r->outcome->cause = *error;
    snprintf(reason, sizeof reason, "%.299s", error->message);
    if (status != HTH_NOT_FINITE)
        return hth_fail(error, status, "after step %llu: %s", (unsigned long long)r->counters.step,
                        reason);
    return hth_fail(error, status,
                    "after step %llu: %s; if the data are right, training diverged: try a smaller "
                    "optimiser.lr or an optimiser.clip_norm (%.60s holds the last checkpoint)",
                    (unsigned long long)r->counters.step, reason, r->dir.path);
}

/* A call takes at least one step, however soon it is interrupted. */
static hth_status loop(run *r, hth_ending *ending, hth_error *error) {
    for (bool first = true;; first = false) {
        hth_status status = r->counters.line_due ? report(r, error) : HTH_OK;
        if (status != HTH_OK) return explain(r, status, error);
        *ending = finished(r) && !r->counters.line_due ? HTH_FINISHED : HTH_INTERRUPTED;
        if (*ending == HTH_FINISHED || r->counters.line_due) return HTH_OK;
        if (!first && interrupted(r)) return HTH_OK;
        status = train_tape(r, error);
        if (status != HTH_OK) return explain(r, status, error);
        tick(r);
        if (!r->counters.line_due) save_now_and_then(r);
    }
}

/* ---- The end ------------------------------------------------------------------------------ */

static hth_status score_test(run *r, hth_summary *summary, bool *stopped, hth_error *error) {
    hth_watch watch = {tick, r, r->observer->interrupted};
    hth_scorer test;
    hth_report result;
    uint64_t steps;
    *stopped = false;
    HTH_TRY(hth_scorer_open(&r->settings, &r->session, HTH_TEST, &test, error));
    if (!test.tape) return HTH_OK;
    hth_status status = hth_scorer_run(&test, &watch, &result, &steps, stopped, error);
    if (status == HTH_OK) {
        summary->test_loss = mean_loss(&result);
        summary->test_metric = hth_metric_value(&r->session.metric, &result, &test.moments);
    }
    hth_scorer_close(&test);
    return status;
}

static size_t dtype_size(hth_dtype dtype) {
    return dtype == HTH_DTYPE_REAL ? sizeof(hth_real) : dtype == HTH_DTYPE_I32 ? 4 : 8;
}

/* Of all arrays that the learner keeps from tape to tape. */
static uint64_t learner_bytes(const hth_session *s) {
    const size_t count = hth_learner_state(s->learner, NULL, 0);
    hth_field *fields = calloc(count + 1, sizeof *fields);
    uint64_t bytes = 0;
    if (fields) hth_learner_state(s->learner, fields, count);
    for (size_t i = 0; fields && i < count; i++)
        bytes += fields[i].count * dtype_size(fields[i].dtype);
    free(fields);
    return bytes;
}

static hth_status sum_up(run *r, hth_ending *ending, hth_error *error) {
    const hth_counters *c = &r->counters;
    char path[HTH_PATH_LENGTH];
    bool stopped;
    hth_summary summary = {
        .metric = r->session.metric.name,
        .task = r->session.train.kind->part.name,
        .cell = r->session.network->layers[0].cell->part.name,
        .learner = r->session.learner->axes.preset->part.name,
        .learner_bytes = r->outcome->learner_bytes,
        .steps = c->step,
        .epochs = c->epoch,
        .parameters = hth_network_parameter_count(r->session.network),
        .seed = (uint64_t)r->session.options.seed,
        .best_step = c->best_step,
        .stop_step = hth_stop_reached(&r->session, c) ? (double)c->step : (double)NAN,
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
    HTH_TRY(score_test(r, &summary, &stopped, error));
    if (stopped) {
        *ending = HTH_INTERRUPTED;
        return HTH_OK;
    }
    r->outcome->test_loss = summary.test_loss;
    r->outcome->test_metric = summary.test_metric;
    HTH_TRY(hth_rundir_file(r->dir.path, "summary.json", path, error));
    return hth_summary_write(path, &summary, error);
}

/* The last checkpoint, and the summary. */
static hth_status finish(run *r, hth_ending *ending, hth_error *error) {
    HTH_TRY(save(r, error));
    if (*ending == HTH_FINISHED) HTH_TRY(sum_up(r, ending, error));
    if (r->observer->progress) {
        hth_progress progress = describe(r, clock_seconds());
        r->observer->progress(r->observer->context, &progress);
    }
    return HTH_OK;
}

/* ---- The beginning ------------------------------------------------------------------------ */

static void set_intervals(run *r) {
    enum { LINES = 100, VALIDATIONS = 10 };
    const hth_session *s = &r->session;
    const int64_t validate = r->validation.tape ? s->options.validate_every : -1;
    r->report_every = (uint64_t)s->options.report_every;
    r->validate_every = validate > 0 ? (uint64_t)validate : 0;
    if (s->train.epoch_steps) {
        r->validate_epochs = validate < 0 ? 0 : validate ? (uint64_t)validate : 1;
        r->validate_every = 0;
        return;
    }
    if (!r->report_every) r->report_every = hth_whole_sequences(&s->train, s->steps_total / LINES);
    if (validate == 0)
        r->validate_every = hth_whole_sequences(&s->train, s->steps_total / VALIDATIONS);
}

static hth_status take_up(run *r, bool resume, hth_error *error) {
    hth_counters *c = &r->counters;
    bool found = false;
    *c = (hth_counters){.epoch = r->session.train.epoch_steps ? 1 : 0,
                        .train_loss = NAN,
                        .train_metric = NAN,
                        .validation_loss = NAN,
                        .validation_metric = NAN,
                        .best_loss = NAN,
                        .best_metric = NAN};
    for (size_t i = 0; i < HTH_STOP_MOST; i++) c->recent[i] = NAN;
    HTH_TRY(hth_identity_make(&r->settings, &r->identity, error));
    if (!resume) return HTH_OK;
    HTH_TRY(
        hth_checkpoint_load(r->dir.path, &r->session, c, &r->identity, r->observer, &found, error));
    if (!found) tell(r, "there is no checkpoint yet: the run begins at its first step");
    return HTH_OK;
}

/* Files that a run begins with. */
static hth_status set_out(run *r, const hth_config *config, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(r->dir.path, "settings.yaml", path, error));
    HTH_TRY(hth_config_write(config, path, error));
    HTH_TRY(hth_rundir_file(r->dir.path, "metrics.jsonl", path, error));
    HTH_TRY(hth_metrics_open(path, r->counters.step, &r->metrics, error));
    if (r->session.align) {
        HTH_TRY(hth_rundir_file(r->dir.path, "align.jsonl", path, error));
        HTH_TRY(hth_metrics_open(path, r->counters.step, &r->alignment, error));
    }
    r->begun = r->line_time = clock_seconds();
    r->before = r->counters.seconds;
    r->begun_step = r->counters.step;
    /* A run that goes astray at once still has a checkpoint to look at. */
    return r->counters.step == 0 ? save(r, error) : HTH_OK;
}

static hth_status open_handles(run *r, const hth_config *config, hth_error *error) {
    HTH_TRY(hth_config_validate(config, error));
    HTH_TRY(hth_session_open(&r->settings, &r->session, error));
    if (r->session.options.validate_every >= 0)
        HTH_TRY(hth_scorer_open(&r->settings, &r->session, HTH_VALIDATE, &r->validation, error));
    set_intervals(r);
    return hth_stop_check(&r->session, r->validation.tape != NULL, error);
}

static hth_status open_run(run *r, const hth_config *config, const char *out, bool resume,
                           hth_error *error) {
    HTH_TRY(hth_config_validate(config, error));
    HTH_TRY(hth_rundir_check(out, resume, error));
    HTH_TRY(open_handles(r, config, error));
    HTH_TRY(hth_rundir_open(out, resume, &r->dir, error));
    HTH_TRY(take_up(r, resume, error));
    return set_out(r, config, error);
}

static run *make_run(const hth_config *config, const hth_observer *observer, hth_outcome *outcome,
                     hth_error *error) {
    static const hth_observer nobody;
    run *r = calloc(1, sizeof *r);
    *outcome = (hth_outcome){.ending = HTH_INTERRUPTED, .test_loss = NAN, .test_metric = NAN};
    if (!r) {
        hth_fail(error, HTH_NO_MEMORY, "not enough memory for a run");
        return NULL;
    }
    r->observer = observer ? observer : &nobody;
    r->outcome = outcome;
    r->settings = hth_config_settings(config);
    r->dir.lock = -1;
    return r;
}

static void close_run(run *r) {
    if (r->metrics) fclose(r->metrics);
    if (r->alignment) fclose(r->alignment);
    hth_identity_free(&r->identity);
    hth_scorer_close(&r->validation);
    hth_session_close(&r->session);
    hth_rundir_close(&r->dir);
    free(r);
}

/* What is known however the run ended. */
static void tell_outcome(run *r, hth_status status, const hth_error *error) {
    hth_outcome *outcome = r->outcome;
    outcome->step = r->counters.step;
    outcome->steps_total = r->session.steps_total;
    outcome->memory_bytes = peak_memory();
    if (r->begun > 0) outcome->seconds = r->before + clock_seconds() - r->begun;
    if (status != HTH_OK && !outcome->cause.message[0] && error) outcome->cause = *error;
}

hth_status hth_train_outcome(const hth_config *config, const char *out, bool resume,
                             const hth_observer *observer, hth_outcome *outcome, hth_error *error) {
    run *r = make_run(config, observer, outcome, error);
    if (!r) return HTH_NO_MEMORY;
    hth_status status = open_run(r, config, out, resume, error);
    if (status == HTH_OK) {
        outcome->parameters = hth_network_parameter_count(r->session.network);
        outcome->learner_bytes = learner_bytes(&r->session);
        status = loop(r, &outcome->ending, error);
    }
    if (status == HTH_OK) status = finish(r, &outcome->ending, error);
    tell_outcome(r, status, error);
    close_run(r);
    return status;
}

hth_status hth_train(const hth_config *config, const char *out, bool resume,
                     const hth_observer *observer, hth_ending *ending, hth_error *error) {
    hth_outcome outcome;
    hth_status status = hth_train_outcome(config, out, resume, observer, &outcome, error);
    *ending = outcome.ending;
    return status;
}

hth_status hth_train_check(const hth_config *config, hth_prospect *prospect, hth_error *error) {
    hth_outcome outcome;
    run *r = make_run(config, NULL, &outcome, error);
    if (!r) return HTH_NO_MEMORY;
    hth_status status = open_handles(r, config, error);
    if (status == HTH_OK)
        *prospect =
            (hth_prospect){r->session.metric.name, r->session.network->readout.loss->part.name,
                           r->validation.tape != NULL};
    close_run(r);
    return status;
}
