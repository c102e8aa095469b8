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

/* ---- Settings that another switches on ------------------------------------------------------- */

/* A setting that changes nothing where `by` is at its default. Who speaks of `by` may switch it off. */
typedef struct switched {
    const char *key, *by;
    const hth_options *options; /* of key; NULL: those of the reader */
    const char *why;
} switched;

static const char no_rates[] = "no rates count in the loss: set regulariser.rate";
static const char is_constant[] = "the learning rate is constant: set optimiser.schedule";

static const switched all_switched[] = {
    {"regulariser.rate_target", "regulariser.rate", &hth_regulariser_section.common, no_rates},
    {"regulariser.rate_over", "regulariser.rate", &hth_regulariser_section.common, no_rates},
    {"optimiser.factor", "optimiser.schedule", &hth_optimisers.common, is_constant},
    {"optimiser.every", "optimiser.schedule", &hth_optimisers.common, is_constant},
    {"optimiser.start", "optimiser.schedule", &hth_optimisers.common, is_constant},
    {"train.stop_over", "train.stop_at", &hth_train_section.common,
     "no metric ends the run: set train.stop_at"},
    {"data.late", "data.id", NULL,
     "answers come under a name, and late, only with data.id (--id): give that"},
};

/* Whether this is the setting, of a phase or not. */
static bool is_of(const hth_setting *setting, const char *key) {
    char label[HTH_PHASE_LENGTH];
    const char *in_phase = hth_phase_key(setting->key, label);
    return strcmp(in_phase ? in_phase : setting->key, key) == 0;
}

static bool gives(const hth_config *config, const char *key) {
    const hth_settings all =
        config ? hth_config_settings(config) : (hth_settings){.items = NULL, .count = 0};
    for (size_t i = 0; i < all.count; i++)
        if (is_of(&all.items[i], key)) return true;
    return false;
}

/* Whether anything gives the setting that switches: common settings, phases, arms, what varies. */
static bool is_spoken_of(const hth_config *config, const switched *s) {
    const hth_settings settings = hth_config_settings(config);
    bool spoken = gives(config, s->by) || gives(config->vary, s->by);
    for (size_t i = 0; i < config->arm_count; i++)
        spoken = spoken || gives(config->arms[i].own, s->by);
    /* Episodes refuse those of the regulariser in words of their own; of a phase the others are not at hand. */
    if (strcmp(s->by, "regulariser.rate") == 0) return spoken || hth_episodes_wanted(&settings);
    return spoken || (strcmp(s->by, "train.stop_at") == 0 && hth_in_phase(&settings));
}

static const char *fallback_of(const switched *s, const hth_settings *settings) {
    const char *name = strchr(s->key, '.') + 1;
    const hth_part *reader = hth_catalogue_chosen(&hth_readers, settings);
    const hth_options *options = s->options ? s->options : reader ? &reader->options : NULL;
    for (size_t i = 0; options && i < options->count; i++)
        if (strcmp(options->items[i].name, name) == 0) return options->items[i].fallback;
    return "";
}

/* HTH_INVALID where this part of the settings gives it another value than its default. */
static hth_status refuse_switched(const hth_config *part, const switched *s, hth_error *error) {
    const hth_settings given = hth_config_given(part);
    for (size_t i = part->settled; i < given.count; i++) {
        const hth_setting *set = &given.items[i];
        if (!is_of(set, s->key) || hth_settings_find(&given, set->key) != set ||
            hth_same_value(set->value, fallback_of(s, &given)))
            continue;
        return hth_fail(error, HTH_INVALID, "%s (%s) is '%s', but %s, or leave it out", set->key,
                        set->origin ? set->origin : "set", set->value, s->why);
    }
    return HTH_OK;
}

hth_status hth_config_check_switched(const hth_config *config, hth_error *error) {
    for (size_t i = 0; i < HTH_COUNT(all_switched); i++) {
        const switched *s = &all_switched[i];
        if (is_spoken_of(config, s)) continue;
        HTH_TRY(refuse_switched(config, s, error));
        if (config->vary) HTH_TRY(refuse_switched(config->vary, s, error));
        for (size_t k = 0; k < config->arm_count; k++)
            HTH_TRY(refuse_switched(config->arms[k].own, s, error));
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
    HTH_TRY(hth_has_phases(&settings) ? check_phases(&settings, error)
                                      : check_no_phases(&settings, error));
    return hth_config_check_switched(config, error);
}
