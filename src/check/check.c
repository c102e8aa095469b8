/*
 * Checks what Hitherto claims, for a user's own settings and the first steps of the user's own data:
 *
 *   1. The derivatives in each cell's table equal central differences of the cell's step, and BPTT's gradient
 *      equals central differences of the loss, firing rates included. In spiking cells the step function is
 *      replaced by the smooth function whose derivative is the pseudo-derivative.
 *   2. The user's learner and those of check.learners, with fixed weights, give BPTT's gradient if they are
 *      exact by construction. For an unbiased learner that draws, the mean does. For all others the distance is
 *      only reported.
 *   3. RTRL gives BPTT's gradient, step by step and in blocks.
 *
 * The sample of the data is one sequence: it starts from the state at rest, and nothing follows it. Of a world it is an
 * episode that the network plays, and the targets stay as they were then. A learner with
 * parts that learn, such as a prediction, goes on learning during the check.
 */
#include "check/check.h"

#include "check/differences.h"
#include "check/draws.h"
#include "check/entries.h"
#include "check/gradients.h"
#include "check/worst.h"
#include "credit/catalogues.h"
#include "credit/inspect.h"
#include "network/inspect.h"
#include "session/checkpoint.h"
#include "session/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS(array)                                                                            \
    { array, HTH_COUNT(array) }

/* ---- Learners ----------------------------------------------------------------------------- */

static const hth_setting bptt_items[] = {
    {"learner.name", "bptt", NULL},       {"learner.signal", "readout", NULL},
    {"learner.recurrence", "full", NULL}, {"learner.past", "none", NULL},
    {"learner.future", "zero", NULL},     {"learner.window", "0", NULL},
};
static const hth_setting rtrl_items[] = {
    {"learner.name", "rtrl", NULL},       {"learner.signal", "readout", NULL},
    {"learner.recurrence", "full", NULL}, {"learner.past", "influence", NULL},
    {"learner.future", "zero", NULL},     {"learner.window", "0", NULL},
};
static const hth_settings bptt = SETTINGS(bptt_items), rtrl = SETTINGS(rtrl_items);

/* For two exact algorithms, which differ by rounding alone. */
static double exact_tolerance(void) {
    return sizeof(hth_real) == sizeof(double) ? 1e-10 : 2e-3;
}

/* ---- The state of a check ----------------------------------------------------------------- */

typedef struct check {
    hth_check_run run;
    hth_check_options options;
    hth_train_options train;
    const char *from;        /* the run whose checkpoint is checked; NULL: a fresh network */
    const char *out;         /* a file for the gradients; NULL: not wanted */
    hth_settings settings;   /* owned, with loss.class_weights that the data bring */
    char *class_weights;     /* owned, the text of these */
    const hth_setting *rate; /* regulariser.rate as the user gave it; NULL: 0 */
    hth_source source;
    hth_sample sample;
    hth_subject subject;
    size_t parameters;
    hth_real *exact, *other; /* BPTT's gradient, and the one compared with it */
    hth_real *own;           /* that of the user's learner; NULL: not wanted */
} check;

/* A fresh network (from NULL), or that of the run's newest checkpoint. */
static hth_status open_network(check *c, const hth_settings *settings, const char *from,
                               hth_network **out, hth_error *error) {
    HTH_TRY(
        hth_network_create(settings, &c->source.shape, (uint64_t)c->train.seed, NULL, out, error));
    hth_status status = hth_given_apply(&c->source, NULL, *out, error);
    if (status == HTH_OK && from)
        status = hth_run_restore(from, &c->settings, &(hth_handles){.parts.network = *out}, error);
    if (status != HTH_OK) {
        hth_network_destroy(*out);
        *out = NULL;
    }
    return status;
}

