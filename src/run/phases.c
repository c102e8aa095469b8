/*
 * A run with phases: before the first, and at the end of each, the metric on the validation data of every phase is a
 * row of the matrix (session/transfer.h); then the data change and network, learner and optimiser go on. All of this
 * is a function of counters and states, so a checkpoint may lie anywhere between two tapes.
 */
#include "credit/episode/inspect.h"
#include "files/lines.h"
#include "network/inspect.h"
#include "optim/inspect.h"
#include "run/run.h"
#include "run/stop.h"
#include "session/importance.h"
#include "session/replay.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of a phase. */
static void name_of(const hth_run *r, uint64_t phase, char out[HTH_PHASE_LENGTH]) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    hth_phases(&r->all, labels);
    memcpy(out, labels[phase], HTH_PHASE_LENGTH);
}

/* The settings of a phase; the caller frees out->items. */
static hth_status settings_of(const hth_run *r, uint64_t phase, hth_phase_list *out,
                              hth_error *error) {
    char name[HTH_PHASE_LENGTH];
    name_of(r, phase, name);
    return hth_phase_settings(&r->all, name, out, error);
}

/* ---- Opening ------------------------------------------------------------------------------ */

hth_status hth_run_open_phases(hth_run *r, hth_error *error) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    hth_phases_options options;
    r->phases = hth_phases(&r->all, labels);
    HTH_TRY(hth_options_read(&hth_phases_section.common, &r->all, &options, error));
    r->joint = options.joint;
    if (r->phases == 0) return HTH_OK;
    if (r->joint && options.reset_optimiser)
        return hth_fail(error, HTH_INVALID,
                        "phases.joint is true, but phases.reset_optimiser is of phases one after "
                        "the other: leave one of them out");
    HTH_TRY(r->joint ? hth_phase_settings_joint(&r->all, &r->own, error)
                     : hth_phase_settings(&r->all, labels[0], &r->own, error));
    r->settings = r->own.settings;
    if (!hth_episodes_wanted(&r->all)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "learner.signal is module, whose episodes are tasks of one kind: a run of them "
                    "has no phases");
}

void hth_run_set_walk(hth_run *r) {
    if (r->session.outer) return;
    r->walk = hth_session_walk(&r->session, &r->counters.walked);
    r->walk.first = r->counters.phase_step;
    if (r->walk.limit) r->walk.limit += r->walk.first;
}

/* Opens session and validation of a phase beside those that are open. */
static hth_status prepare(hth_run *r, const hth_settings *settings, hth_session *next,
                          hth_scorer *validation, hth_error *error) {
    HTH_TRY(hth_session_prepare(settings, &r->session, next, error));
    hth_status status = HTH_OK;
    if (next->options.validate_every >= 0)
        status = hth_scorer_open(settings, next, HTH_VALIDATE, validation, error);
    if (status == HTH_OK) status = hth_stop_check(next, validation->source.kind != NULL, error);
    if (status == HTH_OK) return HTH_OK;
    hth_scorer_close(validation);
    hth_session_discard(next);
    return status;
}

/* A run of all phases together is as long as they are one after the other. */
static hth_status lengthen(hth_run *r, const hth_session *next, hth_error *error) {
    hth_session *s = &r->session;
    if (!r->joint) return HTH_OK;
    s->steps_total = next->steps_total ? s->steps_total + next->steps_total : 0;
    if (s->epochs_total == next->epochs_total) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "phases.joint is true, but its train.epochs is %llu and that of the first "
                    "phase %llu: give all the same",
                    (unsigned long long)next->epochs_total, (unsigned long long)s->epochs_total);
}

