/*
 * Checks settings against all tables at once (base/known.c checks one setting), and that options without a default
 * are set.
 */
#include "settings/config.h"
#include "settings/identity.h"

#include "credit/catalogues.h"
#include "credit/episode/inspect.h"
#include "credit/inspect.h"
#include "network/catalogues.h"
#include "optim/catalogues.h"
#include "settings/phases.h"
#include "settings/sections.h"
#include "tasks/catalogues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The search for an option without a default that has no value. */
typedef struct unmet_need {
    const hth_settings *settings;
    hth_status status;
    hth_error *error;
} unmet_need;

static void check_given(void *context, const hth_table *table) {
    unmet_need *need = context;
    /* A part that a preset may still choose requires nothing here. */
    if (!table->active || !table->chosen) return;
    for (size_t i = 0; i < table->options->count && need->status == HTH_OK; i++) {
        const hth_option *option = &table->options->items[i];
        char key[HTH_KEY_LENGTH];
        hth_table_key(table, option, key);
        if (option->fallback || hth_table_value(need->settings, table, option)) continue;
        need->status =
            hth_fail(need->error, HTH_INVALID, "%s must be given: %s", key, option->help);
    }
}

/* HTH_INVALID for an agent where there is no world: `stream` is the setting that names what there is. A run's own file
 * has the default in any case. */
static hth_status check_agent(const hth_settings *settings, const hth_setting *stream,
                              hth_error *error) {
    const hth_setting *agent = hth_settings_find(settings, hth_agents.key);
    if (!agent || strcmp(agent->value, hth_agents.fallback) == 0 ||
        strcmp(stream->key, hth_worlds.key) == 0)
        return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s (%s) is of worlds, but %s is '%s': give world=NAME, or leave it out",
                    agent->key, agent->origin ? agent->origin : "set", stream->key, stream->value);
}

/* HTH_INVALID where one of the settings with this beginning, all among `options`, has another value than its default,
 * which each run's own file has: it would go nowhere. */
static hth_status check_idle(const hth_settings *settings, const hth_options *options,
                             const char *beginning, const char *why, hth_error *error) {
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        char key[HTH_KEY_LENGTH];
        snprintf(key, sizeof key, "%s.%s", options->section, option->name);
        const hth_setting *set = hth_settings_find(settings, key);
        if (strncmp(option->name, beginning, strlen(beginning)) != 0 || !set ||
            hth_same_value(set->value, option->fallback))
            continue;
        return hth_fail(error, HTH_INVALID, "%s (%s) is '%s', but %s, or leave it out", key,
                        set->origin ? set->origin : "set", set->value, why);
    }
    return HTH_OK;
}

/* Settings of value transport, where no value is moved. */
static hth_status check_transport(const hth_settings *settings, hth_error *error) {
    static const char *const idle[] = {"share", "sure", "value_of", "rows"};
    const hth_setting *how = hth_settings_find(settings, "agent.return");
    if (how && strcmp(how->value, "transport") == 0) return HTH_OK;
    const hth_part *agent = hth_catalogue_chosen(&hth_agents, settings);
    for (size_t i = 0; agent && i < HTH_COUNT(idle); i++)
        HTH_TRY(check_idle(settings, &agent->options, idle[i],
                           "no value is transported: set agent.return=transport", error));
    return HTH_OK;
}

static double number_of(const hth_settings *settings, const char *key, double fallback) {
    const hth_setting *set = hth_settings_find(settings, key);
    return set ? strtod(set->value, NULL) : fallback;
}

/* Settings of a term of the loss, a schedule and an early end, where there is none. Episodes refuse those of the
 * regulariser in words of their own. */
static hth_status check_switched_off(const hth_settings *settings, hth_error *error) {
    static const char *const rates[] = {"rate_target", "rate_over"};
    static const char *const scheduled[] = {"factor", "every", "start"};
    const hth_setting *schedule = hth_settings_find(settings, "optimiser.schedule");
    const bool constant = !schedule || strcmp(schedule->value, "constant") == 0;
    const bool rated =
        number_of(settings, "regulariser.rate", 0) > 0 || hth_episodes_wanted(settings);
    for (size_t i = 0; !rated && i < HTH_COUNT(rates); i++)
        HTH_TRY(check_idle(settings, &hth_regulariser_section.common, rates[i],
                           "no rates count in the loss: set regulariser.rate", error));
    for (size_t i = 0; constant && i < HTH_COUNT(scheduled); i++)
        HTH_TRY(check_idle(settings, &hth_optimisers.common, scheduled[i],
                           "the learning rate is constant: set optimiser.schedule", error));
    if (number_of(settings, "train.stop_at", -1) >= 0) return HTH_OK;
    return check_idle(settings, &hth_train_section.common, "stop_over",
                      "no metric ends the run: set train.stop_at", error);
}

/* Settings of random connections and of least squares, where there are none. */
static hth_status check_unused(const hth_settings *settings, hth_error *error) {
    hth_learner_kind learner;
    hth_stack stack;
    bool random = false;
    HTH_TRY(hth_stack_read(settings, &stack, error));
    for (size_t l = 0; l < stack.layers; l++)
        random = random || stack.connections[l] == HTH_CONNECT_RANDOM;
    if (!random)
        HTH_TRY(check_idle(settings, &hth_network_section.common, "density",
                           "no connections are random: set network.connections=random", error));
    HTH_TRY(check_transport(settings, error));
    HTH_TRY(check_switched_off(settings, error));
    HTH_TRY(hth_learner_choose(settings, &learner, error));
    if (learner.least_squares) return HTH_OK;
    return check_idle(settings, &hth_learners.common, "rls_",
                      "nothing learns by least squares: set learner.readout=rls", error);
}