static hth_status open_data(check *c, hth_error *error) {
    const int64_t few = c->train.batch < c->options.batch ? c->train.batch : c->options.batch;
    const int64_t batch = c->from ? c->train.batch : few; /* a run's state holds a whole batch */
    HTH_TRY(hth_source_open(&c->settings, HTH_TRAIN, (size_t)batch, (uint64_t)c->train.seed,
                            &c->source, error));
    if (!c->source.kind)
        return hth_fail(error, HTH_INVALID, "the settings of data name no training data");
    if (c->from)
        HTH_TRY(
            hth_run_restore(c->from, &c->settings, &(hth_handles){.source = &c->source}, error));
    HTH_TRY(hth_given_check(&c->source, &c->settings, error));
    /* Of a world the network plays an episode when it is made; until then only the size of the sample is known. */
    const uint64_t longest = c->source.sequence_steps, most = (uint64_t)c->options.steps;
    c->sample = (hth_sample){.steps = (size_t)(longest && longest < most ? longest : most),
                             .batch = (size_t)batch};
    if (c->source.kind->answers) return HTH_OK;
    return hth_sample_take(&c->source, (size_t)c->options.steps, (size_t)batch, &c->sample, error);
}

/* Class weights that the data bring are settings from here on. */
static hth_status take_class_weights(check *c, hth_error *error) {
    hth_given_settings with;
    const hth_status status = hth_given_settings_join(&c->source, &c->settings, &with, error);
    c->class_weights = with.text;
    if (status == HTH_OK && with.items) {
        free((void *)(uintptr_t)c->settings.items);
        c->settings = with.settings;
        return HTH_OK;
    }
    free(with.items);
    return status;
}

static hth_status refuse_feedback(const check *c, const hth_settings *given,
                                  const hth_network *network, size_t steps, hth_error *error) {
    hth_learner *learner;
    HTH_TRY(hth_learner_create(given, network, steps, 1, (uint64_t)c->train.seed,
                               c->subject.compute, NULL, &learner, error));
    hth_status status = hth_given_feedback(&c->source, learner, error);
    hth_learner_destroy(learner);
    return status;
}

/* Refuses a learner that needs more than check.memory before it is made; `name` is for the message. */
static hth_status refuse_large(const check *c, const char *name, const hth_settings *settings,
                               const hth_network *network, size_t steps, hth_error *error) {
    const double gib = 1024.0 * 1024 * 1024;
    size_t bytes;
    HTH_TRY(hth_learner_bytes(settings, network, steps, c->sample.batch, &bytes, error));
    if ((double)bytes <= c->options.memory * gib) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s would take %.3g GiB, more than check.memory = %g: check a smaller network, "
                    "or let check.memory be more",
                    name, (double)bytes / gib, c->options.memory);
}

/* Refuses a learner that training with these settings would refuse, and one that is too large for a check. */
static hth_status refuse(check *c, const hth_settings *given, hth_error *error) {
    hth_network *network;
    size_t steps, bytes;
    HTH_TRY(hth_tape_steps(given, &c->source, &steps, error));
    HTH_TRY(open_network(c, given, NULL, &network, error));
    const size_t few = steps < c->sample.steps ? steps : c->sample.steps;
    hth_status status =
        hth_learner_bytes(given, network, steps, (size_t)c->train.batch, &bytes, error);
    if (status == HTH_OK) status = refuse_large(c, "your learner", given, network, few, error);
    if (status == HTH_OK) status = refuse_feedback(c, given, network, few, error);
    hth_network_destroy(network);
    return status;
}

/* Refuses a prediction learned in another unit: the check sums the loss over time. */
static hth_status refuse_unit(const check *c, const hth_settings *given, hth_error *error) {
    const hth_setting *time = hth_settings_find(given, "loss.time");
    hth_learner_kind learner;
    HTH_TRY(hth_learner_choose(given, &learner, error));
    if (!c->from || !learner.predicts || !time || hth_same_value(time->value, "sum")) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "loss.time is '%.20s' in %.200s, and what its learner predicts is in that unit, but check "
        "sums over time: only a run with loss.time = sum can be checked",
        time->value, c->from);
}