hth_status hth_run_check_phases(hth_run *r, hth_error *error) {
    if (r->phases == 0) return HTH_OK;
    for (uint64_t k = 1; k < r->phases; k++) {
        char name[HTH_PHASE_LENGTH];
        hth_phase_list own;
        hth_session next;
        hth_scorer validation = {0};
        name_of(r, k, name);
        HTH_TRY(settings_of(r, k, &own, error));
        hth_status status = prepare(r, &own.settings, &next, &validation, error);
        if (status == HTH_OK) {
            status = lengthen(r, &next, error);
            hth_scorer_close(&validation);
            hth_session_discard(&next);
        }
        free(own.items);
        HTH_TRY(hth_phase_annotate(status, name, error));
    }
    if (r->joint) hth_run_set_intervals(r);
    return hth_transfer_create(r->phases, &r->session.transfer, error);
}

/* Tells the guest of the phases from the one at hand that are over. */
static hth_status tell_guest(const hth_run *r, uint64_t phase, hth_error *error) {
    const hth_guest *guest = &r->session.guest;
    if (!guest->kind || !guest->kind->phase_over) return HTH_OK;
    for (uint64_t k = r->at; k < phase; k++) {
        char name[HTH_PHASE_LENGTH];
        name_of(r, k, name);
        HTH_TRY(guest->kind->phase_over(guest->state, &r->session, &r->all, name, error));
    }
    return HTH_OK;
}

hth_status hth_run_turn(void *run, uint64_t phase, hth_error *error) {
    hth_run *r = run;
    hth_phase_list own;
    hth_session next;
    hth_scorer validation = {0};
    if (phase == r->at) return HTH_OK;
    if (phase >= r->phases)
        return hth_fail(error, HTH_DAMAGED, "there is no phase number %llu",
                        (unsigned long long)phase);
    HTH_TRY(tell_guest(r, phase, error));
    /* Open the new data, then close the old. */
    HTH_TRY(settings_of(r, phase, &own, error));
    const hth_status status = prepare(r, &own.settings, &next, &validation, error);
    if (status != HTH_OK) free(own.items);
    r->away = status != HTH_OK;
    HTH_TRY(status);
    hth_session_turn(&r->session, &next);
    hth_scorer_close(&r->validation);
    free(r->own.items);
    /* The settings of the phase hold from here. */
    r->validation = validation;
    r->own = own;
    r->settings = own.settings;
    r->at = phase;
    hth_run_set_intervals(r);
    return HTH_OK;
}

/* ---- The matrix --------------------------------------------------------------------------- */

/* Whether R is made of losses: where the metric says nothing of validation data. */
static bool by_loss(const hth_run *r) {
    const hth_metric *kind = r->session.metric.kind;
    return !kind->value || kind->of_training;
}

/* Whether more is better. */
static bool rises_of(const hth_run *r) {
    return !by_loss(r) && r->session.metric.kind->rises;
}

hth_transfer_facts hth_run_transfer(const hth_run *r) {
    if (r->session.transfer.phases == 0) return hth_transfer_nothing();
    return hth_transfer_sum_up(&r->session.transfer, rises_of(r));
}

/* Scores an open scorer with the metric of its phase. */
static hth_status score(hth_run *r, const hth_settings *settings, hth_scorer *scorer, double *value,
                        bool *stopped, hth_error *error) {
    hth_run_metric metric;
    double loss = NAN;
    HTH_TRY(
        hth_run_metric_choose(settings, &scorer->source, r->session.parts.network, &metric, error));
    HTH_TRY(hth_run_score(r, scorer, &metric, &loss, value, stopped, error));
    if (by_loss(r)) *value = loss;
    return HTH_OK;
}

/* Measures the network on the validation data of a phase. NAN: it has none. */
static hth_status measure(hth_run *r, uint64_t phase, double *value, bool *stopped,
                          hth_error *error) {
    hth_phase_list own;
    hth_scorer scorer = {0};
    hth_session as = r->session; /* with the lengths and batch of that phase's validation */
    *value = NAN;
    HTH_TRY(settings_of(r, phase, &own, error));
    hth_status status =
        hth_options_read(&hth_train_section.common, &own.settings, &as.options, error);
    if (status == HTH_OK)
        status = hth_scorer_open(&own.settings, &as, HTH_VALIDATE, &scorer, error);
    if (status == HTH_OK && scorer.source.kind)
        status = score(r, &own.settings, &scorer, value, stopped, error);
    hth_scorer_close(&scorer);
    free(own.items);
    return status;
}