/* Requires exactly one source of numbers: a task, a reader or a world. */
static hth_status check_stream(const hth_settings *settings, hth_error *error) {
    static const hth_catalogue *const all[] = {&hth_tasks, &hth_readers, &hth_worlds};
    const hth_setting *first = NULL;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        const hth_setting *next = hth_settings_find(settings, all[i]->key);
        if (first && next)
            return hth_fail(error, HTH_INVALID,
                            "both %s (%s) and %s (%s) are given; a run has one or the other",
                            first->key, first->origin ? first->origin : "set", next->key,
                            next->origin ? next->origin : "set");
        if (next) first = next;
    }
    if (first) return check_agent(settings, first, error);
    return hth_fail(error, HTH_INVALID,
                    "there is nothing to learn from: give a task (task=add), data (data=text "
                    "data.dir=FOLDER) or a world (world=bandit); 'hitherto list tasks', 'hitherto "
                    "list data' and 'hitherto list worlds' show them");
}

/* Requires what a run needs of its settings: a source of numbers, values of options without a default, and none that
 * goes nowhere. */
static hth_status check_whole(const hth_settings *settings, hth_error *error) {
    unmet_need need = {settings, HTH_OK, error};
    HTH_TRY(check_stream(settings, error));
    HTH_TRY(check_unused(settings, error));
    hth_config_each_table(settings, check_given, &need);
    return need.status;
}

/* A setting of the section phases, of no phase: "phases.first=1" is likely meant for one. */
static hth_status check_phases_key(const hth_known *known, const hth_settings *settings,
                                   const hth_setting *setting, hth_error *error) {
    hth_error reason = {0};
    const hth_status status = hth_setting_check(known, settings, setting, &reason);
    if (status == HTH_OK) return HTH_OK;
    if (hth_setting_check_name(known, settings, setting, NULL) == HTH_OK ||
        strstr(reason.message, "did you mean"))
        return hth_fail(error, status, "%s", reason.message);
    return hth_fail(
        error, status,
        "%s%sunknown setting %.80s: a phase has no value of its own, but settings, such "
        "as %.80s.train.steps",
        setting->origin ? setting->origin : "", setting->origin ? ": " : "", setting->key,
        setting->key);
}

hth_status hth_config_check_setting(const hth_settings *settings, const hth_setting *setting,
                                    hth_error *error) {
    const hth_known known = hth_config_known();
    char label[HTH_PHASE_LENGTH];
    hth_setting own = *setting;
    hth_phase_list of_phase;
    own.key = hth_phase_key(setting->key, label);
    if (!own.key && strncmp(setting->key, "phases.", 7) == 0)
        return check_phases_key(&known, settings, setting, error);
    if (!own.key) return hth_setting_check(&known, settings, setting, error);
    /* Of a phase: there is such a setting; a phase may have it; it fits. */
    HTH_TRY(hth_phase_settings(settings, label, &of_phase, error));
    hth_status status = hth_setting_check_name(&known, &of_phase.settings, &own, error);
    const bool is_known = status == HTH_OK;
    if (is_known) status = hth_phase_check_key(setting, error);
    if (status == HTH_OK) status = hth_setting_check(&known, &of_phase.settings, &own, error);
    free(of_phase.items);
    return is_known && hth_phase_check_key(setting, NULL) != HTH_OK
               ? status
               : hth_phase_annotate(status, label, error);
}

/* Settings of phases where there are none. */
static hth_status check_no_phases(const hth_settings *settings, hth_error *error) {
    static const char *const idle[] = {"look_at", "reset_optimiser", "joint"};
    for (size_t i = 0; !hth_in_phase(settings) && i < HTH_COUNT(idle); i++)
        HTH_TRY(check_idle(settings, &hth_phases_section.common, idle[i],
                           "there are no phases: give them, such as "
                           "phases.first.train.steps=1000",
                           error));
    return check_whole(settings, error);
}

/* Each phase is a run of its own settings. */
static hth_status check_phases(const hth_settings *settings, hth_error *error) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    const size_t count = hth_phases(settings, labels);
    const hth_setting *at = hth_settings_find(settings, "phases.look_at");
    size_t index;
    if (at && *at->value) HTH_TRY(hth_phase_find(settings, at->value, &index, error));
    for (size_t k = 0; k < count; k++) {
        hth_phase_list own;
        HTH_TRY(hth_phase_settings(settings, labels[k], &own, error));
        hth_status status = check_whole(&own.settings, error);
        free(own.items);
        HTH_TRY(hth_phase_annotate(status, labels[k], error));
    }
    return HTH_OK;
}

hth_status hth_config_validate(const hth_config *config, hth_error *error) {
    const hth_settings settings = hth_config_settings(config), given = hth_config_given(config);
    hth_stack stack;
    HTH_TRY(hth_stack_read(&settings, &stack, error));
    /* Only the user's settings must fit: conventions may set options of parts that are not chosen. */
    for (size_t i = 0; i < given.count; i++)
        HTH_TRY(hth_config_check_setting(&settings, &given.items[i], error));
    return hth_has_phases(&settings) ? check_phases(&settings, error)
                                     : check_no_phases(&settings, error);
}