/* A name of check.learners that is no preset is refused before anything is compared. */
static hth_status refuse_unknown(const check *c, hth_error *error) {
    char names[512], *rest;
    if (strlen(c->options.learners) >= sizeof names)
        return hth_fail(error, HTH_INVALID, "check.learners must be shorter than %zu characters",
                        sizeof names);
    snprintf(names, sizeof names, "%s", c->options.learners);
    for (char *name = strtok_r(names, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        const hth_setting item = {hth_learners.key, name, NULL};
        const hth_settings alone = {&item, 1};
        hth_error what;
        size_t index;
        if (hth_part_choose(&hth_learners, &alone, &index, &what) != HTH_OK)
            return hth_fail(error, HTH_INVALID, "check.learners: %s", what.message);
    }
    return HTH_OK;
}

static hth_status open_check(check *c, const hth_settings *given, hth_error *error) {
    /* The loss is a plain sum over time without firing rates, so that the gradients of tapes of any length add up
     * to the same one. loss.report and loss.clip change no gradient; they are set so that the reported loss is the
     * one that is differentiated. */
    static const hth_setting items[] = {{"loss.time", "sum", NULL},
                                        {"loss.report", "sum", NULL},
                                        {"loss.clip", "0", NULL},
                                        {"regulariser.rate", "0", NULL}};
    static const hth_settings overrides = SETTINGS(items);
    c->rate = hth_settings_find(given, "regulariser.rate");
    if (c->rate && hth_same_value(c->rate->value, "0")) c->rate = NULL;
    HTH_TRY(hth_session_refuse_episodes(given, error));
    HTH_TRY(hth_settings_join(given, &overrides, &c->settings, error));
    /* Read the options and take the sample. */
    HTH_TRY(hth_options_read(&hth_check_section.common, &c->settings, &c->options, error));
    HTH_TRY(hth_options_read(&hth_train_section.common, &c->settings, &c->train, error));
    HTH_TRY(refuse_unknown(c, error));
    HTH_TRY(open_data(c, error));
    HTH_TRY(take_class_weights(c, error));
    /* The subject: all that a rehearsal of a learner needs. */
    c->subject = (hth_subject){.settings = c->settings,
                               .source = &c->source,
                               .seed = (uint64_t)c->train.seed,
                               .sample = &c->sample};
    HTH_TRY(hth_compute_create((int)c->train.threads, NULL, &c->subject.compute, error));
    /* Refuse what cannot be checked before the network is made. */
    HTH_TRY(refuse(c, given, error));
    HTH_TRY(refuse_unit(c, given, error));
    HTH_TRY(open_network(c, &c->settings, c->from, &c->subject.network, error));
    if (c->source.kind->answers)
        HTH_TRY(hth_sample_play(&c->source, c->subject.network, c->subject.compute, c->sample.steps,
                                c->sample.batch, &c->sample, error));
    c->parameters = hth_network_parameter_count(c->subject.network);
    /* Take memory for BPTT's gradient and the one compared with it. */
    c->exact = calloc(c->parameters, sizeof *c->exact);
    c->other = calloc(c->parameters, sizeof *c->other);
    if (c->out) c->own = calloc(c->parameters, sizeof *c->own);
    if (!c->exact || !c->other || (c->out && !c->own))
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the gradients of the check");
    return HTH_OK;
}

static void close_check(check *c) {
    free(c->exact);
    free(c->other);
    free(c->own);
    hth_network_destroy(c->subject.network);
    hth_compute_destroy(c->subject.compute);
    hth_sample_free(&c->sample);
    hth_source_close(&c->source);
    free((void *)(uintptr_t)c->settings.items);
    free(c->class_weights);
}

/* ---- 1: central differences --------------------------------------------------------------- */

static bool has_option(const hth_options *options, const char *name) {
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->items[i].name, name) == 0) return true;
    return false;
}

/* Settings of single layers; their keys are written here. */
typedef struct layer_settings {
    hth_setting items[2 * HTH_MAX_LAYERS + 1];
    char keys[2 * HTH_MAX_LAYERS][48];
    size_t count;
} layer_settings;