/* Measures a row of the matrix. */
static hth_status measure_row(hth_run *r, size_t row, bool *stopped, hth_error *error) {
    hth_transfer *t = &r->session.transfer;
    for (size_t j = 0; j < r->phases; j++) {
        HTH_TRY(measure(r, j, &t->values[row * r->phases + j], stopped, error));
        if (*stopped) return HTH_OK;
    }
    t->steps[row] = (double)r->counters.walked.step;
    return HTH_OK;
}

/* Measures the row of a phase that has ended. What a run of all phases together came to is that after each. */
static hth_status measure_end(hth_run *r, bool *stopped, hth_error *error) {
    hth_transfer *t = &r->session.transfer;
    const size_t row = (size_t)r->counters.phase + 1;
    HTH_TRY(measure_row(r, row, stopped, error));
    for (size_t i = row + 1; r->joint && !*stopped && i <= r->phases; i++) {
        memcpy(t->values + i * r->phases, t->values + row * r->phases,
               r->phases * sizeof *t->values);
        t->steps[i] = t->steps[row];
    }
    return HTH_OK;
}

/* ---- What is written of it ---------------------------------------------------------------- */

/* A text that grows within its room. */
typedef struct writing {
    char *text;
    size_t used, size;
} writing;

static void put(writing *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(w->text + w->used, w->size - w->used, format, arguments);
    va_end(arguments);
    if (length > 0) w->used += (size_t)length;
}

static void put_numbers(writing *w, const double *values, size_t count) {
    char number[32];
    put(w, "[");
    for (size_t i = 0; i < count; i++)
        put(w, "%s%s", i ? ", " : "", hth_json_number(values[i], 12, number));
    put(w, "]");
}

char *hth_run_phases_text(const hth_run *r) {
    enum { NUMBER = 34 };
    const hth_transfer *t = &r->session.transfer;
    const hth_metric *kind = r->session.metric.kind;
    const bool rises = rises_of(r);
    const hth_transfer_facts sum = hth_transfer_sum_up(t, rises);
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH], number[32];
    const size_t size =
        1000 + t->phases * HTH_PHASE_LENGTH + (t->phases + 1) * (t->phases + 2) * NUMBER;
    writing w = {.text = malloc(size), .size = size};
    if (!w.text) return NULL;
    /* The names, and what R is made of. */
    hth_phases(&r->all, labels);
    put(&w, "{\n    \"names\": [");
    for (size_t k = 0; k < t->phases; k++) put(&w, "%s\"%s\"", k ? ", " : "", labels[k]);
    put(&w, "],\n    \"of\": \"%s\",\n    \"rises\": %s", by_loss(r) ? "loss" : kind->part.name,
        rises ? "true" : "false");
    /* The numbers. */
    for (size_t i = 0; i < HTH_TRANSFER_FACTS; i++)
        put(&w, ",\n    \"%s\": %s", hth_transfer_names[i], hth_json_number(sum.of[i], 12, number));
    put(&w, ",\n    \"steps\": ");
    put_numbers(&w, t->steps + 1, t->phases);
    put(&w, ",\n    \"before\": ");
    put_numbers(&w, t->values, t->phases);
    put(&w, ",\n    \"after\": [");
    for (size_t i = 1; i <= t->phases; i++) {
        put(&w, "%s\n      ", i > 1 ? "," : "");
        put_numbers(&w, t->values + i * t->phases, t->phases);
    }
    put(&w, "]\n  }");
    return w.text;
}

