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

#include "check/checking.h"
#include "check/differences.h"
#include "check/entries.h"
#include "check/gradients.h"
#include "network/inspect.h"
#include "settings/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static hth_status check_tables(hth_checking *c, const hth_network *network, hth_error *error) {
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        const bool smooth = !layer.spikes || has_option(layer.options, "spike");
        if (!layer.repeats) HTH_TRY(hth_check_entries(&c->run, network, l, smooth, error));
    }
    return HTH_OK;
}

static hth_status check_smooth(hth_checking *c, const hth_subject *smooth, hth_error *error) {
    hth_report report;
    HTH_TRY(check_tables(c, smooth->network, error));
    HTH_TRY(
        hth_subject_gradient(smooth, &hth_check_bptt, c->sample.steps, c->other, &report, error));
    return hth_check_differences(&c->run, smooth, (size_t)c->options.samples, c->other, error);
}

static hth_status check_differences(hth_checking *c, hth_error *error) {
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
    hth_status status =
        hth_check_open_network(c, &smooth.settings, c->from, &smooth.network, error);
    if (status == HTH_OK) status = check_smooth(c, &smooth, error);
    hth_network_destroy(smooth.network == c->subject.network ? NULL : smooth.network);
    free((void *)(uintptr_t)smooth.settings.items);
    return status;
}

/* ---- Warnings: comparisons that prove nothing --------------------------------------------- */

static void warn_of_spikes(const hth_checking *c, const hth_report *report) {
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

static void warn_of_nothing(const hth_checking *c, const hth_report *report) {
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
static void tell_differences_from_training(const hth_checking *c, const hth_settings *given) {
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

static hth_status check_all(hth_checking *c, const hth_settings *given, hth_error *error) {
    hth_report report;
    tell_differences_from_training(c, given);
    HTH_TRY(hth_subject_gradient(&c->subject, &hth_check_bptt, c->sample.steps, c->exact, &report,
                                 error));
    warn_of_spikes(c, &report);
    warn_of_nothing(c, &report);
    HTH_TRY(check_differences(c, error));
    if (!hth_check_stopped(&c->run)) HTH_TRY(hth_check_learners(c, error));
    if (!hth_check_stopped(&c->run)) HTH_TRY(hth_check_rtrl(c, error));
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
    hth_checking c = {
        .from = run,
        .out = out,
        .run = {.observer = observer ? observer : &nobody, .row = row, .context = context}};
    const hth_settings settings = hth_config_settings(config);
    HTH_TRY(hth_config_validate(config, error));
    hth_tell_reading(c.run.observer, true);
    hth_status status = hth_check_open(&c, &settings, error);
    hth_tell_reading(c.run.observer, false);
    if (status == HTH_OK) status = check_all(&c, &settings, error);
    if (status == HTH_OK) status = verdict(&c.run, error);
    hth_check_close(&c);
    return status;
}