static void add_own(layer_settings *to, const hth_layer_facts *layer, const char *name,
                    const char *value) {
    if (!has_option(layer->options, name)) return;
    char *key = to->keys[to->count];
    snprintf(key, sizeof *to->keys, "layer%u.cell.%s", (unsigned)layer->number, name);
    to->items[to->count++] = (hth_setting){key, value, NULL};
}

/* The settings that make the cells differentiable: smooth spikes, and gradients through the reset. */
static void find_smoothing(const hth_network *network, layer_settings *out) {
    out->count = 0;
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        add_own(out, &layer, "spike", "smooth");
        add_own(out, &layer, "reset_gradient", "true");
    }
}

/* Checks the cell's table of each layer, except where a layer repeats the one below. */
static hth_status check_tables(check *c, const hth_network *network, hth_error *error) {
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        const bool smooth = !layer.spikes || has_option(layer.options, "spike");
        if (!layer.repeats) HTH_TRY(hth_check_entries(&c->run, network, l, smooth, error));
    }
    return HTH_OK;
}

static hth_status check_smooth(check *c, const hth_subject *smooth, hth_error *error) {
    hth_report report;
    HTH_TRY(check_tables(c, smooth->network, error));
    HTH_TRY(hth_subject_gradient(smooth, &bptt, c->sample.steps, c->other, &report, error));
    return hth_check_differences(&c->run, smooth, (size_t)c->options.samples, c->other, error);
}

static hth_status check_differences(check *c, hth_error *error) {
    layer_settings smoothing;
    /* The settings to override: smooth spikes, and the firing rates, which are exact because the whole sample is
     * one tape. */
    find_smoothing(c->subject.network, &smoothing);
    const size_t smoothed = smoothing.count;
    if (c->rate) smoothing.items[smoothing.count++] = *c->rate; /* all of the sample is one tape */
    const hth_settings overrides = {smoothing.items, smoothing.count};
    hth_subject smooth = c->subject;
    if (overrides.count == 0) return check_smooth(c, &smooth, error);
    /* Tell the user that spikes are replaced. */
    if (smoothed)
        hth_check_tell(&c->run,
                       "For the comparison with finite differences the spikes are replaced by "
                       "the smooth function whose derivative the pseudo-derivative is "
                       "(cell.spike = smooth, cell.reset_gradient = true).");
    /* Make the smooth network and check it. */
    HTH_TRY(hth_settings_join(&c->settings, &overrides, &smooth.settings, error));
    hth_status status = open_network(c, &smooth.settings, c->from, &smooth.network, error);
    if (status == HTH_OK) status = check_smooth(c, &smooth, error);
    hth_network_destroy(smooth.network == c->subject.network ? NULL : smooth.network);
    free((void *)(uintptr_t)smooth.settings.items);
    return status;
}

/* ---- 2: learners ---------------------------------------------------------------------------- */

/* A learner to check: the user's own, or a preset of check.learners. */
typedef struct candidate {
    const char *name;
    hth_setting items[8];
    hth_settings overrides;
    size_t steps;
} candidate;

static candidate own_candidate(void) {
    return (candidate){.name = "your learner"};
}

static candidate preset_candidate(const char *name) {
    return (candidate){.name = name,
                       .items = {{"learner.name", name, NULL},
                                 {"learner.steps", "0", NULL},
                                 {"learner.signal", "preset", NULL},
                                 {"learner.recurrence", "preset", NULL},
                                 {"learner.past", "preset", NULL},
                                 {"learner.future", "preset", NULL},
                                 {"learner.window", "-1", NULL},
                                 {"learner.window_of", "preset", NULL}},
                       .overrides = {NULL, 8}};
}

/* Sets the candidate's K. The sample has an end even if the stream has none, so K is at most the sample's length. */
static hth_status settle(const check *c, candidate *who, hth_error *error) {
    hth_settings settings;
    who->overrides.items = who->items;
    HTH_TRY(hth_settings_join(&c->settings, &who->overrides, &settings, error));
    if (hth_tape_steps(&settings, &c->source, &who->steps, NULL) != HTH_OK ||
        who->steps > c->sample.steps)
        who->steps = c->sample.steps;
    const hth_status status =
        refuse_large(c, who->name, &settings, c->subject.network, who->steps, error);
    free((void *)(uintptr_t)settings.items);
    return status;
}