/* Writes phases.json, so that a run can be looked at before it ends. */
static hth_status write_file(const hth_run *r, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(r->dir.path, "phases.json", path, error));
    char *text = hth_run_phases_text(r);
    if (!text)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the results of the phases");
    const hth_status status = hth_file_replace(path, text, error);
    free(text);
    return status;
}

/* ---- From phase to phase ------------------------------------------------------------------ */

/* All that happens when a phase has ended, while its data are still there. *stopped: interrupted; it will be called
 * again, so nothing may have changed before the last line that can be interrupted. */
static hth_status end_of_phase(hth_run *r, bool *stopped, hth_error *error) {
    hth_counters *c = &r->counters;
    HTH_TRY(measure_end(r, stopped, error));
    if (*stopped) return HTH_OK;
    HTH_TRY(hth_session_consolidate(&r->settings, &r->session, error));
    if (c->phase + 1 < r->phases && !r->joint)
        HTH_TRY(hth_replayer_dream(r->session.replayer, &r->settings, &r->session, error));
    c->rows = r->joint ? r->phases + 1 : c->phase + 2;
    return write_file(r, error);
}

static hth_status measure_again(hth_run *r, bool *stopped, hth_error *error) {
    HTH_TRY(measure_end(r, stopped, error));
    return *stopped ? HTH_OK : write_file(r, error);
}

/* Counts from the start of a phase. */
static void start_counters(hth_counters *c, bool has_epochs) {
    c->phase_step = c->walked.step;
    /* A new epoch begins; the walk counts it if the last one has ended. */
    if (has_epochs && !c->walked.epoch_over) c->walked.epoch++;
    c->phase_epochs = hth_run_epochs_done(c);
    /* What is best, and how long nothing was better, is of the phase. */
    c->best_step = c->validations = 0;
    c->validation_loss = c->validation_metric = c->best_loss = c->best_metric = NAN;
    for (size_t i = 0; i < HTH_STOP_MOST; i++) c->recent[i] = NAN;
}

static hth_status begin_phase(hth_run *r, hth_error *error) {
    hth_counters *c = &r->counters;
    const hth_model_parts *parts = &r->session.parts;
    hth_phases_options options;
    char name[HTH_PHASE_LENGTH], sentence[120];
    HTH_TRY(hth_options_read(&hth_phases_section.common, &r->all, &options, error));
    HTH_TRY(hth_run_turn(r, c->phase + 1, error));
    c->phase++;
    start_counters(c, r->session.train.epoch_steps > 0);
    /* Nothing of the last sequence goes on into the new data. */
    if (options.reset_optimiser) hth_optimiser_reset(parts->optimiser);
    hth_gradient_clear(parts->gradient);
    hth_replayer_begin(r->session.replayer);
    hth_run_set_walk(r);
    hth_walk_begin(&r->walk);
    name_of(r, c->phase, name);
    snprintf(sentence, sizeof sentence, "Phase %llu of %zu, %s, begins at step %llu.",
             (unsigned long long)c->phase + 1, r->phases, name, (unsigned long long)c->walked.step);
    if (r->observer->news) r->observer->news(r->observer->context, sentence);
    return HTH_OK;
}

hth_status hth_run_between(hth_run *r, bool *stopped, hth_error *error) {
    hth_counters *c = &r->counters;
    /* The network before it has learned. */
    if (c->rows == 0) {
        HTH_TRY(measure_row(r, 0, stopped, error));
        if (!*stopped) c->rows = 1;
        return HTH_OK;
    }
    /* The end of a phase, and the next. The last one may go on after it had ended; then only its row is made anew. */
    const hth_transfer *t = &r->session.transfer;
    if (c->rows < c->phase + 2) HTH_TRY(end_of_phase(r, stopped, error));
    if (!*stopped && t->steps[c->phase + 1] != (double)c->walked.step)
        HTH_TRY(measure_again(r, stopped, error));
    if (*stopped || r->joint || c->phase + 1 == r->phases) return HTH_OK;
    return begin_phase(r, error);
}
