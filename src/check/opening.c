/* What a check needs is made from the user's settings; what training with them would refuse, a check refuses too. */
#include "check/checking.h"
#include "credit/catalogues.h"
#include "credit/inspect.h"
#include "session/checkpoint.h"
#include "session/session.h"
#include "settings/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS(array)                                                                            \
    { array, HTH_COUNT(array) }

static const hth_setting bptt_items[] = {
    {"learner.name", "bptt", NULL},       {"learner.signal", "readout", NULL},
    {"learner.recurrence", "full", NULL}, {"learner.past", "none", NULL},
    {"learner.future", "zero", NULL},     {"learner.window", "0", NULL},
};
const hth_settings hth_check_bptt = SETTINGS(bptt_items);

hth_status hth_check_open_network(hth_checking *c, const hth_settings *settings, const char *from,
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

static hth_status open_data(hth_checking *c, hth_error *error) {
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
static hth_status take_class_weights(hth_checking *c, hth_error *error) {
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

static hth_status refuse_feedback(const hth_checking *c, const hth_settings *given,
                                  const hth_network *network, size_t steps, hth_error *error) {
    hth_learner *learner;
    HTH_TRY(hth_learner_create(given, network, steps, 1, (uint64_t)c->train.seed,
                               c->subject.compute, NULL, &learner, error));
    hth_status status = hth_given_feedback(&c->source, learner, error);
    hth_learner_destroy(learner);
    return status;
}

hth_status hth_check_refuse_large(const hth_checking *c, const char *name,
                                  const hth_settings *settings, const hth_network *network,
                                  size_t steps, hth_error *error) {
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
static hth_status refuse(hth_checking *c, const hth_settings *given, hth_error *error) {
    hth_network *network;
    size_t steps, bytes;
    HTH_TRY(hth_tape_steps(given, &c->source, &steps, error));
    HTH_TRY(hth_check_open_network(c, given, NULL, &network, error));
    const size_t few = steps < c->sample.steps ? steps : c->sample.steps;
    hth_status status =
        hth_learner_bytes(given, network, steps, (size_t)c->train.batch, &bytes, error);
    if (status == HTH_OK)
        status = hth_check_refuse_large(c, "your learner", given, network, few, error);
    if (status == HTH_OK) status = refuse_feedback(c, given, network, few, error);
    hth_network_destroy(network);
    return status;
}

/* Refuses a prediction learned in another unit: the check sums the loss over time. */
static hth_status refuse_unit(const hth_checking *c, const hth_settings *given, hth_error *error) {
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
static hth_status refuse_unknown(const hth_checking *c, hth_error *error) {
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

hth_status hth_check_open(hth_checking *c, const hth_settings *given, hth_error *error) {
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
    HTH_TRY(hth_check_open_network(c, &c->settings, c->from, &c->subject.network, error));
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

void hth_check_close(hth_checking *c) {
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