static const char *sign_of(hth_bias bias) {
    return bias == HTH_EXACT ? "=" : "~";
}

static void report_blocks(hth_check_run *run, const hth_network *network, const char *claim,
                          const hth_real *ours, const hth_real *theirs, double tolerance) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++) {
        const size_t at = blocks[i].offset, entries = blocks[i].rows * blocks[i].columns;
        const hth_nearness nearness = hth_nearness_of(ours + at, theirs + at, entries);
        const hth_worst worst = hth_worst_of(at, ours + at, theirs + at, entries);
        char lines[HTH_WORST * 160];
        hth_worst_tell(&worst, network, lines, sizeof lines);
        hth_check_report(run, claim, blocks[i].name, &nearness, tolerance, 0, lines);
    }
}

static hth_status compare_one(check *c, const candidate *who, hth_rehearsal *rehearsal,
                              hth_error *error) {
    const hth_bias bias = hth_learner_bias(rehearsal->learner, who->steps, c->sample.steps);
    char claim[80];
    hth_report report = {0};
    HTH_TRY(hth_rehearsal_run(rehearsal, &report, error));
    if (c->own && who->overrides.count == 0)
        memcpy(c->own, hth_gradient_values(rehearsal->gradient), c->parameters * sizeof *c->own);
    if (hth_learner_drawn(rehearsal->learner) > 0)
        return hth_check_draws(&c->run, rehearsal, who->name, (size_t)c->options.draws, c->exact,
                               bias != HTH_BIASED, error);
    snprintf(claim, sizeof claim, "%.40s %s bptt", who->name, sign_of(bias));
    report_blocks(&c->run, c->subject.network, claim, hth_gradient_values(rehearsal->gradient),
                  c->exact, bias == HTH_EXACT ? exact_tolerance() : (double)INFINITY);
    return HTH_OK;
}

/* Compares the mean over all signs that a run over the first steps can draw. *done: there were few enough. */
static hth_status try_all_signs(check *c, const candidate *who, const hth_subject *tiny, bool *done,
                                hth_error *error) {
    hth_rehearsal rehearsal;
    hth_report report;
    hth_real *exact = calloc(hth_network_parameter_count(tiny->network), sizeof *exact);
    if (!exact) return hth_fail(error, HTH_NO_MEMORY, "not enough memory");
    hth_status status =
        hth_subject_gradient(tiny, &bptt, tiny->sample->steps, exact, &report, error);
    if (status == HTH_OK) status = hth_rehearsal_open(tiny, &who->overrides, 1, &rehearsal, error);
    if (status == HTH_OK) {
        status = hth_check_signs(&c->run, &rehearsal, who->name, exact, done, error);
        hth_rehearsal_close(&rehearsal);
    }
    free(exact);
    return status;
}

/* Checks the mean over all signs on two units of the user's own cell and three steps. Two steps if three draw too
 * many. */
static hth_status check_tiny(check *c, const candidate *who, hth_error *error) {
    static const hth_setting items[] = {{"network.units", "2", NULL}};
    static const hth_settings two_units = SETTINGS(items);
    hth_sample sample = c->sample;
    hth_subject tiny = {.seed = c->subject.seed, .compute = c->subject.compute, .sample = &sample};
    bool done = sample.batch != 1;
    HTH_TRY(hth_settings_join(&c->settings, &two_units, &tiny.settings, error));
    /* A network whose weights come from the data has a fixed size and cannot be made tiny. */
    hth_status status = open_network(c, &tiny.settings, NULL, &tiny.network, NULL);
    done = done || status != HTH_OK;
    status = HTH_OK;
    /* Try three steps; if they draw too many signs, two. */
    for (size_t steps = 3; steps > 1 && !done && status == HTH_OK; steps--) {
        if (steps > c->sample.steps) continue;
        sample.steps = steps;
        status = try_all_signs(c, who, &tiny, &done, error);
    }
    hth_network_destroy(tiny.network);
    free((void *)(uintptr_t)tiny.settings.items);
    return status;
}

static hth_status check_candidate(check *c, candidate *who, hth_error *error) {
    hth_subject subject = c->subject;
    hth_rehearsal rehearsal;
    if (who->overrides.count == 0)
        subject.run = c->from; /* the user's own learner: what it learned in the run counts */
    HTH_TRY(settle(c, who, error));
    HTH_TRY(hth_rehearsal_open(&subject, &who->overrides, who->steps, &rehearsal, error));
    hth_status status = compare_one(c, who, &rehearsal, error);
    const bool is_mean = hth_learner_drawn(rehearsal.learner) > 0 &&
                         hth_learner_bias(rehearsal.learner, 1, c->sample.steps) == HTH_UNBIASED;
    hth_rehearsal_close(&rehearsal);
    if (status == HTH_OK && is_mean) status = check_tiny(c, who, error);
    return status;
}

/* Checks each learner that check.learners names. */
static hth_status check_others(check *c, hth_error *error) {
    char names[512], *rest;
    snprintf(names, sizeof names, "%s", c->options.learners);
    for (char *name = strtok_r(names, ", ", &rest); name && !hth_check_stopped(&c->run);
         name = strtok_r(NULL, ", ", &rest)) {
        candidate who = preset_candidate(name);
        hth_status status = check_candidate(c, &who, error);
        /* this network cannot have the learner: the error says why */
        if (status == HTH_INVALID && error)
            hth_check_tell(&c->run, "%s was not compared: %s", name, error->message);
        else if (status != HTH_OK)
            return status;
    }
    return HTH_OK;
}

static hth_status check_learners(check *c, hth_error *error) {
    candidate own = own_candidate();
    HTH_TRY(check_candidate(c, &own, error));
    return check_others(c, error);
}

/* ---- 3: RTRL ------------------------------------------------------------------------------ */

static hth_status compare_rtrl(check *c, size_t steps, const char *claim, hth_error *error) {
    hth_settings settings;
    hth_report report;
    HTH_TRY(hth_settings_join(&c->settings, &rtrl, &settings, error));
    hth_status status = refuse_large(c, "it", &settings, c->subject.network, steps, error);
    free((void *)(uintptr_t)settings.items);
    HTH_TRY(status);
    HTH_TRY(hth_subject_gradient(&c->subject, &rtrl, steps, c->other, &report, error));
    report_blocks(&c->run, c->subject.network, claim, c->other, c->exact, exact_tolerance());
    return HTH_OK;
}

static hth_status check_rtrl(check *c, hth_error *error) {
    /* Blocks of 7 or, of a network with a store, of as many as end where a row is written. */
    const size_t block = hth_network_tape(c->subject.network, 7);
    char of_blocks[32];
    snprintf(of_blocks, sizeof of_blocks, "rtrl, blocks of %zu = bptt", block);
    for (size_t i = 0; i < (block > 1 ? 2 : 1) && !hth_check_stopped(&c->run); i++) {
        hth_error reason;
        const hth_status status = i == 0 ? compare_rtrl(c, 1, "rtrl, step by step = bptt", &reason)
                                         : compare_rtrl(c, block, of_blocks, &reason);
        /* RTRL does not exist for this network: the error says why */
        if (status == HTH_INVALID) {
            hth_check_tell(&c->run, "RTRL was not compared: %s", reason.message);
            return HTH_OK;
        }
        if (status != HTH_OK) return hth_fail(error, status, "%s", reason.message);
    }
    return HTH_OK;
}

/* ---- Warnings: comparisons that prove nothing --------------------------------------------- */

static void warn_of_spikes(const check *c, const hth_report *report) {
    const hth_network *network = c->subject.network;
    double places = 0; /* most spikes that are possible */
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        if (layer.spikes) places += (double)(layer.units * c->sample.steps * c->sample.batch);
    }
    /* Hardly any spikes, or too many. */
    if (places == 0) return;
    if (report->spikes == 0)
        hth_check_tell(&c->run,
                       "The network is silent: no unit spiked in %zu steps, so what was "
                       "compared proves little; raise the input weights or lower "
                       "cell.v_th.",
                       c->sample.steps);
    else if (report->spikes > 0.5 * places)
        hth_check_tell(&c->run,
                       "The network is saturated: %.0f %% of all units spike at every "
                       "step, so what was compared proves little; lower the weights or "
                       "raise cell.v_th.",
                       100 * report->spikes / places);
}

static void warn_of_nothing(const check *c, const hth_report *report) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(c->subject.network, &count);
    /* Warn if no step has a weight. */
    if (!(report->weight > 0)) {
        hth_check_tell(&c->run,
                       "No step of the %zu that were compared has a weight: there is no "
                       "error and no gradient; raise check.steps.",
                       c->sample.steps);
        return;
    }
    /* Blocks whose gradient is 0 everywhere. */
    for (size_t i = 0; i < count; i++) {
        const hth_real *gradient = c->exact + blocks[i].offset;
        size_t at = 0, entries = blocks[i].rows * blocks[i].columns;
        while (at < entries && gradient[at] == 0) at++;
        if (at == entries)
            hth_check_tell(&c->run,
                           "The gradient of %s is 0 everywhere: what was compared there "
                           "proves nothing.",
                           blocks[i].name);
    }
}

/* ---- All ---------------------------------------------------------------------------------- */

/* Tells the user where the check computes something else than training does. */
static void tell_differences_from_training(const check *c, const hth_settings *given) {
    const hth_setting *time = hth_settings_find(given, "loss.time");
    if (time && !hth_same_value(time->value, "sum"))
        hth_check_tell(&c->run,
                       "All is compared with loss.time = sum, not %.20s: only then do tapes of any "
                       "length add up to the same gradient.",
                       time->value);
    if (c->rate)
        hth_check_tell(&c->run,
                       "The firing rates that regulariser.rate = %.20s adds to the loss are in the "
                       "comparison of bptt with finite differences alone: a rate over tapes of "
                       "another length is another loss.",
                       c->rate->value);
}

static hth_status check_all(check *c, const hth_settings *given, hth_error *error) {
    hth_report report;
    tell_differences_from_training(c, given);
    HTH_TRY(hth_subject_gradient(&c->subject, &bptt, c->sample.steps, c->exact, &report, error));
    warn_of_spikes(c, &report);
    warn_of_nothing(c, &report);
    HTH_TRY(check_differences(c, error));
    if (!hth_check_stopped(&c->run)) HTH_TRY(check_learners(c, error));
    if (!hth_check_stopped(&c->run)) HTH_TRY(check_rtrl(c, error));
    if (!c->out || hth_check_stopped(&c->run)) return HTH_OK;
    return hth_gradients_write(c->out, &c->subject, c->exact, c->own, error);
}

static hth_status verdict(const hth_check_run *run, hth_error *error) {
    if (run->failed == 0) return HTH_OK;
    return hth_fail(error, HTH_FAILED, "%zu of %zu comparisons failed; the first: %s", run->failed,
                    run->rows, run->first_failed);
}

hth_status hth_check(const hth_config *config, const char *run, const char *out,
                     const hth_observer *observer,
                     void (*row)(void *context, const hth_check_row *row), void *context,
                     hth_error *error) {
    static const hth_observer nobody;
    check c = {.from = run,
               .out = out,
               .run = {.observer = observer ? observer : &nobody, .row = row, .context = context}};
    const hth_settings settings = hth_config_settings(config);
    HTH_TRY(hth_config_validate(config, error));
    hth_tell_reading(c.run.observer, true);
    hth_status status = open_check(&c, &settings, error);
    hth_tell_reading(c.run.observer, false);
    if (status == HTH_OK) status = check_all(&c, &settings, error);
    if (status == HTH_OK) status = verdict(&c.run, error);
    close_check(&c);
    return status;
}
